"""How many clusters? By how well they are apart (silhouette), or by how much better than a cloud they fit (gap)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from diptych._types import Vectors
from diptych.clustering.algorithms import Clustering, kmeans
from diptych.clustering.analysis import analyze_clusters
from diptych.utils.hashing import derive_seed

Criterion = Literal["silhouette", "gap"]

_SAMPLE = 5_000
_N_REFERENCES = 10
_N_STARTS = 5
_STEP, _MOST = 1.3, 100


def candidates(n: int) -> list[int]:
    """Numbers of clusters to try: from 2 to 100, each about 1.3 times the one before.

    Parameters
    ----------
    n : distinct rows; as many clusters are never tried

    Examples
    --------
    >>> candidates(30)
    [2, 3, 4, 5, 6, 8, 10, 13, 17, 22, 29]
    """
    tried, k = [], 2
    while k <= min(_MOST, n - 1):
        tried.append(k)
        k = max(k + 1, round(_STEP * k))
    return tried


def best_number(vectors: Vectors, criterion: Criterion, *, seed: int, threads: int = 1) -> int:
    """The number of clusters that a criterion prefers, among ``candidates``, by k-means on up to 5,000 rows.

    Parameters
    ----------
    vectors : float32 (n, d), finite, in an order of their own
    criterion : ``"silhouette"`` takes the largest mean over all rows, ``"gap"`` the smallest number that no larger one
        betters by more than its standard error, which may be 1
    seed : of the sample, the starts and the references
    threads : the result is the same for every value

    Returns
    -------
    int
        1 where there are fewer than three distinct rows.

    Notes
    -----
    Rousseeuw (1987), J. Comput. Appl. Math. 20, by squared distances; Tibshirani, Walther & Hastie (2001), JRSS B 63,
    with references uniform over a box along the principal axes, and the next candidate in place of k + 1.

    Examples
    --------
    >>> rows = 9 * np.eye(3, dtype=np.float32)[np.arange(60) % 3] + np.random.default_rng(0).random((60, 3), np.float32)
    >>> best_number(rows, "silhouette", seed=0), best_number(rows, "gap", seed=0)
    (3, 3)
    """
    rng = np.random.default_rng(derive_seed(seed, "number of clusters"))
    if len(vectors) > _SAMPLE:
        vectors = vectors[np.sort(rng.choice(len(vectors), _SAMPLE, replace=False))]
    tried = candidates(len(np.unique(vectors, axis=0)))
    if not tried:
        return 1

    def fit(rows: Vectors, k: int) -> Clustering:
        return kmeans(rows, k, seed=seed, n_init=_N_STARTS, threads=threads)

    if criterion == "silhouette":
        means = [float(np.nanmean(analyze_clusters(vectors, fit(vectors, k).labels).silhouettes)) for k in tried]
        return tried[int(np.argmax(np.round(means, 9)))]
    return _by_gap(vectors, [1, *tried], fit, rng)


def _by_gap(
    vectors: Vectors, tried: list[int], fit: Callable[[Vectors, int], Clustering], rng: np.random.Generator
) -> int:
    middle = vectors.mean(axis=0, dtype=np.float64)
    centred = vectors - middle
    _, axes = np.linalg.eigh(centred.T @ centred)
    along = centred @ axes
    low, high = along.min(axis=0), along.max(axis=0)
    logs = np.log([max(fit(vectors, k).inertia, 1e-300) for k in tried])
    references = np.empty((_N_REFERENCES, len(tried)))
    for b in range(_N_REFERENCES):
        cloud = (rng.uniform(low, high, along.shape) @ axes.T + middle).astype(np.float32)
        references[b] = np.log([max(fit(cloud, k).inertia, 1e-300) for k in tried])
    gap = references.mean(axis=0) - logs
    error = references.std(axis=0) * np.sqrt(1.0 + 1.0 / _N_REFERENCES)
    for i in range(len(tried) - 1):
        if gap[i] >= gap[i + 1] - error[i + 1]:
            return tried[i]
    return tried[-1]
