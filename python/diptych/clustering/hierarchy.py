"""A tree over clusters: Ward's, in which a cluster weighs as much as it has rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatMatrix, FloatVector, Labels, Mask, Vectors
from diptych.errors import ShapeError


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Which clusters are brought together, one pair after another, until all are one.

    Numbers 0 … k - 1 are the clusters, the leaves; number k + i is what merge i has made.

    Parameters
    ----------
    children : int64 (k - 1, 2), the two that each merge brings together, the smaller number first
    heights : float64 (k - 1,), of each merge, never falling
    sizes : int64 (k - 1,), rows of what each merge has made
    """

    children: NDArray[np.int64]
    heights: FloatVector
    sizes: NDArray[np.int64]

    @property
    def n_leaves(self) -> int:
        """How many clusters there are."""
        return len(self.children) + 1

    def members(self) -> Mask:
        """Which leaves lie below each number, leaves and merges: bool (2 k - 1, k)."""
        k = self.n_leaves
        below = np.zeros((2 * k - 1, k), dtype=np.bool_)
        below[:k] = np.eye(k, dtype=np.bool_)
        for i, (left, right) in enumerate(self.children):
            below[k + i] = below[left] | below[right]
        return below

    def order(self) -> NDArray[np.int64]:
        """The leaves from left to right, so that no branches cross: int64 (k,)."""
        pending, leaves = [2 * self.n_leaves - 2], []
        while pending:
            node = pending.pop()
            if node < self.n_leaves:
                leaves.append(node)
            else:
                pending.extend(self.children[node - self.n_leaves][::-1].tolist())
        return np.array(leaves, dtype=np.int64)

    def cut(self, n_branches: int) -> Labels:
        """The branch of each leaf when the tree is cut into so many: int32 (k,), numbered by their first leaf.

        Raises
        ------
        ShapeError
            If there are not so many leaves.
        """
        if not 1 <= n_branches <= self.n_leaves:
            raise ShapeError(f"cannot cut {self.n_leaves} leaves into {n_branches} branches")
        branch = np.arange(2 * self.n_leaves - 1)
        for i in range(self.n_leaves - n_branches - 1, -1, -1):
            branch[self.children[i]] = branch[self.n_leaves + i]
        _, first, labels = np.unique(branch[: self.n_leaves], return_index=True, return_inverse=True)
        return np.argsort(np.argsort(first))[labels].astype(np.int32)


def grow_hierarchy(centroids: FloatMatrix | Vectors, sizes: NDArray[np.int64]) -> Hierarchy:
    """Bring together, again and again, the two clusters whose union adds least to the squared distances from centroids.

    Parameters
    ----------
    centroids : float32 or float64 (k, d), finite
    sizes : int64 (k,), rows of each, at least 1

    Raises
    ------
    ShapeError
        If there is no cluster, their numbers differ, a size is below 1, or a value is not finite; names the cluster.

    Notes
    -----
    Ward (1963), JASA 58. The height of a merge is ``sqrt(2 n_a n_b / (n_a + n_b)) |c_a - c_b|``: half its square is
    what it adds to the sum of squared distances. With sizes of 1 it is scipy's ``linkage(centroids, "ward")``; with
    others, what scipy would say of a tree over the rows, were each cluster's first to be complete. Of equally good
    merges the one of the smallest numbers is taken. O(k² (k + d)) time, 8 k² + 16 k d bytes.

    Examples
    --------
    >>> tree = grow_hierarchy(np.array([[0.0], [10.0], [1.0]]), np.array([1, 1, 1]))
    >>> tree.children.tolist(), tree.heights.round(2).tolist(), tree.order().tolist()
    ([[0, 2], [1, 3]], [1.0, 10.97], [1, 0, 2])
    """
    _check(centroids, sizes)
    k = len(centroids)
    centres = np.concatenate([centroids.astype(np.float64), np.empty((k - 1, centroids.shape[1]))])
    weights = np.concatenate([sizes.astype(np.float64), np.empty(k - 1)])
    node, alive = np.arange(k), np.ones(k, dtype=np.bool_)
    costs = np.full((k, k), np.inf)
    for i in range(k - 1):
        costs[i, i + 1 :] = _costs(centres[i], weights[i], centres[i + 1 : k], weights[i + 1 : k])
    children, heights = np.empty((k - 1, 2), dtype=np.int64), np.empty(k - 1)
    for i in range(k - 1):
        left, right = _least(costs, node)
        children[i], heights[i] = sorted((node[left], node[right])), np.sqrt(costs[left, right])
        a, b, made = node[left], node[right], k + i
        weights[made] = weights[a] + weights[b]
        centres[made] = (weights[a] * centres[a] + weights[b] * centres[b]) / weights[made]
        alive[right], node[left] = False, made
        costs[right, :] = costs[:, right] = np.inf
        others = np.flatnonzero(alive & (node != made))
        costs[np.minimum(others, left), np.maximum(others, left)] = _costs(
            centres[made], weights[made], centres[node[others]], weights[node[others]]
        )
    return Hierarchy(children, np.maximum.accumulate(heights), weights[k:].astype(np.int64))


def _costs(centre: FloatVector, weight: float, others: FloatMatrix, weights: FloatVector) -> FloatVector:
    """Squared heights of the merges of one cluster with others."""
    return np.asarray(2.0 * weight * weights / (weight + weights) * ((others - centre) ** 2).sum(axis=1))


def _least(costs: FloatMatrix, node: NDArray[np.int64]) -> tuple[int, int]:
    """The place of the smallest cost; of equal ones that of the smallest numbers."""
    rows, columns = np.nonzero(costs == costs.min())
    if len(rows) > 1:
        pairs = np.sort(np.stack([node[rows], node[columns]]), axis=0)
        best = np.lexsort(pairs[::-1])[0]
        return int(rows[best]), int(columns[best])
    return int(rows[0]), int(columns[0])


def _check(centroids: FloatMatrix | Vectors, sizes: NDArray[np.int64]) -> None:
    if centroids.ndim != 2 or not len(centroids):
        raise ShapeError(f"a tree needs centroids of shape (k, d), k at least 1, not {centroids.shape}")
    if sizes.shape != (len(centroids),):
        raise ShapeError(f"{len(centroids)} centroids but sizes of shape {sizes.shape}; give one size for each")
    for cluster in np.flatnonzero(sizes < 1)[:1]:
        raise ShapeError(f"cluster {cluster} has {sizes[cluster]} rows; leave clusters without rows out of the tree")
    for cluster in np.flatnonzero(~np.isfinite(centroids).all(axis=1))[:1]:
        raise ShapeError(f"the centroid of cluster {cluster} is not finite; it has no distance from another")
