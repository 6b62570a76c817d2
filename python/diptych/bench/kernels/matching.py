"""Matching: contingency tables, assignment, clusterings of two corpora, similarities of all pairs, neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.bench.kernels.harness import Competitor, Job, Row, Target

Matrix = NDArray[np.float32]
Call = Callable[[], Any]


def _unit(rng: np.random.Generator, n: int, dim: int, centres: NDArray[np.float64]) -> tuple[Matrix, NDArray[np.int32]]:
    """Unit vectors round centres, with a falling spectrum, as embeddings have."""
    labels = rng.integers(0, len(centres), n, dtype=np.int32)
    spectrum = np.arange(1, dim + 1) ** -0.5
    rows = centres[labels] + 0.7 * rng.normal(size=(n, dim)) * spectrum
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels


def _corpora(job: Job) -> tuple[Matrix, NDArray[np.int32], Matrix, NDArray[np.int32]]:
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(job["clusters"], job["dim"])) * np.arange(1, job["dim"] + 1) ** -0.5
    return (*_unit(rng, job["n"], job["dim"], centres), *_unit(rng, job["n"], job["dim"], centres))


def _labels(job: Job) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    rng = np.random.default_rng(1)
    a = rng.integers(0, job["clusters"], job["n"], dtype=np.int32)
    other = rng.integers(0, job["clusters"], job["n"], dtype=np.int32)
    return np.asarray(a), np.asarray(np.where(rng.random(job["n"]) < 0.5, a, other), dtype=np.int32)


# --- contingency


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


# --- assignment


def _costs(job: Job) -> NDArray[np.float64]:
    k = job["clusters"]
    rng = np.random.default_rng(2)
    if job["cost"] == "overlap":
        order = rng.permutation(k)
        a = rng.integers(0, k, 100 * k)
        b = np.where(rng.random(100 * k) < 0.7, order[a], rng.integers(0, k, 100 * k))
        table = np.bincount(a * k + b, minlength=k * k).reshape(k, k)
        return -table.astype(np.float64)
    centres = rng.normal(size=(k, 384)) * np.arange(1, 385) ** -0.5
    left, right = (centres + 0.5 * rng.normal(size=(k, 384)) * np.arange(1, 385) ** -0.5 for _ in "ab")
    left /= np.linalg.norm(left, axis=1, keepdims=True)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    return np.asarray(1.0 - left @ right[rng.permutation(k)].T)


def _assign(job: Job) -> Call:
    from diptych import _native

    cost = _costs(job)
    return lambda: _native.assign(cost, False)


def _scipy_assign(job: Job) -> Call:
    from scipy.optimize import linear_sum_assignment

    cost = _costs(job)
    return lambda: linear_sum_assignment(cost)


def _lapjv(job: Job) -> Call:
    import lap  # type: ignore[import-not-found,unused-ignore]

    cost = _costs(job)
    return lambda: (np.arange(len(cost)), lap.lapjv(cost)[1])


def _read_costs(job: Job) -> Call:
    cost = _costs(job)
    return lambda: float(cost.min())


def _least(cost: NDArray[np.float64]) -> float:
    """The least total by another algorithm: all entries as edges of a sparse bipartite graph."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    lift = 1.0 - cost.min()
    rows, columns = min_weight_full_bipartite_matching(csr_array(cost + lift))
    return float(cost[rows, columns].sum())


def _check_assign(job: Job, pairs: Any) -> None:
    cost = _costs(job)
    rows, columns = np.asarray(pairs[0]), np.asarray(pairs[1])
    assert len(np.unique(rows)) == len(np.unique(columns)) == len(cost)
    np.testing.assert_allclose(cost[rows, columns].sum(), _least(cost), rtol=1e-10)


def _assign_row(k: int, cost: str) -> Row:
    scipy, lapjv = "scipy linear_sum_assignment", "lapx lapjv"
    targets = [Target(scipy, 1.0)] + ([Target(lapjv, 1 / 0.9)] if k == 2000 else [])
    return Row(
        f"matching.assign_{k}_{cost}",
        f"assignment of {k} x {k}, {'overlap table' if cost == 'overlap' else 'cosine distances'}",
        {"clusters": k, "cost": cost},
        {"clusters": min(k, 500), "cost": cost},
        (
            Competitor("diptych", "ours", _assign),
            Competitor(scipy, "peer", _scipy_assign, ("scipy",)),
            Competitor(lapjv, "peer", _lapjv, ("lap",)),
            Competitor("read the costs (numpy min)", "limit", _read_costs),
        ),
        _check_assign,
        targets,
    )


# --- clusterings of two corpora to matched clusters


def _clusterings(threads: int) -> Callable[[Job], Call]:
    def start(job: Job) -> Call:
        from diptych.clustering.matching import match_centroids

        x, a, y, b = _corpora(job)
        return lambda: match_centroids(x, a, y, b, threads=threads).pairs

    return start


def _one_hot(job: Job) -> Call:
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import csr_array

    (x, a, y, b), k = _corpora(job), job["clusters"]

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

    x, a, y, b = _corpora(job)

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


def _read_corpora(job: Job) -> Call:
    corpora = _corpora(job)[::2]
    return lambda: [float(rows.max()) for rows in corpora]


def _check_clusterings(job: Job, pairs: Any) -> None:
    from scipy.spatial.distance import cdist

    x, a, y, b = _corpora(job)
    left, right = (
        np.asarray([rows[labels == c].mean(axis=0, dtype=np.float64) for c in range(job["clusters"])])
        for rows, labels in ((x, a), (y, b))
    )
    cost = cdist(left, right)
    rows, columns = np.asarray(pairs).T
    assert len(np.unique(rows)) == len(np.unique(columns)) == len(cost)
    np.testing.assert_allclose(cost[rows, columns].sum(), _least(cost), rtol=1e-5)


def _clusterings_row(k: int) -> Row:
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
            Competitor(original, "original", _scan_all, ("scipy",), max_rounds=1),
            Competitor("read both corpora", "limit", _read_corpora),
        ),
        _check_clusterings,
        (Target(hot, 1.0), Target(original, 0.01)),
    )


# --- mean similarity of all pairs


def _mean_similarity(threads: int) -> Callable[[Job], Call]:
    def start(job: Job) -> Call:
        from diptych import _native

        (x, a, y, b), k = _corpora(job), job["clusters"]
        return lambda: _native.mean_similarity(a, x, b, y, k, k, threads)

    return start


def _in_blocks(job: Job) -> Call:
    (x, a, y, b), k = _corpora(job), job["clusters"]
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


def _sklearn_pairs(job: Job) -> Call:
    from sklearn.metrics.pairwise import cosine_similarity  # type: ignore[import-untyped,unused-ignore]

    x, a, y, b = _corpora(job)
    left = [x[a == c] for c in range(job["clusters"])]
    right = [y[b == c] for c in range(job["clusters"])]
    return lambda: np.asarray([[cosine_similarity(p, q).mean() for q in right] for p in left])


def _check_mean_similarity(job: Job, means: Any) -> None:
    x, a, y, b = _corpora(job)
    for i, j in np.random.default_rng(0).integers(0, job["clusters"], (50, 2)):
        p, q = x[a == i].astype(np.float64), y[b == j].astype(np.float64)
        cosines = p @ q.T / np.outer(np.linalg.norm(p, axis=1), np.linalg.norm(q, axis=1))
        np.testing.assert_allclose(means[i, j], cosines.mean(), rtol=1e-4, atol=1e-6)


# --- nearest neighbours


def _neighbours(threads: int) -> Callable[[Job], Call]:
    def start(job: Job) -> Call:
        from diptych import _native

        x, _, y, _ = _corpora(job)
        return lambda: _native.nearest_neighbours(x, y, job["k"], threads)

    return start


def _faiss(threads: int) -> Callable[[Job], Call]:
    def start(job: Job) -> Call:
        import faiss  # type: ignore[import-not-found,import-untyped,unused-ignore]

        faiss.omp_set_num_threads(threads)
        x, _, y, _ = _corpora(job)

        def call() -> Any:
            index = faiss.IndexFlatIP(job["dim"])
            index.add(y)
            similarities, indices = index.search(x, job["k"])
            return indices, similarities

        return call

    return start


def _products(job: Job) -> Call:
    x, _, y, _ = _corpora(job)
    out = np.empty((500, len(y)), dtype=np.float32)

    def call() -> None:
        for start in range(0, len(x), 500):
            np.matmul(x[start : start + 500], y.T, out=out)

    return call


def _check_neighbours(job: Job, answer: Any) -> None:
    x, _, y, _ = _corpora(job)
    indices, similarities = np.asarray(answer[0]), np.asarray(answer[1])
    for query in np.random.default_rng(0).integers(0, len(x), 200):
        scores = y.astype(np.float64) @ x[query].astype(np.float64)
        best = np.sort(scores)[::-1][: job["k"]]
        np.testing.assert_allclose(scores[indices[query]], best, atol=2e-7)
        np.testing.assert_allclose(similarities[query], best, atol=2e-6)


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
    ),
    _assign_row(100, "overlap"),
    _assign_row(100, "cosine"),
    _assign_row(2000, "overlap"),
    _assign_row(2000, "cosine"),
    _clusterings_row(100),
    _clusterings_row(1000),
    Row(
        "matching.mean_similarity",
        "mean similarity of all pairs, 20,000 x 384 against 20,000, K = 100",
        {"n": 20_000, "dim": 384, "clusters": 100},
        {"n": 4_000, "dim": 384, "clusters": 50},
        (
            Competitor("diptych, 1 thread", "ours", _mean_similarity(1)),
            Competitor("diptych, 2 threads", "ours", _mean_similarity(2)),
            Competitor("blocks of the full matrix", "peer", _in_blocks, max_rounds=2),
            Competitor("scikit-learn, every two clusters", "peer", _sklearn_pairs, ("sklearn",), max_rounds=1),
            Competitor("read both corpora", "limit", _read_corpora),
        ),
        _check_mean_similarity,
        (Target("blocks of the full matrix", 1 / 130),),
    ),
    Row(
        "matching.neighbours",
        "10 nearest of 20,000 for each of 20,000, d = 384, exact",
        {"n": 20_000, "dim": 384, "clusters": 100, "k": 10},
        {"n": 4_000, "dim": 384, "clusters": 100, "k": 10},
        (
            Competitor("diptych, 2 threads", "ours", _neighbours(2)),
            Competitor("diptych, 1 thread", "ours", _neighbours(1)),
            Competitor("faiss IndexFlatIP, 2 threads", "peer", _faiss(2), ("faiss",), max_rounds=3),
            Competitor("faiss IndexFlatIP, 1 thread", "peer", _faiss(1), ("faiss",), max_rounds=3),
            Competitor("the products alone (sgemm)", "limit", _products, max_rounds=2),
        ),
        _check_neighbours,
        (Target("best peer", 1 / 1.2), Target("best peer", 0.25, moonshot=True)),
    ),
]
