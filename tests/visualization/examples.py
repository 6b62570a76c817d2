"""Small figures of every kind, whose data can be counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from diptych.clustering.hierarchy import Hierarchy
from diptych.visualization.approvals import Approvals, approval_map, approval_scatter, approval_table
from diptych.visualization.maps import Points, cluster_map, response_map
from diptych.visualization.shares import ClusterApprovals, approval_heatmap, cluster_bars
from diptych.visualization.trees import approval_tree, dendrogram

PLACES = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, 0.5], [0.5, 0.5]])
LABELS = ("Unaware", "Other AI", "Aware")
"""Not in the order of the alphabet: that is the point."""


def points(text: str = "So.") -> dict[str, list[Any]]:
    """Three prompts, two arms; they disagree on the second."""
    return {
        "x": PLACES[:, 0].tolist(),
        "y": PLACES[:, 1].tolist(),
        "arm": ["a", "b"] * 3,
        "prompt": [f"{i // 2} {text}" for i in range(6)],
        "response": [text] * 6,
        "answer": ["yes", "yes", "yes", "no", "no", "no"],
    }


def approvals(name: str = "", *, models: tuple[str, ...] = ("m1", "m2")) -> Approvals:
    """Six statements; the first label approves of all, the second of none, the third of the first two, alternating."""
    one = np.array([[1, 0, 1], [1, 0, 1], [1, 0, -1], [1, 0, -1], [1, 0, 0], [1, 0, 0]], dtype=np.int8)
    values = np.stack([one, 1 - np.abs(one)], axis=1)
    return Approvals(
        values, [f"{i} {name}" for i in range(6)], [m + name for m in models], [one + name for one in LABELS]
    )


def cluster_approvals(name: str = "") -> ClusterApprovals:
    """Three clusters of two statements each."""
    themes = [f"{theme}{name}" for theme in ("first", "second", "third")]
    return ClusterApprovals.of_statements(approvals(name), np.array([0, 0, 1, 1, 2, 2], np.int32), themes)


TREE = Hierarchy(np.array([[1, 2], [0, 3]]), np.array([1.5, 4.0]), np.array([4, 6]))
"""The second and third cluster, then the first."""


def every_figure(text: str) -> dict[str, Any]:
    """One of each kind, with a text wherever a text can stand."""
    shares = np.array([[0.5, 0.2], [0.3, 0.3], [0.2, 0.5]])
    said, clusters = approvals(text), cluster_approvals(text)
    names = {i: f"{i}{text}" for i in range(3)}
    two_runs = points(text) | {"run": ["r1" + text] * 2 + ["r2" + text] * 4, "arm": ["a" + text, "b" + text] * 3}
    return {
        "responses": response_map(Points.from_columns(two_runs), title=text, note=text),
        "clusters": cluster_map(PLACES, [0, 0, 1, 1, 2, -1], texts=[text] * 6, names=names, title=text, note=text),
        "approval_map": approval_map(PLACES, said, title=text, note=text),
        "approval_scatter": approval_scatter(PLACES, said, title=text, note=text),
        "approval_table": approval_table(said, title=text),
        "bars": cluster_bars(
            shares,
            shares - 0.1,
            shares + 0.1,
            arms=["a" + text, "b" + text],
            names=clusters.names,
            title=text,
            note=text,
        ),
        "heatmap": approval_heatmap(clusters, title=text, note=text),
        "dendrogram": dendrogram(TREE, clusters, title=text, note=text),
        "treemap": approval_tree(TREE, clusters, title=text, note=text),
        "icicle": approval_tree(TREE, clusters, kind="icicle", title=text, note=text),
    }
