"""Multiplicity, effect sizes, power and exact tests: each against a second source."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_effectsize

from diptych.stats.effect_sizes import cohen_h, standardised_mean
from diptych.stats.exact import shares_test, sign_test
from diptych.stats.multiplicity import MOST_RESAMPLES, Fdr, first_step, holm, q_values, resamples_for
from diptych.stats.power import detectable_means, detectable_paired_shares, detectable_unpaired_shares


@pytest.mark.parametrize("case", range(30))
def test_adjusted_p_equal_statsmodels(case: int) -> None:
    rng = np.random.default_rng(case)
    p = rng.uniform(size=int(rng.integers(1, 200))) ** 3
    if case % 3 == 0:
        p = np.ceil(p * 20) / 20  # ties
    assert q_values(p) == pytest.approx(multipletests(p, method="fdr_bh")[1], abs=1e-12)
    assert q_values(p, "by") == pytest.approx(multipletests(p, method="fdr_by")[1], abs=1e-12)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)


def test_no_hypothesis_has_no_adjusted_p() -> None:
    assert [len(q_values(np.array([]), method)) for method in ("bh", "by")] == [0, 0]
    assert len(holm(np.array([]))) == 0


@pytest.mark.parametrize("method", ["bh", "by"])
@pytest.mark.parametrize("family", [1, 2, 50, 3000])
def test_a_lone_difference_passes_at_the_first_step_and_not_above(family: int, method: Fdr) -> None:
    step = first_step(family, 0.05, method=method)
    for p, passes in ((step * (1 - 1e-9), True), (step * (1 + 1e-9), False)):
        assert (q_values(np.array([p, *[1.0] * (family - 1)]), method)[0] <= 0.05) == passes


@pytest.mark.parametrize("method", ["bh", "by"])
def test_as_many_resamples_as_let_a_lone_difference_pass(method: Fdr) -> None:
    for family in (1, 10, 77, 500):
        n = resamples_for(family, 0.05, method=method)
        assert 1 / (1 + n) <= first_step(family, 0.05, method=method) / 20 or n == MOST_RESAMPLES
        assert n == 10 ** round(np.log10(n))


def test_cohen_h_equals_statsmodels() -> None:
    a, b = np.random.default_rng(0).uniform(size=(2, 50))
    assert cohen_h(a, b) == pytest.approx(proportion_effectsize(b, a), abs=1e-12)


def test_standardised_mean_knows_no_spread() -> None:
    found = standardised_mean(np.array([2.0, 0.0, 3.0]), np.array([4.0, 0.0, 0.0]))
    assert found[0] == 0.5
    assert found[1] == 0.0
    assert np.isnan(found[2])


def test_sign_test_equals_the_binomial_test() -> None:
    rng = np.random.default_rng(1)
    plus, minus = rng.integers(0, 30, (2, 100))
    expected = [stats.binomtest(int(k), int(k + m)).pvalue if k + m else 1.0 for k, m in zip(plus, minus, strict=True)]
    assert sign_test(plus, minus) == pytest.approx(expected, rel=1e-10)


def test_shares_of_equal_groups_agree_with_fisher() -> None:
    """With groups of one size, order by |t| and order by probability are the same."""
    rng = np.random.default_rng(2)
    first = np.arange(40) < 20
    hits = (rng.uniform(size=(40, 50)) < rng.uniform(size=50)).astype(np.int64)
    for j, p in enumerate(shares_test(hits, first)):
        table = np.array([[hits[side, j].sum(), (1 - hits[side, j]).sum()] for side in (first, ~first)])
        assert p == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-9)


@pytest.mark.parametrize(("n_discordant", "n"), [(0, 75), (12, 75), (40, 402), (3, 402)])
def test_a_detectable_change_of_a_share_is_detected_four_times_in_five(n_discordant: int, n: int) -> None:
    level = 0.05 / 120
    (change,) = detectable_paired_shares(np.array([n_discordant]), np.array([n]), level=level)
    half = n_discordant / n / 2
    counts = np.random.default_rng(3).multinomial(n, [half + change, half, 1 - 2 * half - change], size=4000)
    assert 0.77 <= (sign_test(counts[:, 0], counts[:, 1]) <= level).mean() <= 0.83


def test_too_few_prompts_can_detect_nothing() -> None:
    assert np.isnan(detectable_paired_shares(np.array([0, 2]), np.array([5, 5]), level=0.05)).all()
    assert np.isnan(detectable_means(np.array([0.1, 0.0]), np.array([8, 80]), level=1e-4, smallest_p=1e-3)).all()


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_detectable_change_between_groups_is_detected_about_four_times_in_five(share: float) -> None:
    rng, level = np.random.default_rng(4), 0.05 / 50
    (change,) = detectable_unpaired_shares(np.array([share]), np.array([150]), np.array([120]), level=level)
    raised = share + change if share < 0.5 else share - change
    first = np.arange(270) < 150
    hits = np.where(first[:, None], rng.random((270, 600)) < share, rng.random((270, 600)) < raised).astype(np.int64)
    assert 0.7 <= (shares_test(hits, first) <= level).mean() <= 0.93


def test_a_detectable_mean_is_detected_four_times_in_five() -> None:
    n, spread, level = 40, 2.0, 0.05 / 20
    error = np.array([spread / np.sqrt(n)])
    (effect,) = detectable_means(error, np.array([n]), level=level, smallest_p=1e-5)
    p = stats.ttest_1samp(np.random.default_rng(5).normal(effect, spread, (n, 4000)), 0.0, axis=0).pvalue
    assert 0.75 <= np.mean(p <= level) <= 0.87


def test_judges_who_always_agree_have_an_interval_below_one_and_those_who_guess_one_around_zero() -> None:
    from diptych.stats.agreement import agreement_of_judges

    rng = np.random.default_rng(0)
    said = rng.integers(0, 2, 40).astype(float)
    units = [str(i) for i in range(40)]
    same = agreement_of_judges(said, said, units)
    assert same["same"]["value"] == 1.0
    assert same["correlation"]["value"] == same["correlation"]["high"] == pytest.approx(1.0)
    assert 0.85 < same["correlation"]["low"] < 1.0 and 0.85 < same["same"]["low"] < 1.0
    inside = [
        (found := agreement_of_judges(said, rng.integers(0, 2, 40).astype(float), units)["correlation"])["low"]
        <= 0.0
        <= found["high"]
        for _ in range(200)
    ]
    assert np.mean(inside) > 0.9
    assert agreement_of_judges(said, np.zeros(40), units)["correlation"]["value"] is None
    draws = agreement_of_judges(said, said, [str(i // 4) for i in range(40)])
    assert draws["same"]["n"] == 10 and draws["same"]["low"] < same["same"]["low"]
