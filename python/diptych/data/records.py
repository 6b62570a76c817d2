"""Records as they were read, each with the place it came from."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from diptych._types import Json
from diptych.data.rejects import BadLine
from diptych.errors import RecordError

_SPACES = re.compile(r"[ \t\r]*")


@dataclass(frozen=True, slots=True)
class Records:
    """JSON objects and where each stood.

    Parameters
    ----------
    rows : the objects
    source : file, or a word for data that was handed in
    places : line numbers, or item numbers, counted from 1
    unit : what a place is: ``"line"`` of a file, ``"item"`` of an array, ``"row"`` of a frame or list
    notices : what a reader should know about how they were read
    rejects : lines that were left out
    line_of : the bytes of a line of JSON, by its number, to find a column in; empty where it cannot be had again
    """

    rows: Sequence[Json]
    source: str
    places: Sequence[int]
    unit: str
    notices: tuple[str, ...] = ()
    rejects: Sequence[BadLine] = ()
    line_of: Callable[[int], bytes] = field(default=lambda line: b"", repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.rows)

    def place(self, index: int) -> str:
        """``"line 17"``."""
        return f"{self.unit} {self.places[index]}"

    def error(self, index: int, reason: str, name: str | None = None) -> RecordError:
        """What is wrong with one record, with its place; in JSON lines also the byte at which the field begins."""
        if self.unit != "line":
            return RecordError(self.source, 0, 0, f"{self.place(index)}: {reason}")
        line = int(self.places[index])
        column = value_column(self.line_of(line), name) if name in self.rows[index] else 0
        return RecordError(self.source, line, column, reason)


def value_column(line: bytes, name: str) -> int:
    """The byte, counted from 1, at which the value of a field begins; 0 where the line is no object that has it.

    Examples
    --------
    >>> value_column(b'{"a": {"b": 1}, "b": 2}', "b")
    22
    """
    decoder = json.JSONDecoder()
    try:
        text = line.decode()
        at = text.index("{") + 1
        while True:
            key, at = decoder.raw_decode(text, _after_spaces(text, at))
            start = _after_spaces(text, _after_spaces(text, at) + 1)
            if key == name:
                return len(text[:start].encode()) + 1
            _, at = decoder.raw_decode(text, start)
            at = _after_spaces(text, at) + 1
    except ValueError:
        return 0


def _after_spaces(text: str, at: int) -> int:
    found = _SPACES.match(text, at)
    return found.end() if found else at
