"""Hostile text: model output is never trusted to be printable."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

# C0 and C1 controls but tab and newline; bidirectional marks, overrides and isolates; zero-width and line/paragraph
# separators; soft hyphens, invisible tags and selectors, and the half surrogates of file names that are not UTF-8.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def printable(text: str) -> str:
    r"""Text that cannot move a cursor, set a title or turn a line round: such characters become ``\xNN``.

    Examples
    --------
    >>> printable("plain \x1b[31mred")
    'plain \\x1b[31mred'
    """
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def json_text(value: Any) -> str:
    r"""JSON that keeps letters of every script, and that no terminal can be tricked with.

    Characters that `printable` would replace stand as ``\uNNNN``, so that printing the text changes nothing in it.

    Examples
    --------
    >>> json_text({"a": "é\x9b"})
    '{\n "a": "é\\u009b"\n}'

    Raises
    ------
    ValueError
        For NaN and infinities.
    """
    return _harmless(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False))


def json_line(value: Any) -> str:
    r"""As `json_text`, on one line that ends with a line feed.

    Examples
    --------
    >>> json_line({"a": "é\x9b"})
    '{"a": "é\\u009b"}\n'
    """
    return _harmless(json.dumps(value, ensure_ascii=False, allow_nan=False)) + "\n"


def json_lines(values: Iterable[Any]) -> str:
    r"""Values as JSON lines.

    Parameters
    ----------
    values : each as `json_line` takes it

    Examples
    --------
    >>> json_lines([{"a": 1}, [2]])
    '{"a": 1}\n[2]\n'
    """
    return "".join(map(json_line, values))


def parse_json(text: str | bytes) -> Any:
    """The value of JSON that others wrote.

    Parameters
    ----------
    text : JSON; bytes are UTF-8, or what their first bytes say

    Raises
    ------
    ValueError
        For what is not JSON, and for what is nested deeper than Python can follow.

    Examples
    --------
    >>> parse_json("[" * 100_000)
    Traceback (most recent call last):
    ValueError: JSON nested too deep to read
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("JSON nested too deep to read") from None


def _harmless(text: str) -> str:
    return _UNPRINTABLE.sub(lambda match: json.dumps(match[0])[1:-1], text)


def shorten(text: str, max_length: int) -> str:
    """The text on one line, cut with an ellipsis.

    Examples
    --------
    >>> shorten("one two three", 8)
    'one two…'
    """
    flat = " ".join(text.split())
    return flat if len(flat) <= max_length else flat[: max_length - 1].rstrip() + "…"


def spreadsheet_safe(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP: CSV injection): such text gets an apostrophe in front.

    Wide forms of the signs count too, and a line feed before them.

    Examples
    --------
    >>> spreadsheet_safe("=1+1")
    "'=1+1"
    """
    return "'" + text if text[:1] in _FORMULA_STARTS else text


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    r"""Rows for spreadsheets: no text is a formula, controls are written as hexadecimal.

    Examples
    --------
    >>> csv_text([["text", "n"], ["=1+1\x07", 2]])
    "text,n\n'=1+1\\x07,2\n"
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([[_cell(value) for value in row] for row in rows])
    return out.getvalue()


def _cell(value: Any) -> Any:
    return spreadsheet_safe(printable(value)) if isinstance(value, str) else value
