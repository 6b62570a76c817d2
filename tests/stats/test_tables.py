"""Agreement of two sortings: equal to scikit-learn's index, and to counting every permutation."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score  # type: ignore[import-untyped,unused-ignore]

from diptych.stats.tables import adjusted_rand, overlap_p_values, table_p_value

LABELS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=30)


def cross(first: NDArray[np.int64], second: NDArray[np.int64], shape: tuple[int, int] = (4, 3)) -> NDArray[np.int64]:
    table = np.zeros(shape, np.int64)
    np.add.at(table, (first, second), 1)
    return table


@given(LABELS)
def test_the_index_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    first, second = np.array(pairs).T
    assert adjusted_rand(cross(first, second)) == pytest.approx(adjusted_rand_score(first, second), abs=1e-12)


def test_the_index_of_nothing_is_that_of_the_same() -> None:
    assert adjusted_rand(np.zeros((0, 0), np.int64)) == 1.0


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=6))
def test_an_overlap_is_as_rare_as_among_all_permutations(pairs: list[tuple[int, int]]) -> None:
    first, second = np.array(pairs).T
    table = cross(first, second, (2, 2))
    found = overlap_p_values(table, np.array([0, 1]), np.array([0, 1]))
    for label, p in enumerate(found):
        counts = [((first == label) & (np.array(order) == label)).sum() for order in permutations(second.tolist())]
        assert p == pytest.approx(np.mean(np.array(counts) >= table[label, label]), rel=1e-9)


def test_a_total_is_as_rare_as_among_all_permutations() -> None:
    first, second = np.array([0, 0, 0, 1, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0, 2])

    def trace(table: NDArray[np.int64]) -> float:
        return float(np.trace(table))

    observed = trace(cross(first, second, (3, 3)))
    exact = float(np.mean([trace(cross(first, np.array(order), (3, 3))) >= observed for order in permutations(second)]))
    found = table_p_value(cross(first, second, (3, 3)), trace, n_resamples=4000, seed=1)
    assert found == pytest.approx(exact, abs=4 * (exact * (1 - exact) / 4000) ** 0.5)


def test_labels_that_say_nothing_are_not_found_to_agree() -> None:
    random = np.random.default_rng(0)
    p_values = []
    for seed in range(200):
        table = cross(random.integers(0, 4, 60), random.integers(0, 3, 60))
        p_values.append(table_p_value(table, lambda cells: float(cells.max()), n_resamples=99, seed=seed))
    assert 0.01 <= np.mean(np.array(p_values) <= 0.05) <= 0.1


def test_a_table_without_items_tells_nothing() -> None:
    assert table_p_value(np.zeros((2, 2), np.int64), lambda cells: 1.0, n_resamples=9, seed=0) == 1.0


def test_a_p_value_is_never_zero() -> None:
    table = np.array([[3000, 0], [0, 3000]])
    assert 0 < overlap_p_values(table, np.array([0]), np.array([0]))[0] < 1e-300
