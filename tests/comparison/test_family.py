"""All measures of a run as one family: how the rate is held, and what a run can never find."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

import diptych
from diptych import Result
from diptych.stats.exact import smallest_paired_p, smallest_unpaired_p
from tests.helpers.records import Record, records


def similar(n: int = 40) -> tuple[list[Record], list[Record]]:
    """Two arms of which the second asks back in half of its answers, and differs in little else."""
    a = records(n, answer="The answer to it is {i}.")
    return a, [{**row, "response": row["response"][:-1] + "?"} if i % 2 else row for i, row in enumerate(a)]


def compare(n: int = 40, **settings: Any) -> Result:
    return diptych.compare(*similar(n), threads=1, **{"lenses": ("surface", "phrases"), **settings})


@pytest.mark.parametrize(("fdr", "name"), [("bh", "Benjamini–Hochberg"), ("by", "Benjamini–Yekutieli")])
def test_q_and_report_follow_the_chosen_procedure(fdr: str, name: str) -> None:
    result = compare(fdr=fdr, resamples=1000)
    p = [finding.p_value for finding in result.tested]
    q = [finding.q_value for finding in result.tested]
    assert q == pytest.approx(multipletests(p, method=f"fdr_{fdr}")[1], abs=1e-12)
    assert result.findings
    assert result.to_json()["fdr"] == fdr
    assert [word in result.to_html() for word in ("Benjamini–Hochberg", "Benjamini–Yekutieli")] == [
        word == name for word in ("Benjamini–Hochberg", "Benjamini–Yekutieli")
    ]


def test_what_would_have_been_found_is_more_where_less_is_assumed() -> None:
    changes = [
        np.array([finding.minimum_detectable_effect for finding in compare(200, fdr=fdr).tested], dtype=np.float64)
        for fdr in ("bh", "by")
    ]
    known = ~np.isnan(changes[0])
    assert known.sum() >= 2
    assert (changes[1][known] > changes[0][known]).all()


@pytest.mark.parametrize("n", range(1, 9))
def test_the_smallest_paired_p_is_that_of_every_sign_alike(n: int) -> None:
    sums = np.array([sum(signs) for signs in product((-1, 1), repeat=n)])
    assert smallest_paired_p(n) == (np.abs(sums) == n).mean()


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 2), (3, 3), (4, 4), (1, 4), (2, 5), (5, 4)])
def test_the_smallest_unpaired_p_is_that_of_perfect_separation(n: int, m: int) -> None:
    values = np.arange(n + m) ** 2.0
    means = [values[list(chosen)].mean() - np.delete(values, chosen).mean() for chosen in combinations(range(n + m), n)]
    mirrored = n == m
    assert smallest_unpaired_p(n, m) == (1 + mirrored) / len(means)
    assert smallest_unpaired_p(5_000, 9_000) == 0.0


def scored(n: int, *, above: float = 0.0) -> list[Record]:
    return [{**row, "mark": above + i * i} for i, row in enumerate(records(n))]


@pytest.mark.parametrize(
    ("n", "unpaired", "alpha", "is_reached"),
    [(8, 0, 0.05, True), (8, 0, 0.001, False), (10, 0, 0.001, False), (11, 0, 0.001, True),
     (8, 8, 0.0001, False), (9, 9, 0.0001, True), (9, 10, 0.00001, False), (9, 10, 0.00002, True)],
)  # fmt: skip
def test_what_can_not_be_reached_is_said_exactly_where_perfect_separation_is_no_finding(
    n: int, unpaired: int, alpha: float, is_reached: bool
) -> None:
    b = scored(unpaired or n, above=1e6)
    options: Any = {"lenses": ["scores"], "score_fields": ["mark"], "pairing": "unpaired" if unpaired else "paired"}
    result = diptych.compare(scored(n), b, threads=1, alpha=alpha, **options)
    (tested,) = result.tested
    said = [notice for notice in result.to_json()["notices"] if "smallest possible p" in notice]
    assert bool(result.findings) == is_reached
    assert (said == []) == is_reached
    if said:
        units = f"{n} and {unpaired}" if unpaired else str(n)
        text = f"cannot reach alpha = {alpha:g} with {units} prompts: smallest possible p is {tested.p_value:.2g}"
        assert said == [f"measures tested on all prompts {text}"]
        assert said[0] in result.to_html()


def test_a_lone_difference_that_is_out_of_reach_is_told_from_many_that_are_not() -> None:
    notices = compare(10, alpha=0.003).to_json()["notices"]
    assert any("all prompts cannot alone reach alpha = 0.003 with 10 prompts: smallest" in text for text in notices)
    assert [text for text in compare(200).to_json()["notices"] if "smallest possible p" in text] == []


def test_too_few_resamples_for_the_family_are_named() -> None:
    (notice,) = compare(200, lenses=("surface",), resamples=100, alpha=0.01).to_json()["notices"]
    assert "resampled measures tested on all prompts cannot alone reach alpha = 0.01 with 100 resamples" in notice
