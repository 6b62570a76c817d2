"""The tree over clusters: scipy's where they weigh the same, and Ward's sums where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import cut_tree, linkage

from diptych.clustering.hierarchy import grow_hierarchy
from diptych.errors import ShapeError


@pytest.mark.parametrize("k", [2, 3, 17, 60])
@pytest.mark.parametrize("size", [1, 7])
def test_of_equal_sizes_it_is_scipys_tree(k: int, size: int) -> None:
    centroids = np.random.default_rng(k).standard_normal((k, 5))
    tree, peer = grow_hierarchy(centroids, np.full(k, size)), linkage(centroids, "ward")
    np.testing.assert_array_equal(tree.children, peer[:, :2])
    np.testing.assert_allclose(tree.heights, size**0.5 * peer[:, 2], rtol=1e-9)
    np.testing.assert_array_equal(tree.sizes, size * peer[:, 3])


@given(st.integers(2, 9), st.integers(0, 10**6))
def test_every_merge_is_the_cheapest_and_its_height_is_what_it_adds(k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    sizes, centroids = random.integers(1, 50, k), random.standard_normal((k, 3))
    tree, below = grow_hierarchy(centroids, sizes), grow_hierarchy(centroids, sizes).members()

    def squares(leaves: np.ndarray) -> float:
        mean = np.average(centroids[leaves], axis=0, weights=sizes[leaves])
        return float((sizes[leaves, None] * (centroids[leaves] - mean) ** 2).sum())

    alive = set(range(k))
    for i, (left, right) in enumerate(tree.children.tolist()):
        added = {
            (a, b): squares(below[a] | below[b]) - squares(below[a]) - squares(below[b])
            for a in alive
            for b in alive
            if a < b
        }
        assert added[left, right] == pytest.approx(min(added.values()))
        assert tree.heights[i] == pytest.approx((2.0 * added[left, right]) ** 0.5)
        assert tree.sizes[i] == sizes[below[k + i]].sum()
        alive = (alive - {left, right}) | {k + i}
    assert (np.diff(tree.heights) >= 0).all()


def test_sizes_decide_who_is_joined_first() -> None:
    centroids = np.array([[0.0], [1.0], [10.0], [10.9]])
    assert grow_hierarchy(centroids, np.array([1, 1, 1, 1])).children[0].tolist() == [2, 3]
    assert grow_hierarchy(centroids, np.array([1, 1, 90, 90])).children[0].tolist() == [0, 1]


def test_a_tree_over_singletons_goes_on_where_a_tree_over_rows_stood() -> None:
    random = np.random.default_rng(3)
    rows = np.repeat(10.0 * np.eye(4, 6), [3, 8, 2, 5], axis=0) + 0.01 * random.standard_normal((18, 6))
    labels = np.repeat(np.arange(4), [3, 8, 2, 5])
    centroids = np.stack([rows[labels == c].mean(axis=0) for c in range(4)])
    ours = grow_hierarchy(centroids, np.bincount(labels))
    np.testing.assert_allclose(ours.heights, linkage(rows, "ward")[-3:, 2], rtol=1e-9)


@pytest.mark.parametrize("n_branches", [1, 2, 5, 12])
def test_a_cut_is_scipys_and_the_order_keeps_branches_together(n_branches: int) -> None:
    centroids = np.random.default_rng(0).standard_normal((12, 4))
    tree = grow_hierarchy(centroids, np.ones(12, np.int64))
    labels = tree.cut(n_branches)
    peer = cut_tree(linkage(centroids, "ward"), [n_branches])[:, 0]
    np.testing.assert_array_equal(labels, peer)
    assert (np.diff(labels[tree.order()]) != 0).sum() == n_branches - 1
    assert sorted(tree.order().tolist()) == list(range(12))


def test_equal_distances_are_joined_in_the_order_of_numbers() -> None:
    tree = grow_hierarchy(np.zeros((4, 2)), np.ones(4, np.int64))
    assert tree.children.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert tree.heights.tolist() == [0.0, 0.0, 0.0]


def test_one_cluster_is_a_tree_of_one_leaf() -> None:
    tree = grow_hierarchy(np.ones((1, 2)), np.array([5]))
    assert (tree.n_leaves, tree.order().tolist(), tree.cut(1).tolist(), tree.members().tolist()) == (
        1,
        [0],
        [0],
        [[True]],
    )


@pytest.mark.parametrize(
    ("centroids", "sizes", "text"),
    [
        (np.zeros((0, 2)), [], "k at least 1, not (0, 2)"),
        (np.zeros((2, 2)), [1], "2 centroids but sizes of shape (1,)"),
        (np.zeros((2, 2)), [1, 0], "cluster 1 has 0 rows"),
        (np.array([[0.0], [np.nan]]), [1, 1], "the centroid of cluster 1 is not finite"),
    ],
)
def test_what_makes_no_tree_is_refused(centroids: np.ndarray, sizes: list[int], text: str) -> None:
    with pytest.raises(ShapeError) as error:
        grow_hierarchy(centroids, np.array(sizes, np.int64))
    assert text in str(error.value)


def test_a_tree_is_not_cut_into_more_branches_than_it_has_leaves() -> None:
    with pytest.raises(ShapeError, match="cannot cut 2 leaves into 3 branches"):
        grow_hierarchy(np.eye(2), np.ones(2, np.int64)).cut(3)
