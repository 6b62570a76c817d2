"""Which of the original's files of contrastive decoding a file is, and what is taken of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from diptych._types import Json
from diptych.data.legacy.decodings import convert_table, header_of, is_decodings, number
from diptych.data.legacy.results import PICKLED, array_file
from diptych.data.legacy.searches import (
    convert_instructions,
    convert_prefixes,
    convert_prompt_json,
    convert_prompt_table,
    convert_selection,
    is_json_list,
    parse_json,
    read_rows,
    read_text,
)
from diptych.data.legacy.stages import Converted
from diptych.errors import DataError
from diptych.utils.names import slug
from diptych.utils.text import json_lines

_VECTORS = "_embeddings.pkl"
_LABEL = re.compile(r"\bScore:\s*(?P<score>[-+\w.()]+).*?\bLabel:\s*(?P<label>.+)")
_CLUSTER = re.compile(r"\bclusters?(?: pairs?)?\W{0,4}(?P<first>-?\d+)(?:\D{1,20}(?P<second>-?\d+))?", re.IGNORECASE)
_KEY = re.compile(r"(?:[A-Za-z_ -]{2,20}\s*[:=]\s*)?[\"']?[\w-]{20,200}[\"']?")
_A_KEY = "it looks like a file of keys: nothing of it was taken, and it should not lie among data"
_LEFT = {
    "final_analysis.txt": "a report in words; read it as it is",
    "table_outputs": "tables drawn in characters; the results they show are in pkl_results",
    "runtime_logs": "a log of the original; read it as it is",
}


def convert_text(file: Path) -> Converted:
    """A ``.txt`` of the original: decodings, prefixes, labels of clusters; keys and reports are left.

    Parameters
    ----------
    file : its place

    Raises
    ------
    DataError
        If nothing can be taken of it: says why, and never what a file of keys holds.
    """
    for name, reason in _LEFT.items():
        if name in (file.name, file.parent.name):
            raise DataError(reason)
    with file.open("rb") as handle:
        head = handle.read(4096)
    first = head.split(b"\n", 1)[0].decode("utf-8-sig", "replace").strip()
    if is_decodings(first.split(",")):
        return convert_table(file)
    if _is_keys(file, head):
        raise DataError(_A_KEY)
    if "prefix" in file.stem.lower() or "prefix" in file.parent.name.lower():
        return convert_prefixes(file)
    text = read_text(file)
    if _LABEL.search(text):
        return _labels(text, file.stem)
    raise DataError("no kind of file that holds anything to take")


def convert_csv(file: Path) -> Converted | None:
    """A ``.csv`` or ``.tsv`` of the original; None where it is of another kind.

    Parameters
    ----------
    file : its place

    Raises
    ------
    DataError
        If it is of these kinds and cannot be taken.
    """
    if file.suffix == ".tsv":
        return convert_prompt_table(file)
    header = header_of(file)
    if is_decodings(header):
        return convert_table(file)
    if [name.strip().lower() for name in header[:2]] == ["prompt", "divergence"]:
        return convert_prompt_table(file)
    if "prefix" in file.stem.lower() or "prefix" in file.parent.name.lower():
        return convert_prefixes(file)
    return None


def convert_json(file: Path, head: bytes) -> Converted | None:
    """A ``.json`` of the original's search; None where it is of another kind.

    Parameters
    ----------
    file : its place
    head : its first bytes

    Raises
    ------
    DataError
        If it is of these kinds and cannot be taken.
    """
    if b'"system_start"' in head or b'"KN_prompt_' in head:
        return convert_instructions(file.read_bytes(), file)
    return convert_prompt_json(parse_json(file.read_bytes()), file.stem) if is_json_list(head) else None


def convert_pickle(value: Any, file: Path) -> Converted | None:
    """What a stage file of contrastive decoding holds; None where it is of another kind.

    Parameters
    ----------
    value : that it holds, from ``read_stage``
    file : its place

    Raises
    ------
    DataError
        If it is of these kinds and cannot be taken.
    """
    try:
        if file.name == "key_selection.pkl":
            return convert_selection(value)
        if isinstance(value, list) and file.name.endswith(_VECTORS):
            return _vectors(value, file)
        if isinstance(value, dict):
            inner = next(iter(value.values()), None)
            for name, convert in PICKLED.items():
                if name in value or (isinstance(inner, dict) and name in inner):
                    return convert(value, file.stem)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"its content has another shape than its name says: {error!r:.100}") from error
    return None


def _vectors(rows: list[Any], file: Path) -> Converted:
    """``PATH_embeddings.pkl``: a row for each text that was kept of the file ``PATH``, without a word on the model."""
    source = file.with_name(file.name.removesuffix(_VECTORS))
    name = f"arrays/{slug(file.stem, max_length=120)}.npy"
    done = Converted(f"{len(rows)} vectors", {name: array_file(rows, len(rows))})
    responses = f"responses/{slug(source.stem, max_length=120)}.jsonl"
    n = _n_texts(source)
    if n == len(rows):
        done.notices.append(f"row i is of line i of {responses}, which stands beside it; the model is not recorded")
    elif n is None:
        done.notices.append(f"its texts, {source.name}, do not lie beside it; the model is not recorded")
    else:
        done.notices.append(
            f"{source.name} has {n} texts: which of them the rows are of is not recorded, nor the model"
        )
    return done


def _n_texts(source: Path) -> int | None:
    try:
        return len(read_rows(source, ",")) - 1 if source.is_file() else None
    except DataError:
        return None


def _labels(text: str, stem: str) -> Converted:
    """What ``quick_cluster`` printed about each label, but for its p-values."""
    rows = list(_label_rows(text))
    name = f"tables/{slug(stem, max_length=120)}.jsonl"
    notice = (
        "its p-values were left out: they rest on one or a few permutations, with a label that could not be tested "
        "counted as the best, and no correction for their number"
    )
    return Converted(f"{len(rows)} labels of clusters", {name: json_lines(rows).encode()}, notices=[notice])


def _label_rows(text: str) -> Iterator[Json]:
    clusters: list[int] = []
    for line in text.splitlines():
        found = _LABEL.search(line)
        place = _CLUSTER.search(line[: found.start()] if found else line)
        if place:
            clusters = [int(one) for one in place.groups() if one is not None and len(one) < 10]
        if found:
            yield {"clusters": clusters, "label": found["label"].strip(), "score": number(found["score"].rstrip(",."))}


def _is_keys(file: Path, head: bytes) -> bool:
    """Whether a file holds keys: by its name, or because each of its few lines is one."""
    if re.search(r"(?:^|[_\W])(?:api_?)?keys?(?:[_\W]|$)", file.stem.lower()):
        return True
    lines = [line.strip() for line in head.decode("utf-8", "replace").splitlines() if line.strip()]
    return 0 < len(lines) <= 10 and all(_KEY.fullmatch(line) and re.search(r"\d", line) for line in lines)
