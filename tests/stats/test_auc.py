from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, permutation_test

from diptych.errors import ShapeError
from diptych.stats.auc import auc

scores = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=6)


@given(scores, scores)
def test_value_and_exact_p_are_those_of_scipy(first: list[float], second: list[float]) -> None:
    found = auc(np.array(first), np.array(second), seed=0)
    u = mannwhitneyu(first, second).statistic
    assert found.value == pytest.approx(u / (len(first) * len(second)))
    if len(first) > 1 and len(second) > 1:

        def statistic(x: np.ndarray, y: np.ndarray) -> float:
            return float(mannwhitneyu(x, y).statistic)

        wanted = permutation_test((first, second), statistic, alternative="greater", n_resamples=np.inf)
        assert found.p_value == pytest.approx(wanted.pvalue)
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0


def test_perfect_and_useless_scores() -> None:
    perfect = auc(np.ones(18), np.zeros(18), seed=0)
    assert (perfect.value, perfect.high, perfect.p_value) == (1.0, 1.0, 1e-4)
    assert 0.8 < perfect.low < 0.95
    constant = auc(np.ones(18), np.ones(18), seed=0)
    assert (constant.value, constant.p_value) == (0.5, 1.0)
    assert constant.low < 0.4 and constant.high > 0.6


def test_the_interval_covers_the_area_as_often_as_it_says() -> None:
    """Normal scores of 18 and 18; true area 0.76. A wrong variance (without the others' term) covers some 80 %."""
    from scipy.stats import norm

    generator, shift, hits = np.random.default_rng(0), 1.0, 0
    truth = norm.cdf(shift / np.sqrt(2))
    for _ in range(300):
        found = auc(generator.normal(shift, size=18).round(3), generator.normal(size=18).round(3), seed=0)
        hits += found.low <= truth <= found.high
    assert 0.92 <= hits / 300 <= 0.99


def test_p_is_uniform_under_the_null_or_larger() -> None:
    generator = np.random.default_rng(1)
    p = [auc(generator.integers(0, 3, 12) / 2, generator.integers(0, 3, 12) / 2, seed=i).p_value for i in range(200)]
    assert np.mean(np.array(p) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    assert np.mean(np.array(p) <= 0.5) > 0.3


def test_an_empty_group_has_no_area() -> None:
    with pytest.raises(ShapeError, match="groups of 0 and 2"):
        auc(np.empty(0), np.zeros(2), seed=0)
