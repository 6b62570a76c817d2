"""k-means: the same clusters every time, and every row with its nearest centroid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans  # type: ignore[import-untyped,unused-ignore]

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


@pytest.mark.parametrize("seed", range(3))
def test_clusters_are_as_tight_as_scikit_learns_best_of_ten(seed: int) -> None:
    random = np.random.default_rng(seed)
    centres = 1.5 * random.standard_normal((12, 8))
    vectors = (centres[random.integers(0, 12, 1500)] + random.standard_normal((1500, 8))).astype(np.float32)
    peer = KMeans(12, n_init=10, random_state=seed).fit(vectors)
    ours = kmeans(vectors, 12, seed=seed)
    assert ours.inertia <= 1.01 * peer.inertia_
    squares = ((vectors.astype(np.float64) - ours.centroids[ours.labels]) ** 2).sum()
    assert ours.inertia == pytest.approx(squares, rel=1e-6)
    np.testing.assert_array_equal(nearest_centroid(vectors, ours.centroids), ours.labels)


def test_without_tolerance_scikit_learn_finds_nothing_left_to_move() -> None:
    vectors = np.random.default_rng(5).standard_normal((400, 6)).astype(np.float32)
    ours = kmeans(vectors, 7, seed=0, tol=0.0)
    peer = KMeans(7, init=ours.centroids, n_init=1, tol=0.0).fit(vectors)
    np.testing.assert_array_equal(peer.labels_, ours.labels)
    np.testing.assert_allclose(peer.cluster_centers_, ours.centroids, atol=1e-5)


def test_the_number_of_threads_changes_no_bit() -> None:
    vectors = np.random.default_rng(5).standard_normal((3000, 20)).astype(np.float32)
    one, four = (kmeans(vectors, 30, seed=1, threads=threads) for threads in (1, 4))
    assert (one.centroids.tobytes(), one.labels.tobytes()) == (four.centroids.tobytes(), four.labels.tobytes())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"n_init": 0}, "n_init: 0, expected at least 1"),
        ({"max_iter": 0}, "max_iter: 0, expected at least 1"),
        ({"threads": 0}, "threads: 0, expected at least 1"),
    ],
)
def test_counts_of_none_are_refused(options: dict[str, int], text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        kmeans(np.eye(5, dtype=np.float32), 2, seed=0, **options)


def test_a_value_that_has_no_distance_is_named() -> None:
    vectors = np.ones((3, 2), np.float32)
    for value, text in ((np.nan, "NaN, expected a finite number"), (2e15, "expected at most 1e15 either way")):
        vectors[1, 1] = value
        with pytest.raises(ShapeError, match=f"rows: row 1, column 1 is .*{text}"):
            kmeans(vectors, 2, seed=0)


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
