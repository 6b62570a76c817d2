"""The whole comparison, on the demo corpora and on small made ones."""

from __future__ import annotations

import json
import random
from importlib.resources import files
from typing import Any

import numpy as np
import pytest

import diptych
from diptych import Result
from diptych.clustering.consensus import N_RECLUSTERINGS
from diptych.comparison.config import CompareConfig, CompareOptions
from diptych.comparison.folder import read_run
from diptych.errors import DataError

Rows = list[dict[str, Any]]


def demo(name: str) -> Rows:
    text = (files("diptych") / "demo_data" / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def compare(a: Rows, b: Rows, *, threads: int = 1, **settings: Any) -> Result:
    return diptych.compare(a, b, threads=threads, **{"name_a": "before", "name_b": "after", **settings})


def without_time_and_sources(result: Result) -> dict[str, Any]:
    found = result.to_json()
    del found["created"]
    for arm in found["arms"]:
        del arm["source"]
    return found


@pytest.fixture(scope="module")
def planted() -> Result:
    return compare(demo("before"), demo("after"))


@pytest.fixture(scope="module")
def crossed() -> Result:
    return compare(demo("before"), demo("after"), lenses="surface,log_odds")


def test_the_planted_differences_of_the_demo_are_found(planted: Result) -> None:
    said = {finding.statement for finding in planted.findings}
    assert "after says “i hope this helps” in more responses" in said  # phrase
    assert "after uses lists in more responses" in said  # style
    assert "after writes fewer words" in said  # length
    assert "after speaks of itself more" in said  # persona: "my favourite", "reminds me", in many wordings


def test_nothing_is_found_where_nothing_was_planted() -> None:
    control = compare(demo("before"), demo("control"))
    assert control.findings == []
    assert control.global_test.p_value > 0.05
    assert control.to_json()["not_found"]["minimum_detectable_effect"]["median_share"] > 0


def test_every_finding_is_complete(planted: Result) -> None:
    assert planted.findings
    for finding in planted.findings:
        assert finding.ci_low <= finding.effect <= finding.ci_high
        assert finding.effect == finding.mean_b - finding.mean_a
        assert 0 < finding.p_value <= finding.p_fwer <= 1
        assert finding.p_value <= finding.q_value <= 0.05
        assert finding.n_prompts == (150 if finding.tested_on == "all prompts" else 75)
        assert finding.examples
        for example in finding.examples:
            assert example.value_a is not None
            assert example.value_b is not None
            assert (example.value_b > example.value_a) == (finding.effect > 0)


def test_marks_lie_on_the_evidence(planted: Result) -> None:
    finding = next(f for f in planted.findings if f.statement.endswith("“i hope this helps” in more responses"))
    for example in finding.examples:
        assert example.b is not None
        assert [example.b[start:end].lower() for start, end in example.marks_b] == ["i hope this helps"]
        assert example.marks_a == ()


def test_what_was_chosen_by_comparing_is_tested_and_shown_on_the_other_half(planted: Result, crossed: Result) -> None:
    units = np.array(crossed.table.units)
    halves = {"first half": set(units[crossed.discovery]), "second half": set(units[~crossed.discovery])}
    chosen_in = {"first": "second half", "second": "first half"}
    seen = [finding for finding in crossed.findings if finding.lens == "log_odds"]
    assert seen
    for finding in seen:
        assert finding.tested_on == chosen_in[finding.id.removeprefix("log_odds.").split("_")[0]]
        assert {example.prompt_id for example in finding.examples} <= halves[finding.tested_on]
    assert {f.tested_on for f in planted.tested} == {"all prompts"}


def test_every_hypothesis_is_in_the_ledger_and_a_scan_is_one(planted: Result) -> None:
    ledger = [json.loads(line) for line in planted.hypotheses.splitlines()]
    scanned = {lens: [f.id for f in planted.tested if f.lens == lens] for lens in ("regions", "phrases")}
    assert {lens: len(ids) for lens, ids in scanned.items()} == {"regions": 10, "phrases": 20}
    alone = {f.id for f in planted.tested if f.lens not in scanned}
    assert {entry["id"] for entry in ledger} == alone | scanned.keys()
    assert next(e for e in ledger if e["id"] == "phrases")["definition"]["n_phrases"] > 100
    assert next(e for e in ledger if e["id"] == "regions")["definition"]["n_regions"] > 10


def test_what_both_halves_propose_and_confirm_is_one_finding_that_says_so(crossed: Result) -> None:
    statement = "after says “i hope this helps” in more responses"
    (finding,) = [finding for finding in crossed.findings if finding.statement == statement]
    twins = [entry for entry in crossed.tested if entry.statement == statement]
    assert len(twins) == 2
    assert {twin.tested_on for twin in twins} == {"first half", "second half"}
    assert finding.is_replicated
    assert abs(finding.statistic) == max(abs(twin.statistic) for twin in twins)


def test_a_cluster_that_was_found_says_how_often_it_comes_out_again(planted: Result) -> None:
    for finding in planted.tested:
        if finding.lens == "clusters" and finding in planted.findings:
            assert finding.n_repetitions == N_RECLUSTERINGS
            assert finding.n_survived in range(N_RECLUSTERINGS + 1)
        else:
            assert finding.n_survived is finding.n_repetitions is None
    found = [finding for finding in planted.findings if finding.lens == "clusters"]
    assert bool(found) == ("clusterings with other seeds" in planted.to_html())


def test_without_cross_fitting_only_the_first_half_proposes() -> None:
    result = compare(demo("before"), demo("after"), cross_fit=False, lenses="surface,log_odds")
    assert {finding.tested_on for finding in result.tested} == {"all prompts", "second half"}
    assert result.to_json()["split"]["cross_fit"] is False


def test_regions_that_are_reported_do_not_overlap(planted: Result) -> None:
    columns = [j for j, measure in enumerate(planted.measures) if measure.lens == "regions"]
    assert planted.values[:, columns].sum(axis=1).max() == 1
    sizes = planted.values[:, columns].sum(axis=0)
    assert sizes.min() >= 10
    assert sizes.max() <= len(planted.values) / 3


def test_exchanging_the_arms_turns_the_signs_and_nothing_else(planted: Result) -> None:
    turned = compare(demo("after"), demo("before"), name_a="after", name_b="before")
    assert [f.id for f in turned.findings] == [f.id for f in planted.findings]
    for here, there in zip(planted.tested, turned.tested, strict=True):
        assert (here.p_value, here.q_value, here.p_fwer) == (there.p_value, there.q_value, there.p_fwer)
        assert (here.effect, here.ci_low, here.ci_high) == (-there.effect, -there.ci_high, -there.ci_low)
        assert here.statistic == -there.statistic
        assert [e.prompt_id for e in here.examples] == [e.prompt_id for e in there.examples]
    assert turned.global_test == planted.global_test


def test_shuffled_rows_give_the_same_bytes(planted: Result) -> None:
    a, b = demo("before"), demo("after")
    random.Random(1).shuffle(a)
    random.Random(2).shuffle(b)
    assert without_time_and_sources(compare(a, b)) == without_time_and_sources(planted)


@pytest.mark.parametrize("threads", [2, 4])
def test_threads_change_nothing(planted: Result, threads: int) -> None:
    again = compare(demo("before"), demo("after"), threads=threads)
    assert json.dumps(without_time_and_sources(again)) == json.dumps(without_time_and_sources(planted))


def test_every_setting_is_a_keyword_of_compare() -> None:
    assert set(CompareOptions.__annotations__) == set(CompareConfig.model_fields)


def test_another_seed_splits_otherwise(planted: Result) -> None:
    other = compare(demo("before"), demo("after"), seed=1, lenses=["phrases"])
    assert (other.discovery != planted.discovery).any()


def test_unpaired_arms_are_tested_as_two_groups() -> None:
    result = compare(demo("before")[:75], demo("after")[75:])
    assert result.table.pairing == "unpaired"
    assert any("unpaired" in notice for notice in result.table.notices)
    assert "after says “i hope this helps” in more responses" in {f.statement for f in result.findings}
    for finding in result.findings:
        assert finding.n_up is None
        assert all((example.a is None) != (example.b is None) for example in finding.examples)


def test_draws_of_a_prompt_are_averaged_before_the_test() -> None:
    """Twenty copies of every answer are no more evidence than one."""
    a, b = demo("before")[:60], demo("after")[:60]
    once = compare(a, b, lenses=["surface"])
    many = compare(*([{**row, "draw": k} for row in rows for k in range(20)] for rows in (a, b)), lenses=["surface"])
    for here, there in zip(once.tested, many.tested, strict=True):
        assert there.effect == pytest.approx(here.effect, abs=1e-12)
        assert there.statistic == pytest.approx(here.statistic, abs=1e-9)
        assert there.n_prompts == here.n_prompts


def test_score_fields_are_tested_and_missing_scores_drop_out() -> None:
    rng = np.random.default_rng(0)
    a = [{**row, "reward": float(rng.normal())} for row in demo("before")]
    b = [{**row, "reward": float(rng.normal(1.5))} for row in demo("after")]
    for row in b[::10]:
        row["reward"] = None
    result = compare(a, b, lenses=["scores"], score_fields=["reward"])
    (finding,) = result.findings
    assert finding.statement == "after scores higher on “reward”"
    assert finding.n_missing > 0
    assert finding.n_prompts + finding.n_missing == 150
    assert any("no measurement" in warning for warning in finding.warnings)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), "high"])
def test_a_score_that_is_no_finite_number_is_an_error_with_its_place(score: Any) -> None:
    a, b = demo("before"), demo("after")
    for row in (*a, *b):
        row["reward"] = 1.0
    b[17]["reward"] = score
    with pytest.raises(DataError, match=r"list b[:,] row 18: .*field 'reward'"):
        compare(a, b, lenses=["scores"], score_fields=["reward"])


def test_identical_arms_differ_in_nothing() -> None:
    result = compare(demo("before"), demo("before"))
    assert result.findings == []
    assert {finding.p_value for finding in result.tested} == {1.0}
    assert result.global_test.p_value == 1.0


@pytest.fixture
def saved(planted: Result, tmp_path: Any) -> Any:
    return planted.save(tmp_path / "run")


def test_a_saved_run_reads_back_whole(planted: Result, saved: Any) -> None:
    documents = read_run(saved)
    assert documents.findings == json.loads(json.dumps(planted.to_json()))
    assert np.array_equal(documents.values, planted.values)
    assert len(documents.responses) == 300
    assert {row["arm"] for row in documents.responses} == {"before", "after"}
    assert sorted(path.name for path in saved.iterdir()) == [
        "clusters.csv", "clusters.html", "clusters.json", "clusters.md", "events.jsonl", "findings.csv",
        "findings.json", "hypotheses.jsonl", "manifest.json", "measures.json", "measures.npz", "plots", "report.html",
        "responses.jsonl",
    ]  # fmt: skip


def test_the_frame_has_a_row_per_finding(planted: Result) -> None:
    frame = planted.to_pandas()
    assert list(frame["id"]) == [finding.id for finding in planted.findings]
    assert float(frame["effect"].iloc[0]) == planted.findings[0].effect
