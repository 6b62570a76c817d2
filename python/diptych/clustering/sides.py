"""Two collections of texts in common clusters: what is there of the one side and not of the other?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from diptych._types import FloatVector, Labels, Mask, Vectors
from diptych.clustering.algorithms import nearest_centroid
from diptych.clustering.matching import cluster_means, match_centroids
from diptych.clustering.pipeline import ClusteringPipeline
from diptych.clustering.rows import number_by_size

REACH = 0.9
"""A cluster reaches as far from its centroid as this share of its texts."""
Way = Literal["joint", "matched"]


@dataclass(frozen=True)
class Sides:
    """Clusters of the texts of two sides, the largest first.

    Parameters
    ----------
    labels : int32 (n,), cluster of each text
    centroids : float32 (k, d)
    radii : float64 (k,), how far each cluster reaches from its centroid
    n_a, n_b : float64 (k,), texts of either side
    """

    labels: Labels
    centroids: Vectors
    radii: FloatVector
    n_a: FloatVector
    n_b: FloatVector

    @property
    def apart(self) -> FloatVector:
        """How far the shares of the sides differ, second minus first, in standard errors: float64 (k,)."""
        return shares_apart(self.n_a, self.n_b, float(self.n_a.sum()), float(self.n_b.sum()))

    def holds(self, vectors: Vectors) -> Mask:
        """In which cluster other texts are: nearest to its centroid, and within its reach.

        Parameters
        ----------
        vectors : float32 (m, d)

        Returns
        -------
        bool (m, k)
        """
        nearest = nearest_centroid(vectors, self.centroids)
        within = _distances(vectors, self.centroids, nearest) <= self.radii[nearest] + 1e-6
        return np.asarray((nearest[:, None] == np.arange(len(self.radii))) & within[:, None])


def shares_apart(n_a: FloatVector, n_b: FloatVector, total_a: float, total_b: float) -> FloatVector:
    """How far two shares differ, second minus first, in standard errors: the z of two proportions, pooled.

    Parameters
    ----------
    n_a, n_b : float64 (k,), how many texts of either side have something
    total_a, total_b : texts of either side

    Returns
    -------
    float64 (k,), 0 where all texts have it, or none

    Examples
    --------
    >>> shares_apart(np.array([5.0, 0.0]), np.array([50.0, 0.0]), 100.0, 100.0).round(2).tolist()
    [7.13, 0.0]
    """
    pooled = (n_a + n_b) / (total_a + total_b)
    error = np.sqrt(pooled * (1.0 - pooled) * (1.0 / total_a + 1.0 / total_b))
    apart: FloatVector = np.divide(n_b / total_b - n_a / total_a, error, out=np.zeros_like(n_a), where=error > 0)
    return apart


def cluster_sides(vectors: Vectors, is_b: Mask, *, way: Way = "joint", seed: int = 0, threads: int = 1) -> Sides:
    """Put the texts of two sides into common clusters.

    Parameters
    ----------
    vectors : float32 (n, d), at least one of either side
    is_b : bool (n,), which are of the second side
    way : ``joint`` clusters all texts together; ``matched`` each side by itself, and takes two clusters for one where
        they are partners (least distances in total) and the centroid of either lies within the other's reach
    seed : of k-means
    threads : the result is the same for every value

    Raises
    ------
    ShapeError
        If a value is not a finite number.

    Examples
    --------
    >>> rows = np.array([[0, 0], [0, 0], [9, 9], [9, 9], [0, 0], [0, 0], [5, 0], [5, 0]], np.float32)
    >>> is_b = np.arange(8) >= 4
    >>> for way in ("joint", "matched"):
    ...     sides = cluster_sides(rows, is_b, way=way)
    ...     sides.labels.tolist(), sides.n_a.tolist(), sides.n_b.tolist()
    ([0, 0, 1, 1, 0, 0, 0, 0], [2.0, 2.0], [4.0, 0.0])
    ([0, 0, 1, 1, 0, 0, 2, 2], [2.0, 2.0, 0.0], [2.0, 0.0, 2.0])
    """
    pipeline = ClusteringPipeline("kmeans", None, seed=seed, threads=threads)
    if way == "joint":
        labels = pipeline.fit_predict(vectors)
    else:
        labels = _matched(vectors, is_b, (pipeline.fit_predict(vectors[~is_b]), pipeline.fit_predict(vectors[is_b])))
    centroids = cluster_means(vectors, labels, threads=threads).means.astype(np.float32)
    k = len(centroids)
    return Sides(
        labels,
        centroids,
        _radii(vectors, labels, centroids),
        np.bincount(labels[~is_b], minlength=k).astype(np.float64),
        np.bincount(labels[is_b], minlength=k).astype(np.float64),
    )


def _matched(vectors: Vectors, is_b: Mask, own: tuple[Labels, Labels]) -> Labels:
    """Common labels; clusters without a partner, or with one out of reach, stay alone."""
    sides = vectors[~is_b], vectors[is_b]
    match = match_centroids(sides[0], own[0], sides[1], own[1])
    reach = [
        _radii(rows, labels, cluster_means(rows, labels).means.astype(np.float32))
        for rows, labels in zip(sides, own, strict=True)
    ]
    name = np.arange(int(own[1].max()) + 1) + int(own[0].max()) + 1
    for (i, j), distance in zip(match.pairs.tolist(), match.distances.tolist(), strict=True):
        if distance <= max(reach[0][i], reach[1][j]):
            name[j] = i
    labels = np.empty(len(vectors), dtype=np.int32)
    labels[~is_b], labels[is_b] = own[0], name[own[1]]
    return number_by_size(labels)


def _radii(vectors: Vectors, labels: Labels, centroids: Vectors) -> FloatVector:
    distances = _distances(vectors, centroids, labels)
    return np.array([np.quantile(distances[labels == c], REACH) for c in range(len(centroids))])


def _distances(vectors: Vectors, centroids: Vectors, labels: Labels) -> FloatVector:
    """From each row to the centroid of its label, float64 (n,)."""
    gap = vectors.astype(np.float64) - centroids[labels].astype(np.float64)
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", gap, gap)))
