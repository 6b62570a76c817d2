"""Lines that cannot be used: how many are tolerated, and the file that keeps them."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, overload

from diptych._types import Json
from diptych.errors import ConfigError, TooManyBadLines
from diptych.utils.amounts import number_or_share
from diptych.utils.files import atomic_file
from diptych.utils.text import json_line

DEFAULT_MAX_BAD = 0.001
_NAMED = 3
"""Bad lines that an error names."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was left out.

    Parameters
    ----------
    line : its number, from 1
    column : the byte, from 1; 0 for the whole line
    reason : what is wrong, and what to do
    text : the line without its end; None where it is too long to be kept
    """

    line: int
    column: int
    reason: str
    text: bytes | None = None

    def as_json(self, path: str) -> Json:
        """As a line of a file of rejects: ``text`` holds the line, ``base64`` one that is not UTF-8."""
        known: Json = {"path": path, "line": self.line, "column": self.column, "reason": self.reason}
        if self.text is None:
            return {**known, "text": None}
        try:
            return {**known, "text": self.text.decode()}
        except UnicodeDecodeError:
            return {**known, "base64": base64.b64encode(self.text).decode()}


class BadLines(Sequence[BadLine]):
    """Lines that were left out, in file order.

    They are held field by field: an object for each would count towards the next round of the garbage collector, which
    then goes through all values that were read so far.

    Parameters
    ----------
    fields : lines, columns, reasons and texts, as of ``BadLine``
    """

    __slots__ = ("_fields",)

    def __init__(self, *fields: list[Any]) -> None:
        self._fields = fields or ([], [], [], [])

    def __len__(self) -> int:
        return len(self._fields[0])

    @overload
    def __getitem__(self, index: int) -> BadLine: ...
    @overload
    def __getitem__(self, index: slice) -> BadLines: ...
    def __getitem__(self, index: int | slice) -> BadLine | BadLines:
        if isinstance(index, slice):
            return BadLines(*(values[index] for values in self._fields))
        return BadLine(*(values[index] for values in self._fields))

    def __iter__(self) -> Iterator[BadLine]:
        return map(BadLine, *self._fields)

    def __repr__(self) -> str:
        return f"BadLines({list(self)!r})"

    def extend(self, more: BadLines) -> None:
        """Add those of the lines that follow."""
        for values, new in zip(self._fields, more._fields, strict=True):
            values += new


@dataclass
class Tally:
    """Bad lines as they come.

    Parameters
    ----------
    path : the file that is read
    max_bad : as in ``tolerated``
    file : where rejects go
    """

    path: str
    max_bad: float | None
    file: BinaryIO | None = None
    n_bad: int = 0
    n_lines: int = 0
    first: list[BadLine] = field(default_factory=list)

    def add(self, bad: BadLines, n_good: int) -> None:
        """Count the lines of one piece and keep the bad ones."""
        self.n_bad += len(bad)
        self.n_lines += len(bad) + n_good
        self.first += bad[: _NAMED - len(self.first)]
        if self.file is not None:
            self.file.writelines(json_line(one.as_json(self.path)).encode() for one in bad)

    def judge(self) -> None:
        """Raise where more lines were bad than is tolerated."""
        if self.max_bad is None:
            return
        allowed = self.max_bad if isinstance(self.max_bad, int) else self.max_bad * self.n_lines
        if self.n_bad > allowed:
            first = [(bad.line, bad.column, bad.reason) for bad in self.first]
            raise TooManyBadLines(self.path, self.n_bad, self.n_lines, self.max_bad, first)


@contextmanager
def tolerated(path: str, *, max_bad: float | str | None, rejects: str | Path | None) -> Iterator[Tally]:
    """Where the bad lines of one file are counted.

    The file of rejects is whole or absent: it appears when the block has ended well, whatever the count. Then the count
    is judged, so that it is that of the whole file.

    Parameters
    ----------
    path : the file that is read
    max_bad : lines that are tolerated, as for ``number_or_share``; None for any number
    rejects : file of JSON lines to write, replaced if it is there; None for none

    Yields
    ------
    Takes the bad lines.

    Raises
    ------
    TooManyBadLines
        At the end of the block.
    ConfigError
        If ``max_bad`` does not fit, or ``rejects`` is the file that is read.
    """
    if rejects is not None and Path(rejects).exists() and Path(path).exists() and Path(rejects).samefile(path):
        raise ConfigError(f"rejects = {str(rejects)!r} is the file that is read. Name another.")
    tally = Tally(path, None if max_bad is None else number_or_share(max_bad, "max_bad"))
    with nullcontext() if rejects is None else atomic_file(Path(rejects)) as tally.file:
        yield tally
    tally.judge()
