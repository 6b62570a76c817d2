"""Matching clusters, of one corpus labelled twice or of two corpora; similarities of clusters; nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diptych import _native
from diptych._types import FloatMatrix, Labels
from diptych.errors import ShapeError
from diptych.stats.tables import adjusted_rand, overlap_p_values, table_p_value
from diptych.utils.blas import one_thread


@dataclass(frozen=True, slots=True)
class ClusterMatch:
    """Which cluster of the one labelling is which of the other.

    Parameters
    ----------
    pairs : int64 (m, 2), cluster of labelling 1 and its partner in labelling 2, ascending; only pairs that share items
    overlap : int64 (m,), items in both
    jaccard : float64 (m,), items in both over items in either
    p_value : float64 (m,), exact chance of such an overlap under permuted labels, of each pair by itself
    adjusted_rand : agreement of the two labellings: 1 when they are the same, 0 by chance
    n_agreeing : items whose clusters are partners
    n_common : items that neither labelling calls noise
    p_total : chance of so many agreeing items, or more, under permuted labels
    unmatched_1, unmatched_2 : int64, clusters without a partner
    """

    pairs: NDArray[np.int64]
    overlap: NDArray[np.int64]
    jaccard: NDArray[np.float64]
    p_value: NDArray[np.float64]
    adjusted_rand: float
    n_agreeing: int
    n_common: int
    p_total: float
    unmatched_1: NDArray[np.int64]
    unmatched_2: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CentroidMatch:
    """Which cluster of the one corpus is nearest to which of the other, one to one.

    Parameters
    ----------
    pairs : int64 (m, 2), cluster of corpus 1 and its partner in corpus 2, ascending
    distances : float64 (m,), Euclidean distance of the two centroids
    unmatched_1, unmatched_2 : int64, clusters without a partner
    """

    pairs: NDArray[np.int64]
    distances: NDArray[np.float64]
    unmatched_1: NDArray[np.int64]
    unmatched_2: NDArray[np.int64]


def contingency(labels_1: Labels, labels_2: Labels, *, threads: int = 1) -> NDArray[np.int64]:
    """Items by pair of clusters: int64 (k1, k2). Noise (-1) is not counted.

    Notes
    -----
    O(n). Beyond the input, memory peaks at 8 k1 k2 bytes, the result, and max(4 (k1 + 1)(k2 + 1), 256 KiB) a thread.

    Examples
    --------
    >>> contingency(np.array([0, 0, 1], np.int32), np.array([1, 1, 0], np.int32)).tolist()
    [[0, 2], [1, 0]]
    """
    sizes = [int(labels.max(initial=-1)) + 1 for labels in (labels_1, labels_2)]
    return _native.contingency(labels_1, labels_2, sizes[0], sizes[1], threads)


def assign(cost: FloatMatrix, *, maximize: bool = False) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Optimal one-to-one assignment of rows to columns.

    Parameters
    ----------
    cost : float64 (r, c), finite
    maximize : take ``cost`` as gain

    Returns
    -------
    rows, columns : int64 (min(r, c),), rows ascending

    Notes
    -----
    Exact, O(n^3). Jonker & Volgenant (1987), Computing 38, 325-340; rectangular form by Crouse (2016), IEEE TAES 52(4).
    Beyond the input, memory peaks at 80 (r + c) bytes, and 8 r c for a copy where ``cost`` is not C-contiguous float64,
    again where r > c or a cost is beyond 2**900.
    """
    return _native.assign(np.ascontiguousarray(cost, dtype=np.float64), maximize)


def match_clusters(
    labels_1: Labels, labels_2: Labels, *, n_resamples: int = 999, seed: int = 0, threads: int = 1
) -> ClusterMatch:
    """Pair the clusters of two labellings of the same items so that as many items as possible agree.

    Parameters
    ----------
    labels_1, labels_2 : int32 (n,), -1 is noise
    n_resamples : permutations of the labels behind ``p_total``; each is matched as these are
    seed : of the permutations
    threads : the result is the same for every value

    Raises
    ------
    ShapeError
        If the lengths differ, or a label is below -1.

    Examples
    --------
    >>> match = match_clusters(np.array([0, 0, 1, 1], np.int32), np.array([1, 1, 0, 2], np.int32))
    >>> match.pairs.tolist(), match.unmatched_2.tolist()
    ([[0, 1], [1, 0]], [2])
    """
    if len(labels_1) != len(labels_2):
        raise ShapeError(f"labels of the same items differ in length: {len(labels_1)} != {len(labels_2)}")
    table = contingency(labels_1, labels_2, threads=threads)
    rows, columns = assign(table.astype(np.float64), maximize=True)
    overlap = table[rows, columns]
    rows, columns, overlap = rows[overlap > 0], columns[overlap > 0], overlap[overlap > 0]
    union = table.sum(axis=1)[rows] + table.sum(axis=0)[columns] - overlap
    return ClusterMatch(
        pairs=np.column_stack([rows, columns]),
        overlap=overlap,
        jaccard=overlap / union,
        p_value=overlap_p_values(table, rows, columns),
        adjusted_rand=adjusted_rand(table),
        n_agreeing=int(overlap.sum()),
        n_common=int(table.sum()),
        p_total=table_p_value(table, _most_agreeing, n_resamples=n_resamples, seed=seed),
        unmatched_1=np.setdiff1d(np.arange(table.shape[0]), rows),
        unmatched_2=np.setdiff1d(np.arange(table.shape[1]), columns),
    )


def _most_agreeing(table: NDArray[np.int64]) -> float:
    rows, columns = assign(table.astype(np.float64), maximize=True)
    return float(table[rows, columns].sum())


def match_centroids(
    vectors_1: NDArray[np.float32],
    labels_1: Labels,
    vectors_2: NDArray[np.float32],
    labels_2: Labels,
    *,
    threads: int = 1,
) -> CentroidMatch:
    """Pair the clusters of two corpora so that the distances between their centroids are least in total.

    Parameters
    ----------
    vectors_1, labels_1 : float32 (n1, d), finite; int32 (n1,), -1 is noise; numbers without items are left out
    vectors_2, labels_2 : the same of the other corpus, (n2, d) and (n2,)
    threads : for the centroids; the result is the same for every value

    Raises
    ------
    ShapeError
        If there is not one label for every vector, a label is below -1, the widths differ, or a value is not finite.

    Notes
    -----
    Centroids and the distances of the pairs are float64. Pairs are chosen by float32 distances, so that a pairing whose
    total is larger by 1e-6 of it may be taken. Beyond the input, memory peaks at 20 (k1 + k2) d + 12 k1 k2 bytes.

    Examples
    --------
    >>> left, right = np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32)[::-1].copy()
    >>> labels = np.array([0, 1], np.int32)
    >>> match_centroids(left, labels, right, labels).pairs.tolist()
    [[0, 1], [1, 0]]
    """
    means_1, means_2 = (
        cluster_means(vectors_1, labels_1, threads=threads),
        cluster_means(vectors_2, labels_2, threads=threads),
    )
    used_1, used_2 = np.flatnonzero(means_1.sizes), np.flatnonzero(means_2.sizes)
    left, right = means_1.means[used_1], means_2.means[used_2]
    if left.shape[1] != right.shape[1]:
        raise ShapeError(f"vectors of the two corpora differ in width: {left.shape[1]} != {right.shape[1]}")
    rows, columns = assign(_near_distances(left, right))
    return CentroidMatch(
        pairs=np.column_stack([used_1[rows], used_2[columns]]),
        distances=np.linalg.norm(left[rows] - right[columns], axis=1),
        unmatched_1=np.setdiff1d(np.arange(len(means_1.sizes)), used_1[rows]),
        unmatched_2=np.setdiff1d(np.arange(len(means_2.sizes)), used_2[columns]),
    )


def _near_distances(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """All distances, from products in float32, which take a third of the time of those in float64.

    Seen from the middle of all rows, so that an offset that they share takes no digits.
    """
    middle = (left.sum(axis=0) + right.sum(axis=0)) / max(len(left) + len(right), 1)
    x, y = (np.asarray(rows - middle, dtype=np.float32) for rows in (left, right))
    with one_thread():
        squares = (-2.0 * x) @ y.T
    squares += np.einsum("ij,ij->i", x, x)[:, None]
    squares += np.einsum("ij,ij->i", y, y)
    return np.sqrt(np.maximum(squares, 0.0, out=squares), out=squares).astype(np.float64)


@dataclass(frozen=True, slots=True)
class ClusterMeans:
    """The middle of each cluster.

    Parameters
    ----------
    means : float64 (k, d), NaN where a number has no rows
    sizes : int64 (k,)
    """

    means: NDArray[np.float64]
    sizes: NDArray[np.int64]


def cluster_means(vectors: NDArray[np.float32], labels: Labels, *, threads: int = 1) -> ClusterMeans:
    """Centroids of clusters, in one pass.

    Parameters
    ----------
    vectors : float32 (n, d), finite
    labels : int32 (n,), -1 is noise
    threads : the result is the same for every value

    Raises
    ------
    ShapeError
        If there is not one label for every vector, a label is below -1, or a value is not finite.

    Examples
    --------
    >>> cluster_means(np.array([[1], [3], [9]], np.float32), np.array([0, 0, -1], np.int32)).means.tolist()
    [[2.0]]
    """
    sums, counts = _native.cluster_sums(labels, vectors, int(labels.max(initial=-1)) + 1, threads)
    with np.errstate(invalid="ignore"):
        return ClusterMeans(sums / counts[:, None], counts)


def mean_similarity(
    vectors_1: NDArray[np.float32],
    labels_1: Labels,
    vectors_2: NDArray[np.float32],
    labels_2: Labels,
    *,
    threads: int = 1,
) -> NDArray[np.float64]:
    """Mean cosine similarity over all pairs of an item of a cluster of corpus 1 and one of a cluster of corpus 2.

    Parameters
    ----------
    vectors_1, labels_1 : float32 (n1, d), finite; int32 (n1,), -1 is noise; a zero vector has similarity 0
    vectors_2, labels_2 : the same of the other corpus, (n2, d) and (n2,)
    threads : the result is the same for every value

    Returns
    -------
    float64 (k1, k2), NaN where a cluster is empty

    Raises
    ------
    ShapeError
        If there is not one label for every vector, a label is below -1, the widths differ, or a value is not finite.

    Notes
    -----
    Exact without visiting a pair: the mean of all cosines is the product of the two means of unit vectors. Beyond the
    input, memory peaks at 16 (k1 + k2) d + 8 k1 k2 + 8 max(n1, n2) bytes.

    Examples
    --------
    >>> vectors, labels = np.eye(2, dtype=np.float32), np.array([0, 0], np.int32)
    >>> mean_similarity(vectors, labels, vectors, labels).tolist()
    [[0.5]]
    """
    sizes = [int(labels.max(initial=-1)) + 1 for labels in (labels_1, labels_2)]
    return _native.mean_similarity(labels_1, vectors_1, labels_2, vectors_2, sizes[0], sizes[1], threads)


def nearest_neighbours(
    queries: NDArray[np.float32], targets: NDArray[np.float32], *, k: int, threads: int = 1
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The targets of largest inner product with each query, exactly; for cosines pass unit vectors.

    Parameters
    ----------
    queries, targets : float32 (n, d) and (m, d), finite
    k : 1 to m
    threads : the result is the same for every value

    Returns
    -------
    indices : int64 (n, k), largest product first, equal ones by index
    similarities : float32 (n, k), the products, computed and compared in float64

    Raises
    ------
    ShapeError
        If the widths differ or are 0, ``k`` is out of range, or a value is not finite.

    Notes
    -----
    Rows are rounded to int8; the Cauchy-Schwarz inequality bounds what rounding can hide, and what the bound does not
    exclude gets its product in float64. Beyond input and output, memory peaks at m (d + 27) bytes and 6 kB + 400 d
    bytes a thread.

    Examples
    --------
    >>> rows = np.array([[1, 0], [0, 1], [3, 4]], np.float32)
    >>> nearest_neighbours(rows, rows, k=2)[0].tolist()
    [[2, 0], [2, 1], [2, 1]]
    """
    return _native.nearest_neighbours(queries, targets, k, threads)
