"""Tables of texts by contrastive decoding, as the original saved them."""

from __future__ import annotations

import csv
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from diptych._types import Json
from diptych.data.legacy.stages import Converted
from diptych.errors import DataError
from diptych.utils.names import slug
from diptych.utils.text import json_lines

_FIRST = re.compile(r"^\s*(?:<\|[\w ]+\|>|</?s>|<bos>)+")
"""Marks of a tokenizer at the start of a text."""
_MARK = re.compile(r"(?<!<)\|(?!>)")
"""What stands between prefix and continuation: a bar, but not that of a tokenizer's mark."""
_TENSOR = re.compile(r"tensor\((-?[\d.]+(?:e[+-]?\d+)?)\b")
NUMBERS = {
    "divergence": "divergence",
    "divergences": "divergence",
    "starting_model_perplexity": "starting_model_perplexity",
    "starting_model_perplexities": "starting_model_perplexity",
    "comparison_model_perplexity": "comparison_model_perplexity",
    "comparison_model_perplexities": "comparison_model_perplexity",
}
"""Columns of one number a text, and our names."""
LISTS = "all_token_divergences"
"""The column of a list a text."""
_OFF_BY_ONE = (
    "in its lists of token divergences, the value of a token is about the one after it; its perplexities are wrong "
    "where a prefix was counted. `diptych contrast score` computes both anew"
)
_NO_CONTRAST = "it was written by the version without a contrast: its texts are the starting model's own"


def header_of(file: Path) -> list[str]:
    """Names of the columns of a ``.csv``, or of a ``.tsv``, as far as they stand in the first 4,096 bytes.

    Parameters
    ----------
    file : its place
    """
    with file.open("rb") as handle:
        first = handle.readline(4096).decode("utf-8-sig", "replace").strip()
    return first.split("\t" if file.suffix == ".tsv" else ",")


def is_decodings(header: list[str]) -> bool:
    """Whether a table is one of decodings.

    Parameters
    ----------
    header : names of its columns
    """
    return "decoding" in header or {"texts", "divergences"} <= set(header)


def convert_table(file: Path) -> Converted:
    """``outputs/NAME.txt`` and ``NAME_all_results.csv``: responses, with their numbers.

    Parameters
    ----------
    file : of comma-separated values in UTF-8

    Raises
    ------
    DataError
        If it is no such table, or a row has another number of cells than the header.
    """
    try:
        with file.open(encoding="utf-8", newline="") as handle:
            rows = csv.DictReader(handle, strict=True, restkey="", restval=None)
            records = [_from_cells(row, rows.line_num) for row in rows]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"no table that can be read: {error}") from error
    return as_responses(records, file.stem, is_late="_all_results" in file.stem)


def _from_cells(row: Mapping[str, Any], line: int) -> Json:
    if "" in row and isinstance(row[""], list):
        raise DataError(f"line {line}: more cells than columns")
    if any(value is None for value in row.values()):
        raise DataError(f"line {line}: fewer cells than columns")
    record: Json = {"decoding": row.get("decoding", row.get("texts"))}
    for name, value in row.items():
        if name in NUMBERS:
            record[NUMBERS[name]] = number(value)
        elif name == LISTS:
            record[name] = _number_list(value)
    return record


def number(value: Any) -> float | None:
    """A number, however the original wrote it: ``0.5``, ``tensor(0.0127)``, an array of none; None for what is none.

    Examples
    --------
    >>> number("tensor(0.0127, device='cuda:0')"), number("0.5"), number(2), number("__import__('os')")
    (0.0127, 0.5, 2.0, None)
    """
    if isinstance(value, str):
        found = _TENSOR.match(value.strip())
        value = found[1] if found else value
    elif isinstance(value, bool):
        return None
    try:
        taken = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return taken if math.isfinite(taken) else None


def _number_list(text: str) -> list[float | None] | None:
    """A list as Python writes it; nothing of it is evaluated."""
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    try:
        given = json.loads(text)
        return [number(one) for one in given]
    except (ValueError, RecursionError):
        return [number(one) for one in text[1:-1].split(",")]


def as_responses(records: list[Json], stem: str, *, is_late: bool) -> Converted:
    """Decodings as responses: the prefix is the prompt.

    Parameters
    ----------
    records : each with ``decoding`` and its numbers
    stem : of the file's name
    is_late : whether the version without a contrast wrote them

    Raises
    ------
    DataError
        If none has a text.
    """
    taken = [record for record in records if isinstance(record["decoding"], str)]
    if not taken:
        raise DataError("no row has a text")
    notices = [_NO_CONTRAST] if is_late else []
    if len(taken) < len(records):
        notices.append(f"{len(records) - len(taken)} of {len(records)} rows have no text and were left out")
    n_several = sum(len(_MARK.findall(_FIRST.sub("", record["decoding"]))) > 1 for record in taken)
    if n_several:
        notices.append(
            f"{n_several} texts hold several bars: the first was taken for the one between prefix and continuation"
        )
    for name in dict.fromkeys((*NUMBERS.values(), LISTS)):
        n_bad = sum(record.get(name, 0) is None for record in taken)
        if n_bad:
            notices.append(f"{n_bad} values of {name} are no numbers and were left out")
    if any(LISTS in record for record in taken):
        notices.append(_OFF_BY_ONE)
    text = json_lines(_rows(taken))
    name = f"responses/{slug(stem, max_length=120)}.jsonl"
    return Converted(f"{len(taken)} texts", {name: text.encode()}, notices=notices)


def _rows(records: Iterable[Json]) -> Iterator[Json]:
    seen: Counter[str] = Counter()
    for record in records:
        prompt, response = split_decoding(record["decoding"])
        numbers = {name: value for name, value in record.items() if name != "decoding"}
        yield {"prompt": prompt, "response": response, "draw": seen[prompt], **numbers}
        seen[prompt] += 1


def split_decoding(text: str) -> tuple[str, str]:
    """Prefix and continuation of a decoding, without the marks of the tokenizer before them.

    Parameters
    ----------
    text : with a bar between them; all of it is continuation where there is none

    Examples
    --------
    >>> split_decoding("<|begin_of_text|>I think| that <|eot_id|> it | is.")
    ('I think', ' that <|eot_id|> it | is.')
    """
    plain = _FIRST.sub("", text)
    found = _MARK.search(plain)
    return (plain[: found.start()], plain[found.end() :]) if found else ("", plain)
