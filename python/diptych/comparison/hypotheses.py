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
    >>> ledger = Ledger(discovery_hash="…")
    >>> ledger.append(Measure("surface.words", "surface", "writes more words", "writes fewer words", "words", "number"))
    >>> len(ledger)
    1
    """

    def __init__(self, *, discovery_hash: str) -> None:
        self._entries: list[Json] = []
        self._discovery_hash = discovery_hash

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, measure: Measure) -> None:
        """Write down a hypothesis: that the arms differ in this measure."""
        entry: Json = {
            "n": len(self._entries) + 1,
            **measure.as_json(),
            "discovery_prompts": self._discovery_hash,
            "previous": self._entries[-1]["hash"] if self._entries else _START,
        }
        self._entries.append({**entry, "hash": content_hash("diptych/hypothesis/1", entry)})

    def to_jsonl(self) -> str:
        """One entry a line."""
        return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in self._entries)
