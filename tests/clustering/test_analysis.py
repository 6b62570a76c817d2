"""What is said of clusters equals what the obvious loops and scikit-learn say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import silhouette_samples  # type: ignore[import-untyped,unused-ignore]

from diptych._types import Vectors
from diptych.clustering.analysis import analyze_clusters
from diptych.clustering.counting import best_number, candidates
from diptych.clustering.shares import compute_statistics
from diptych.errors import ShapeError
from diptych.stats.exact import shares_test
from diptych.stats.multiplicity import q_values
from diptych.stats.permutation import paired_test


def cloud(n: int, d: int = 5, seed: int = 0) -> Vectors:
    return (np.random.default_rng(seed).standard_normal((n, d)) + 1.0).astype(np.float32)


@given(st.integers(3, 40), st.integers(2, 5), st.integers(0, 10**6))
def test_silhouettes_are_scikit_learns_over_squared_distances(n: int, k: int, seed: int) -> None:
    vectors = cloud(n, seed=seed)
    labels = np.random.default_rng(seed).integers(-1, k, n)
    found, is_in = analyze_clusters(vectors, labels), labels >= 0
    assert found.n_noise == (~is_in).sum()
    assert np.isnan(found.silhouettes[~is_in]).all()
    if 2 <= len(set(labels[is_in].tolist())) < is_in.sum():
        wanted = silhouette_samples(vectors[is_in].astype(np.float64), labels[is_in], metric="sqeuclidean")
        np.testing.assert_allclose(found.silhouettes[is_in], wanted, atol=1e-9)
        for cluster in set(labels[is_in].tolist()):
            assert found.separation[cluster] == pytest.approx(wanted[labels[is_in] == cluster].mean(), abs=1e-9)


@given(st.integers(1, 25), st.integers(0, 10**6))
def test_cohesion_is_the_mean_cosine_of_different_rows(n: int, seed: int) -> None:
    vectors = cloud(n, seed=seed)
    vectors[: n // 5] = 0.0
    labels = np.random.default_rng(seed).integers(0, 3, n)
    found = analyze_clusters(vectors, labels)
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    cosines = units @ units.T
    for cluster in range(found.n_clusters):
        rows = np.flatnonzero(labels == cluster)
        pairs = [cosines[i, j] for i in rows for j in rows if i != j]
        wanted = np.mean(pairs) if pairs else np.nan
        np.testing.assert_allclose(found.cohesion[cluster], wanted, atol=1e-5)


def test_a_number_without_rows_a_single_row_and_a_single_cluster_are_told() -> None:
    found = analyze_clusters(np.eye(3), [0, 2, 2])
    assert found.sizes.tolist() == [1, 0, 2]
    assert np.isnan(found.cohesion).tolist() == [True, True, False]
    assert found.separation[0] == 0.0
    assert np.isnan(found.separation[1])
    assert np.isnan(analyze_clusters(np.eye(3), [0, 0, 0]).separation).all()
    assert analyze_clusters(np.eye(2), [-1, -1]).n_clusters == 0
    assert analyze_clusters(np.ones((4, 2)), [0, 0, 1, 1]).separation.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("vectors", "labels", "text"),
    [
        (np.eye(3), [0, 1], "labels of shape (2,) for 3 vectors; give one label for each"),
        (np.eye(2), [0.5, 1.0], "labels are float64, expected whole numbers"),
        (np.eye(2), [0, -2], "label -2 of row 1: expected -1 (noise) or more"),
        (np.array([[np.nan]]), [0], "row 0, column 0 is nan"),
    ],
)
def test_what_does_not_fit_together_is_refused(vectors: Any, labels: Any, text: str) -> None:
    with pytest.raises(ShapeError) as error:
        analyze_clusters(vectors, labels)
    assert text in str(error.value)


def test_pairs_of_arms_are_tested_as_a_comparison_would() -> None:
    random = np.random.default_rng(0)
    n = 60
    arms, units = ["a"] * n + ["b"] * n + ["c"] * n, [str(i) for i in range(n)] * 2 + [f"other {i}" for i in range(n)]
    labels = random.integers(-1, 3, 3 * n)
    labels[:25] = 0
    found = compute_statistics(analyze_clusters(cloud(3 * n), labels), arms, units=units)
    assert found.pairs == (("a", "b"), ("a", "c"), ("b", "c"))
    assert found.is_paired.tolist() == [True, False, False]
    holds = labels[:, None] == np.arange(3)
    a, b, c = holds[:n], holds[n : 2 * n], holds[2 * n :]
    np.testing.assert_allclose(found.share, np.stack([a.mean(0), b.mean(0), c.mean(0)], axis=1))
    differences = b.astype(float) - a
    paired = paired_test(differences, indicator=np.ones(3, bool), n_resamples=99, seed=0)
    np.testing.assert_allclose(found.p_value[:, 0], paired.p_value)
    for column, (one, other) in enumerate([(a, c), (b, c)], start=1):
        wanted = shares_test(np.concatenate([one, other]).astype(np.int64), np.arange(2 * n) < n)
        np.testing.assert_allclose(found.p_value[:, column], wanted)
        np.testing.assert_allclose(found.difference[:, column], other.mean(0) - one.mean(0))
    np.testing.assert_allclose(found.q_value, q_values(found.p_value.ravel()).reshape(3, 3))
    assert ((found.low <= found.share) & (found.share <= found.high)).all()


@pytest.mark.parametrize("paired", [True, False])
def test_draws_are_averaged_by_unit_and_units_weigh_equally(paired: bool) -> None:
    labels = [0, 0, 0, 1, 1, 0]
    units = ["x", "x", "x", "y", "x", "y"] if paired else ["x", "x", "x", "y", "z", "w"]
    found = compute_statistics(analyze_clusters(cloud(6), labels), ["a"] * 4 + ["b"] * 2, units=units)
    assert found.n_units.tolist() == [2, 2]
    assert found.share.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert found.is_paired.tolist() == [paired]
    assert found.p_value.tolist() == [[1.0], [1.0]]
    assert found.entropy.tolist() == [1.0, 1.0]


def test_draws_of_one_prompt_do_not_count_as_prompts() -> None:
    labels = np.repeat([0, 1], 200)
    arms = ["a", "b"] * 200
    units = [str(i % 4 // 2) for i in range(400)]
    by_row = compute_statistics(analyze_clusters(cloud(400), labels), ["a"] * 200 + ["b"] * 200)
    by_unit = compute_statistics(
        analyze_clusters(cloud(400), labels), ["a"] * 200 + ["b"] * 200, units=[str(i % 3) for i in range(400)]
    )
    assert by_row.p_value.max() < 1e-50
    assert by_unit.p_value.min() == 0.25
    assert compute_statistics(analyze_clusters(cloud(400), labels), arms, units=units).difference.tolist() == [
        [0.0],
        [0.0],
    ]


def test_one_arm_is_described_and_not_tested() -> None:
    found = compute_statistics(analyze_clusters(cloud(4), [0, 0, 0, -1]))
    assert (found.arms, found.pairs, found.p_value.shape) == (("all",), (), (1, 0))
    assert found.share.tolist() == [[0.75]]
    assert found.entropy.tolist() == [0.0]


def test_the_same_model_twice_is_seldom_found_to_differ() -> None:
    random, false = np.random.default_rng(0), 0
    for _ in range(100):
        labels = random.integers(0, 5, 160)
        clusters = analyze_clusters(np.ones((160, 1)), labels)
        found = compute_statistics(clusters, ["a", "b"] * 80, units=[str(i // 2) for i in range(160)])
        false += int(found.q_value.min() <= 0.05)
    assert false <= 10


def test_names_of_the_wrong_number_are_refused() -> None:
    clusters = analyze_clusters(np.eye(2), [0, 1])
    with pytest.raises(ShapeError, match="2 labels but 3 names of arms; give one arm for each row"):
        compute_statistics(clusters, ["a", "b", "c"])
    with pytest.raises(ShapeError, match="2 labels but 1 names of units; give one unit for each row"):
        compute_statistics(clusters, ["a", "b"], units=["x"])


def test_numbers_to_try_rise_and_stay_below_the_rows() -> None:
    for n in (0, 1, 2, 3, 30, 5000):
        tried = candidates(n)
        assert tried == sorted(set(tried))
        assert not tried or (tried[0] == 2 and tried[-1] < n and tried[-1] <= 100)
    assert best_number(np.ones((9, 2), np.float32), "gap", seed=0) == 1


def test_of_many_rows_a_sample_decides() -> None:
    truth = np.arange(6_000) % 5
    vectors = (8 * np.eye(5)[truth] + np.random.default_rng(0).standard_normal((6_000, 5))).astype(np.float32)
    assert best_number(vectors, "silhouette", seed=0) == 5
