"""Matching the clusters of two labellings of the same items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diptych import _native
from diptych._types import FloatMatrix, Labels
from diptych.errors import ShapeError


@dataclass(frozen=True, slots=True)
class ClusterMatch:
    """Which cluster of the one labelling is which of the other.

    Parameters
    ----------
    pairs : int64 (m, 2), cluster of labelling 1 and its partner in labelling 2, ascending; only pairs that share items
    overlap : int64 (m,), items in both
    jaccard : float64 (m,), items in both over items in either
    unmatched_1, unmatched_2 : int64, clusters without a partner
    """

    pairs: NDArray[np.int64]
    overlap: NDArray[np.int64]
    jaccard: NDArray[np.float64]
    unmatched_1: NDArray[np.int64]
    unmatched_2: NDArray[np.int64]


def contingency(labels_1: Labels, labels_2: Labels, *, threads: int = 1) -> NDArray[np.int64]:
    """Items by pair of clusters: int64 (k1, k2). Noise (-1) is not counted.

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
    """
    return _native.assign(np.ascontiguousarray(cost, dtype=np.float64), maximize)


def match_clusters(labels_1: Labels, labels_2: Labels, *, threads: int = 1) -> ClusterMatch:
    """Pair the clusters of two labellings of the same items so that as many items as possible agree.

    Parameters
    ----------
    labels_1, labels_2 : int32 (n,), -1 is noise
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
        unmatched_1=np.setdiff1d(np.arange(table.shape[0]), rows),
        unmatched_2=np.setdiff1d(np.arange(table.shape[1]), columns),
    )
