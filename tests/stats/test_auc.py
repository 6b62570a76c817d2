from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, permutation_test

from diptych.errors import ShapeError
from diptych.stats.auc import Auc, auc, auc_of_pairs, joined

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


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, np.nan]), st.sampled_from([0.0, 0.5, 1.0, np.nan])), max_size=7)
)
def test_pairs_are_exchanged_within_units_in_all_ways(pairs: list[tuple[float, float]]) -> None:
    from itertools import product

    first, second = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
    if np.isnan(first).all() or np.isnan(second).all():
        with pytest.raises(ShapeError, match="needs one of each"):
            auc_of_pairs(first, second, seed=0)
        return

    def area(x: np.ndarray, y: np.ndarray) -> float:
        x, y = x[~np.isnan(x)], y[~np.isnan(y)]
        return float(np.mean((x[:, None] > y) + (x[:, None] == y) / 2)) if len(x) and len(y) else 0.5

    found = auc_of_pairs(first, second, seed=0)
    assert found.value == pytest.approx(area(first, second))
    null = [
        area(np.where(flips, second, first), np.where(flips, first, second))
        for flips in product([False, True], repeat=len(first))
    ]
    assert found.p_value == pytest.approx(np.mean(np.array(null) >= found.value - 1e-9))


def test_pairs_that_go_together_are_told_apart_where_groups_are_not() -> None:
    rng = np.random.default_rng(0)
    level = rng.normal(0.0, 3.0, 60)
    paired = auc_of_pairs(level + 0.8 + rng.normal(0, 0.5, 60), level + rng.normal(0, 0.5, 60), seed=0)
    assert paired.p_value == 1e-4
    assert paired.low < 0.5  # the interval takes no advantage of it


def test_pairs_give_a_uniform_p_under_the_null_whatever_they_have_in_common() -> None:
    rng = np.random.default_rng(1)
    p = []
    for i in range(300):
        level = rng.normal(size=16)
        first, second = (level + rng.normal(size=16) for _ in range(2))
        first[rng.random(16) < 0.2] = np.nan
        p.append(auc_of_pairs(first, second, seed=i).p_value)
    for cut in (0.05, 0.2, 0.5):
        assert np.mean(np.array(p) <= cut) == pytest.approx(cut, abs=3.5 * (cut * (1 - cut) / 300) ** 0.5)


def test_areas_of_two_halves_are_weighed_by_their_pairs() -> None:
    both = joined([Auc(1.0, 0.9, 1.0, 0.004, 30, 30), Auc(0.5, 0.2, 0.8, 0.9, 10, 10)])
    assert both.value == pytest.approx(0.95) and both.p_value == 0.008 and (both.n_first, both.n_second) == (40, 40)
    assert 0.85 < both.low < 0.95 < both.high < 1.0
    assert joined([Auc(0.5, 0.2, 0.8, 0.9, 10, 10)]).p_value == 0.9
