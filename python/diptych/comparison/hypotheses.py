"""The ledger: every hypothesis, written down before it is tested."""

from __future__ import annotations

import json

from diptych._types import Json
from diptych.comparison.measures import Measure
from diptych.utils.hashing import content_hash

_START = "0" * 64


class Ledger:
    """An append-only list in which each entry holds the hash of the one before it.

    Examples
    --------
    >>> ledger = Ledger()
    >>> measure = Measure("surface.words", "surface", "writes more words", "writes fewer words", "words", "number")
    >>> ledger.append(measure, seen="…", tested_on="all prompts")
    >>> len(ledger)
    1
    """

    def __init__(self) -> None:
        self._entries: list[Json] = []

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, measure: Measure, *, seen: str, tested_on: str) -> None:
        """Write down a hypothesis: that the arms differ in this measure.

        Parameters
        ----------
        measure : what is measured
        seen : hash of the prompts that it was chosen by
        tested_on : which prompts it is tested on
        """
        entry: Json = {
            "n": len(self._entries) + 1,
            **measure.as_json(),
            "discovery_prompts": seen,
            "tested_on": tested_on,
            "previous": self._entries[-1]["hash"] if self._entries else _START,
        }
        self._entries.append({**entry, "hash": content_hash("diptych/hypothesis/1", entry)})

    def to_jsonl(self) -> str:
        """One entry a line."""
        return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in self._entries)
