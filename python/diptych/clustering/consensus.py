"""How much of a clustering is the data, and how much its random start: the same again with other seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diptych._types import FloatVector, Labels, Vectors
from diptych.clustering.algorithms import kmeans
from diptych.clustering.matching import contingency
from diptych.errors import ShapeError
from diptych.stats.tables import adjusted_rand
from diptych.utils.hashing import derive_seed

N_RECLUSTERINGS = 10
SURVIVES = 0.5
"""A cluster survives a reclustering in which some cluster shares so much with it (Jaccard)."""


@dataclass(frozen=True, slots=True)
class Consensus:
    """The clustering, of several, that agrees best with the others.

    Parameters
    ----------
    labels : int32 (n,)
    stability : float64 (k,), of each cluster the mean over the others of its greatest Jaccard similarity with a cluster
        of theirs; NaN of a number without rows
    agreement : mean adjusted Rand index with the others
    chosen : which of them it is
    """

    labels: Labels
    stability: FloatVector
    agreement: float
    chosen: int


def consensus(runs: Sequence[Labels]) -> Consensus:
    """The medoid of several clusterings of the same rows, and how far the others bear out each of its clusters.

    Parameters
    ----------
    runs : two or more, each int32 (n,), -1 is noise

    Raises
    ------
    ShapeError
        If there are fewer than two, or their lengths differ.

    Notes
    -----
    No n × n matrix of who was with whom is formed: the medoid is a clustering that some seed really gave. Of equally
    good ones the first is taken. Stability: Hennig (2007), Comput. Stat. Data Anal. 52, over seeds in place of samples;
    below 0.5 a cluster is dissolved, from 0.75 on stable.

    Examples
    --------
    >>> halves, odd = np.array([0, 0, 1, 1], np.int32), np.array([0, 1, 0, 1], np.int32)
    >>> found = consensus([odd, halves, halves])
    >>> found.labels.tolist(), found.chosen, found.stability.round(2).tolist()
    ([0, 0, 1, 1], 1, [0.67, 0.67])
    """
    if len(runs) < 2:
        raise ShapeError(f"a consensus is of at least 2 clusterings, not of {len(runs)}")
    lengths = sorted({len(labels) for labels in runs})
    if len(lengths) > 1:
        raise ShapeError(f"clusterings of the same rows differ in length: {lengths[0]} != {lengths[-1]}")
    index = np.ones((len(runs), len(runs)))
    for i, labels in enumerate(runs):
        for j in range(i):
            index[i, j] = index[j, i] = adjusted_rand(contingency(labels, runs[j]))
    agreement = (index.sum(axis=1) - 1.0) / (len(runs) - 1)
    chosen = int(np.argmax(np.round(agreement, 12)))
    others = [best_overlaps(runs[chosen], labels) for i, labels in enumerate(runs) if i != chosen]
    present = np.bincount(runs[chosen][runs[chosen] >= 0], minlength=len(others[0])) > 0
    stability = np.where(present, np.mean(others, axis=0), np.nan)
    return Consensus(runs[chosen], stability, float(agreement[chosen]), chosen)


def other_seeds(seed: int, n: int = N_RECLUSTERINGS) -> list[int]:
    """Seeds for the same clustering again.

    Parameters
    ----------
    seed : of the clustering that is to be looked at
    n : how many

    Returns
    -------
    list of int, each below 2**32

    Examples
    --------
    >>> len(set(other_seeds(0))), other_seeds(0, 3) == other_seeds(0)[:3]
    (10, True)
    """
    return [derive_seed(seed, f"again {number}") % 2**32 for number in range(n)]


def reclusterings(vectors: Vectors, n_clusters: int, *, seed: int, threads: int = 1) -> list[Labels]:
    """The same k-means with other seeds.

    Parameters
    ----------
    vectors, n_clusters : as in ``kmeans``
    seed : of the clustering that is to be looked at
    threads : no result depends on them
    """
    return [kmeans(vectors, n_clusters, seed=other, threads=threads).labels for other in other_seeds(seed)]


def best_overlaps(labels: Labels, others: Labels) -> FloatVector:
    """Of each cluster, the greatest Jaccard similarity with any cluster of another clustering of the same rows.

    Parameters
    ----------
    labels, others : int32 (n,), -1 is noise: such a row is in no cluster of that clustering

    Returns
    -------
    float64 (k,), from 0 (no such cluster) to 1

    Notes
    -----
    Hennig (2007), Comput. Stat. Data Anal. 52: a cluster is dissolved where this falls below 0.5.

    Examples
    --------
    >>> best_overlaps(np.array([0, 0, 1, 1], np.int32), np.array([1, 1, 1, 0], np.int32)).round(2).tolist()
    [0.67, 0.5]
    """
    shared = contingency(labels + np.int32(1), others + np.int32(1))  # noise takes part as number 0
    union = shared.sum(axis=1)[:, None] + shared.sum(axis=0)[None] - shared
    return np.asarray((shared / np.maximum(union, 1))[1:, 1:].max(axis=1, initial=0.0))
