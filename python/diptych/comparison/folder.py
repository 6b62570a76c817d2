"""A run's folder: what is in it, written whole, read back for reports."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from diptych._types import FloatMatrix, Json, Labels, Vectors
from diptych.comparison.cluster_plots import Drawn, draw, plots_in, write_plots
from diptych.comparison.cluster_table import table_files
from diptych.comparison.findings import columns
from diptych.comparison.hypotheses import check_ledger
from diptych.comparison.manifest import check_manifest
from diptych.comparison.proposed import LENSES, proposed_and_confirmed
from diptych.comparison.proposing import FILES as PROPOSING
from diptych.errors import RunError
from diptych.utils.files import as_written, new_folder, write_atomic, write_files, writing
from diptych.utils.text import csv_text, json_lines, json_text, parse_json

if TYPE_CHECKING:
    from diptych.comparison.result import Result

SCHEMA = 1
PROPOSED = "proposed.json"
"""What texts proposed, with the rates of both arms."""
JUDGES = "judges.json"
"""What each of several judges made of each sentence."""
SOMETIMES = ("rejects.jsonl", PROPOSED, JUDGES, *PROPOSING)
"""Files that only some runs have."""
DETERMINISTIC = (
    "responses.jsonl", "measures.json", "measures.npz", "hypotheses.jsonl", "findings.json", "findings.csv",
    "report.html", "clusters.json", "clusters.csv", "clusters.md", "clusters.html", *SOMETIMES,
)  # fmt: skip
"""Files that the same inputs, settings and versions give bit for bit, but for the date of the run."""
LEDGER = "ledger.sqlite"
"""Answers of the models that a run asks."""


@dataclass(frozen=True)
class Documents:
    """The contents of a run's folder.

    Parameters
    ----------
    manifest, findings, measures : the JSON files of these names
    responses : rows of ``responses.jsonl``
    hypotheses, events : the JSON-lines files of these names, as text
    proposing : texts that said what to look for, each file of them as text; None where none did
    checks : what further checks said of what texts proposed; None where there were none
    rejects : ``rejects.jsonl``, the lines of the inputs that were left out; None where none may be
    cluster_table : ``clusters.json``; None without the lens ``clusters``
    judges : of ``judges.json``; none where there were not several
    values, coordinates, clusters : the arrays of ``measures.npz``, one row per response
    """

    manifest: Json
    findings: Json
    measures: Json
    responses: Sequence[Json]
    hypotheses: str
    events: str
    values: FloatMatrix
    coordinates: Vectors
    clusters: Labels
    rejects: str | None = None
    cluster_table: Json | None = None
    proposing: Mapping[str, str] | None = None
    checks: Json | None = None
    judges: Sequence[Json] = ()


def documents_of(result: Result) -> Documents:
    """The documents of a result that was just computed."""
    measures = [
        {
            **measure.as_json(),
            "tested": {key: value for key, value in finding.as_json().items() if key != "examples"},
        }
        for measure, finding in zip(result.measures, result.tested, strict=True)
    ]
    names = [arm.name for arm in result.table.arms]
    halves = ["first" if chosen else "second" for chosen in result.discovery]
    rows = [
        {**row.as_json(), "arm": names[int(is_b)], "half": halves[unit]}
        for row, is_b, unit in zip(result.table.rows, result.table.is_b, result.table.unit_of_row, strict=True)
    ]
    return Documents(
        manifest=result.manifest,
        findings=result.to_json(),
        measures={"schema": SCHEMA, "measures": measures},
        responses=rows,
        hypotheses=result.hypotheses,
        events=result.events,
        values=result.values,
        coordinates=result.coordinates,
        clusters=result.clusters,
        rejects=result.rejects,
        cluster_table=result.cluster_table,
        proposing=None if result.proposing is None else result.proposing.documents(),
        judges=result.judges,
    )


def write_run(documents: Documents, folder: Path, *, plots: bool = True) -> Path:
    """Write a run's folder with its report; it appears under its name only when it is complete.

    Where models were asked, the folder is there with their ledger; then each file appears only when it is complete, and
    ``manifest.json`` last.

    Parameters
    ----------
    documents : of the run
    folder : new, or empty, or begun with a ledger
    plots : whether its clusters are drawn, where plotly is installed

    Raises
    ------
    RunError
        If the folder exists and is not empty, or cannot be written.
    """
    from diptych.comparison.report import render

    check_manifest(documents.manifest)
    table = documents.cluster_table
    pictures = draw(table, _drawn(documents)) if plots and table is not None else []
    files = {
        "responses.jsonl": json_lines(documents.responses),
        "measures.json": _json(documents.measures),
        "hypotheses.jsonl": documents.hypotheses,
        "findings.json": _json(documents.findings),
        "findings.csv": csv_text(findings_rows(documents.findings)),
        "report.html": render(documents, {picture.file: picture.title for picture in pictures}),
        "events.jsonl": documents.events,
        **(table_files(table) if table is not None else {}),
    }
    if documents.rejects is not None:
        files["rejects.jsonl"] = documents.rejects
    files |= documents.proposing or {}
    if documents.judges:
        files[JUDGES] = _json({"schema": SCHEMA, "sentences": list(documents.judges)})
    proposed = proposed_document(documents)
    if proposed["hypotheses"] or any(name in LENSES for name in documents.manifest["config"]["lenses"]):
        files[PROPOSED] = _json(proposed)
    files["manifest.json"] = _json(documents.manifest)
    arrays = io.BytesIO()
    np.savez_compressed(arrays, values=documents.values, coordinates=documents.coordinates, clusters=documents.clusters)
    with writing(folder), to_write(folder) as place:
        write_files(place, {"measures.npz": arrays.getvalue()})
        write_plots(pictures, place)
        write_files(place, files)
    return folder


def _drawn(documents: Documents) -> Drawn:
    rows = documents.responses
    arms, prompts, responses = ([str(row[name]) for row in rows] for name in ("arm", "prompt", "response"))
    return Drawn(arms, prompts, responses, documents.clusters, documents.coordinates)


def proposed_document(documents: Documents) -> Json:
    """``proposed.json``: what texts proposed, what became of it, and what further checks said.

    Parameters
    ----------
    documents : of a run
    """
    entries = proposed_and_confirmed(
        documents.findings, documents.measures["measures"], documents.responses, documents.values
    )
    return {"schema": SCHEMA, "hypotheses": entries, "checks": documents.checks}


def free_folder(name: str, is_ours: Callable[[Path], bool]) -> Path:
    """``runs/NAME``, or with a number where other runs lie.

    Parameters
    ----------
    name : such as ``A-vs-B``
    is_ours : whether what lies in a folder is the run that it is for
    """
    return free_place(Path("runs") / name, is_ours)


def free_place(first: Path, is_ours: Callable[[Path], bool], suffix: str = "") -> Path:
    """A place, or one beside it with a number where other runs lie.

    Parameters
    ----------
    first : the place
    is_ours : whether what lies in a place is the run that it is for
    suffix : of its name, which stays behind the number

    Examples
    --------
    >>> free_place(Path("run"), lambda place: True).name
    'run'
    """
    name = first.name.removesuffix(suffix)
    places = (first if n == 1 else first.with_name(f"{name}-{n}{suffix}") for n in itertools.count(1))
    return next(place for place in places if not place.exists() or is_ours(place))


def ledgers_beside(ledger: Path) -> tuple[Path, ...]:
    """Those of the runs in folders beside that of a ``ledger``, by name."""
    here = ledger.absolute()
    return tuple(path for path in sorted(here.parent.parent.glob(f"*/{LEDGER}")) if path != here)


def identity_in(folder: Path) -> str | None:
    """The identity of the comparison that lies in a folder; None where none does."""
    try:
        return str(parse_json((folder / "manifest.json").read_bytes())["identity"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def begin_folder(folder: Path) -> None:
    """Make the folder of a run that asks, unless it is there with its ledger.

    Parameters
    ----------
    folder : of the run

    Raises
    ------
    RunError
        If it holds something else, or cannot be made.
    """
    if not folder.exists():
        with new_folder(folder):
            pass
    if not folder.is_dir() or (not (folder / LEDGER).exists() and any(folder.iterdir())):
        raise RunError(f"{folder} already exists and holds something else. Choose another --out.")


def to_write(folder: Path) -> AbstractContextManager[Path]:
    """Where the files of a run are written: a new folder that appears when it is complete, or one with a ledger.

    Parameters
    ----------
    folder : of the run
    """
    return _begun(folder) if (folder / LEDGER).exists() else new_folder(folder)


@contextmanager
def _begun(folder: Path) -> Iterator[Path]:
    """A folder whose ledger was written before; other users may read what is added, as in a new folder."""
    yield folder
    for file in folder.iterdir():
        if not file.is_dir():
            file.chmod(0o644)


def read_run(folder: Path) -> Documents:
    """Read a run's folder.

    Raises
    ------
    RunError
        If it is not a run's folder, was written by a newer diptych, a file in it is damaged, or its
        measures are not those of its ledger.
    """
    if not (folder / "manifest.json").is_file():
        raise RunError(f"{folder} is not the folder of a run: it has no manifest.json. Give the --out of a compare.")
    manifest = read_object(folder / "manifest.json")
    if manifest.get("schema") != SCHEMA:
        found = manifest.get("schema")
        raise RunError(f"{folder} was written in format {found}, this diptych reads {SCHEMA}. Install a newer diptych.")
    with as_written(folder):
        with np.load(io.BytesIO((folder / "measures.npz").read_bytes()), allow_pickle=False) as arrays:
            values, coordinates, clusters = (arrays[name] for name in ("values", "coordinates", "clusters"))
        rejects, table = folder / "rejects.jsonl", folder / "clusters.json"
        proposing, proposed, judges = [folder / name for name in PROPOSING], folder / PROPOSED, folder / JUDGES
        lines = (folder / "responses.jsonl").read_text(encoding="utf-8").split("\n")
        documents = Documents(
            manifest=manifest,
            findings=read_object(folder / "findings.json"),
            measures=read_object(folder / "measures.json"),
            responses=[parse_json(line) for line in lines if line],
            hypotheses=(folder / "hypotheses.jsonl").read_text(encoding="utf-8"),
            events=(folder / "events.jsonl").read_text(encoding="utf-8"),
            values=values,
            coordinates=coordinates,
            clusters=clusters,
            rejects=rejects.read_text(encoding="utf-8") if rejects.exists() else None,
            cluster_table=read_object(table) if table.exists() else None,
            checks=read_object(proposed).get("checks") if proposed.exists() else None,
            judges=read_object(judges)["sentences"] if judges.exists() else (),
            proposing={file.name: file.read_text(encoding="utf-8") for file in proposing if file.exists()} or None,
        )
    _check_ledger(documents, folder)
    _check_rows(documents, folder)
    return documents


def _check_ledger(documents: Documents, folder: Path) -> None:
    try:
        check_ledger(documents.hypotheses, documents.measures["measures"])
    except RunError as error:
        raise RunError(f"{folder} is not as it was written: {error}. Run the comparison again.") from error
    except (KeyError, TypeError) as error:
        raise RunError(f"{folder / 'measures.json'} is damaged: {error!r}. Run the comparison again.") from error


def _check_rows(documents: Documents, folder: Path) -> None:
    """Responses are rows with text, and each has a value of each measure."""
    shape = (len(documents.responses), len(documents.measures["measures"]))
    bad = [n for n, row in enumerate(documents.responses, start=1) if not _is_response(row)]
    if bad:
        said = f"responses.jsonl, row {bad[0]}: no response with its prompt_id, arm and half"
    elif documents.values.shape != shape:
        said = f"measures.npz has {documents.values.shape} values, for {shape} responses and measures"
    else:
        return
    raise RunError(f"{folder} is not as it was written: {said}. Run the comparison again.")


def _is_response(row: object) -> bool:
    return isinstance(row, dict) and all(
        isinstance(row.get(name), str) for name in ("prompt_id", "arm", "response", "half")
    )


def rewrite_report(folder: Path) -> Path:
    """Build ``report.html`` of a run again, from its files alone."""
    from diptych.comparison.report import render

    path, documents = folder / "report.html", read_run(folder)
    with as_written(folder):
        page = render(documents, plots_in(folder))
    with writing(path):
        write_atomic(path, page.encode())
    return path


def findings_rows(document: Json) -> list[list[Any]]:
    """The rows of ``findings.csv``, names of columns first.

    Parameters
    ----------
    document : with ``findings``, and ``n_groups`` where groups were tested
    """
    names = columns(is_grouped="n_groups" in document)
    return [list(names), *([finding[name] for name in names] for finding in document["findings"])]


def _json(value: Json) -> str:
    return json_text(value) + "\n"


def read_object(path: Path) -> Json:
    """A JSON object of a run's folder.

    Parameters
    ----------
    path : of the file

    Raises
    ------
    RunError
        If it holds none.
    """
    try:
        value = parse_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged: {error}. Run the comparison again.") from error
    if not isinstance(value, dict):
        raise RunError(f"{path} is damaged: expected an object. Run the comparison again.")
    return value
