"""Maps: a mark for each response or text, near when they are alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatMatrix, Json, Mask
from diptych.errors import DataError, ShapeError
from diptych.visualization import themes
from diptych.visualization.controls import make_room, menus, only_disagreements
from diptych.visualization.text import label, paragraph

MANY_MARKS = 5_000
"""From here on marks are drawn by WebGL, which is quick; below as SVG, which prints well."""
_LEGEND_CLUSTERS = 16
_HEIGHT = 640
_HOVER = {1_000: 480, 20_000: 240}
"""Up to so many marks: characters of each text that a pointer shows. With more marks: 120."""


@dataclass(frozen=True, slots=True)
class Points:
    """Responses with their places, a column each.

    Parameters
    ----------
    places : float64 (n, 2); those that are not finite are not drawn
    arm : who answered, n names
    prompt, response : n texts
    run : n names of runs, all empty when there is one
    answer : n answers such as "yes", by which arms are said to disagree, or none at all
    """

    places: FloatMatrix
    arm: list[str]
    prompt: list[str]
    response: list[str]
    run: list[str]
    answer: list[str] | None

    @classmethod
    def from_columns(cls, data: Mapping[str, Sequence[Any]]) -> Points:
        """Of a table.

        Parameters
        ----------
        data : a mapping or a DataFrame with columns ``x``, ``y``, ``arm``, ``prompt``, ``response``, and where wanted
            ``run`` and ``answer``

        Raises
        ------
        DataError
            If a column is missing, or one is longer than another.

        Examples
        --------
        >>> table = {"x": [0.0], "y": [1.0], "arm": ["a"], "prompt": ["Why?"], "response": ["So."]}
        >>> Points.from_columns(table).places.tolist()
        [[0.0, 1.0]]
        """
        columns = {str(name): list(values) for name, values in data.items()}
        missing = [name for name in ("x", "y", "arm", "prompt", "response") if name not in columns]
        if missing:
            raise DataError(f"column {missing[0]!r} is missing; there are {', '.join(map(repr, columns)) or 'none'}")
        n = len(columns["x"])
        for name, values in columns.items():
            if len(values) != n:
                raise DataError(f"column {name!r} has {len(values)} rows, column 'x' has {n}")
        try:
            places = np.column_stack([np.asarray(columns[axis], dtype=np.float64) for axis in "xy"])
        except (TypeError, ValueError) as error:
            raise DataError(f"columns 'x' and 'y' must hold numbers: {error}") from None
        texts = {name: [str(value) for value in columns[name]] for name in ("arm", "prompt", "response")}
        run = [str(value) for value in columns.get("run", [""] * n)]
        answer = [str(value) for value in columns["answer"]] if "answer" in columns else None
        return cls(places.reshape(n, 2), **texts, run=run, answer=answer)

    @property
    def disagreed(self) -> Mask:
        """Bool (n,): is the prompt answered differently by arms of the same run?"""
        said: dict[tuple[str, str], set[str]] = {}
        answers = self.answer or [""] * len(self.arm)
        for run, prompt, answer in zip(self.run, self.prompt, answers, strict=True):
            said.setdefault((run, prompt), set()).add(answer)
        pairs = zip(self.run, self.prompt, strict=True)
        return np.array([len(said[pair]) > 1 for pair in pairs], dtype=np.bool_)


def response_map(points: Points, *, title: str = "Map of the responses", note: str = "") -> Any:
    """Responses coloured by arm, with a symbol for each run; where there are answers, a menu keeps disagreements alone.

    Parameters
    ----------
    points : the responses
    title, note : above the map

    Returns
    -------
    ``plotly.graph_objects.Figure``

    Raises
    ------
    MissingExtraError
        Without plotly.
    """
    arms, runs = list(dict.fromkeys(points.arm)), list(dict.fromkeys(points.run))
    arm, run, differs = np.array(points.arm), np.array(points.run), points.disagreed
    texts = _hover(points)
    keys, traces, agreed = [], [], []
    for i, name in enumerate(arms):
        for j, of_run in enumerate(runs):
            look = {
                "color": themes.colour_of(i),
                "symbol": themes.symbol_of(j if len(runs) > 1 else i),
                "size": marker_size(len(arm)),
                "opacity": marker_opacity(len(arm)),
            }
            group = f"{i}.{j}"
            rows = (arm == name) & (run == of_run)
            if not rows.any():
                continue
            keys.append(key(label(f"{name} · {of_run}" if len(runs) > 1 else name), look, group))
            for part in (False, True):
                chosen = np.flatnonzero(rows & (differs == part))
                if len(chosen):
                    traces.append(marks(points.places, chosen, texts, look, group, n_all=len(arm)))
                    agreed.append(not part)
    numbers = list(range(len(keys), len(keys) + len(traces)))
    look = make_room(map_layout(title, note), menus(only_disagreements("responses", agreed, numbers)))
    return themes.figure(keys + traces, look)


def cluster_map(
    places: NDArray[np.floating],
    cluster_labels: NDArray[np.integer] | Sequence[int],
    *,
    texts: Sequence[str] | None = None,
    names: Mapping[int, str] | None = None,
    title: str = "Map of the clusters",
    note: str = "",
) -> Any:
    """A mark for each text, coloured by its cluster, with the clusters' numbers in their middles.

    Parameters
    ----------
    places : float (n, 2); those that are not finite are not drawn
    cluster_labels : n whole numbers, -1 for noise
    texts : n, shown under the pointer
    names : of clusters, for the legend and the pointer
    title, note : above the map

    Returns
    -------
    ``plotly.graph_objects.Figure``, a trace for each cluster in ascending order. Up to 16 clusters have a legend.

    Raises
    ------
    ShapeError
        If the lengths differ, or places have not two columns.
    MissingExtraError
        Without plotly.
    """
    where, clusters = check_places(places), np.asarray(cluster_labels)
    if clusters.shape != (len(where),) or (texts is not None and len(texts) != len(where)):
        n_texts = "" if texts is None else f" and {len(texts)} texts"
        raise ShapeError(f"{len(where)} places do not fit cluster labels of shape {clusters.shape}{n_texts}")
    length = _hover_length(len(where))
    shown = [paragraph(text, length) for text in texts] if texts is not None else [""] * len(where)
    numbers = sorted(int(one) for one in np.unique(clusters))
    traces, middles = [], []
    for i, number in enumerate(one for one in numbers if one >= 0):
        rows = np.flatnonzero(clusters == number)
        look = {"color": themes.colour_of(i), "symbol": themes.symbol_of(i), "size": marker_size(len(where))}
        look["opacity"] = marker_opacity(len(where))
        traces.append(_cluster_trace(where, rows, shown, look, _cluster_name(number, names)))
        drawn = where[rows][np.isfinite(where[rows]).all(axis=1)]
        if len(drawn):
            middles.append(_number(number, *np.median(drawn, axis=0).tolist()))
    if (clusters < 0).any():
        look = {"color": themes.NOISE, "symbol": "circle", "size": 4, "opacity": 0.6}
        traces.insert(0, _cluster_trace(where, np.flatnonzero(clusters < 0), shown, look, "in no cluster"))
    look = map_layout(title, note) | {"annotations": middles, "showlegend": len(traces) <= _LEGEND_CLUSTERS}
    return themes.figure(traces, look)


def check_places(places: NDArray[np.floating]) -> FloatMatrix:
    """Places as float64.

    Raises
    ------
    ShapeError
        If they are not of shape (n, 2).
    """
    where = np.asarray(places, dtype=np.float64)
    if where.ndim != 2 or where.shape[1] != 2:
        raise ShapeError(f"places on a map have shape (n, 2); these have {where.shape}. Reduce them first.")
    return where


def map_layout(title: str, note: str) -> Json:
    """The layout of a map: one scale for both axes, so that proportions are kept, and no numbers on them."""
    bare: Json = {"showgrid": False, "showticklabels": False, "mirror": True, "showline": True}
    look = themes.layout(label(title, 80), height=_HEIGHT, note=label(note, 120))
    look |= {"xaxis": themes.axis("", bare), "yaxis": themes.axis("", bare | {"scaleanchor": "x", "scaleratio": 1})}
    return look


def marker_size(n: int) -> int:
    """Pixels of a mark when there are ``n``."""
    return 8 if n <= 1_000 else 6 if n <= MANY_MARKS else 4


def marker_opacity(n: int) -> float:
    """Of a mark when there are ``n``, so that crowded places stay readable."""
    return 0.75 if n <= 1_000 else 0.5 if n <= MANY_MARKS else 0.35


def key(name: str, look: Json, group: str) -> Json:
    """A trace without marks, which stays in the legend whatever is shown.

    Parameters
    ----------
    name : escaped
    look : of its mark
    group : of traces that a click on the legend shows and hides with it
    """
    drawn = {"x": [None], "y": [None], "mode": "markers", "marker": look | {"size": 9, "opacity": 1.0}}
    return {"type": "scatter", "name": name, "legendgroup": group, "hoverinfo": "skip", **drawn}


def marks(
    places: FloatMatrix, rows: NDArray[np.intp], texts: Sequence[str], look: Json, group: str, *, n_all: int
) -> Json:
    """A trace of marks.

    Parameters
    ----------
    places : float64 (n, 2)
    rows : which of them
    texts : n, escaped, shown under the pointer
    look : of the marks
    group : whose entry in the legend shows and hides them
    n_all : marks of the whole figure, which decide how they are drawn
    """
    return {
        "type": "scattergl" if n_all > MANY_MARKS else "scatter",
        "mode": "markers",
        "x": places[rows, 0].astype(np.float32),
        "y": places[rows, 1].astype(np.float32),
        "customdata": [texts[row] for row in rows],
        "hovertemplate": "%{customdata}<extra></extra>",
        "marker": look,
        "legendgroup": group,
        "showlegend": False,
    }


def _hover(points: Points) -> list[str]:
    length = _hover_length(len(points.arm))
    several = len(set(points.run)) > 1
    answers = points.answer or [""] * len(points.arm)
    shown = []
    for i, arm in enumerate(points.arm):
        who = label(f"{arm} · {points.run[i]}" if several else arm)
        answer = f": {label(answers[i])}" if answers[i] else ""
        prompt, response = paragraph(points.prompt[i], length), paragraph(points.response[i], length)
        shown.append(f"<b>{who}{answer}</b><br><i>{prompt}</i><br>{response}")
    return shown


def _hover_length(n: int) -> int:
    return next((length for limit, length in _HOVER.items() if n <= limit), 120)


def _cluster_trace(places: FloatMatrix, rows: NDArray[np.intp], texts: list[str], look: Json, name: str) -> Json:
    shown = marks(places, rows, texts, look, name, n_all=len(places))
    shown |= {"name": name, "showlegend": True, "hovertemplate": f"<b>%{{fullData.name}}</b> ({len(rows):,})"}
    shown["hovertemplate"] += "<br>%{customdata}<extra></extra>"
    return shown


def _cluster_name(number: int, names: Mapping[int, str] | None) -> str:
    return label(f"{number}: {names[number]}" if names and number in names else str(number), 48)


def _number(number: int, x: float, y: float) -> Json:
    font = {"size": 13, "color": themes.INK, "weight": 700}
    return {
        "x": x,
        "y": y,
        "text": str(number),
        "showarrow": False,
        "font": font,
        "bgcolor": themes.PAGE,
        "opacity": 0.85,
    }
