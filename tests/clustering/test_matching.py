"""Matching clusters: as good as trying every way, and the same whatever the clusters are numbered."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from diptych._types import Labels
from diptych.clustering.matching import assign, contingency, match_clusters
from diptych.errors import ShapeError

PAIRS = st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 3)), max_size=30)


def split(pairs: list[tuple[int, int]]) -> tuple[Labels, Labels]:
    table = np.array(pairs, np.int32).reshape(-1, 2)
    return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])


@given(PAIRS)
def test_no_other_matching_agrees_on_more_items(pairs: list[tuple[int, int]]) -> None:
    first, second = split(pairs)
    k1, k2 = int(first.max(initial=-1)) + 1, int(second.max(initial=-1)) + 1
    counts = [[sum(pair == (i, j) for pair in pairs) for j in range(max(k1, k2))] for i in range(max(k1, k2))]
    best = max(sum(row[j] for row, j in zip(counts, order, strict=True)) for order in permutations(range(len(counts))))
    match = match_clusters(first, second, n_resamples=9)
    assert match.overlap.sum() == match.n_agreeing == best
    assert match.n_common == sum(a >= 0 and b >= 0 for a, b in pairs)
    assert (match.overlap > 0).all()
    for (i, j), overlap, jaccard in zip(
        match.pairs.tolist(), match.overlap.tolist(), match.jaccard.tolist(), strict=True
    ):
        assert overlap == counts[i][j]
        either = sum((a == i and b >= 0) or (b == j and a >= 0) for a, b in pairs)
        assert jaccard == pytest.approx(overlap / either)


@given(PAIRS)
def test_every_cluster_is_matched_once_or_named_as_unmatched(pairs: list[tuple[int, int]]) -> None:
    first, second = split(pairs)
    match = match_clusters(first, second, n_resamples=9)
    assert sorted([*match.pairs[:, 0].tolist(), *match.unmatched_1.tolist()]) == list(
        range(int(first.max(initial=-1)) + 1)
    )
    assert sorted([*match.pairs[:, 1].tolist(), *match.unmatched_2.tolist()]) == list(
        range(int(second.max(initial=-1)) + 1)
    )


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.permutations(range(6)))
def test_a_renumbering_is_found(labels: list[int], numbers: list[int]) -> None:
    first = np.array(labels, np.int32)
    second = np.array(numbers, np.int32)[first]
    match = match_clusters(first, second, n_resamples=9)
    assert {(i, numbers[i]) for i in labels} == {(i, j) for i, j in match.pairs.tolist()}
    assert (match.jaccard == 1).all()


@given(PAIRS, st.integers(1, 4))
def test_contingency_counts_every_pair_without_noise_on_any_number_of_threads(
    pairs: list[tuple[int, int]], threads: int
) -> None:
    table = contingency(*split(pairs), threads=threads)
    assert table.sum() == sum(a >= 0 and b >= 0 for a, b in pairs)
    for i, j in np.ndindex(table.shape):
        assert table[i, j] == pairs.count((i, j))


@given(st.integers(0, 7), st.integers(0, 7), st.booleans(), st.integers(0, 2**32 - 1))
def test_assignment_costs_what_scipy_s_costs(n: int, m: int, maximize: bool, seed: int) -> None:
    cost = np.random.default_rng(seed).integers(-5, 6, (n, m)).astype(np.float64)
    rows, columns = assign(cost, maximize=maximize)
    assert len(rows) == len(set(columns.tolist())) == min(n, m)
    assert cost[rows, columns].sum() == cost[linear_sum_assignment(cost, maximize)].sum()
    assert rows.tolist() == sorted(rows.tolist())


def test_labels_of_different_lengths_are_refused() -> None:
    with pytest.raises(ShapeError, match="differ in length: 1 != 2"):
        match_clusters(np.zeros(1, np.int32), np.zeros(2, np.int32))


def test_a_label_below_noise_is_refused() -> None:
    with pytest.raises(ShapeError):
        match_clusters(np.array([-2], np.int32), np.array([0], np.int32))


def test_the_same_labelling_agrees_beyond_chance_and_an_unrelated_one_does_not() -> None:
    random = np.random.default_rng(0)
    first, unrelated = (random.integers(0, 4, 200).astype(np.int32) for _ in range(2))
    same, other = match_clusters(first, first), match_clusters(first, unrelated)
    assert (same.adjusted_rand, same.p_total, same.n_agreeing) == (1.0, 0.001, 200)
    assert (same.p_value < 1e-30).all()
    assert abs(other.adjusted_rand) < 0.05 < other.p_total
    assert match_clusters(first, unrelated).p_total == other.p_total
