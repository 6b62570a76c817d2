"""The benchmark of the kernels: what it measures is checked first, and what it says follows from the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score  # type: ignore[import-untyped,unused-ignore]

from diptych._types import Silent
from diptych.bench import machine
from diptych.bench.kernels import harness, record, tables
from diptych.bench.kernels.agreement import adjusted_rand, agrees
from diptych.bench.kernels.harness import Competitor, Row, Target, Timing
from tests.helpers.forge import Forge


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    return record.run(only=["matching.contingency"], quick=True, rounds=1, progress=Silent())


def test_a_real_row_runs_and_every_competitor_that_is_installed_is_timed(result: dict[str, Any]) -> None:
    (row,) = result["rows"]
    timed = {timing["name"] for timing in row["timings"] if timing["wall_s"]}
    assert {"diptych, 1 thread", "diptych, 2 threads", "np.bincount(a * k + b)"} <= timed
    assert all(len(timing["wall_s"]) == 1 for timing in row["timings"] if timing["wall_s"])
    assert row["targets"][0]["reached"] > 0
    assert json.loads(json.dumps(result)) == result


def test_the_tables_hold_every_competitor_and_the_verdict(result: dict[str, Any]) -> None:
    (row,) = result["rows"]
    lines = list(tables.row_lines(row, quick=True))
    assert all(any(timing["name"] in line for line in lines) for timing in row["timings"])
    assert "quick: small jobs" in "\n".join(tables.summary_lines(result))
    summary = "\n".join(tables.summary_lines({**result, "quick": False}))
    met = row["targets"][0]["reached"] <= row["targets"][0]["ratio"]
    assert ("every target is met" in summary) == met
    assert ("NOT MET: matching.contingency" in summary) == (not met)
    page = tables.markdown(result)
    assert "| matching.contingency |" in page
    assert row["title"] in page


def _row(**more: Any) -> Row:
    given: dict[str, Any] = {"key": "x.y", "title": "t", "full": {}, "quick": {}, "competitors": (), "check": print}
    return Row(**{**given, **more})


def _timing(name: str, kind: harness.Kind, *walls: float, extra_mib: float = 0.0) -> Timing:
    return Timing(name, kind, list(walls), list(walls), extra_mib)


def _result(row: Row, timings: list[Timing]) -> dict[str, Any]:
    machine = {"cpu": "c", "processors": 2, "vector_extensions": [], "python": "3", "libraries": {}}
    rows = [{**record._as_json(row, timings, False), "took_s": 12.0}]
    return {"created": "2000-01-01", "machine": machine, "quick": False, "rounds": 5, "took_s": 12.0, "rows": rows}


def test_the_first_of_ours_is_held_to_the_best_peer_and_to_named_ones() -> None:
    row = _row(targets=[Target("best peer", 0.5), Target("slow", 0.1), Target("gone", 1.0)])
    timings = [
        _timing("first", "ours", 3.0, 1.0, 2.0),
        _timing("second", "ours", 0.1),
        _timing("quick", "peer", 4.0),
        _timing("slow", "peer", 8.0),
        _timing("floor", "limit", 0.01),
    ]
    assert [reached for _, reached in harness.verdicts(row, timings)] == [0.5, 0.25, None]


def test_a_missing_library_is_skipped_by_name() -> None:
    rows = [row for _, row in harness.chosen_rows(["matching.contingency"])]
    gone = Competitor("from nowhere", "peer", lambda _job: lambda: None, ("no_such_library",))
    (timing,) = harness.run_row(
        "diptych.bench.kernels.matching", _row(key=rows[0].key, competitors=[gone]), quick=True, rounds=1
    )
    assert timing.skipped == "no_such_library is not installed"
    assert timing.walls == []


def test_one_that_dies_or_raises_is_skipped_with_the_reason_and_the_others_go_on() -> None:
    (row,) = harness.load_rows("tests.helpers.rows")
    timings = {timing.name: timing for timing in harness.run_row("tests.helpers.rows", row, quick=True, rounds=3)}
    assert {name: timing.skipped for name, timing in timings.items() if timing.skipped} == {
        "dies when it is timed": "its process ended with 7",
        "dies when it is checked": "its process ended with 7",
        "raises when it is timed": "ValueError: of no use",
    }
    assert {name: len(timing.walls) for name, timing in timings.items() if timing.walls} == {
        "lives": 3,
        "lives, and is run once": 1,
        "lives, and is timed twice": 2,
    }
    assert timings["lives"].said == "run 1"
    lines = list(tables.row_lines(_result(row, list(timings.values()))["rows"][0], quick=False))
    assert "  skipped  dies when it is timed: its process ended with 7" in lines


def test_few_runs_are_said_on_the_page_beside_their_figure() -> None:
    row = _row(targets=[Target("best peer", 2.0), Target("slow", 0.5)])
    timings = [
        _timing("first", "ours", 1.0, 1.0, 1.0, 1.0, 1.0),
        _timing("quick", "peer", 2.0, 2.0),
        _timing("slow", "original", 8.0),
        _timing("floor", "limit", 0.5, 0.5, 0.5, 0.5, 0.5),
    ]
    page = tables.markdown(_result(row, timings))
    assert "| 1 s | 2 s n=2 | 0.5 | 500 ms | 2 |" in page
    assert "≤ 2 × best peer: 0.5, met; ≤ 0.5 × slow n=1: 0.125, met" in page
    assert "all of it took 12 s" in page


def test_the_data_of_a_job_are_made_once_and_another_job_has_its_own() -> None:
    made = []

    @harness.once_a_job
    def data(job: harness.Job) -> int:
        made.append(job["n"])
        return int(job["n"])

    assert [data({"n": n}) for n in (1, 1, 2, 1)] == [1, 1, 2, 1]
    assert made == [1, 2, 1]


@pytest.mark.parametrize(("extra_mib", "met"), [(100.0, True), (132.0, True), (134.0, False)])
def test_memory_beyond_what_is_stated_is_said(extra_mib: float, met: bool) -> None:
    row = _row(memory_mib=lambda _job: 100.0)
    found = record._memory(row, [_timing("ours", "ours", 1.0, extra_mib=extra_mib)], True)
    assert found == {"stated_mib": 100.0, "measured_mib": extra_mib, "met": met}
    said = {"key": "x", "title": "t", "timings": [], "targets": [], "memory": found, "took_s": 1.0}
    assert ("NOT MET" in "\n".join(tables.row_lines(said, quick=False))) == (not met)


def test_every_row_has_a_peer_or_a_limit_and_a_key_of_its_own() -> None:
    rows = [row for _, row in harness.chosen_rows()]
    assert len(rows) > 15
    assert len({row.key for row in rows}) == len(rows)
    for row in rows:
        kinds = {competitor.kind for competitor in row.competitors}
        assert "ours" in kinds
        assert row.key == "permutation.flips.million" or kinds & {"peer", "limit"}


def test_agreement_of_clusters_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    a = rng.integers(0, 7, 500)
    b = np.where(rng.random(500) < 0.6, a, rng.integers(0, 9, 500))
    assert adjusted_rand(a, b) == pytest.approx(adjusted_rand_score(a, b), abs=1e-12)
    assert adjusted_rand(a, 6 - a) == 1.0
    with pytest.raises(AssertionError, match=r"0\.9 against 0\.5"):
        agrees([0.9], [0.5], 1000)


def test_the_machine_names_a_library_that_is_missing() -> None:
    found = machine.describe(["numpy", "no-such-library"])
    assert found["libraries"] == {"numpy": np.__version__, "no-such-library": "not installed"}
    assert found["cpu"]
    assert found["processors"] >= 1


def test_bad_flags_are_named(tmp_path: Path) -> None:
    with Forge() as forge:
        rounds = forge.run("bench", "kernels", "--rounds", "0", cwd=tmp_path)
        only = forge.run("bench", "kernels", "--only", "nothing", cwd=tmp_path)
    assert (rounds.code, only.code) == (2, 2)
    assert "--rounds = 0: it should be from 1 to 100" in rounds.err
    assert "no row begins so" in only.err
    assert "store.put" in only.err
