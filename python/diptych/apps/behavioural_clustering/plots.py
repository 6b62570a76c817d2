"""The pictures of a run of approvals, each a page that works offline."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from diptych.apps.behavioural_clustering.approvals import Approvals
from diptych.apps.behavioural_clustering.run import Outcome
from diptych.data.answers import Approval
from diptych.data.catalogue import distinct_labels
from diptych.visualization.pages import Picture


def draw(outcome: Outcome) -> Iterator[Picture]:
    """Maps, tables, tree and treemap of a run; none where plotly is not installed.

    Parameters
    ----------
    outcome : of the run
    """
    if find_spec("plotly") is None:
        return
    from diptych.visualization import approvals as views
    from diptych.visualization import shares, trees
    from diptych.visualization.reduction import reduce_to_plane

    approvals, clusters = outcome.approvals, outcome.clusters
    labels = distinct_labels(approvals.personas)
    shown = views.Approvals(usual_answers(approvals), approvals.statements.texts, approvals.models, labels)
    counted = shares.ClusterApprovals.of_statements(shown, clusters.labels, clusters.themes)
    places = reduce_to_plane(clusters.vectors, "pca", seed=outcome.manifest["config"]["seed"]).places
    hierarchy = outcome.tree.hierarchy
    pictures = {
        "heatmap": ("Approval by cluster, model and persona", shares.approval_heatmap(counted)),
        "treemap": ("Approval in the tree of the clusters", trees.approval_tree(hierarchy, counted)),
        "icicle": (
            "Approval in the tree of the clusters, level by level",
            trees.approval_tree(hierarchy, counted, kind="icicle"),
        ),
        "tree": ("Tree of the clusters", trees.dendrogram(hierarchy, counted)),
        "approvals": ("Map of the statements, a panel for each persona", views.approval_map(places, shown)),
        "personas": ("Map of the statements, by persona", views.approval_scatter(places, shown)),
        "models": ("Map of the statements, by model", views.approval_scatter(places, shown, pivot="models")),
        "table": ("Answers, side by side", views.approval_table(shown)),
    }
    for name, (title, figure) in pictures.items():
        yield Picture.of(name, title, figure)


def usual_answers(approvals: Approvals) -> NDArray[np.int8]:
    """The most frequent answer of the draws of each statement: int8 (n, m, l), 1, 0 or -1.

    Parameters
    ----------
    approvals : every answer; equally frequent ones come to no answer, as do requests that failed
    """
    kinds = (Approval.APPROVES, Approval.DISAPPROVES, Approval.NO_ANSWER)
    approves, disapproves, none = ((approvals.values == one).sum(axis=3) for one in kinds)
    found = np.full(none.shape, Approval.NO_ANSWER, dtype=np.int8)
    found[(approves > disapproves) & (approves > none)] = Approval.APPROVES
    found[(disapproves > approves) & (disapproves > none)] = Approval.DISAPPROVES
    return found
