"""Clustering algorithms behind one shape: vectors in, centroids and labels out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from diptych._types import Labels, Vectors
from diptych.errors import ShapeError

_MAX_CLUSTERS = 100


@dataclass(frozen=True, slots=True)
class Clustering:
    """Centroids, float32 (k, d), and the cluster of each row, int32 (n,)."""

    centroids: Vectors
    labels: Labels


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


def kmeans(vectors: Vectors, n_clusters: int, *, seed: int) -> Clustering:
    """k-means (scikit-learn's Lloyd, k-means++ starts, best of 5).

    Runs on one thread: with several, sums are taken in another order and the last digits differ.

    Parameters
    ----------
    vectors : float32 (n, d)
    n_clusters : 1 to n
    seed : of the starts

    Raises
    ------
    ShapeError
        If there are fewer rows than clusters.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    if not 1 <= n_clusters <= len(vectors):
        raise ShapeError(f"cannot make {n_clusters} clusters of {len(vectors)} rows; ask for 1 to {len(vectors)}")
    with threadpool_limits(1):
        model = KMeans(n_clusters, n_init=5, random_state=seed).fit(vectors)
    return Clustering(model.cluster_centers_.astype(np.float32), model.labels_.astype(np.int32))


def nearest_centroid(vectors: Vectors, centroids: Vectors) -> Labels:
    """The nearest centroid of each row by Euclidean distance; the lowest index wins a tie. int32 (n,)."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        distance = (centroids * centroids).sum(axis=1) - 2.0 * (vectors @ centroids.T)
    return np.asarray(distance.argmin(axis=1), dtype=np.int32)
