"""Exact intervals of shares, and p-values that are too small."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from diptych.stats.calibration import exact_share, smallness


@pytest.mark.parametrize(("n_hits", "n"), [(0, 1), (1, 1), (3, 20), (10, 200), (199, 200)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_the_interval_is_made_of_beta_quantiles(n_hits: int, n: int, level: float) -> None:
    share = exact_share(n_hits, n, level=level)
    tail = (1 - level) / 2
    low = stats.beta.ppf(tail, n_hits, n - n_hits + 1) if n_hits else 0.0
    high = stats.beta.ppf(1 - tail, n_hits + 1, n - n_hits) if n_hits < n else 1.0
    assert (share.low, share.high) == pytest.approx((low, high), abs=1e-9)
    assert share.value == n_hits / n


def test_the_excess_is_the_greatest_height_over_the_diagonal() -> None:
    p_values = np.random.default_rng(0).uniform(size=30) ** 1.5
    heights = [np.mean(p_values <= x) - x for x in p_values]
    assert smallness(p_values.tolist()).excess == pytest.approx(max(heights))


def test_uniform_p_are_seldom_too_small_and_smaller_ones_often() -> None:
    rng = np.random.default_rng(0)
    uniform = rng.uniform(size=(400, 50))
    rejected = [np.mean([smallness(row).p_value < 0.05 for row in rows.tolist()]) for rows in (uniform, uniform**2)]
    assert 0.02 < rejected[0] < 0.08
    assert rejected[1] > 0.9


def test_p_of_counts_are_greater_than_uniform_and_that_is_no_fault() -> None:
    hits = np.random.default_rng(0).binomial(12, 0.5, size=200)
    p_values = [float(stats.binomtest(int(k), 12).pvalue) for k in hits]
    assert stats.kstest(p_values, "uniform").pvalue < 1e-6
    assert smallness(p_values).p_value > 0.05
