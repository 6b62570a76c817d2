"""Intervals that hold together, and measures that are shown to differ by too little to count."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import diptych
from diptych import Result
from diptych.comparison.bounds import levels_together
from diptych.comparison.equivalence import is_within, parse_margins
from diptych.comparison.findings import Finding
from diptych.errors import UnknownNameError
from tests.helpers.records import Record, records

N_PROMPTS = 60
SHIFTS = {"long": 0.3, "loud": -0.2, "warm": 0.0}
"""Scores, and by how much the second arm's are higher."""
ANSWERS = (
    "Yes.", "No, I am sorry, I cannot help with that.", "Perhaps it is. Do you want to ask?", "- one\n- two\n- three",
    "I think **that** it could be so. I am sure!", "# It is\n\nThe 12 of them are here.", "`x = 1` is the code, (see it).",
)  # fmt: skip


def answered(rng: np.random.Generator, draws: int = 1) -> tuple[list[Record], list[Record]]:
    """Two arms that answer alike, with skewed scores that share a part of their cause."""
    sides: list[list[Record]] = [[], []]
    for is_b, side in enumerate(sides):
        for draw in range(draws):
            for row in records(N_PROMPTS):
                common = rng.exponential()
                scores = {name: common + rng.exponential() + is_b * shift for name, shift in SHIFTS.items()}
                side.append({**row, "draw": draw, "response": str(rng.choice(ANSWERS)), **scores})
    return sides[0], sides[1]


def compare(arms: tuple[list[Record], list[Record]], **settings: Any) -> Result:
    options: dict[str, Any] = {"lenses": "surface,scores", "score_fields": tuple(SHIFTS), "resamples": 100}
    return diptych.compare(*arms, threads=1, **{**options, "simultaneous": True, **settings})


def together(finding: Finding) -> tuple[float, float]:
    assert finding.simultaneous_low is not None
    assert finding.simultaneous_high is not None
    return finding.simultaneous_low, finding.simultaneous_high


@pytest.mark.parametrize(("pairing", "draws"), [("paired", 1), ("paired", 3), ("unpaired", 1)])
def test_simultaneous_intervals_of_shares_and_numbers_hold_together(pairing: str, draws: int) -> None:
    rng, n_runs, held = np.random.default_rng(1), 40, Counter[str]()
    for _ in range(n_runs):
        tested = compare(answered(rng, draws), pairing=pairing).tested
        truth = [SHIFTS.get(finding.id.removeprefix("scores."), 0.0) for finding in tested]
        assert len(tested) > 20
        assert truth.count(0.0) < len(truth)
        pairs = list(zip(tested, truth, strict=True))
        held["together"] += all(together(f)[0] <= t <= together(f)[1] for f, t in pairs)
        held["alone"] += all(f.ci_low <= t <= f.ci_high for f, t in pairs)
    assert held["together"] / n_runs >= 0.95 - 2 * np.sqrt(0.95 * 0.05 / n_runs)
    assert held["alone"] / n_runs < 0.8


def test_simultaneous_intervals_contain_those_of_each_measure_and_are_there_only_on_request() -> None:
    arms = answered(np.random.default_rng(2))
    plain, both = compare(arms, simultaneous=False), compare(arms)
    for one, other in zip(plain.tested, both.tested, strict=True):
        assert (one.simultaneous_low, one.simultaneous_high, one.is_equivalent) == (None, None, None)
        assert (one.ci_low, one.ci_high, one.q_value) == (other.ci_low, other.ci_high, other.q_value)
        low, high = together(other)
        assert low <= other.ci_low <= other.ci_high <= high
        assert high - low > 1.2 * (other.ci_high - other.ci_low) or other.ci_high == other.ci_low
    assert "simultaneous 95 % interval" in both.to_html()
    assert "simultaneous 95 %" not in plain.to_html()


def test_exchanging_the_arms_turns_simultaneous_intervals_too() -> None:
    a, b = answered(np.random.default_rng(3))
    here, there = compare((a, b), equivalent_within="0.3"), compare((b, a), equivalent_within="0.3")
    for one, other in zip(here.tested, there.tested, strict=True):
        assert together(one) == (-together(other)[1], -together(other)[0])
        assert one.is_equivalent == other.is_equivalent


def test_a_measure_is_equivalent_when_its_simultaneous_interval_lies_inside_its_margin() -> None:
    arms = answered(np.random.default_rng(4))
    widest = {f.id: max(map(abs, together(f))) for f in compare(arms).tested}
    margins = {
        "scores.long": widest["scores.long"] * 0.999,
        "warm": widest["scores.warm"] * 1.001,
        "share of responses": 0.999,
        "surface.has_list": widest["surface.has_list"] * 0.999,
        "surface.refuses": widest["surface.refuses"] * 1.001,
    }
    result = compare(arms, equivalent_within=margins, simultaneous=False)
    judged = {finding.id: finding.is_equivalent for finding in result.tested}
    assert [judged[name] for name in ("scores.long", "scores.loud", "scores.warm")] == [False, None, True]
    assert [judged[f"surface.{name}"] for name in ("has_list", "refuses", "ends_with_question")] == [False, True, True]
    said = {entry["name"]: (entry["n_equivalent"], entry["n_measures"]) for entry in result.to_json()["equivalent"]}
    shares = sum(finding.unit == "share of responses" for finding in result.tested) - 2
    assert said == {
        "scores.long": (0, 1), "warm": (1, 1), "share of responses": (shares, shares), "surface.has_list": (0, 1),
        "surface.refuses": (1, 1),
    }  # fmt: skip
    assert result.to_json()["not_found"]["n_equivalent"] == sum(f.is_equivalent is True for f in result.not_found)
    stored = result.documents().measures["measures"]
    assert [m["tested"]["is_equivalent"] for m in stored] == [f.is_equivalent for f in result.tested]


def test_the_report_says_how_many_are_equivalent() -> None:
    page = compare(answered(np.random.default_rng(5)), equivalent_within=["0.9", "warm=99"]).to_html()
    assert "measures are equivalent within ±90\xa0points (share of responses)" in page
    assert "1 of 1 measure is equivalent within ±99\xa0warm (warm)" in page
    assert "share of responses: 0.9, warm: 99.0" in page


def test_a_number_that_never_varied_is_not_claimed_to_be_equivalent_and_a_share_may_be() -> None:
    rows = [{**row, "response": "- one" if i % 2 else "One.", "size": 3.5} for i, row in enumerate(records(200))]
    result = compare((rows, rows), score_fields="size", equivalent_within="0.1,size=1")
    judged = {finding.id: finding.is_equivalent for finding in result.tested}
    assert judged["scores.size"] is False
    assert judged["surface.has_list"] is True


def test_regions_pay_in_simultaneous_intervals_for_being_the_strongest() -> None:
    arms = [records(60, answer=f"{word}, {{i}}, and {word} again.") for word in ("One", "Two", "Three")]
    a, b = (
        [arms[rank][i] for i, rank in enumerate(ranks)] for ranks in np.random.default_rng(6).integers(0, 3, (2, 60))
    )
    found = compare((a, b), lenses="regions,surface", score_fields=()).tested
    regions = [finding for finding in found if finding.lens == "regions"]
    assert regions
    assert all(together(f)[0] < f.ci_low <= f.ci_high < together(f)[1] for f in regions)


@pytest.mark.parametrize(
    ("name", "says"),
    [("scores.wram", "'scores.wram'. Did you mean 'scores.warm'.* Known: scores.long, scores.loud, scores.warm"),
     ("phrases.i_am_sure", "'phrases.i_am_sure'.* Known: share of responses, words")],
)  # fmt: skip
def test_a_margin_of_what_was_not_proposed_names_what_was(name: str, says: str) -> None:
    arms = answered(np.random.default_rng(7))
    with pytest.raises(UnknownNameError, match=f"unknown measure or unit {says}"):
        compare(arms, lenses="surface,phrases,scores", equivalent_within={name: 0.1})


@pytest.mark.parametrize(
    ("given", "margins"),
    [(0.05, {"share of responses": 0.05}), ("words=10", {"words": 10.0}), ([], {}), ({"words": 3}, {"words": 3.0}),
     (["0.1", "a = b=2"], {"share of responses": 0.1, "a = b": 2.0})],
)  # fmt: skip
def test_margins_are_read_from_every_form(given: Any, margins: dict[str, float]) -> None:
    assert parse_margins(given) == margins
    assert parse_margins(json.loads(json.dumps(margins))) == margins


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(1e-3, 2))
def test_equivalence_is_symmetric_and_grows_with_the_margin(low: float, high: float, margin: float) -> None:
    low, high = min(low, high), max(low, high)
    assert is_within(low, high, margin) == is_within(-high, -low, margin)
    assert is_within(low, high, 2 * margin) or not is_within(low, high, margin)


@given(st.floats(1e-4, 0.5), st.integers(0, 500), st.integers(0, 50))
def test_all_that_may_miss_adds_up_to_alpha(alpha: float, n_shares: int, n_numbers: int) -> None:
    levels = levels_together(alpha, n_shares, n_numbers)
    spent = n_shares * (1 - levels.share) + (n_numbers > 0) * (1 - levels.number)
    assert spent == pytest.approx(alpha if n_shares + n_numbers else 0.0, abs=1e-9)
