"""The pipeline: every algorithm finds clear clusters, in any order of rows, and says clearly what it cannot do."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import pytest

from diptych import ClusteringPipeline
from diptych._types import Labels, Vectors
from diptych.clustering.algorithms import number_of_clusters
from diptych.clustering.methods import METHODS
from diptych.errors import ConfigError, MissingExtraError, ShapeError, UnknownNameError

WITH_NUMBER = ["kmeans", "minibatch_kmeans", "spectral", "agglomerative"]
WITHOUT = ["optics", "hdbscan"]


def blobs(sizes: tuple[int, ...] = (40, 30, 20), d: int = 6, seed: int = 0) -> tuple[Vectors, Labels]:
    """Far apart, the largest first."""
    truth = np.repeat(np.arange(len(sizes)), sizes)
    noise = 0.3 * np.random.default_rng(seed).standard_normal((len(truth), d))
    return (10 * np.eye(len(sizes), d)[truth] + noise).astype(np.float32), truth.astype(np.int32)


def pipeline_for(algorithm: str, k: int, **options: Any) -> ClusteringPipeline:
    return ClusteringPipeline(algorithm, k if METHODS[algorithm].takes_n_clusters else None, **options)


@pytest.mark.parametrize("algorithm", WITH_NUMBER + WITHOUT)
def test_clear_clusters_are_found_and_numbered_by_size_in_any_order(algorithm: str) -> None:
    vectors, truth = blobs()
    labels = pipeline_for(algorithm, 3).fit_predict(vectors)
    assert labels.dtype == np.int32
    is_in = labels >= 0
    if algorithm == "optics":  # leaves much of each as noise
        assert len({*zip(labels[is_in].tolist(), truth[is_in].tolist(), strict=True)}) == 3
    else:
        np.testing.assert_array_equal(labels, truth)
    order = np.random.default_rng(1).permutation(len(vectors))
    np.testing.assert_array_equal(pipeline_for(algorithm, 3).fit_predict(vectors[order]), labels[order])


@pytest.mark.parametrize("algorithm", WITH_NUMBER + WITHOUT)
def test_a_cloud_is_cut_the_same_way_in_any_order(algorithm: str) -> None:
    vectors = np.random.default_rng(0).standard_normal((150, 4)).astype(np.float32)
    vectors[40:60] = vectors[:20]
    order = np.random.default_rng(1).permutation(len(vectors))
    first, again = (pipeline_for(algorithm, 7).fit_predict(rows) for rows in (vectors, vectors[order]))
    np.testing.assert_array_equal(again, first[order])
    np.testing.assert_array_equal(first[40:60], first[:20])
    sizes = np.bincount(first[first >= 0])
    assert (np.diff(sizes) <= 0).all()


@pytest.mark.parametrize("name", ["KMeans", "SpectralClustering", "AgglomerativeClustering", "OPTICS", "k-means"])
def test_names_of_scikit_learn_are_known(name: str) -> None:
    ClusteringPipeline(name)


def test_the_seed_decides_and_threads_do_not() -> None:
    vectors = np.random.default_rng(5).standard_normal((200, 20)).astype(np.float32)
    runs = {
        seed: ClusteringPipeline("kmeans", 9, seed=seed, threads=threads).fit_predict(vectors).tobytes()
        for seed, threads in ((0, 1), (1, 2), (2, 1))
    }
    assert len(set(runs.values())) > 1
    assert ClusteringPipeline("kmeans", 9, seed=0, threads=2).fit_predict(vectors).tobytes() == runs[0]


@pytest.mark.parametrize("n", [2, 5, 60])
def test_without_a_number_the_rule_decides_and_fewer_rows_than_its_least_do_not_fail(n: int) -> None:
    vectors = np.random.default_rng(n).standard_normal((n, 3)).astype(np.float32)
    assert ClusteringPipeline("kmeans").fit_predict(vectors).max() + 1 == min(number_of_clusters(n), n)
    assert ClusteringPipeline("kmeans", "rule").fit_predict(vectors[:1]).tolist() == [0]


@pytest.mark.parametrize("criterion", ["silhouette", "gap"])
def test_a_criterion_finds_how_many_clear_clusters_there_are(criterion: Any) -> None:
    vectors, truth = blobs((40, 35, 30, 25))
    np.testing.assert_array_equal(ClusteringPipeline("agglomerative", criterion).fit_predict(vectors), truth)


def test_of_a_single_cloud_the_gap_says_so() -> None:
    vectors = np.random.default_rng(0).random((300, 5)).astype(np.float32)
    assert set(ClusteringPipeline("kmeans", "gap").fit_predict(vectors).tolist()) == {0}


def test_several_seeds_give_a_stability() -> None:
    vectors = np.concatenate([blobs((40,), 6)[0] + 50, np.random.default_rng(0).standard_normal((160, 6))])
    pipeline = ClusteringPipeline("minibatch_kmeans", 6, n_seeds=6)
    labels = pipeline.fit_predict(vectors)
    assert pipeline.stability is not None
    assert pipeline.stability.shape == (labels.max() + 1,)
    assert pipeline.stability[labels[0]] == pytest.approx(1.0)
    assert pipeline.stability.min() < 0.95
    pipeline.n_seeds = 1
    pipeline.fit_predict(vectors)
    assert pipeline.stability is None


@pytest.mark.parametrize("algorithm", WITH_NUMBER)
def test_equal_vectors_are_one_cluster_and_it_is_said(algorithm: str) -> None:
    with pytest.warns(UserWarning, match="only 1 of 12 vectors are distinct: 1 clusters, not the 3"):
        labels = ClusteringPipeline(algorithm, 3).fit_predict(np.ones((12, 4), np.float32))
    assert labels.tolist() == [0] * 12


@pytest.mark.parametrize("algorithm", ["kmeans", *WITHOUT])
def test_equal_vectors_without_a_number_need_no_warning(algorithm: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        labels = ClusteringPipeline(algorithm).fit_predict(np.ones((12, 4), np.float32))
    assert len(set(labels.tolist())) == 1


@pytest.mark.parametrize("algorithm", WITHOUT)
def test_too_few_rows_for_a_cluster_are_noise(algorithm: str) -> None:
    assert ClusteringPipeline(algorithm).fit_predict(np.eye(3)).tolist() == [-1, -1, -1]


def test_as_many_clusters_as_rows_are_all_apart() -> None:
    for algorithm in WITH_NUMBER:
        assert sorted(ClusteringPipeline(algorithm, 4).fit_predict(np.eye(4)).tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (np.eye(2), "cannot make 3 clusters of 2 rows; ask for 1 to 2"),
        (np.empty((0, 4)), "vectors of shape (0, 4): expected (n, d), with at least one row"),
        (np.ones(4), "vectors of shape (4,)"),
        ([[1, 2], [1, 2, 3]], "vectors differ in width: row 0 has shape (2,), row 1 has (3,)"),
        ([["a"], ["b"]], "vectors cannot be read as numbers"),
        ([[1.0, 1.0]] * 5 + [[1.0, float("nan")]], "vectors: row 5, column 1 is nan, expected a finite number"),
        ([[1.0]] * 5 + [[float("inf")]], "vectors: row 5, column 0 is inf"),
    ],
)
def test_vectors_that_cannot_be_clustered_are_refused(rows: Any, text: str) -> None:
    with pytest.raises(ShapeError) as error:
        ClusteringPipeline("kmeans", 3).fit_predict(rows)
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"n_clusters": 0}, "n_clusters = 0: expected at least 1"),
        ({"n_clusters": "many"}, "n_clusters = 'many': expected a number, 'rule', 'silhouette' or 'gap'"),
        (
            {"algorithm": "optics", "n_clusters": 3},
            "optics finds the number of clusters itself; leave n_clusters = 3 out",
        ),
        ({"n_seeds": 0}, "n_seeds = 0: expected at least 1"),
        ({"algorithm": "agglomerative", "n_seeds": 3}, "agglomerative depends on no seed; leave n_seeds = 3 out"),
    ],
)
def test_settings_that_do_not_fit_are_refused(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        ClusteringPipeline(**arguments)
    assert str(error.value) == text


def test_an_algorithm_that_does_not_exist_names_the_near_ones() -> None:
    with pytest.raises(UnknownNameError, match="unknown clustering algorithm 'hdbskan'. Did you mean 'hdbscan'"):
        ClusteringPipeline("hdbskan")


def test_a_tree_over_too_many_rows_is_refused_before_memory_runs_out() -> None:
    vectors = np.random.default_rng(0).random((32_001, 1)).astype(np.float32)
    with pytest.raises(ConfigError, match="agglomerative clustering of 32,001 rows needs 4 GiB of memory"):
        ClusteringPipeline("agglomerative", 3).fit_predict(vectors)


def test_balanced_clusters_ask_for_their_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "k_means_constrained", None)
    monkeypatch.setattr("diptych.utils.extras.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'diptych\[balanced\]'"):
        ClusteringPipeline("balanced", 3)


def test_balanced_clusters_differ_by_one_row_at_most() -> None:
    pytest.importorskip("k_means_constrained")
    vectors, _ = blobs((50, 10, 5))
    order = np.random.default_rng(1).permutation(len(vectors))
    labels = ClusteringPipeline("balanced", 4).fit_predict(vectors)
    assert np.bincount(labels).tolist() == [17, 16, 16, 16]
    np.testing.assert_array_equal(ClusteringPipeline("KMeansConstrained", 4).fit_predict(vectors[order]), labels[order])
    assert np.bincount(ClusteringPipeline("balanced", 3).fit_predict(np.ones((9, 2)))).tolist() == [3, 3, 3]
    assert sorted(ClusteringPipeline("balanced", 3).fit_predict(np.eye(3)).tolist()) == [0, 1, 2]


def test_its_methods_are_those_of_the_layer() -> None:
    vectors, truth = blobs()
    pipeline = ClusteringPipeline("kmeans", 3)
    labels = pipeline.fit_predict(vectors)
    clusters = pipeline.analyze_clusters(vectors, labels.astype(np.int64).tolist())
    assert clusters.sizes.tolist() == [40, 30, 20]
    match = pipeline.match_clusters(labels.tolist(), (2 - truth).tolist())
    assert match.pairs.tolist() == [[0, 2], [1, 1], [2, 0]]
    assert match.adjusted_rand == 1.0
    table = pipeline.compute_statistics(clusters, ["x", "y"] * 45)
    assert table.arms == ("x", "y")
    with pytest.raises(ShapeError, match="labels of the same items differ in length: 3 != 4"):
        pipeline.match_clusters([0, 1, 2], [0, 1, 2, 3])
