"""The measurement of what the statistics promise: it sees what holds, and it sees what does not."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych._types import Json, Silent
from diptych.bench.planted import fallen
from diptych.bench.planted.run import Bench as Planted
from diptych.bench.planted.run import run as run_planted
from diptych.bench.stats import resamples as resampled
from diptych.bench.stats import run as sections
from diptych.bench.stats import simulated, table, uniformity
from diptych.bench.stats.designs import DESIGNS
from diptych.bench.stats.false_alarms import allowed, false_alarms, in_families, several_draws
from diptych.comparison.aa import aa
from diptych.data import Response
from diptych.errors import ConfigError, UnknownNameError
from diptych.stats.intervals import paired_intervals
from diptych.stats.multiplicity import q_values
from diptych.stats.permutation import paired_test, unpaired_test
from tests.helpers.records import Record, random_words, records

script: Any = import_module("benches.python.stats")
DESIGN = {design.key: design for design in DESIGNS}
QUICK: Any = {"seed": 0, "threads": 1, "progress": Silent(), "resamples": 100}


def alarms(key: str, source: Any, *, splits: int, **changed: Any) -> Json:
    settings: Any = {"lenses": "scores", "score_fields": "reward", **QUICK}
    return false_alarms(replace(DESIGN[key], **changed), source, splits=splits, **settings)


def rewarded(*, n_prompts: int = 40, n_draws: int = 6, seed: int = 0) -> list[Record]:
    """Draws whose reward is mostly that of their prompt."""
    rng = np.random.default_rng(seed)
    of_prompt = rng.normal(size=n_prompts)
    return [
        {**row, "draw": draw, "reward": of_prompt[i] + 0.3 * rng.normal()}
        for draw in range(n_draws)
        for i, row in enumerate(records(n_prompts, answer="Yes."))
    ]


# Designs


def test_draws_taken_for_prompts_are_seen_to_fail_and_averaged_they_hold() -> None:
    right = alarms("aa_draws", rewarded(), splits=20)
    wrong = alarms("aa_pooled_draws", rewarded(), splits=20)
    assert (right["n_prompts"], right["n_responses"], right["pairing"]) == (40, 240, "unpaired")
    assert right["as_promised"] and wrong["as_promised"]
    assert wrong["rate"]["low"] > 0.05 > right["rate"]["low"]
    assert wrong["rate"]["value"] > wrong["allowed"] >= right["rate"]["value"]
    assert not wrong["lenses"][0]["as_promised"]


def test_families_taken_apart_are_seen_to_fail_and_as_groups_they_hold() -> None:
    rows = [
        {**row, "prompt": f"{row['prompt']} {row['draw']}", "draw": 0, "family": row["prompt"]} for row in rewarded()
    ]
    right, wrong = (alarms(key, rows, splits=20) for key in ("aa_families", "aa_members"))
    assert (right["n_prompts"], right["n_groups"], right["n_responses"], right["pairing"]) == (240, 40, 240, "unpaired")
    assert right["as_promised"] and wrong["as_promised"]
    assert wrong["rate"]["low"] > 0.05 > right["rate"]["low"]
    assert "240 prompts in 40 groups, 240 responses" in "\n".join(table.lines({"aa_families": {"figures": [right]}}))


def test_a_generated_family_is_several_prompts_whose_answers_are_alike() -> None:
    rows = in_families(3, 5, seed=0)
    assert len({row["prompt_id"] for row in rows}) == 15
    assert {row["family"] for row in rows} == {f"p-00{i}" for i in range(1, 6)}


def test_a_wrong_design_that_is_not_seen_to_fail_is_told() -> None:
    found = alarms("aa", rewarded(n_draws=1), splits=3, holds=False)
    assert not found["as_promised"]
    assert "NOT SEEN TO FAIL" in "\n".join(table.lines({"aa": {"figures": [found]}}))


def test_draws_of_a_prompt_are_several_and_differ() -> None:
    rows = several_draws(3, 5, seed=0)
    assert len(rows) == 15
    assert {(row["prompt_id"], row["draw"]) for row in rows} == {(f"p-00{i}", k) for i in range(1, 6) for k in range(3)}
    assert len({row["response"] for row in rows}) == 15


def test_a_lens_alone_is_judged_as_if_the_others_had_not_been_asked() -> None:
    rows = random_words(60, n_words=12, seed=1)
    together = false_alarms(DESIGN["aa"], rows, splits=4, lenses="surface,phrases,regions", **QUICK)
    for lens in together["lenses"]:
        alone = aa(rows, splits=4, lenses=lens["lens"], resamples=100, pairing="unpaired", threads=1)
        assert lens["alone"]["n_hits"] == alone.false_alarms.n_hits
        assert lens["n_tested"] == alone.lenses[0].n_tested / 4
        smallest = [q_values(np.array(split.p_values[lens["lens"]])).min() for split in alone.splits]
        assert sum(q <= 0.05 for q in smallest) == lens["alone"]["n_hits"]


def test_as_many_false_alarms_are_allowed_as_chance_gives_in_all_but_one_of_forty() -> None:
    rng = np.random.default_rng(0)
    assert np.mean(rng.binomial(200, 0.05, 20_000) / 200 <= allowed(0.05, 200)) == pytest.approx(0.96, abs=0.02)


# Single measures


def responses(n: int) -> list[Response]:
    rng = np.random.default_rng(0)
    words = ["alpha", "beta", "gamma.", "delta,", "epsilon"]
    return [Response(f"{i}", "?", " ".join(rng.choice(words, int(rng.integers(5, 400)))), "a") for i in range(n)]


def test_p_of_single_measures_are_uniform_over_random_splits_and_doubled_ones_are_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings: Any = {"splits": 150, "seed": 0, "threads": 1, "progress": Silent()}
    found = uniformity.uniformity(responses(150), **settings)
    assert {row["id"].partition(".")[0] for row in found} == {"surface", "clusters"}
    words = next(row for row in found if row["id"] == "surface.words")
    assert words["n_values"] >= 100
    assert words["uniform_p"] is not None
    assert all(row["as_promised"] for row in found)

    monkeypatch.setattr(uniformity, "unpaired_test", lambda *a, **k: halved(unpaired_test(*a, **k)))
    assert not all(row["as_promised"] for row in uniformity.uniformity(responses(150), **settings))


def halved(test: Any) -> Any:
    return replace(test, p_value=test.p_value / 2)


# Where the truth is known


def test_intervals_cover_and_narrower_ones_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated, "SHAPES", {"skewed": simulated.SHAPES["skewed: exponential"]})
    found = simulated.coverage(runs=400, seed=0, progress=Silent(), prompts=(100,))
    assert [(row["pairing"], row["as_promised"]) for row in found] == [("paired", True), ("unpaired", True)]
    assert all(row["covered"]["n"] == 400 for row in found)

    monkeypatch.setattr(simulated, "paired_intervals", lambda *a, **k: paired_intervals(*a, **k, level=0.8))
    assert not simulated.coverage(runs=400, seed=0, progress=Silent(), prompts=(100,))[0]["as_promised"]


def test_a_family_without_a_difference_is_seldom_found_and_by_raw_p_often(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {name: simulated.FAMILIES[name] for name in ("independent", "nested indicators")}
    monkeypatch.setattr(simulated, "FAMILIES", kinds)
    settings: Any = {"runs": 40, "seed": 0, "threads": 1, "progress": Silent()}
    found = simulated.family_wise(**settings)
    assert len(found) == 2 * 2 * 2
    assert all(row["as_promised"] for row in found)

    monkeypatch.setattr(simulated, "paired_test", lambda *a, **k: uncorrected(paired_test(*a, **k)))
    wrong = {(row["family"], row["pairing"]): row for row in simulated.family_wise(**settings)}
    assert not wrong["independent", "paired"]["as_promised"]
    assert wrong["independent", "unpaired"]["as_promised"]


def uncorrected(test: Any) -> Any:
    return replace(test, p_fwer=test.p_value)


def test_seconds_and_memory_are_taken_of_a_process_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampled, "KINDS", ("indicators",))
    found = resampled.resamples(threads=1, progress=Silent(), numbers=(100, 1_000))
    assert [(row["kind"], row["n_resamples"]) for row in found] == [("indicators", 100), ("indicators", 1_000)]
    assert all(row["wall_s"] > 0 and row["extra_mib"] < 64 and row["as_promised"] for row in found)


# The recorded table of planted differences


@pytest.fixture(scope="module")
def record() -> Json:
    lenses = ("surface", "phrases")
    return run_planted(Planted(kinds=("style",), doses=(0.0, 0.1), prompts=(60,), runs=2, lenses=lenses, threads=2))


def with_share(record: Json, cell: int, name: str, value: float, n: int) -> Json:
    """A copy in which one figure of diptych's is another."""
    changed: Json = json.loads(json.dumps(record))
    changed["cells"][cell]["rules"][0][name] |= {"value": value, "n": n}
    return changed


def test_the_same_code_finds_again_what_was_recorded(record: Json) -> None:
    cells = fallen.again(record, runs=1, statements=None, threads=2)
    assert [(cell["kinds"], cell["dose"], cell["n_prompts"]) for cell in cells] == [([], 0.0, 60), (["style"], 0.1, 60)]
    assert all(cell["as_promised"] for cell in cells)
    assert cells[1]["recall"]["now"]["n"] == 1


@pytest.mark.parametrize(
    ("cell", "name", "then", "now", "holds"),
    [
        (1, "recall", 0.98, 0.5, False),
        (1, "recall", 0.98, 0.9, True),
        (1, "recall", 0.5, 0.98, True),
        (0, "any_false", 0.04, 0.6, False),
        (0, "any_false", 0.04, 0.1, True),
        (0, "any_false", 0.6, 0.0, True),
    ],
)
def test_a_table_that_falls_is_told_and_one_that_rises_is_not(
    record: Json, cell: int, name: str, then: float, now: float, holds: bool
) -> None:
    cells = fallen.beside(with_share(record, cell, name, then, 50), with_share(record, cell, name, now, 20))
    assert cells[cell]["as_promised"] is holds
    assert cells[1 - cell]["as_promised"]


def test_tables_without_a_common_cell_or_folder_are_refused(record: Json) -> None:
    other = {**record, "cells": [{**cell, "n_prompts": 61} for cell in record["cells"]]}
    with pytest.raises(ConfigError, match="no cell in common"):
        fallen.beside(record, other)
    planted = {**record, "settings": {**record["settings"], "source": "statements of persona"}}
    for folder in (None, Path("elsewhere")):
        with pytest.raises(ConfigError, match="planted in statements of persona; give their folder"):
            fallen.again(planted, runs=1, statements=folder, threads=1)


# The script


def call(monkeypatch: pytest.MonkeyPatch, folder: Path, *flags: str) -> int:
    monkeypatch.setattr(script, "RECORD", folder)
    monkeypatch.setattr(sys, "argv", ["stats.py", *flags])
    return script.main()


def test_sections_are_kept_one_by_one_and_only_missing_ones_are_added(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []

    def few(name: str) -> Any:
        def section(bench: sections.Bench, progress: Any) -> list[Json]:
            done.append(name)
            return simulated.family_wise(runs=bench.runs, seed=0, threads=1, progress=progress)

        return section

    monkeypatch.setattr(simulated, "FAMILIES", {"independent": simulated.FAMILIES["independent"]})
    for module in (script, sections):
        monkeypatch.setattr(module, "SECTIONS", {"coverage": few("coverage"), "family_wise": few("family_wise")})
    assert call(monkeypatch, tmp_path, "--only", "family_wise", "--runs", "20") == 0
    (path,) = tmp_path.glob("*-stats.json")
    assert list(json.loads(path.read_bytes())["sections"]) == ["family_wise"]
    page = path.with_suffix(".md").read_text()
    assert "## Family-wise error" in page
    assert page.count("| independent |") == 4
    monkeypatch.setattr(table, "_OTHERS", {**table._OTHERS, "coverage": table._family_wise})
    assert call(monkeypatch, tmp_path, "--missing", "--runs", "20") == 0
    assert done == ["family_wise", "coverage"]
    assert list(json.loads(path.read_bytes())["sections"]) == ["coverage", "family_wise"]
    assert "independent" in capsys.readouterr().out


def test_a_broken_promise_is_exit_code_1_and_quick_keeps_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(simulated, "SHAPES", {"normal": simulated.SHAPES["normal"]})
    monkeypatch.setattr(simulated, "COVERED", (0.999, 1.0))
    flags = ("--only", "coverage", "--runs", "150")
    assert call(monkeypatch, tmp_path, "--quick", *flags) == 0
    assert list(tmp_path.iterdir()) == []
    assert call(monkeypatch, tmp_path, *flags) == 1
    said = capsys.readouterr().out
    assert "NOT AS PROMISED" in said
    assert said.endswith("not as promised: coverage\n")


def test_planted_records_of_the_same_embedder_are_run_again_and_none_is_no_promise_kept(
    record: Json, tmp_path: Path
) -> None:
    path = tmp_path / "2026-01-01-planted-generator.json"
    path.write_text(json.dumps(record))
    bench = sections.Bench([], planted=(path,), planted_runs=1, threads=2)
    section = sections.measure("planted", bench)
    assert [row["record"] for row in section["figures"]] == [path.name] * 2
    assert table.broken({"planted": section}) == []
    assert f"| {path.name} | style | 10 % | 60 |" in table.markdown({"planted": section})
    other = sections.measure("planted", replace(bench, embedder="another"))
    assert table.broken({"planted": other}) == ["planted"]


def test_of_each_source_the_newest_planted_record_is_taken(tmp_path: Path) -> None:
    for name in ("2026-01-01-planted-generator", "2026-02-01-planted-generator", "2026-01-05-planted-persona"):
        (tmp_path / f"{name}.json").write_text("{}")
    (tmp_path / "2026-02-01-compare.json").write_text("{}")
    names = [path.stem for path in script.newest_planted(tmp_path)]
    assert sorted(names) == ["2026-01-05-planted-persona", "2026-02-01-planted-generator"]


def test_a_section_that_is_not_there_is_named() -> None:
    with pytest.raises(UnknownNameError, match="coverage"):
        sections.measure("coverag", sections.Bench([]))
