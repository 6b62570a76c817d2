"""Records as they were read, each with the place it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diptych._types import Json
from diptych.errors import RecordError


@dataclass(frozen=True, slots=True)
class Records:
    """JSON objects and where each stood.

    Parameters
    ----------
    rows : the objects
    source : file, or a word for data that was handed in
    places : line numbers, or item numbers, counted from 1
    unit : what a place is: ``"line"`` of a file, ``"item"`` of an array, ``"row"`` of a frame or list
    """

    rows: Sequence[Json]
    source: str
    places: Sequence[int]
    unit: str

    def __len__(self) -> int:
        return len(self.rows)

    def place(self, index: int) -> str:
        """``"line 17"``."""
        return f"{self.unit} {self.places[index]}"

    def error(self, index: int, reason: str) -> RecordError:
        """What is wrong with one record, with its place."""
        if self.unit == "line":
            return RecordError(self.source, int(self.places[index]), 0, reason)
        return RecordError(self.source, 0, 0, f"{self.place(index)}: {reason}")
