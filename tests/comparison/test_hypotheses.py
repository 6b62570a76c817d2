"""The ledger: any change to an entry, to their order or their number shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from diptych.comparison.hypotheses import Ledger
from diptych.comparison.measures import Measure
from diptych.utils.hashing import content_hash


def entries(n: int = 4) -> list[dict[str, Any]]:
    ledger = Ledger()
    for i in range(n):
        measure = Measure(f"x.{i}", "x", "more é\u2028", "fewer", "words", "number", {"i": i})
        ledger.append(measure, seen="d" * 64, tested_on="all prompts")
    assert len(ledger) == n
    return [json.loads(line) for line in ledger.to_jsonl().split("\n") if line]


def chain_holds(found: list[dict[str, Any]]) -> bool:
    """What a reader of ``hypotheses.jsonl`` can check with nothing but the entries."""
    previous = "0" * 64
    for number, entry in enumerate(found, start=1):
        body = {key: value for key, value in entry.items() if key != "hash"}
        if (
            entry["n"] != number
            or entry["previous"] != previous
            or entry["hash"] != content_hash("diptych/hypothesis/1", body)
        ):
            return False
        previous = entry["hash"]
    return True


def test_an_untouched_ledger_holds() -> None:
    assert chain_holds(entries())


@pytest.mark.parametrize(
    "key",
    [
        "id",
        "lens",
        "more",
        "fewer",
        "unit",
        "kind",
        "definition",
        "discovery_prompts",
        "tested_on",
        "previous",
        "hash",
        "n",
    ],
)
@pytest.mark.parametrize("position", [0, 2, 3])
def test_a_changed_entry_is_detected(key: str, position: int) -> None:
    found = entries()
    found[position][key] = "changed"
    assert not chain_holds(found)


def test_an_entry_changed_with_its_own_hash_is_detected_by_the_next() -> None:
    found = entries()
    found[1]["more"] = "changed"
    found[1]["hash"] = content_hash(
        "diptych/hypothesis/1", {key: value for key, value in found[1].items() if key != "hash"}
    )
    assert not chain_holds(found)


def test_removed_and_exchanged_entries_are_detected() -> None:
    found = entries()
    assert not chain_holds(found[1:])
    assert not chain_holds([found[0], found[2], found[3]])
    assert not chain_holds([found[1], found[0], *found[2:]])
