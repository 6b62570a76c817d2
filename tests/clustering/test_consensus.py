"""Consensus: the clustering that the others bear out, and which of its clusters they do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.clustering.algorithms import kmeans
from diptych.clustering.consensus import best_overlaps, consensus, other_seeds, reclusterings
from diptych.errors import ShapeError

PAIRS = st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), min_size=1, max_size=25)


@given(PAIRS)
def test_overlaps_are_those_of_the_obvious_loop(pairs: list[tuple[int, int]]) -> None:
    first, second = np.array(pairs, np.int32).T.copy()
    found = best_overlaps(first, second)
    assert len(found) == first.max() + 1
    for cluster, overlap in enumerate(found):
        mine = set(np.flatnonzero(first == cluster))
        theirs = [set(np.flatnonzero(second == other)) for other in range(second.max() + 1)]
        assert overlap == max((len(mine & other) / max(len(mine | other), 1) for other in theirs), default=0.0)


def test_one_clear_cluster_is_stable_and_a_cloud_cut_in_pieces_is_not() -> None:
    random = np.random.default_rng(0)
    cloud = random.standard_normal((300, 8))
    far = 60.0 + 0.1 * random.standard_normal((60, 8))
    vectors = np.concatenate([far, cloud]).astype(np.float32)
    found = consensus([kmeans(vectors, 7, seed=seed, n_init=1).labels for seed in range(8)])
    clear = found.labels[0]
    assert (found.labels[:60] == clear).all()
    assert found.stability[clear] == 1.0
    assert np.delete(found.stability, clear).max() < 0.9
    assert 0.0 < found.agreement < 1.0


def test_an_odd_one_out_is_not_chosen_and_a_number_without_rows_has_no_stability() -> None:
    common, odd = np.array([0, 0, 2, 2, -1], np.int32), np.array([0, 2, 0, 2, 0], np.int32)
    found = consensus([odd, common, common.copy()])
    assert found.chosen == 1
    np.testing.assert_array_equal(np.isnan(found.stability), [False, True, False])


def test_other_seeds_are_others() -> None:
    assert not set(other_seeds(0)) & set(other_seeds(1))
    again = reclusterings(np.random.default_rng(0).standard_normal((60, 4)).astype(np.float32), 9, seed=0)
    assert len({labels.tobytes() for labels in again}) > 1


@pytest.mark.parametrize(
    ("lengths", "text"),
    [([3], "at least 2 clusterings, not of 1"), ([3, 4], "differ in length: 3 != 4")],
)
def test_what_makes_no_consensus_is_refused(lengths: list[int], text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        consensus([np.zeros(n, np.int32) for n in lengths])
