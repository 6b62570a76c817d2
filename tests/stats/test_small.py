"""Multiplicity, effect sizes, power and exact tests: each against a second source."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_effectsize

from diptych.stats.effect_sizes import cohen_h, standardised_mean
from diptych.stats.exact import shares_test, sign_test
from diptych.stats.multiplicity import q_values
from diptych.stats.power import minimum_detectable_effect


@pytest.mark.parametrize("case", range(30))
def test_q_values_equal_statsmodels(case: int) -> None:
    rng = np.random.default_rng(case)
    p = rng.uniform(size=int(rng.integers(1, 200))) ** 3
    assert q_values(p) == pytest.approx(multipletests(p, method="fdr_bh")[1], abs=1e-12)


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


def test_the_smallest_detectable_effect_is_detected_four_times_in_five() -> None:
    rng = np.random.default_rng(3)
    n, spread = 200, 2.0
    effect = minimum_detectable_effect(np.array([spread / np.sqrt(n)]), family_size=20, alpha=0.05)[0]
    p = stats.ttest_1samp(rng.normal(effect, spread, (n, 4000)), 0.0, axis=0).pvalue
    assert 0.76 <= np.mean(p <= 0.05 / 20) <= 0.84
