"""Matching: contingency tables, assignment, clusterings of two corpora, similarities of all pairs, neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.bench.kernels.assignment import assign_row
from diptych.bench.kernels.clusterings import clusterings_row, corpora, read_corpora
from diptych.bench.kernels.harness import MIB, Competitor, Job, Row, Target, once_a_job

Call = Callable[[], Any]

# --- contingency


@once_a_job
def _labels(job: Job) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    rng = np.random.default_rng(1)
    a = rng.integers(0, job["clusters"], job["n"], dtype=np.int32)
    other = rng.integers(0, job["clusters"], job["n"], dtype=np.int32)
    return np.asarray(a), np.asarray(np.where(rng.random(job["n"]) < 0.5, a, other), dtype=np.int32)


def _contingency(threads: int) -> Callable[[Job], Call]:
    def start(job: Job) -> Call:
        from diptych import _native

        a, b = _labels(job)
        return lambda: _native.contingency(a, b, job["clusters"], job["clusters"], threads)

    return start


def _bincount(job: Job) -> Call:
    (a, b), k = _labels(job), job["clusters"]
    return lambda: np.bincount(a * k + b, minlength=k * k).reshape(k, k)


def _sklearn_contingency(job: Job) -> Call:
    from sklearn.metrics.cluster import contingency_matrix  # type: ignore[import-untyped,unused-ignore]

    a, b = _labels(job)
    return lambda: contingency_matrix(a, b)


def _read_labels(job: Job) -> Call:
    a, b = _labels(job)
    return lambda: int(a.max()) + int(b.max())


def _check_contingency(job: Job, table: Any) -> None:
    from scipy.sparse import coo_array

    a, b = _labels(job)
    expected = coo_array((np.ones(len(a), dtype=np.int64), (a, b)), shape=(job["clusters"],) * 2).toarray()
    np.testing.assert_array_equal(np.asarray(table), expected)


def _contingency_mib(job: Job, *, threads: int = 1) -> float:
    """As in the docstring of ``contingency``."""
    k = job["clusters"]
    return float(8 * k * k + threads * max(4 * (k + 1) ** 2, 1 << 18)) / MIB


# --- mean similarity of all pairs


def _mean_similarity(threads: int) -> Callable[[Job], Call]:
    def start(job: Job) -> Call:
        from diptych import _native

        (x, a, y, b), k = corpora(job), job["clusters"]
        return lambda: _native.mean_similarity(a, x, b, y, k, k, threads)

    return start


def _in_blocks(job: Job) -> Call:
    (x, a, y, b), k = corpora(job), job["clusters"]
    by_b = np.argsort(b, kind="stable")
    edges = np.searchsorted(b[by_b], np.arange(k))

    def call() -> Any:
        left = x / np.linalg.norm(x, axis=1, keepdims=True)
        right = (y / np.linalg.norm(y, axis=1, keepdims=True))[by_b]
        sums = np.zeros((k, k))
        for start in range(0, len(left), 1000):
            part = np.add.reduceat(left[start : start + 1000] @ right.T, edges, axis=1)
            np.add.at(sums, a[start : start + 1000], part)
        return sums / np.outer(np.bincount(a, minlength=k), np.bincount(b, minlength=k))

    return call


def _check_mean_similarity(job: Job, means: Any) -> None:
    x, a, y, b = corpora(job)
    for i, j in np.random.default_rng(0).integers(0, job["clusters"], (50, 2)):
        p, q = x[a == i].astype(np.float64), y[b == j].astype(np.float64)
        cosines = p @ q.T / np.outer(np.linalg.norm(p, axis=1), np.linalg.norm(q, axis=1))
        np.testing.assert_allclose(means[i, j], cosines.mean(), rtol=1e-4, atol=1e-6)


def _mean_similarity_mib(job: Job) -> float:
    """As in the docstring of ``mean_similarity``."""
    k = job["clusters"]
    return float(16 * 2 * k * job["dim"] + 8 * k * k + 8 * job["n"]) / MIB


# --- nearest neighbours


def _neighbours(threads: int) -> Callable[[Job], Call]:
    def start(job: Job) -> Call:
        from diptych import _native

        x, _, y, _ = corpora(job)
        return lambda: _native.nearest_neighbours(x, y, job["k"], threads)

    return start


def _faiss(threads: int) -> Callable[[Job], Call]:
    def start(job: Job) -> Call:
        import faiss  # type: ignore[import-not-found,import-untyped,unused-ignore]

        faiss.omp_set_num_threads(threads)
        x, _, y, _ = corpora(job)

        def call() -> Any:
            index = faiss.IndexFlatIP(job["dim"])
            index.add(y)
            similarities, indices = index.search(x, job["k"])
            return indices, similarities

        return call

    return start


def _products(job: Job) -> Call:
    x, _, y, _ = corpora(job)
    out = np.empty((500, len(y)), dtype=np.float32)

    def call() -> None:
        for start in range(0, len(x), 500):
            np.matmul(x[start : start + 500], y.T, out=out)

    return call


def _check_neighbours(job: Job, answer: Any) -> None:
    x, _, y, _ = corpora(job)
    indices, similarities = np.asarray(answer[0]), np.asarray(answer[1])
    for query in np.random.default_rng(0).integers(0, len(x), 200):
        scores = y.astype(np.float64) @ x[query].astype(np.float64)
        best = np.sort(scores)[::-1][: job["k"]]
        np.testing.assert_allclose(scores[indices[query]], best, atol=2e-7)
        np.testing.assert_allclose(similarities[query], best, atol=2e-6)


def _neighbours_mib(job: Job, *, threads: int = 2) -> float:
    """As in the docstring of ``nearest_neighbours``, and the result."""
    n, dim = job["n"], job["dim"]
    return float(n * (dim + 27) + threads * (6_000 + 400 * dim) + 12 * n * job["k"]) / MIB


ROWS = [
    Row(
        "matching.contingency",
        "contingency table of 1,000,000 labels, K = 100",
        {"n": 1_000_000, "clusters": 100},
        {"n": 200_000, "clusters": 100},
        (
            Competitor("diptych, 1 thread", "ours", _contingency(1)),
            Competitor("diptych, 2 threads", "ours", _contingency(2)),
            Competitor("np.bincount(a * k + b)", "peer", _bincount),
            Competitor("scikit-learn contingency_matrix", "peer", _sklearn_contingency, ("sklearn",)),
            Competitor("read both labellings", "limit", _read_labels),
        ),
        _check_contingency,
        (Target("np.bincount(a * k + b)", 0.5),),
        memory_mib=_contingency_mib,
    ),
    assign_row(100, "overlap"),
    assign_row(100, "cosine"),
    assign_row(2000, "overlap"),
    assign_row(2000, "cosine"),
    clusterings_row(100),
    clusterings_row(1000),
    Row(
        "matching.mean_similarity",
        "mean similarity of all pairs, 20,000 x 384 against 20,000, K = 100",
        {"n": 20_000, "dim": 384, "clusters": 100},
        {"n": 2_000, "dim": 384, "clusters": 50},
        (
            Competitor("diptych, 1 thread", "ours", _mean_similarity(1)),
            Competitor("diptych, 2 threads", "ours", _mean_similarity(2)),
            Competitor("blocks of the full matrix", "peer", _in_blocks),
            Competitor("read both corpora", "limit", read_corpora),
        ),
        _check_mean_similarity,
        (Target("blocks of the full matrix", 1 / 130),),
        memory_mib=_mean_similarity_mib,
    ),
    Row(
        "matching.neighbours",
        "10 nearest of 20,000 for each of 20,000, d = 384, exact",
        {"n": 20_000, "dim": 384, "clusters": 100, "k": 10},
        {"n": 2_000, "dim": 384, "clusters": 100, "k": 10},
        (
            Competitor("diptych, 2 threads", "ours", _neighbours(2)),
            Competitor("diptych, 1 thread", "ours", _neighbours(1), max_rounds=0),
            Competitor("faiss IndexFlatIP, 2 threads", "peer", _faiss(2), ("faiss",)),
            Competitor("the products alone (sgemm)", "limit", _products, max_rounds=0),
        ),
        _check_neighbours,
        (Target("best peer", 1 / 1.2), Target("best peer", 0.25, moonshot=True)),
        memory_mib=_neighbours_mib,
    ),
]
