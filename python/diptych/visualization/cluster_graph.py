"""Clusters of two arms side by side, joined with their neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from diptych._types import Json
from diptych.visualization import themes
from diptych.visualization.text import label, paragraph

_ROW, _MARGIN = 30, 160
_SMALLEST, _LARGEST = 8.0, 34.0
_SIDES = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Dot:
    """A cluster of one arm.

    Parameters
    ----------
    arm : 0 or 1
    cluster : number
    name : what stands beside it, any text
    share : of the arm's answers
    case : what became of it
    """

    arm: int
    cluster: int
    name: str
    share: float
    case: str


@dataclass(frozen=True, slots=True)
class Line:
    """Two neighbours.

    Parameters
    ----------
    a, b : clusters of the first arm and of the second
    is_apart : whether they are told apart; None where that is not known
    told : what a pointer shows, any text
    """

    a: int
    b: int
    is_apart: bool | None
    told: str


def cluster_graph(dots: Sequence[Dot], lines: Sequence[Line], *, arms: Sequence[str], note: str = "") -> Any:
    """Both arms in columns, a row a cluster; whole lines join what is not told apart.

    Parameters
    ----------
    dots : clusters of either arm
    lines : of neighbours
    arms : two names
    note : below the title

    Returns
    -------
    ``plotly.graph_objects.Figure``

    Raises
    ------
    MissingExtraError
        Without plotly.

    Examples
    --------
    >>> dots = [Dot(0, 0, "tea", 0.5, "matching"), Dot(1, 0, "tea", 0.4, "matching"), Dot(1, 1, "owls", 0.2, "new")]
    >>> figure = cluster_graph(dots, [Line(0, 0, False, "alike")], arms=["A", "B"])
    >>> [trace.name for trace in figure.data if trace.name]
    ['alike', 'matching', 'new']
    """
    rows = {number: -place for place, number in enumerate(sorted({dot.cluster for dot in dots}))}
    kinds = (("alike", False, "solid"), ("told apart", True, "dot"), ("not known", None, "longdash"))
    traces = [
        _lines(name, dash, [line for line in lines if line.is_apart is is_apart], rows)
        for name, is_apart, dash in kinds
        if any(line.is_apart is is_apart for line in lines)
    ]
    traces += [_pointers(lines, rows)] if lines else []
    cases = sorted({dot.case for dot in dots})
    largest = max((dot.share for dot in dots), default=0.0) or 1.0
    traces += [_dots(i, case, [dot for dot in dots if dot.case == case], rows, largest) for i, case in enumerate(cases)]
    look = themes.layout(
        "Clusters and their neighbours", height=_MARGIN + _ROW * max(len(rows), 3), note=label(note, 160)
    )
    names = [label(name) for name in arms]
    axes = {
        "xaxis": themes.axis(
            "", {"tickvals": list(_SIDES), "ticktext": names, "range": [-0.75, 1.75], "showgrid": False}
        ),
        "yaxis": themes.axis("", {"visible": False, "range": [-len(rows), 1]}),
    }
    return themes.figure(traces, {**look, **axes})


def _lines(name: str, dash: str, lines: Sequence[Line], rows: dict[int, int]) -> Json:
    x: list[float | None] = []
    y: list[int | None] = []
    for line in lines:
        x += [*_SIDES, None]
        y += [rows[line.a], rows[line.b], None]
    colour = themes.NOISE if dash != "solid" else themes.SOFT
    stroke = {"color": colour, "dash": dash, "width": 1.6 if dash == "solid" else 1.0}
    return {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": y, "line": stroke, "hoverinfo": "skip"}


def _pointers(lines: Sequence[Line], rows: dict[int, int]) -> Json:
    """What a pointer shows in the middle of each line."""
    return {
        "type": "scatter",
        "mode": "markers",
        "showlegend": False,
        "x": [0.5] * len(lines),
        "y": [(rows[line.a] + rows[line.b]) / 2 for line in lines],
        "marker": {"size": 7, "color": themes.LINE},
        "hovertext": [paragraph(line.told) for line in lines],
        "hoverinfo": "text",
    }


def _dots(i: int, case: str, dots: Sequence[Dot], rows: dict[int, int], largest: float) -> Json:
    sizes = [_SMALLEST + (_LARGEST - _SMALLEST) * (dot.share / largest) ** 0.5 for dot in dots]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": label(case),
        "x": [_SIDES[dot.arm] for dot in dots],
        "y": [rows[dot.cluster] for dot in dots],
        "text": [f"  {label(dot.name, 40)}  " for dot in dots],
        "textposition": ["middle right" if dot.arm else "middle left" for dot in dots],
        "hovertext": [paragraph(f"{dot.name}: {100 * dot.share:.1f} %, {dot.case}") for dot in dots],
        "hoverinfo": "text",
        "marker": {
            "size": sizes, "color": themes.colour_of(i), "symbol": themes.symbol_of(i),
            "line": {"color": themes.PAGE, "width": 1},
        },
    }  # fmt: skip
