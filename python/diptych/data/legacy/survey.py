"""What lies in files and folders of the original, and what can be taken from each."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from diptych._types import Json
from diptych.data.catalogue import Catalogue
from diptych.data.legacy.contrasts import convert_csv, convert_json, convert_pickle, convert_text
from diptych.data.legacy.evaluations import is_evaluation, read_evaluations
from diptych.data.legacy.interventions import convert_lines
from diptych.data.legacy.interventions import convert_table as convert_intervention_table
from diptych.data.legacy.planted_results import convert_pickle as convert_planted
from diptych.data.legacy.settings import is_settings, read_runs
from diptych.data.legacy.soft_prompts import convert_json as convert_soft_json
from diptych.data.legacy.soft_prompts import convert_torch
from diptych.data.legacy.soft_prompts import convert_yaml as convert_soft_yaml
from diptych.data.legacy.stages import Converted, OldVectors, convert_stage
from diptych.data.legacy.unpickling import read_stage
from diptych.data.legacy.yamls import read_python_yaml
from diptych.errors import DataError, MissingExtraError
from diptych.utils.names import slug
from diptych.utils.text import json_line, json_text

_PEEK = 4096


@dataclass(slots=True)
class Found:
    """What was found; nothing is written yet.

    Parameters
    ----------
    files : content by relative path, of what is to be written
    vectors : to be kept in a store
    embeddings : files ``statement_embeddings.json``, to be read by whoever has a store
    taken : source, what it gave, and which files, in order
    left : source, and why nothing of it was taken
    notices : what a reader should know
    """

    files: dict[str, bytes] = field(default_factory=dict)
    vectors: list[OldVectors] = field(default_factory=list)
    embeddings: list[Path] = field(default_factory=list)
    taken: list[Json] = field(default_factory=list)
    left: list[Json] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def add(self, source: Path, given: Converted) -> None:
        """Take what a file gave; a second of one name gets a number."""
        names = []
        for name, content in given.files.items():
            stem, _, suffix = name.rpartition(".")
            number, free = 1, name
            while free in self.files:
                number += 1
                free = f"{stem}-{number}.{suffix}"
            self.files[free] = content
            names.append(free)
        self.vectors += given.vectors
        self.taken.append({"source": str(source), "what": given.what, "files": names})
        self.notices += [f"{source}: {notice}" for notice in given.notices]


def survey(paths: Sequence[Path]) -> Found:
    """Look at files and folders, and convert what is known.

    Parameters
    ----------
    paths : each a file, or a folder that is searched to its leaves; the order changes nothing

    Raises
    ------
    DataError
        If there is no such file or folder, or nothing in them.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "approval_prompts.json"
    >>> _ = path.write_text('{"personas": {"Bing": "You are Bing."}}')
    >>> survey([path]).taken[0]["what"]
    'a catalogue of 1 sections, 1 labels'
    """
    files = sorted({file.absolute(): file for path in paths for file in _files(path)}.values(), key=str)
    if not files:
        raise DataError(f"{', '.join(map(str, paths))}: no files. Give files or folders of the original.")
    found = Found()
    configs = _configs(files)
    for file in files:
        try:
            _look_at(file, found, configs)
        except (DataError, MissingExtraError) as error:
            found.left.append({"source": str(file), "reason": str(error).removeprefix(f"{file}: ")})
        except OSError as error:
            found.left.append({"source": str(file), "reason": f"cannot be read: {error.strerror}"})
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
            found.left.append({"source": str(file), "reason": f"its content has another shape: {error!r:.100}"})
    return found


def _files(path: Path) -> Iterator[Path]:
    try:
        if path.is_dir():
            yield from (file for file in path.rglob("*") if file.is_file() and not file.is_symlink())
        elif path.exists():
            yield path
        else:
            raise DataError(f"{path}: no such file or folder. It is looked up from the current folder.")
    except OSError as error:
        raise DataError(f"{path}: cannot be searched: {error.strerror}.") from error


def _configs(files: Sequence[Path]) -> dict[str, Mapping[str, Any]]:
    """What each stage was made with, by its id, from every ``data_metadata.yaml`` that can be read."""
    configs: dict[str, Mapping[str, Any]] = {}
    for file in files:
        if file.name != "data_metadata.yaml":
            continue
        try:
            kinds = read_python_yaml(file)
        except DataError:
            continue  # it is named among what was left
        entries = (pair for kind in kinds.values() if isinstance(kind, dict) for pair in kind.items())
        configs |= {str(key): entry["config"] for key, entry in entries if _is_object(entry, "config")}
    return configs


def _is_object(entry: Any, key: str) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get(key), dict)


def _look_at(file: Path, found: Found, configs: Mapping[str, Mapping[str, Any]]) -> None:
    readers: dict[str, Callable[[], Converted | None]] = {
        ".pkl": lambda: _stage(file, configs),
        ".json": lambda: _json(file, found),
        ".yaml": lambda: _yaml(file),
        ".yml": lambda: _yaml(file),
        ".csv": lambda: convert_intervention_table(file) or convert_csv(file) or _csv(file),
        ".tsv": lambda: convert_intervention_table(file) or convert_csv(file),
        ".txt": lambda: convert_text(file),
        ".pt": lambda: convert_torch(file),
        ".jsonl": lambda: convert_lines(file) or _json_lines(file),
    }
    reader = readers.get(file.suffix)
    if reader is None:
        raise DataError("no kind of file that holds anything to take")
    given = reader()
    if given is not None:
        found.add(file, given)


def _stage(file: Path, configs: Mapping[str, Mapping[str, Any]]) -> Converted:
    is_stage = file.parent.parent.name == "saved_data"
    kind = file.parent.name if is_stage else file.stem
    value = read_stage(file)
    given = None if is_stage else convert_planted(value, file) or convert_pickle(value, file)
    if given is not None:
        return given
    name = slug(kind if kind == file.stem else f"{kind}-{file.stem[:12]}", max_length=80)
    return convert_stage(kind, value, name, configs.get(file.stem, {}))


def _json(file: Path, found: Found) -> Converted | None:
    with file.open("rb") as handle:
        head = handle.read(_PEEK)
    given = convert_soft_json(file, head) or convert_json(file, head)
    if given is not None:
        return given
    if b'"embedding"' in head or b'"statement"' in head:
        found.embeddings.append(file)
        return None
    try:
        value = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON: {error}") from error
    try:
        personas = Catalogue.parse(value, source=str(file)).personas
    except DataError as error:
        raise DataError(f"neither a cache of embeddings nor a catalogue of prompts: {error}") from error
    sections = dict.fromkeys(persona.section for persona in personas)
    open_ = dict.fromkeys(persona.section for persona in personas if "<X>" in persona.message)
    notices = [f"messages of {', '.join(open_)} hold <X>, which stands for the task"] if open_ else []
    what = f"a catalogue of {len(sections)} sections, {len(personas)} labels"
    return Converted(what, {"catalogue.json": json_text(value).encode() + b"\n"}, notices=notices)


def _yaml(file: Path) -> Converted:
    value = read_python_yaml(file)
    if file.name in ("data_metadata.yaml", "data_file_mapping.yaml"):
        entries = [len(kind) for kind in value.values() if isinstance(kind, dict)]
        return Converted(f"what {sum(entries)} stages were made with")
    if file.name in ("run_metadata.yaml", "metadata_for_runs.yaml"):
        records = json.loads(json.dumps([{"run": name, "record": run} for name, run in value.items()], default=str))
        lines = [json_line(record) for record in records]
        return Converted(f"records of {len(lines)} runs", {"runs.jsonl": "".join(lines).encode()})
    if is_evaluation(value):
        return _evaluations(value)
    given = convert_soft_yaml(value, file)
    if given is not None:
        return given
    if not is_settings(value):
        raise DataError("no settings of the original: 'default' has no groups such as data_settings")
    runs, left = read_runs(value)
    text = yaml.safe_dump(runs, allow_unicode=True, sort_keys=False)
    notices = [f"{len(left)} settings mean nothing here and were left out: {', '.join(left)}"] if left else []
    return Converted(f"settings of {len(runs)} runs", {"settings.yaml": text.encode()}, notices=notices)


def _evaluations(value: Mapping[str, Any]) -> Converted:
    found, left = read_evaluations(value)
    texts = {name: yaml.safe_dump(own, allow_unicode=True, sort_keys=False) for name, own in found.items()}
    files = {f"investigations/{name}.yaml": text.encode() for name, text in texts.items()}
    notices = [f"{len(left)} settings mean nothing here and were left out: {', '.join(left)}"] if left else []
    return Converted(f"settings of {len(files)} investigations", files, notices=notices)


def _csv(file: Path) -> Converted:
    try:
        rows = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8"), newline=""), strict=True))
    except (ValueError, csv.Error, OSError) as error:
        raise DataError(f"no table that can be read: {error}") from error
    if len(rows) < 2 or rows[0][:2] != ["ID", "N"] or any(len(row) != len(rows[0]) for row in rows):
        raise DataError("no table of clusters: expected a header ID, N, …, and as many cells in every row")
    lines = [json_line({name: _cell(cell) for name, cell in zip(rows[0], row, strict=True)}) for row in rows[1:]]
    name = f"tables/{slug(file.stem, max_length=120)}.jsonl"
    return Converted(f"a table of {len(lines)} clusters", {name: "".join(lines).encode()})


def _json_lines(file: Path) -> Converted:
    raise DataError("JSON lines are read as they are: with --statements or --prompts, or as responses")


def _cell(cell: str) -> str | int | float:
    """``"49.4%"`` as a share, ``"17"`` as a number, anything else as it is."""
    text = cell.strip()
    try:
        value = float(text.removesuffix("%")) / 100 if text.endswith("%") else int(text)
        return value if math.isfinite(value) else cell
    except ValueError:
        return cell
