"""k-means: the same clusters every time, and every row with its nearest centroid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych._types import Vectors
from diptych.clustering.algorithms import kmeans, nearest_centroid, number_of_clusters
from diptych.errors import ShapeError


def blobs(n: int = 90, k: int = 3, seed: int = 0) -> tuple[Vectors, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = np.arange(n) % k
    return (10 * np.eye(k, 5)[truth] + random.standard_normal((n, 5))).astype(np.float32), truth


def test_clear_clusters_are_found() -> None:
    vectors, truth = blobs()
    found = kmeans(vectors, 3, seed=0)
    assert found.labels.dtype == np.int32
    assert found.centroids.dtype == np.float32
    assert found.centroids.shape == (3, 5)
    assert len({(t, label) for t, label in zip(truth.tolist(), found.labels.tolist(), strict=True)}) == 3


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_the_same_seed_gives_the_same_bits(seed: int) -> None:
    vectors = np.random.default_rng(5).standard_normal((200, 20)).astype(np.float32)
    one, other = kmeans(vectors, 9, seed=seed), kmeans(vectors.copy(), 9, seed=seed)
    assert one.centroids.tobytes() == other.centroids.tobytes()
    np.testing.assert_array_equal(one.labels, other.labels)


def test_another_seed_may_give_other_clusters() -> None:
    vectors = np.random.default_rng(5).standard_normal((200, 20)).astype(np.float32)
    assert len({kmeans(vectors, 9, seed=seed).labels.tobytes() for seed in range(4)}) > 1


@pytest.mark.parametrize("k", [0, -1, 6])
def test_a_number_of_clusters_that_cannot_be_is_refused(k: int) -> None:
    with pytest.raises(ShapeError, match=f"cannot make {k} clusters of 5 rows; ask for 1 to 5"):
        kmeans(np.eye(5, dtype=np.float32), k, seed=0)


@given(st.integers(1, 6), st.integers(0, 8), st.integers(0, 2**32 - 1))
def test_the_nearest_centroid_is_that_of_the_obvious_loop(k: int, n: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors, centroids = (random.integers(-3, 4, (rows, 3)).astype(np.float32) for rows in (n, k))
    wanted = [min(range(k), key=lambda c: (float(((row - centroids[c]) ** 2).sum()), c)) for row in vectors]
    found = nearest_centroid(vectors, centroids)
    assert found.dtype == np.int32
    assert found.tolist() == wanted


@given(st.integers(0, 10**7))
def test_the_number_of_clusters_grows_with_the_rows_within_its_bounds(n: int) -> None:
    assert 2 <= number_of_clusters(n) <= 100
    assert number_of_clusters(n) <= number_of_clusters(n + 1)
    assert number_of_clusters(800) == 20
