"""Bytes into records, for the formats that a library reads: JSON arrays, CSV, Parquet."""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import re
from typing import Any, NoReturn

from diptych._types import Json
from diptych.data.records import Records
from diptych.errors import DataError, RecordError
from diptych.utils.extras import require_extra

_STRING_OR_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|(-?Infinity|NaN)', re.DOTALL)


_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, whose little-endian mark is its beginning
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_ZEROS: dict[tuple[bool, ...], str] = {
    (False, True, False, True): "UTF-16LE",
    (True, False, True, False): "UTF-16BE",
    (False, True, True, True): "UTF-32LE",
    (True, True, True, False): "UTF-32BE",
}
"""Where the first four bytes are NUL, in text that begins with two characters of ASCII, as JSON does."""


def refuse_other_encodings(data: bytes, name: str) -> None:
    """Raise for UTF-16 and UTF-32, by their marks or, without one, by the NULs at the beginning.

    Raises
    ------
    RecordError
        For the whole file, with the name of the encoding and the command that converts it.
    """
    marked = next((encoding for mark, encoding in _MARKS.items() if data.startswith(mark)), None)
    encoding = marked or _ZEROS.get(tuple(byte == 0 for byte in data[:4]))
    if encoding:
        command = f"iconv -f {encoding} -t UTF-8"
        reason = f"the file is {encoding}, expected UTF-8; convert it, for example with: {command}"
        raise RecordError(name, 0, 0, reason)


def decode_utf8(data: bytes, name: str) -> str:
    """Text of a file, without a byte-order mark.

    Raises
    ------
    RecordError
        With line and byte column of the first byte that is not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        reason = f"byte 0x{data[error.start]:02x} is not UTF-8. Convert it, for example: iconv -f LATIN1 -t UTF-8"
        raise RecordError(name, line, column, reason) from error


def parse_array(data: bytes, name: str) -> Records:
    """Objects of a JSON array.

    Raises
    ------
    RecordError
        For malformed JSON, NaN and infinities, duplicate keys, and items that are not objects.
    """
    text = decode_utf8(data, name)
    try:
        items = json.loads(text, object_pairs_hook=unique_keys, parse_constant=_refuse, parse_float=_finite)
    except json.JSONDecodeError as error:
        column = len(error.doc[error.pos - error.colno + 1 : error.pos].encode()) + 1
        raise RecordError(name, error.lineno, column, f"not valid JSON: {error.msg}") from error
    except RecursionError as error:
        raise RecordError(name, 0, 0, "JSON nested too deep to read") from error
    except ValueError as error:
        line, column = _place_of_constant(text) if str(error) == "NaN" else (0, 0)
        reason = "NaN and Infinity are not JSON. Remove the field, or write null" if line else str(error)
        raise RecordError(name, line, column, reason) from error
    if not items:
        raise DataError(f"{name} holds an empty array. Give a file with at least one response.")
    records = Records(items, name, range(1, len(items) + 1), "item")
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise records.error(index, f"expected an object, got {type(item).__name__}")
    return records


def parse_text(data: bytes, name: str) -> Records:
    """Lines of a text file as the field ``prompt``; lines of white space are left out.

    Raises
    ------
    RecordError
        For bytes that are not UTF-8.
    """
    lines = decode_utf8(data, name).replace("\r\n", "\n").split("\n")
    kept = [(number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip()]
    return Records([{"prompt": line} for _, line in kept], name, [number for number, _ in kept], "line")


def parse_csv(data: bytes, name: str) -> Records:
    """Rows of a CSV file with a header; every value is text.

    Raises
    ------
    RecordError
        For rows that are longer or shorter than the header, and unclosed quotes.
    """
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(decode_utf8(data, name), newline=""), strict=True)
    rows: list[Json] = []
    lines: list[int] = []
    try:
        header = next(reader)
        if len(set(header)) < len(header):
            raise RecordError(name, 1, 0, f"a column name stands twice in the header: {', '.join(header)}")
        start = reader.line_num + 1
        for values in reader:
            if values and len(values) != len(header):
                reason = f"{len(values)} values, but the header names {len(header)} columns. Quote commas and newlines"
                raise RecordError(name, start, 0, reason)
            if values:
                rows.append(dict(zip(header, values, strict=True)))
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        raise RecordError(name, reader.line_num, 0, f"not valid CSV: {error}") from error
    if not rows:
        raise DataError(f"{name} has a header but no rows. Give a file with at least one response.")
    return Records(rows, name, lines, "line")


def parse_parquet(data: bytes, name: str) -> Records:
    """Rows of a Parquet file (needs ``diptych[parquet]``)."""
    require_extra("pyarrow", extra="parquet")
    import pyarrow
    import pyarrow.parquet

    try:
        rows = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
    except pyarrow.ArrowException as error:
        raise RecordError(name, 0, 0, f"not a readable Parquet file: {error}") from error
    if not rows:
        raise DataError(f"{name} has no rows. Give a file with at least one response.")
    return Records(rows, name, range(1, len(rows) + 1), "row")


def unique_keys(pairs: list[tuple[str, Any]]) -> Json:
    """For ``json.loads`` as ``object_pairs_hook``: an object, whose keys are each there once.

    Raises
    ------
    ValueError
        If a key stands twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"an object has the key {twice!r} twice; keep one")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError("NaN")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"the number {text[:40]} does not fit a double. Write it smaller, or as text")
    return value


def _place_of_constant(text: str) -> tuple[int, int]:
    """Line and byte column of the first NaN or infinity outside of strings."""
    start = next(match.start() for match in _STRING_OR_CONSTANT.finditer(text) if match[1])
    line_start = text.rfind("\n", 0, start) + 1
    return text.count("\n", 0, start) + 1, len(text[line_start:start].encode()) + 1
