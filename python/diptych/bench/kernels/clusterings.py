"""Vectors of two corpora with their clusters, and which clusters belong together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.bench.kernels.assignment import least
from diptych.bench.kernels.harness import MIB, Competitor, Job, Row, Target, once_a_job

Matrix = NDArray[np.float32]
Call = Callable[[], Any]


def _unit(rng: np.random.Generator, n: int, dim: int, centres: NDArray[np.float64]) -> tuple[Matrix, NDArray[np.int32]]:
    """Unit vectors round centres, with a falling spectrum, as embeddings have."""
    labels = rng.integers(0, len(centres), n, dtype=np.int32)
    spectrum = np.arange(1, dim + 1) ** -0.5
    rows = centres[labels] + 0.7 * rng.normal(size=(n, dim)) * spectrum
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels


@once_a_job
def corpora(job: Job) -> tuple[Matrix, NDArray[np.int32], Matrix, NDArray[np.int32]]:
    """Vectors float32 (n, dim) of length 1 and the clusters they were drawn from, twice, round the same centres."""
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(job["clusters"], job["dim"])) * np.arange(1, job["dim"] + 1) ** -0.5
    return (*_unit(rng, job["n"], job["dim"], centres), *_unit(rng, job["n"], job["dim"], centres))


def _clusterings(threads: int) -> Callable[[Job], Call]:
    def start(job: Job) -> Call:
        from diptych.clustering.matching import match_centroids

        x, a, y, b = corpora(job)
        return lambda: match_centroids(x, a, y, b, threads=threads).pairs

    return start


def _one_hot(job: Job) -> Call:
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import csr_array

    (x, a, y, b), k = corpora(job), job["clusters"]

    def centroids(rows: Matrix, labels: NDArray[np.int32]) -> Matrix:
        n = len(labels)
        hot = csr_array((np.ones(n, dtype=np.float32), labels, np.arange(n + 1)), shape=(n, k)).T.tocsr()
        counts = np.bincount(labels, minlength=k)
        return np.asarray(hot @ rows / counts[:, None].astype(np.float32))

    def call() -> Any:
        left, right = centroids(x, a), centroids(y, b)
        squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * (left @ right.T)
        return np.column_stack(linear_sum_assignment(np.sqrt(np.maximum(squares, 0))))

    return call


def _scan_all(job: Job) -> Call:
    from scipy.optimize import linear_sum_assignment

    x, a, y, b = corpora(job)

    def centroids(rows: Matrix, labels: NDArray[np.int32]) -> Matrix:
        found = []
        for cluster in range(job["clusters"]):
            members = [rows[i] for i, label in enumerate(labels) if label == cluster]
            found.append(np.mean(members, axis=0))
        return np.asarray(found)

    def call() -> Any:
        left, right = centroids(x, a), centroids(y, b)
        distances = np.asarray([[np.linalg.norm(p - q) for q in right] for p in left])
        return np.column_stack(linear_sum_assignment(distances))

    return call


def read_corpora(job: Job) -> Call:
    """The limit: every value is read once."""
    both = corpora(job)[::2]
    return lambda: [float(rows.max()) for rows in both]


def _check_clusterings(job: Job, pairs: Any) -> None:
    from scipy.spatial.distance import cdist

    x, a, y, b = corpora(job)
    left, right = (
        np.asarray([rows[labels == c].mean(axis=0, dtype=np.float64) for c in range(job["clusters"])])
        for rows, labels in ((x, a), (y, b))
    )
    cost = cdist(left, right)
    rows, columns = np.asarray(pairs).T
    assert len(np.unique(rows)) == len(np.unique(columns)) == len(cost)
    np.testing.assert_allclose(cost[rows, columns].sum(), least(cost), rtol=1e-5)


def _stated_mib(job: Job) -> float:
    """As in the docstring of ``match_centroids``."""
    k = job["clusters"]
    return float(20 * 2 * k * job["dim"] + 12 * k * k) / MIB


def clusterings_row(k: int) -> Row:
    """The row of ``k`` clusters."""
    hot = "one-hot product + sgemm + scipy"
    original = "original's way: scan all labels per cluster"
    return Row(
        f"matching.clusterings_{k}",
        f"clusterings of two corpora to matched clusters, 20,000 x 384 each, K = {k}",
        {"n": 20_000, "dim": 384, "clusters": k},
        {"n": 5_000, "dim": 384, "clusters": min(k, 250)},
        (
            Competitor("diptych, 2 threads", "ours", _clusterings(2)),
            Competitor("diptych, 1 thread", "ours", _clusterings(1)),
            Competitor(hot, "peer", _one_hot, ("scipy",)),
            Competitor(original, "original", _scan_all, ("scipy",), max_rounds=0),
            Competitor("read both corpora", "limit", read_corpora),
        ),
        _check_clusterings,
        (Target(hot, 1.0), *([Target(original, 0.01)] if k == 1000 else [])),
        memory_mib=_stated_mib,
    )
