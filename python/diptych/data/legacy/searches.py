"""What the original's search for prompts left: tables of prompts, their statistics, instructions; and prefixes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from diptych._types import Json
from diptych.data.instructions import Instructions
from diptych.data.legacy.decodings import number
from diptych.data.legacy.stages import Converted
from diptych.errors import DataError
from diptych.utils.names import slug
from diptych.utils.text import json_line, json_lines, json_text

_GROUPS = ("full_divergence", "full_diversity", "subsample_divergence", "subsample_diversity")
_STATISTICS = ["run", "cycle", *(f"{group}_{name}" for group in _GROUPS for name in ("mean", "sd", "max", "min"))]
"""What the columns of the statistics hold, whatever their header says."""
_SWAPPED = (
    "its headers named run and cycle, and least and greatest, the wrong way round; here they have their own names"
)
_KEPT_FIELDS = ("divergence", "criterion", "cycle", "repeat")


def convert_prompt_table(file: Path) -> Converted:
    """A table of prompts that were found, of their statistics, or of prefixes: by its header.

    Parameters
    ----------
    file : tab- or comma-separated, by its ending

    Raises
    ------
    DataError
        If it is none of these.
    """
    rows = read_rows(file, "\t" if file.suffix == ".tsv" else ",")
    header, body = [name.strip().lower() for name in rows[0]], rows[1:]
    for number_, row in enumerate(body, start=2):
        if len(row) != len(rows[0]):
            raise DataError(f"row {number_} has {len(row)} cells, the header {len(rows[0])}")
    if header[:2] == ["divergence", "text"]:
        named = dict(zip(header, zip(*body, strict=True), strict=True)) if body else {}
        return _found(named, file.stem)
    if header[:2] == ["prompt", "divergence"]:
        return _found({"text": [row[0] for row in body], "divergence": [row[1] for row in body]}, file.stem)
    if header[:2] == ["cycle", "run"] and len(header) == len(_STATISTICS):
        return _statistics(body, file.stem)
    raise DataError("no table of prompts, of their statistics, or of clusters")


def convert_prompt_json(value: list[Any], stem: str) -> Converted:
    """The same as JSON: a list of rows.

    Parameters
    ----------
    value : ``[divergence, prompt, response, criterion, cycle, vector, repeat]`` each, or 18 numbers each
    stem : of the file's name

    Raises
    ------
    DataError
        If the rows are neither.
    """
    if not value or not all(isinstance(row, list) for row in value):
        raise DataError("a list of neither prompts that were found nor of their statistics")
    if all(len(row) == len(_STATISTICS) and all(number(one) is not None for one in row) for row in value):
        return _statistics(value, stem)
    names = ("divergence", "text", "response", "criterion", "cycle", "embedding", "repeat")
    if not all(5 <= len(row) <= len(names) and isinstance(row[1], str) for row in value):
        raise DataError("a list of neither prompts that were found nor of their statistics")
    width = min(len(row) for row in value)
    columns = {name: [row[i] for row in value] for i, name in enumerate(names[:width])}
    return _found(columns, stem)


def convert_instructions(content: bytes, file: Path) -> Converted:
    """Instructions for the search: the same file, checked.

    Parameters
    ----------
    content : of the file
    file : its name

    Raises
    ------
    DataError
        If they do not fit; says where.
    """
    told = Instructions.read(content, source=str(file))
    name = f"instructions/{slug(file.stem, max_length=120)}.json"
    text = json_text(told.model_dump(mode="json")) + "\n"
    notices = [] if told.custom_selection_criterion else ["it has no criterion"]
    what = f"instructions for contrast prompts, with {len(told.seed_demonstrations)} seeds"
    return Converted(what, {name: text.encode()}, notices=notices)


def convert_prefixes(file: Path) -> Converted:
    """A file of prefixes: one a line, or the second column of a table.

    Parameters
    ----------
    file : ``.txt`` or ``.csv``

    Raises
    ------
    DataError
        If there are none.
    """
    if file.suffix == ".csv":
        rows = read_rows(file, ",")
        texts = [row[1] for row in rows[1:] if len(row) > 1]
    else:
        texts = read_text(file).splitlines()
    kept = list(dict.fromkeys(text for text in texts if text.strip()))
    if not kept:
        raise DataError("no prefixes in it")
    name = f"prompts/{slug(file.stem, max_length=120)}.jsonl"
    notices = [f"{len(texts) - len(kept)} are blank, or stand there before"] if len(kept) < len(texts) else []
    lines = json_lines({"prompt": text} for text in kept)
    return Converted(f"{len(kept)} prefixes", {name: lines.encode()}, notices=notices)


def convert_selection(value: Any) -> Converted:
    """``key_selection.pkl``: which field of a file of statements was taken for the prompt.

    Parameters
    ----------
    value : ``{"key,key": [key, …]}``

    Raises
    ------
    DataError
        If it is another.
    """
    fits = isinstance(value, dict) and all(
        isinstance(key, str) and isinstance(chosen, list) and all(isinstance(one, str) for one in chosen)
        for key, chosen in value.items()
    )
    if not fits:
        raise DataError("no selection of fields")
    notice = "diptych takes the field with --prompt-field, and goes by the usual names without"
    return Converted(
        "which fields were taken", {"key_selection.json": json_text(value).encode() + b"\n"}, notices=[notice]
    )


def read_rows(file: Path, delimiter: str) -> list[list[str]]:
    """The rows of a table, the header first.

    Parameters
    ----------
    file : in UTF-8
    delimiter : between cells

    Raises
    ------
    DataError
        If it cannot be read, or is empty.
    """
    try:
        rows = list(csv.reader(io.StringIO(read_text(file), newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DataError(f"no table that can be read: {error}") from error
    if not rows:
        raise DataError("it is empty")
    return rows


def read_text(file: Path) -> str:
    """The text of a file in UTF-8.

    Parameters
    ----------
    file : its place

    Raises
    ------
    DataError
        If it is none.
    """
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"no text in UTF-8: {error}") from error


def _found(columns: Json, stem: str) -> Converted:
    """Prompts that were found; of one that stands several times the first, so that they can be asked."""
    texts = columns.get("text", [])
    criterion = columns.get("criterion", columns.get("csb"))
    named = {**columns, **({} if criterion is None else {"criterion": criterion})}
    first: dict[str, Json] = {}
    for i, text in enumerate(texts):
        if isinstance(text, str) and text.strip():
            values = {name: number(named[name][i]) for name in _KEPT_FIELDS if name in named}
            said = {"continuation": str(named["response"][i])} if "response" in named else {}
            first.setdefault(text, {"prompt": text, **values, **said})
    if not first:
        raise DataError("no prompts in it")
    name = slug(stem, max_length=120)
    done = Converted(
        f"{len(first)} prompts that were found",
        {f"prompts/{name}.jsonl": json_lines(first.values()).encode()},
        notices=["they were chosen by their divergence, and nothing confirmed it on other draws"],
    )
    if len(first) < len(texts):
        done.notices.append(f"{len(texts) - len(first)} rows have no prompt, or one that stands there before")
    return done


def _statistics(rows: Sequence[Sequence[Any]], stem: str) -> Converted:
    """What was saved: run, cycle, then mean, deviation, greatest and least of four quantities."""
    if not rows:
        raise DataError("no statistics in it")
    values = [[number(cell) for cell in row] for row in rows]
    known = np.array([[np.nan if one is None else one for one in row] for row in values])
    least, greatest = (known[:, [_STATISTICS.index(f"{group}_{end}") for group in _GROUPS]] for end in ("min", "max"))
    if (least > greatest).any():
        raise DataError("its statistics have a least above the greatest: they are not in the order of the original")
    lines = [json_line(dict(zip(_STATISTICS, row, strict=True))) for row in values]
    name = f"tables/{slug(stem, max_length=120)}.jsonl"
    return Converted(f"statistics of {len(lines)} cycles", {name: "".join(lines).encode()}, notices=[_SWAPPED])


def is_json_list(head: bytes) -> bool:
    """Whether a file of JSON is a list.

    Parameters
    ----------
    head : its first bytes
    """
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")


def parse_json(content: bytes) -> Any:
    """The value of a file of JSON.

    Parameters
    ----------
    content : of the file

    Raises
    ------
    DataError
        If it is none.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON: {error}") from error
