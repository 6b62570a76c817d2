"""Trees over clusters: a dendrogram with bars of approval at every merge, treemap and icicle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatVector, Json
from diptych.clustering.hierarchy import Hierarchy
from diptych.errors import ShapeError
from diptych.visualization import themes
from diptych.visualization.controls import make_room, menus, one_of, option
from diptych.visualization.shares import ClusterApprovals, Wording, colour_bar, share_text, shares_of
from diptych.visualization.text import label

_FIRST_DEPTH, _DEEPEST = 4, 10
_BAR_WIDTH = 0.09
"""Of the highest merge: as wide is a bar when all approve."""


@dataclass(frozen=True, slots=True)
class _Nodes:
    """Leaves and merges: 2 k - 1 of each, numbered as in ``Hierarchy``."""

    parent: NDArray[np.int64]
    depth: NDArray[np.int64]
    sizes: NDArray[np.int64]
    approved: NDArray[np.int64]
    asked: NDArray[np.int64]
    names: list[str]
    words: Wording
    highest: float

    def said(self, node: int, model: int, labels: Sequence[str]) -> str:
        """What a pointer shows of a node: the approval under every label, in their order."""
        counts = zip(labels, self.approved[node, model], self.asked[node, model], strict=True)
        lines = [f"{label(one)}: {self.words.of_label}{share_text(int(yes), int(of))}" for one, yes, of in counts]
        return "<br>".join([f"<b>{self.names[node]}</b>", f"{self.sizes[node]:,} {self.words.items}", *lines])

    def texts(self, model: int, at: int) -> list[str]:
        """The approval of each node under the label ``at``."""
        counts = zip(self.approved[:, model, at], self.asked[:, model, at], strict=True)
        return [share_text(int(yes), int(of)) for yes, of in counts]


def dendrogram(
    hierarchy: Hierarchy, approvals: ClusterApprovals, *, title: str = "Tree of the clusters", note: str = ""
) -> Any:
    """The tree from the clusters, left, to the whole, right, each merge at its height; a bar for each label at each.

    Parameters
    ----------
    hierarchy : of k clusters
    approvals : of the same clusters, in the order of their numbers; a menu chooses the model
    title, note : above the tree

    Returns
    -------
    ``plotly.graph_objects.Figure``

    Raises
    ------
    ShapeError
        If the tree has another number of clusters than the approvals.
    MissingExtraError
        Without plotly.
    """
    nodes = _nodes(hierarchy, approvals)
    x, y = _places(hierarchy)
    width = _BAR_WIDTH * (float(x.max()) or 1.0)
    left = np.where(np.arange(len(x)) < hierarchy.n_leaves, -1.2 * width, x + 0.15 * width)
    traces = [_branches(hierarchy, x, y), _bars(left, y, np.full(len(x), width), 0, 1) | _track()]
    of_model = []
    share, n_labels = shares_of(nodes.approved, nodes.asked), len(approvals.labels)
    for j in range(len(approvals.models)):
        for i, name in enumerate(approvals.labels):
            fill = {"fillcolor": themes.colour_of(i), "name": label(name), "legendgroup": str(i)}
            part = np.minimum(np.nan_to_num(share[:, j, i]) / nodes.highest, 1.0)
            bars = _bars(left, y, part * width, i, n_labels)
            traces.append(bars | fill | {"visible": j == 0})
            of_model.append(j)
        hovers = [nodes.said(node, j, approvals.labels) for node in range(len(x))]
        traces.append(_pointers(left + width / 2, y, hovers) | {"visible": j == 0})
        of_model.append(j)
    numbers = list(range(2, len(traces)))
    choices = one_of("Model", approvals.models, of_model, numbers)
    end = "." if nodes.highest == 1.0 else f", which is {100 * nodes.highest:.0f} %."
    note = label(note or nodes.words.note + end, 120)
    row = max(26, 8 * n_labels + 8)
    look = make_room(themes.layout(label(title, 80), height=190 + row * hierarchy.n_leaves, note=note), menus(choices))
    across: Json = {"range": [-1.4 * width, float(x.max()) + 1.4 * width], "tickvals": _ticks(float(x.max()))}
    look["xaxis"] = themes.axis("height of the merge", across | {"showgrid": False})
    order = hierarchy.order()
    down: Json = {"tickvals": list(range(len(order))), "ticktext": [nodes.names[leaf] for leaf in order]}
    look["yaxis"] = themes.axis("", down | {"range": [len(order) - 0.5, -0.5], "showgrid": False})
    look["legend"] |= {"title": {"text": nodes.words.legend, "font": {"color": themes.SOFT, "size": 13}}}
    return themes.figure(traces, look)


def approval_tree(
    hierarchy: Hierarchy,
    approvals: ClusterApprovals,
    *,
    kind: Literal["treemap", "icicle"] = "treemap",
    title: str = "Approval in the tree of the clusters",
    note: str = "",
) -> Any:
    """Clusters within clusters: the area says how many statements, the colour which share approves.

    Menus choose model, label and how many levels are shown; a click goes into a part of the tree.

    Parameters
    ----------
    hierarchy : of k clusters
    approvals : of the same clusters, in the order of their numbers
    kind : ``"treemap"`` or ``"icicle"``
    title, note : above the tree

    Returns
    -------
    ``plotly.graph_objects.Figure``, a trace for each model; ids are the numbers of ``Hierarchy``.

    Raises
    ------
    ShapeError
        If the tree has another number of clusters than the approvals.
    MissingExtraError
        Without plotly.
    """
    nodes = _nodes(hierarchy, approvals)
    n = len(nodes.parent)
    numbers = list(range(len(approvals.models)))
    share = shares_of(nodes.approved, nodes.asked)
    by_label = []
    for i, name in enumerate(approvals.labels):
        texts = [nodes.texts(j, i) for j in numbers]
        changes = {"marker.colors": [share[:, j, i].tolist() for j in numbers], "text": texts}
        by_label.append(option(f"{nodes.words.label}: {label(name, 40)}", changes, numbers))
    deepest = int(nodes.depth.max()) + 1
    depths = [*range(2, min(deepest, _DEEPEST + 1)), -1]
    first = depths.index(_FIRST_DEPTH) if _FIRST_DEPTH in depths else len(depths) - 1
    by_depth = [
        option("All levels" if depth < 0 else f"{depth} levels", {"maxdepth": [depth] * len(numbers)}, numbers)
        for depth in depths
    ]
    by_model = one_of("Model", approvals.models, numbers, numbers)
    begin = by_label[0]["args"][0]
    traces = []
    for j in numbers:
        hovers = [nodes.said(node, j, approvals.labels) for node in range(n)]
        trace = _tree_trace(kind, nodes, hovers, begin["marker.colors"][j], begin["text"][j])
        traces.append(trace | {"maxdepth": depths[first], "visible": j == 0})
    look = themes.layout(label(title, 80), height=720, note=label(note, 120))
    look[f"{kind}colorway"], look[f"extend{kind}colors"] = [themes.NOISE], False
    return themes.figure(traces, make_room(look, menus(by_model, by_label, by_depth, active=first)))


def _nodes(hierarchy: Hierarchy, approvals: ClusterApprovals) -> _Nodes:
    k = hierarchy.n_leaves
    if k != len(approvals.names):
        raise ShapeError(f"a tree of {k} clusters does not fit approvals of {len(approvals.names)} clusters")
    below = hierarchy.members().astype(np.int64)
    parent, depth = np.full(2 * k - 1, -1, np.int64), np.zeros(2 * k - 1, np.int64)
    for i in range(k - 2, -1, -1):
        for child in hierarchy.children[i]:
            parent[child] = k + i
            depth[child] = depth[k + i] + 1
    sizes = below @ approvals.sizes
    largest = np.where(below > 0, approvals.sizes, -1).argmax(axis=1)
    called = approvals.called
    names = [label(name, 44) for name in called]
    for left, right in hierarchy.children:
        both = (largest[one] for one in (left, right))
        names.append(" + ".join(label(called[leaf], 18) for leaf in both))
    approved, asked = (np.tensordot(below, counts, axes=1) for counts in (approvals.approved, approvals.asked))
    return _Nodes(parent, depth, sizes, approved, asked, names, approvals.words, approvals.highest)


def _places(hierarchy: Hierarchy) -> tuple[FloatVector, FloatVector]:
    k = hierarchy.n_leaves
    x, y = np.concatenate([np.zeros(k), hierarchy.heights]), np.zeros(2 * k - 1)
    y[hierarchy.order()] = np.arange(k)
    for i, (left, right) in enumerate(hierarchy.children):
        y[k + i] = (y[left] + y[right]) / 2
    return x, y


def _branches(hierarchy: Hierarchy, x: FloatVector, y: FloatVector) -> Json:
    across: list[float | None] = []
    down: list[float | None] = []
    for height, (left, right) in zip(hierarchy.heights, hierarchy.children, strict=True):
        across += [float(x[left]), float(height), float(height), float(x[right]), None]
        down += [float(y[left]), float(y[left]), float(y[right]), float(y[right]), None]
    look = {"mode": "lines", "line": {"color": themes.SOFT, "width": 1.3}, "showlegend": False}
    return {"type": "scatter", "x": across, "y": down, "hoverinfo": "skip", **look}


def _bars(left: FloatVector, y: FloatVector, widths: FloatVector, i: int, n: int) -> Json:
    """Rectangles, the ``i``-th of ``n`` below each other at each node, as one filled trace."""
    top = y - 0.35 + 0.7 * i / n
    ends = zip(left.tolist(), (left + widths).tolist(), strict=True)
    across = [part for start, end in ends for part in (start, end, end, start, start, None)]
    down = [part for t in top.tolist() for part in (t, t, t + 0.7 / n, t + 0.7 / n, t, None)]
    look = {"mode": "lines", "line": {"width": 0}, "fill": "toself", "hoverinfo": "skip"}
    return {"type": "scatter", "x": across, "y": down, **look}


def _track() -> Json:
    return {"fillcolor": themes.LINE, "showlegend": False}


def _pointers(x: FloatVector, y: FloatVector, hovers: list[str]) -> Json:
    look = {"mode": "markers", "marker": {"size": 18, "color": themes.PAGE, "opacity": 0}, "showlegend": False}
    said = {"customdata": hovers, "hovertemplate": "%{customdata}<extra></extra>"}
    return {"type": "scatter", "x": x, "y": y, **look, **said}


def _ticks(highest: float) -> list[float]:
    """Round numbers from zero on; to the left of it there are bars, not heights."""
    if highest <= 0.0:
        return [0.0]
    power = 10.0 ** np.floor(np.log10(highest))
    step = next(one * power for one in (0.1, 0.2, 0.5, 1.0, 2.0) if highest / (one * power) <= 6)
    return [float(one) for one in np.arange(0.0, highest * (1 + 1e-9), step).round(12)]


def _tree_trace(kind: str, nodes: _Nodes, hovers: list[str], colours: list[float], texts: list[str]) -> Json:
    scale = {"cmin": 0, "cmax": nodes.highest, "colorscale": [list(stop) for stop in themes.APPROVAL_SCALE]}
    look = {
        **scale,
        "showscale": True,
        "colorbar": colour_bar(nodes.words.share, nodes.highest),
        "line": {"color": themes.PAGE},
    }
    return {
        "type": kind,
        "ids": [str(node) for node in range(len(nodes.parent))],
        "parents": ["" if parent < 0 else str(parent) for parent in nodes.parent],
        "labels": nodes.names,
        "values": nodes.sizes.tolist(),
        "branchvalues": "total",
        "sort": False,
        "text": texts,
        "textinfo": "label+text",
        "customdata": hovers,
        "hovertemplate": "%{customdata}<extra></extra>",
        "marker": look | {"colors": colours},
        "pathbar": {"visible": True},
    }
