"""Clustering algorithms behind one shape: vectors in, centroids and labels out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from diptych import _native
from diptych._types import Labels, Vectors
from diptych.errors import ShapeError

_MAX_CLUSTERS = 100


@dataclass(frozen=True, slots=True)
class Clustering:
    """Rows in clusters.

    Parameters
    ----------
    centroids : float32 (k, d)
    labels : int32 (n,), the nearest centroid of each row
    inertia : sum of the squared distances of the rows from their centroids
    n_iter : iterations over all rows
    """

    centroids: Vectors
    labels: Labels
    inertia: float
    n_iter: int


def number_of_clusters(n: int) -> int:
    """How many clusters to look for among ``n`` rows: ``sqrt(n / 2)``, at least 2 and at most 100.

    Notes
    -----
    Mardia, Kent & Bibby (1979), Multivariate Analysis, p. 365. Cluster membership is only a measure to be tested, so
    the number need not be "right": it trades the size of a change that one cluster can show against the number of
    hypotheses.

    Examples
    --------
    >>> number_of_clusters(800)
    20
    """
    return max(2, min(_MAX_CLUSTERS, round(math.sqrt(n / 2))))


def kmeans(
    vectors: Vectors,
    n_clusters: int,
    *,
    seed: int,
    n_init: int = 20,
    max_iter: int = 300,
    tol: float = 1e-6,
    threads: int = 1,
) -> Clustering:
    """k-means: greedy k-means++ starts that race on a sample, then Lloyd's iterations over all rows.

    Parameters
    ----------
    vectors : float32 (n, d), finite
    n_clusters : k, 1 to n
    seed : of the sample and the starts
    n_init : starts; each takes three iterations on the sample, the better third three more, the best goes on (up to
        4,096 rows are their own sample: of them the whole third goes on)
    max_iter : at most so many iterations over all rows
    tol : stop when an iteration lowers the inertia by no more than this share of it; 0: when no label changes
    threads : the result is the same for every value

    Raises
    ------
    ShapeError
        If there are fewer rows than clusters, a count is 0, or a value is not finite.

    Notes
    -----
    Lloyd (1982), IEEE Trans. Inf. Theory 28(2); Arthur & Vassilvitskii (2007), k-means++, greedy with ``2 + ln k``
    candidates a centre. Distances over all rows are float64. A cluster that loses all rows takes the row farthest from
    its centroid; with fewer distinct rows than clusters some stay empty. Beyond the input, memory peaks at n (d + 45)
    bytes, and for the sample of m = max(4,096, 64 k) rows at most 5 m d, with 4 m (ln k + 5) a thread.

    Examples
    --------
    >>> rows = np.array([[0], [1], [10], [12]], np.float32)
    >>> found = kmeans(rows, 2, seed=0)
    >>> sorted(found.centroids[:, 0].tolist()), found.inertia
    ([0.5, 11.0], 2.5)
    """
    if not 1 <= n_clusters <= len(vectors):
        raise ShapeError(f"cannot make {n_clusters} clusters of {len(vectors)} rows; ask for 1 to {len(vectors)}")
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    return Clustering(*_native.kmeans(rows, n_clusters, n_init, max_iter, tol, seed, threads))


def nearest_centroid(vectors: Vectors, centroids: Vectors, *, threads: int = 1) -> Labels:
    """The nearest centroid of each row by Euclidean distance, the first of equally near ones: int32 (n,).

    Parameters
    ----------
    vectors, centroids : float32 (n, d) and (k, d), finite
    threads : the result is the same for every value

    Raises
    ------
    ShapeError
        If the widths differ, there is no centroid, or a value is not finite.

    Examples
    --------
    >>> nearest_centroid(np.array([[1], [8]], np.float32), np.array([[0], [10]], np.float32)).tolist()
    [0, 1]
    """
    rows, centres = (np.ascontiguousarray(table, dtype=np.float32) for table in (vectors, centroids))
    return _native.nearest_centroids(rows, centres, threads)[0]
