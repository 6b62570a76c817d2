"""A tree over the clusters, with the shares of every model and persona at every branch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from diptych._types import Json, Labels, Mask
from diptych.apps.behavioural_clustering.approvals import NAMES, Approvals
from diptych.apps.behavioural_clustering.clusters import Clusters
from diptych.apps.behavioural_clustering.tables import APPROVALS, ClusterShares, cluster_shares
from diptych.clustering.hierarchy import Hierarchy, grow_hierarchy
from diptych.data.answers import Approval


@dataclass(frozen=True)
class ApprovalTree:
    """A tree, and what is approved at its branches: the k clusters first, then the k - 1 merges in their order.

    Parameters
    ----------
    hierarchy : over the clusters
    sizes : statements of each branch
    themes : of each branch; that of a merge is the main themes of the two that it brings together
    shares : of each kind of answer, (2 k - 1, m, l)
    """

    hierarchy: Hierarchy
    sizes: tuple[int, ...]
    themes: tuple[str, ...]
    shares: Mapping[Approval, ClusterShares]

    @classmethod
    def grow(cls, clusters: Clusters, approvals: Approvals) -> ApprovalTree:
        """Ward's tree over the centroids, in which a cluster weighs as much as it has statements.

        Parameters
        ----------
        clusters : of the statements, the very ones of every other table
        approvals : every answer
        """
        hierarchy = grow_hierarchy(clusters.centroids, np.array(clusters.sizes, dtype=np.int64))
        shares = {one: _by_branch(approvals, clusters.labels, hierarchy.members(), one) for one in APPROVALS}
        sizes = (*clusters.sizes, *hierarchy.sizes.tolist())
        return cls(hierarchy, sizes, tuple(_themes(hierarchy, clusters)), shares)

    def as_json(self, approvals: Approvals) -> Json:
        """``tree.json``; models and personas stand there in the order of the axes of every share.

        Parameters
        ----------
        approvals : every answer
        """
        tree, k = self.hierarchy, self.hierarchy.n_leaves
        branches = [
            {
                "branch": b,
                "size": size,
                "themes": theme,
                "children": [] if b < k else tree.children[b - k].tolist(),
                "height": 0.0 if b < k else float(tree.heights[b - k]),
                **{NAMES[one]: shares.as_json(b) for one, shares in self.shares.items()},
            }
            for b, (size, theme) in enumerate(zip(self.sizes, self.themes, strict=True))
        ]
        personas = [{"section": one.section, "label": one.label} for one in approvals.personas]
        axes = {"models": list(approvals.models), "personas": personas}
        return {"schema": 1, **axes, "n_clusters": k, "order": tree.order().tolist(), "branches": branches}


def _by_branch(approvals: Approvals, labels: Labels, below: Mask, approval: Approval) -> ClusterShares:
    """Shares over the statements of every branch."""
    of_branch = [
        cluster_shares(approvals, np.where(mine[labels], 0, 1).astype(np.int32), 2, approval) for mine in below
    ]
    names = ("share", "low", "high", "n")
    return ClusterShares(**{name: np.stack([getattr(one, name)[0] for one in of_branch]) for name in names})


def _themes(tree: Hierarchy, clusters: Clusters) -> Iterator[str]:
    main = list(range(len(clusters)))  # of each branch, its largest cluster
    yield from clusters.themes
    for left, right in tree.children.tolist():
        pair = [main[left], main[right]]
        main.append(min(pair))  # clusters are numbered by size
        yield " · ".join(clusters.themes[c] for c in pair)
