"""The analysis as a whole: vectors and texts of two arms in, clusters that tell the arms apart out, with their words.

Every competitor takes the same steps: k-means of both arms together, cluster sizes by arm, each arm's parts of the
clusters matched by their centroids, a p for the share of every cluster, corrected for all of them, and c-TF-IDF words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.bench.kernels.agreement import adjusted_rand
from diptych.bench.kernels.harness import Competitor, Job, Row, Target, once_a_job
from diptych.bench.kernels.kmeans import STARTS, inertia, overlapping

Call = Callable[[], "Findings"]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Means = tuple[NDArray[Any], NDArray[Any]]

SHIFTED = 5
"""Planted clusters that are three times as frequent in the second arm."""


@dataclass(frozen=True)
class Corpus:
    """Texts of two arms: vectors float32 (n, d) of length 1, the arm of each, and the cluster it was drawn from."""

    vectors: NDArray[np.float32]
    texts: list[str]
    second: NDArray[np.bool_]
    planted: NDArray[np.int32]


@dataclass(frozen=True)
class Findings:
    """What the analysis says: by item, by arm and cluster (2, k), by pair of matched clusters, and by cluster."""

    labels: NDArray[np.int32]
    sizes: Ints
    pairs: Ints
    p_value: Floats
    p_fwer: Floats
    q_value: Floats
    words: list[tuple[str, ...]]
    normal: bool = False
    """Whether a normal distribution stood in for the exact one."""


@once_a_job
def _corpus(job: Job) -> Corpus:
    n, k, dim = job["n"], job["clusters"], job["dim"]
    rng = np.random.default_rng(11)
    second = np.arange(n) % 2 == 1
    weights = np.ones((2, k))
    weights[1, :SHIFTED] = 3.0
    planted = np.empty(n, dtype=np.int32)
    for arm, weight in enumerate(weights):
        planted[second == arm] = rng.choice(k, int((second == arm).sum()), p=weight / weight.sum())
    rows = overlapping(rng, planted, k, dim)
    letters = np.array(list("bcdfghklmnprstvz"))
    vocabulary = np.array(["".join(word) for word in letters[rng.integers(0, len(letters), (2_000, 6))]])
    own = vocabulary[rng.integers(0, len(vocabulary), (k, 5))]
    common = vocabulary[rng.integers(0, len(vocabulary), (n, 9))]
    chosen = np.hstack([own[planted[:, None], rng.integers(0, 5, (n, 3))], common])
    return Corpus(rows, [" ".join(row) for row in chosen.tolist()], second, planted)


# --- ours


def _ours(threads: int) -> Callable[[Job], Call]:
    def start(job: Job) -> Call:
        from diptych.clustering.algorithms import kmeans
        from diptych.clustering.labels import keywords
        from diptych.clustering.matching import contingency, match_centroids
        from diptych.stats.multiplicity import q_values
        from diptych.stats.permutation import unpaired_test

        corpus, k = _corpus(job), job["clusters"]
        arm = corpus.second.astype(np.int32)

        def call() -> Findings:
            labels = kmeans(corpus.vectors, k, seed=0, n_init=STARTS, threads=threads).labels
            sizes = contingency(arm, labels, threads=threads)
            arms = [(corpus.vectors[arm == a], labels[arm == a]) for a in (0, 1)]
            match = match_centroids(*arms[0], *arms[1], threads=threads)
            test = unpaired_test(
                (labels[:, None] == np.arange(k)).astype(np.float64),
                np.ones((len(labels), k), dtype=np.bool_),
                ~corpus.second,
                indicator=np.ones(k, dtype=np.bool_),
                n_resamples=job["resamples"],
                seed=0,
                threads=threads,
            )
            words = keywords(corpus.texts, labels, k)
            return Findings(labels, sizes, match.pairs, test.p_value, test.p_fwer, q_values(test.p_value), words)

        return call

    return start


# --- the best peers glued together


def _glue(threads: int) -> Callable[[Job], Call]:
    def start(job: Job) -> Call:
        import faiss  # type: ignore[import-not-found,import-untyped,unused-ignore]
        from scipy.stats import false_discovery_control

        faiss.omp_set_num_threads(threads)
        corpus, k = _corpus(job), job["clusters"]

        def call() -> Findings:
            model = faiss.Kmeans(job["dim"], k, niter=25, nredo=STARTS, seed=1, max_points_per_centroid=10**9)
            model.train(corpus.vectors)
            labels = model.index.search(corpus.vectors, 1)[1][:, 0].astype(np.int32)
            sizes = np.bincount(corpus.second * k + labels, minlength=2 * k).reshape(2, k)
            arms = [_one_hot_means(corpus.vectors[corpus.second == a], labels[corpus.second == a], k) for a in (0, 1)]
            p_value, p_fwer = _hypergeometric(sizes, job["resamples"])
            pairs, words = _nearest(arms[0], arms[1]), _words(corpus.texts, labels, k)
            return Findings(labels, sizes, pairs, p_value, p_fwer, false_discovery_control(p_value), words)

        return call

    return start


def _one_hot_means(rows: NDArray[np.float32], labels: NDArray[np.int32], k: int) -> Means:
    """Means of the clusters that have items, and their numbers."""
    from scipy.sparse import csr_array

    hot = csr_array(
        (np.ones(len(labels), dtype=np.float32), labels, np.arange(len(labels) + 1)), shape=(len(labels), k)
    )
    counts = np.bincount(labels, minlength=k)
    used = np.flatnonzero(counts)
    return np.asarray((hot.T.tocsr() @ rows)[used] / counts[used, None].astype(np.float32)), used


def _nearest(left: Means, right: Means) -> Ints:
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    rows, columns = linear_sum_assignment(cdist(left[0], right[0]))
    return np.column_stack([left[1][rows], right[1][columns]])


def _hypergeometric(sizes: Ints, n_resamples: int) -> tuple[Floats, Floats]:
    """Two-sided p and step-down max-|z| p: only counts by cluster matter, so counts are drawn and never labels."""
    total, (n_first, n_second) = sizes.sum(axis=0), sizes.sum(axis=1)
    n = n_first + n_second
    centre = n_first * total / n
    spread = np.sqrt(np.maximum(centre * (n - total) / n * n_second / (n - 1), 1e-300))
    rng = np.random.default_rng(0)
    drawn = rng.multivariate_hypergeometric(total, n_first, n_resamples, method="marginals")
    z, null = np.abs(sizes[0] - centre) / spread, np.abs(drawn - centre) / spread
    p_value = (1 + (null >= z - 1e-9).sum(axis=0)) / (1 + n_resamples)
    order = np.argsort(z)
    largest = np.maximum.accumulate(null[:, order], axis=1)
    p_max = (1 + (largest >= z[order] - 1e-9).sum(axis=0)) / (1 + n_resamples)
    p_fwer = np.empty_like(p_value)
    p_fwer[order] = np.maximum.accumulate(p_max[::-1])[::-1]
    return p_value, p_fwer


def _words(texts: list[str], labels: NDArray[np.int32], k: int) -> list[tuple[str, ...]]:
    from scipy.sparse import csr_array
    from sklearn.feature_extraction.text import CountVectorizer  # type: ignore[import-untyped,unused-ignore]

    vectorizer = CountVectorizer(stop_words="english", token_pattern=r"(?u)\b[^\W\d_]{3,}\b")
    counts = vectorizer.fit_transform(texts)
    hot = csr_array((np.ones(len(labels)), (labels, np.arange(len(labels)))), shape=(k, len(labels)))
    by_cluster = (hot @ counts).toarray()
    share = by_cluster / np.maximum(by_cluster.sum(axis=1, keepdims=True), 1.0)
    weight = share * np.log1p(by_cluster.sum() / k / by_cluster.sum(axis=0))
    names = vectorizer.get_feature_names_out()
    return [tuple(names[j] for j in row) for row in np.argsort(-weight, axis=1, kind="stable")[:, :4]]


# --- the way of the original


def _original(job: Job) -> Call:
    """scikit-learn's ten starts, a pass over all labels for every cluster, one z-test at a time."""
    from sklearn.cluster import KMeans  # type: ignore[import-untyped,unused-ignore]
    from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped,unused-ignore]
    from statsmodels.stats.proportion import proportions_ztest  # type: ignore[import-untyped,unused-ignore]
    from threadpoolctl import threadpool_limits

    corpus, k = _corpus(job), job["clusters"]

    def means(rows: NDArray[np.float32], labels: NDArray[np.int32]) -> Means:
        used = np.unique(labels)
        return np.asarray([rows[labels == cluster].mean(axis=0) for cluster in used]), used

    def call() -> Findings:
        with threadpool_limits(1):
            labels = KMeans(k, n_init=STARTS, random_state=0).fit(corpus.vectors).labels_
        sizes = np.zeros((2, k), dtype=np.int64)
        for cluster in range(k):
            for label, second in zip(labels, corpus.second, strict=True):
                if label == cluster:
                    sizes[int(second), cluster] += 1
        arms = [means(corpus.vectors[corpus.second == a], labels[corpus.second == a]) for a in (0, 1)]
        p_value = np.array([proportions_ztest(sizes[:, cluster], sizes.sum(axis=1))[1] for cluster in range(k)])
        p_fwer, q_value = (multipletests(p_value, method=method)[1] for method in ("holm", "fdr_bh"))
        pairs, words = _nearest(arms[0], arms[1]), _words(corpus.texts, labels, k)
        return Findings(labels, sizes, pairs, p_value, p_fwer, q_value, words, normal=True)

    return call


# --- the oracle


def _products(job: Job) -> Callable[[], Any]:
    """The products of ten iterations of one start: less than any k-means needs."""
    vectors = _corpus(job).vectors
    centroids = np.ascontiguousarray(vectors[: job["clusters"]].T)
    return lambda: [float((vectors @ centroids)[0, 0]) for _ in range(10)]


def _check(job: Job, found: Findings) -> str:
    from scipy.stats import hypergeom

    corpus, k, labels = _corpus(job), job["clusters"], found.labels
    agreement = adjusted_rand(corpus.planted, labels)
    ratio = inertia(corpus.vectors, labels, k) / inertia(corpus.vectors, corpus.planted, k)
    assert agreement > 0.8, f"adjusted Rand index {agreement:.3f}"
    assert ratio < 1.06, f"inertia {ratio:.4f} of the planted clusters'"
    sizes = np.array([[((labels == c) & (corpus.second == a)).sum() for c in range(k)] for a in (0, 1)])
    np.testing.assert_array_equal(found.sizes, sizes)
    assert sorted(found.pairs[:, 0]) == sorted(found.pairs[:, 1]) == list(range(k))
    # Arms of one size: the distribution is symmetric, so twice the smaller tail is the two-sided p of every statistic.
    total, (n_first, n_second) = sizes.sum(axis=0), sizes.sum(axis=1)
    assert n_first == n_second
    counts = hypergeom(2 * n_first, total, n_first)
    exact = np.minimum(1.0, 2.0 * counts.cdf(sizes.min(axis=0)))
    # Without a correction for continuity a normal p misses up to the probability of the outcome itself.
    missed = counts.pmf(sizes[0]) + 0.01 if found.normal else 0.0
    noise = 5.0 * np.sqrt(exact * (1.0 - exact) / job["resamples"]) + 1.0 / job["resamples"]
    assert (np.abs(found.p_value - exact) <= noise + missed).all(), "a p is not the exact one"
    shifted = [np.bincount(labels[corpus.planted == c]).argmax() for c in range(SHIFTED)]
    n_found = int(((found.q_value[shifted] < 0.05) & (found.p_fwer[shifted] < 0.05)).sum())
    assert n_found >= SHIFTED - 1, f"{n_found} of {SHIFTED} planted shifts found"  # one may be lost in a merged cluster
    assert (found.p_fwer >= found.p_value - noise).all()
    _check_words(corpus, found)
    said = f"adjusted Rand index {agreement:.3f}, inertia {ratio:.4f} of the planted clusters'"
    return f"{said}, {n_found} of {SHIFTED} planted shifts found"


def _check_words(corpus: Corpus, found: Findings) -> None:
    """The strongest word of a cluster is more frequent in it than outside."""
    assert len(found.words) == len(found.sizes[0])
    for cluster in range(0, len(found.words), 10):
        word = re.compile(rf"\b{found.words[cluster][0]}\b")
        has = np.array([word.search(text) is not None for text in corpus.texts])
        assert has[found.labels == cluster].mean() > 3 * has[found.labels != cluster].mean()


ROWS = [
    Row(
        "analysis.whole",
        "20k texts x 384, two arms, from vectors and texts to findings (k = 100, 10,000 resamples)",
        {"n": 20_000, "dim": 384, "clusters": 100, "resamples": 10_000},
        {"n": 2_000, "dim": 384, "clusters": 20, "resamples": 1_000},
        (
            Competitor("diptych, 2 threads", "ours", _ours(2)),
            Competitor("diptych, 1 thread", "ours", _ours(1), max_rounds=1),
            Competitor("best peers glued", "peer", _glue(2), ("faiss",), max_rounds=0),
            Competitor("original", "original", _original, ("statsmodels",), max_rounds=0),
            Competitor("products of 10 iterations (sgemm)", "limit", _products),
        ),
        _check,
        (Target("best peers glued", 1.0), Target("original", 1 / 40)),
    ),
]
