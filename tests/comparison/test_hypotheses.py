"""The ledger: any change to an entry, to their order or their number shows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import diptych
from diptych.comparison.folder import read_run, rewrite_report
from diptych.comparison.hypotheses import Ledger, check_ledger
from diptych.comparison.measures import Measure
from diptych.errors import RunError
from diptych.utils.hashing import content_hash
from tests.helpers.records import records

Lines = list[dict[str, Any]]


def entries(n: int = 4) -> list[dict[str, Any]]:
    ledger = Ledger()
    for i in range(n):
        measure = Measure(f"x.{i}", "x", "more é\u2028", "fewer", "words", "number", {"i": i})
        ledger.append(measure, seen="d" * 64, tested_on="all prompts")
    assert len(ledger) == n
    return [json.loads(line) for line in ledger.to_jsonl().split("\n") if line]


def chain_holds(found: list[dict[str, Any]]) -> bool:
    """What a reader of ``hypotheses.jsonl`` can check with nothing but the entries; the package's reader must agree."""
    previous = "0" * 64
    holds = True
    for number, entry in enumerate(found, start=1):
        body = {key: value for key, value in entry.items() if key != "hash"}
        holds = holds and (entry["n"], entry["previous"], entry["hash"]) == (
            number, previous, content_hash("diptych/hypothesis/1", body),
        )  # fmt: skip
        previous = entry["hash"]
    text = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in found)
    measures = [
        {**{key: entry[key] for key in ("id", "lens", "unit", "kind")}, "tested": {"tested_on": entry["tested_on"]}}
        for entry in found
    ]
    if holds:
        check_ledger(text, measures)
    else:
        with pytest.raises(RunError, match=r"hypotheses.jsonl, entry \d"):
            check_ledger(text, measures)
    return holds


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


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in which every lens tested something, scans and what is split too."""
    folder = tmp_path_factory.mktemp("ledger") / "run"
    both = (records(80, answer="Yes, {i} it is."), records(80, answer="No, I hope that {i} is not."))
    result = diptych.compare(*both, resamples=1000, lenses=["surface", "phrases", "clusters", "regions", "log_odds"])
    assert {finding.lens for finding in result.tested} == {"surface", "phrases", "clusters", "regions", "log_odds"}
    return result.save(folder)


def _read(path: Path) -> Lines:
    text = path.read_text(encoding="utf-8")
    return json.loads(text)["measures"] if path.suffix == ".json" else list(map(json.loads, text.splitlines()))


def _edited(run: Path, to: Path, name: str, edit: Callable[[Lines], object]) -> Path:
    """A copy of the run in which the rows of one file were edited in place."""
    folder = shutil.copytree(run, to / "edited")
    rows = _read(folder / name)
    edit(rows)
    if name == "measures.json":
        text = json.dumps({"schema": 1, "measures": rows})
    else:
        text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def _rechained(rows: Lines) -> None:
    """What a forger would do: every hash computed anew."""
    previous = "0" * 64
    for number, row in enumerate(rows, start=1):
        row.pop("hash")
        row.update(n=number, previous=previous)
        row["hash"] = previous = content_hash("diptych/hypothesis/1", row)


def test_a_run_that_was_not_touched_is_read(run: Path, tmp_path: Path) -> None:
    for name in ("measures.json", "hypotheses.jsonl"):
        folder = _edited(run, tmp_path, name, lambda rows: None)
        assert read_run(folder).hypotheses.count("\n") == len(_read(run / "hypotheses.jsonl"))
        shutil.rmtree(folder)


def _is(lens: str) -> Callable[[dict[str, Any]], bool]:
    return lambda row: bool(row["lens"] == lens)


def _first(rows: Lines, lens: str) -> dict[str, Any]:
    return next(filter(_is(lens), rows))


def _drop_and_rechain(rows: Lines, lens: str) -> None:
    rows.remove(_first(rows, lens))
    _rechained(rows)


def _double_and_rechain(rows: Lines) -> None:
    rows.insert(0, {**rows[1], "more": "is nicer"})
    _rechained(rows)


def _reword_and_rechain(rows: Lines) -> None:
    rows[2]["more"] = "is nicer"
    _rechained(rows)


EDITS: dict[str, tuple[str, Callable[[Lines], object], str]] = {
    "a word changed": ("hypotheses.jsonl", lambda rows: rows[2].update(more="x"), r"entry 3 \(surface\..*not that of"),
    "a hash changed": ("hypotheses.jsonl", lambda rows: rows[4].update(hash="0" * 64), r"entry 5 \(.*not that of its"),
    "an entry removed": ("hypotheses.jsonl", lambda rows: rows.pop(3), r"entry 4 \(.*does not follow the entry before"),
    "the last removed": ("hypotheses.jsonl", lambda rows: rows.pop(), "no entry of hypotheses.jsonl names the measure"),
    "two exchanged": ("hypotheses.jsonl", lambda rows: rows.insert(0, rows.pop(1)), r"entry 1 \(.*does not follow"),
    "all removed": ("hypotheses.jsonl", lambda rows: rows.clear(), "no entry of hypotheses.jsonl names .* surface"),
    "no entry": ("hypotheses.jsonl", lambda rows: rows.insert(1, {"n": 2}), "entry 2: not an entry of a ledger"),
    "forged, one less": ("hypotheses.jsonl", lambda rows: _drop_and_rechain(rows, "log_odds"), "names the measure log"),
    "forged, no scan": ("hypotheses.jsonl", lambda rows: _drop_and_rechain(rows, "regions"), "the measure regions.01"),
    "forged, reworded": ("hypotheses.jsonl", _reword_and_rechain, r"entry 3 .* of measures.json differs in more"),
    "forged, one twice": ("hypotheses.jsonl", _double_and_rechain, r"hypotheses.jsonl: surface\..* stands there 2 times"),
    "measure twice": ("measures.json", lambda rows: rows.append(rows[0]), r"measures.json: surface\..* there 2 times"),
    "measure added": ("measures.json", lambda rows: rows.append({**rows[0], "id": "surface.x"}), "measure surface.x"),
    "measure left out": ("measures.json", lambda rows: rows.pop(1), r"entry 2 \(surface.*measures.json lacks its"),
    "other definition": ("measures.json", lambda rows: rows[0].update(definition={"x": 1}), "entry 1 .* in definition"),
    "other prompts": (
        "measures.json", lambda rows: _first(rows, "log_odds")["tested"].update(tested_on="all prompts"),
        "differs in tested_on",
    ),
    "region elsewhere": (
        "measures.json", lambda rows: _first(rows, "regions")["tested"].update(tested_on="first half"),
        r"\(regions\): the measure regions.01 of measures.json differs in tested_on",
    ),
    "a response twice": ("responses.jsonl", lambda rows: rows.append(rows[0]), "measures.npz has .* values, for"),
    "a response of no text": ("responses.jsonl", lambda rows: rows[1].update(response=1), "row 2: no response with"),
    "not a measure": ("measures.json", lambda rows: rows[0].pop("tested"), "measures.json is damaged: KeyError"),
}  # fmt: skip


@pytest.mark.parametrize("case", EDITS)
def test_an_edited_run_is_refused_and_its_report_stays(case: str, run: Path, tmp_path: Path) -> None:
    name, edit, says = EDITS[case]
    folder = _edited(run, tmp_path, name, edit)
    with pytest.raises(RunError, match=f"(?s){folder}.*{says}.*Run the comparison again"):
        read_run(folder)
    before = (folder / "report.html").read_bytes()
    with pytest.raises(RunError):
        rewrite_report(folder)
    assert (folder / "report.html").read_bytes() == before


@pytest.mark.parametrize("name", ["measures.npz", "measures.json", "responses.jsonl", "findings.json", "events.jsonl"])
def test_a_file_that_is_gone_or_cut_is_named(name: str, run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    path = folder / name
    whole = path.read_bytes()
    if name != "events.jsonl":
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(RunError, match=f"{folder}.*(again|copy)"):
            read_run(folder)
    path.unlink()
    with pytest.raises(RunError, match=f"{name}.*(again|copy)"):
        read_run(folder)


@pytest.mark.parametrize("marks", [-1, ["x"], [[None, 2]]])
def test_a_finding_edited_by_hand_makes_no_report(marks: object, run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    path = folder / "findings.json"
    found = json.loads(path.read_bytes())
    found["findings"][0]["examples"][0]["marks_a"] = marks
    path.write_text(json.dumps(found), encoding="utf-8")
    before = (folder / "report.html").read_bytes()
    with pytest.raises(RunError, match=f"{folder} is not as it was written: "):
        rewrite_report(folder)
    assert (folder / "report.html").read_bytes() == before
