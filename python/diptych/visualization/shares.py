"""Shares of clusters: who lies in them, and who approves of what lies in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatMatrix, Json, Labels
from diptych.errors import ShapeError
from diptych.utils.amounts import percent
from diptych.visualization import themes
from diptych.visualization.approvals import Approvals
from diptych.visualization.text import label

_BAR, _ROW_GAP = 11, 14
_TEXT_CELLS = 400
_FLAT_LETTERS = 90
"""So many letters of column names stand beside each other."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What figures call the counts of clusters.

    Parameters
    ----------
    share : heads the key of the colours
    of_label : goes before a share, behind the name of a label; may be empty
    items : that are sorted into clusters
    label : one of the last axis
    legend : heads the names of labels
    note : below the title of the tree
    """

    share: str = "approves"
    of_label: str = "approves "
    items: str = "statements"
    label: str = "Label"
    legend: str = "approval under"
    note: str = "Bars: share that approves, of the grey width"


APPROVALS = Wording()
ARMS = Wording(
    share="share",
    of_label="",
    items="responses",
    label="Model",
    legend="responses of",
    note="Bars: share of a branch’s responses that are the model’s, of the grey width",
)
"""For ``ClusterApprovals`` that count whose the responses are."""


@dataclass(frozen=True, slots=True)
class ClusterApprovals:
    """How often the statements of each cluster were approved of; or, with ``ARMS``, whose the responses of each are.

    Parameters
    ----------
    approved, asked : int64 (k, m, l): approving answers, and those they are a share of
    sizes : int64 (k,), statements
    names : k descriptions of the clusters
    models, labels : m and l names, in the order of the axes; every figure keeps this order
    words : what figures call all this
    numbers : of the clusters; 0 to k - 1 where there are no others
    highest : share at which colours and bars end; half of it is neither much nor little

    Raises
    ------
    ShapeError
        If they do not fit each other.
    """

    approved: NDArray[np.int64]
    asked: NDArray[np.int64]
    sizes: NDArray[np.int64]
    names: Sequence[str]
    models: Sequence[str]
    labels: Sequence[str]
    words: Wording = APPROVALS
    numbers: Sequence[int] = ()
    highest: float = 1.0

    def __post_init__(self) -> None:
        expected = (len(self.names), len(self.models), len(self.labels))
        shapes = [np.shape(self.approved), np.shape(self.asked), np.shape(self.sizes)]
        if shapes != [expected, expected, expected[:1]] or not min(expected) > 0:
            raise ShapeError(
                f"approved, asked and sizes of shapes {shapes} do not fit {expected[0]} clusters, {expected[1]} models "
                f"and {expected[2]} labels"
            )

    @classmethod
    def of_statements(cls, approvals: Approvals, cluster_labels: Labels, names: Sequence[str]) -> ClusterApprovals:
        """Counted; statements without an answer count among those that were asked.

        Parameters
        ----------
        approvals : n answers to statements
        cluster_labels : int (n,), the cluster of each statement, 0 to k - 1; statements of others are left out
        names : k descriptions of the clusters

        Raises
        ------
        ShapeError
            If there are not as many labels as statements.

        Examples
        --------
        >>> said = Approvals(np.array([[[1]], [[0]], [[1]]], np.int8), ["a", "b", "c"], ["m"], ["plain"])
        >>> ClusterApprovals.of_statements(said, np.array([0, 0, 1]), ["first", "second"]).share[:, 0, 0].tolist()
        [0.5, 1.0]
        """
        clusters = np.asarray(cluster_labels)
        if clusters.shape != (len(approvals.statements),):
            raise ShapeError(f"{len(approvals.statements)} statements do not fit labels of shape {clusters.shape}")
        inside = clusters[:, None] == np.arange(len(names))
        sizes = inside.sum(axis=0, dtype=np.int64)
        approved = np.einsum("nk,nml->kml", inside.astype(np.int64), (approvals.values == 1).astype(np.int64))
        asked = np.broadcast_to(sizes[:, None, None], approved.shape)
        return cls(approved, asked, sizes, names, approvals.models, approvals.labels)

    @classmethod
    def of_arms(
        cls, counts: NDArray[np.int64], arms: Sequence[str], names: Sequence[str], numbers: Sequence[int] = ()
    ) -> ClusterApprovals:
        """Whose the responses of each cluster are.

        Parameters
        ----------
        counts : int64 (k, a), responses of each arm
        arms : a names
        names, numbers : of the clusters, k descriptions, and k numbers where they are not 0 to k - 1

        Examples
        --------
        >>> ClusterApprovals.of_arms(np.array([[3, 1], [0, 2]]), ["x", "y"], ["first", "second"]).share[:, 0].tolist()
        [[0.75, 0.25], [0.0, 1.0]]
        """
        sizes = counts.sum(axis=1)
        asked = np.broadcast_to(sizes[:, None, None], (*counts.shape[:1], 1, *counts.shape[1:]))
        even_twice = min(1.0, 2.0 / len(arms))
        return cls(counts[:, None, :], asked, sizes, names, ["all"], arms, ARMS, numbers, even_twice)

    @property
    def called(self) -> list[str]:
        """Number and description of each."""
        return numbered(self.names, self.numbers)

    @property
    def share(self) -> NDArray[np.floating]:
        """Approving answers as a share, float64 (k, m, l); NaN where nothing was asked."""
        return shares_of(self.approved, self.asked)


def numbered(names: Sequence[str], numbers: Sequence[int] = ()) -> list[str]:
    """Descriptions with their numbers in front.

    Parameters
    ----------
    names : k descriptions
    numbers : of them; 0 to k - 1 where there are no others

    Examples
    --------
    >>> numbered(["red", "blue"]), numbered(["red"], [7])
    (['0: red', '1: blue'], ['7: red'])
    """
    return [f"{number}: {name}" for number, name in zip(numbers or range(len(names)), names, strict=True)]


def shares_of(approved: NDArray[np.int64], asked: NDArray[np.int64]) -> NDArray[np.floating]:
    """``approved / asked``, float64, NaN where nothing was asked.

    Parameters
    ----------
    approved, asked : of one shape

    Examples
    --------
    >>> shares_of(np.array([1, 0]), np.array([2, 0])).tolist()
    [0.5, nan]
    """
    shares: NDArray[np.floating] = np.full(np.shape(approved), np.nan)
    np.divide(approved, asked, out=shares, where=np.asarray(asked) > 0)
    return shares


def share_text(approved: int, asked: int) -> str:
    """``75 % of 12``.

    Examples
    --------
    >>> share_text(9, 12), share_text(0, 0)
    ('75 % of 12', 'not asked')
    """
    return f"{100 * approved / asked:.0f} % of {asked:,}" if asked else "not asked"


def cluster_bars(
    share: FloatMatrix,
    low: FloatMatrix,
    high: FloatMatrix,
    *,
    arms: Sequence[str],
    names: Sequence[str],
    numbers: Sequence[int] = (),
    title: str = "Clusters by arm",
    note: str = "",
) -> Any:
    """A bar for each cluster and arm, with its interval.

    Parameters
    ----------
    share, low, high : float64 (k, a): share of an arm's responses that lie in the cluster, and its interval
    arms : a names
    names, numbers : of the clusters, k descriptions, and k numbers where they are not 0 to k - 1
    title, note : above the bars

    Returns
    -------
    ``plotly.graph_objects.Figure``, a trace for each arm

    Raises
    ------
    ShapeError
        If the shapes do not fit the names.
    MissingExtraError
        Without plotly.
    """
    expected = (len(names), len(arms))
    shapes = [np.shape(one) for one in (share, low, high)]
    if shapes != [expected] * 3:
        raise ShapeError(
            f"share, low and high of shapes {shapes} do not fit {expected[0]} clusters, {expected[1]} arms"
        )
    places = np.arange(len(names))
    traces = []
    for i, arm in enumerate(arms):
        whisker = {"type": "data", "symmetric": False, "thickness": 1.2, "width": 3, "color": themes.INK}
        whisker |= {"array": 100 * (high - share)[:, i], "arrayminus": 100 * (share - low)[:, i]}
        hovers = [
            f"<b>{label(name)}</b><br>{label(arm)}: {percent(middle, 0)} [{percent(least, 0)}, {percent(most, 0)}]"
            for name, middle, least, most in zip(names, share[:, i], low[:, i], high[:, i], strict=True)
        ]
        marker = {"color": themes.colour_of(i), "opacity": 0.65}
        bars = {"type": "bar", "orientation": "h", "name": label(arm), "marker": marker}
        data = {"x": 100 * share[:, i], "y": places, "error_x": whisker, "customdata": hovers}
        traces.append(bars | data | {"hovertemplate": "%{customdata}<extra></extra>"})
    height = 190 + len(names) * (_BAR * len(arms) + _ROW_GAP)
    look = themes.layout(label(title, 80), height=height, note=label(note, 120))
    look["xaxis"] = themes.axis("share of the arm's responses", {"ticksuffix": " %", "rangemode": "tozero"})
    look["yaxis"] = _named_rows(numbered(names, numbers))
    look["legend"] |= {"orientation": "h", "x": 0.0, "y": 1.0, "yanchor": "bottom", "traceorder": "normal"}
    look["margin"]["t"] += 24
    return themes.figure(traces, look | {"barmode": "group", "bargap": 0.25})


def approval_heatmap(
    approvals: ClusterApprovals, *, title: str = "Approval by cluster, model and label", note: str = ""
) -> Any:
    """A row for each cluster, a column for each label of each model, coloured by the share that approves.

    Parameters
    ----------
    approvals : of the clusters
    title, note : above the cells

    Returns
    -------
    ``plotly.graph_objects.Figure``

    Raises
    ------
    MissingExtraError
        Without plotly.
    """
    k, m, n_labels = approvals.approved.shape
    share = approvals.share.reshape(k, m * n_labels)
    columns = [(model, one) for model in approvals.models for one in approvals.labels]
    counts = zip(approvals.approved.reshape(k, -1), approvals.asked.reshape(k, -1), approvals.names, strict=True)
    hovers = [
        [
            f"<b>{label(name)}</b><br>{label(model)} · {label(one)}<br>"
            f"{approvals.words.of_label}{share_text(int(yes), int(of))}"
            for (model, one), yes, of in zip(columns, approved, asked, strict=True)
        ]
        for approved, asked, name in counts
    ]
    cells: Json = {
        "type": "heatmap",
        "z": share,
        "x": np.arange(m * n_labels),
        "y": np.arange(k),
        "customdata": hovers,
        "hovertemplate": "%{customdata}<extra></extra>",
        "zmin": 0,
        "zmax": approvals.highest,
        "xgap": 1,
        "ygap": 1,
        "colorscale": [list(stop) for stop in themes.APPROVAL_SCALE],
        "colorbar": colour_bar(approvals.words.share, approvals.highest),
    }
    if share.size <= _TEXT_CELLS:
        cells["text"] = [["" if np.isnan(one) else percent(one, 0) for one in row] for row in share]
        cells["texttemplate"] = "%{text}"
    look = themes.layout(label(title, 80), height=240 + 26 * k, note=label(note, 120))
    ticks: Json = {"tickvals": list(range(m * n_labels)), "ticktext": [label(one, 24) for _, one in columns]}
    longest = max(len(text) for text in approvals.labels)
    slanted = m * n_labels * min(longest, 24) > _FLAT_LETTERS
    ticks |= {"side": "top", "showgrid": False, "tickangle": -45 if slanted else 0, "ticks": ""}
    look["xaxis"] = themes.axis("", ticks)
    look["yaxis"] = _named_rows(approvals.called) | {"showgrid": False, "ticks": ""}
    look["annotations"] = [
        _column_group(label(model, 40), (i + 0.5) * n_labels - 0.5) for i, model in enumerate(approvals.models)
    ]
    look["shapes"] = [_separator(i * n_labels - 0.5) for i in range(1, m)]
    room = 30 + 5 * min(longest, 24) * slanted
    look["margin"]["t"] += room
    look["height"] += room
    look["margin"]["b"] += 24
    return themes.figure([cells], look)


def colour_bar(share: str, highest: float) -> Json:
    """The key of the approval scale.

    Parameters
    ----------
    share : what the colours say
    highest : where they end
    """
    font, stops = {"color": themes.INK, "size": 13}, [highest * part for part in (0.0, 0.25, 0.5, 0.75, 1.0)]
    ticks = {"tickvals": stops, "ticktext": [percent(stop, 0) for stop in stops], "tickfont": font}
    return {"title": {"text": share, "font": font}, "thickness": 14, "outlinewidth": 0, **ticks}


def _named_rows(names: Sequence[str]) -> Json:
    """An axis downwards with a name at each whole number. Numbers, because two clusters may have one name."""
    ticks = {
        "tickvals": list(range(len(names))),
        "ticktext": [label(name, 44) for name in names],
    }
    return themes.axis("", {"range": [len(names) - 0.5, -0.5], **ticks})


def _column_group(name: str, x: float) -> Json:
    place = {"x": x, "xref": "x", "y": 0, "yref": "paper", "yanchor": "top", "yshift": -8}
    return place | {"text": f"<b>{name}</b>", "showarrow": False, "font": {"color": themes.INK}}


def _separator(x: float) -> Json:
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": themes.INK, "width": 2},
    }
