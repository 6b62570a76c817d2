"""Who approves what: a mark or a row for each statement, asked of several models under several labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatMatrix, Json, Mask
from diptych.errors import ShapeError
from diptych.visualization import themes
from diptych.visualization.controls import CONTROLS_HEIGHT, fade, make_room, menus, one_of, only_disagreements, option
from diptych.visualization.maps import check_places, key, map_layout, marker_size, marks
from diptych.visualization.text import label, paragraph

Pivot = Literal["labels", "models"]

ANSWERS = {1: "approves", 0: "disapproves", -1: "gives no answer"}
"""What the numbers of an approval mean, in the order in which figures show them."""

MAX_TABLE_ROWS = 500
_PANEL_COLUMNS, _PANEL_HEIGHT = 3, 330
_MARKS = {1: ("#01665e", "circle"), 0: ("#8c510a", "x"), -1: (themes.NOISE, "circle-open")}
_SYMBOLS = {1: "circle", 0: "circle-open", -1: "x"}
_DODGE = 0.008
"""Marks of one statement stand round its place on a circle whose radius is this share of the map's extent."""


@dataclass(frozen=True, slots=True)
class Approvals:
    """Answers to statements.

    Parameters
    ----------
    values : int8 (n, m, l): 1 approves, 0 disapproves, -1 gives no answer
    statements : n texts
    models, labels : m and l names, in the order of the axes of ``values``

    Raises
    ------
    ShapeError
        If the names do not fit the values, or a value is none of the three.

    Examples
    --------
    >>> values = np.array([[[1, 0]], [[1, 1]]], dtype=np.int8)
    >>> Approvals(values, ["Be kind.", "Be brief."], ["m"], ["plain", "pirate"]).disagreed("labels")[:, 0].tolist()
    [True, False]
    """

    values: NDArray[np.int8]
    statements: Sequence[str]
    models: Sequence[str]
    labels: Sequence[str]

    def __post_init__(self) -> None:
        expected = (len(self.statements), len(self.models), len(self.labels))
        if np.shape(self.values) != expected:
            raise ShapeError(
                f"approvals of shape {np.shape(self.values)} do not fit {expected[0]} statements, {expected[1]} models "
                f"and {expected[2]} labels"
            )
        if not min(expected) > 0:
            raise ShapeError(f"there is nothing to show in approvals of shape {expected}")
        strange = np.setdiff1d(np.asarray(self.values), list(ANSWERS))
        if len(strange):
            raise ShapeError(f"an approval is 1, 0 or -1; {strange[0]} is none of them")

    def disagreed(self, among: Pivot) -> Mask:
        """Statements that not all of one axis answer alike: bool (n, m) among labels, (n, l) among models.

        Parameters
        ----------
        among : ``"labels"`` of each model, or ``"models"`` under each label
        """
        axis = 2 if among == "labels" else 1
        return np.asarray(self.values.min(axis=axis) != self.values.max(axis=axis))

    def pivot(self, by: Pivot) -> tuple[NDArray[np.int8], Sequence[str], Sequence[str]]:
        """The values with what is compared as last axis, the names of the other axis, and those of what is compared.

        Parameters
        ----------
        by : what is compared
        """
        if by == "labels":
            return self.values, self.models, self.labels
        return self.values.transpose(0, 2, 1), self.labels, self.models


def approval_map(
    places: NDArray[np.floating], approvals: Approvals, *, title: str = "Approval of the statements", note: str = ""
) -> Any:
    """A panel for each label, in which every statement has the mark of its answer; menus choose model and answer.

    Parameters
    ----------
    places : float (n, 2), of the statements
    approvals : the answers
    title, note : above the panels

    Returns
    -------
    ``plotly.graph_objects.Figure``

    Raises
    ------
    ShapeError
        If there are not as many places as statements.
    MissingExtraError
        Without plotly.
    """
    where = _places(places, approvals)
    hovers = [paragraph(statement, 320) for statement in approvals.statements]
    keys = [key(name, _mark(answer), str(answer)) for answer, name in ANSWERS.items()]
    traces, of_model, of_answer = [], [], []
    for i in range(len(approvals.labels)):
        for j in range(len(approvals.models)):
            for answer in (-1, 0, 1):
                rows = np.flatnonzero(approvals.values[:, j, i] == answer)
                look = _mark(answer) | {"size": marker_size(len(where))}
                trace = marks(where, rows, hovers, look, str(answer), n_all=approvals.values.size)
                axes = {"xaxis": f"x{i + 1}", "yaxis": f"y{i + 1}"}
                traces.append(trace | axes | {"visible": j == 0})
                of_model.append(j)
                of_answer.append(answer)
    numbers = list(range(len(keys), len(keys) + len(traces)))
    by_model = one_of("Model", approvals.models, of_model, numbers)
    by_answer = [fade("All answers", [True] * len(traces), numbers)]
    by_answer += [
        fade(name.capitalize(), [one == answer for one in of_answer], numbers) for answer, name in ANSWERS.items()
    ]
    look = make_room(_panels(approvals.labels, title, note), menus(by_model, by_answer))
    return themes.figure(keys + traces, look)


def approval_scatter(
    places: NDArray[np.floating],
    approvals: Approvals,
    *,
    pivot: Pivot = "labels",
    title: str = "Who approves",
    note: str = "",
) -> Any:
    """One map on which the marks of a statement, one for each label or model, stand round its place.

    The colour says whose answer it is, the symbol which; menus choose the other of model and label, and keep only the
    statements on which the compared ones disagree.

    Parameters
    ----------
    places : float (n, 2), of the statements
    approvals : the answers
    pivot : what is compared by colour, ``"labels"`` of one model or ``"models"`` under one label
    title, note : above the map

    Returns
    -------
    ``plotly.graph_objects.Figure``

    Raises
    ------
    ShapeError
        If there are not as many places as statements.
    MissingExtraError
        Without plotly.
    """
    where = _places(places, approvals)
    values, others, compared = approvals.pivot(pivot)
    differs = approvals.disagreed(pivot)
    ring = _ring(where, len(compared))
    statements = [paragraph(statement, 320) for statement in approvals.statements]
    keys = [
        key(label(name), {"color": themes.colour_of(i), "symbol": "circle"}, str(i)) for i, name in enumerate(compared)
    ]
    traces, of_other, agreed = [], [], []
    for j, i, (said, part) in product(range(len(others)), range(len(compared)), product(ANSWERS, (False, True))):
        rows = np.flatnonzero((values[:, j, i] == said) & (differs[:, j] == part))
        if len(rows):
            look = {"color": themes.colour_of(i), "symbol": _SYMBOLS[said], "opacity": 0.9}
            hovers = [f"<b>{label(compared[i])} {ANSWERS[said]}</b><br>{statement}" for statement in statements]
            look["size"] = marker_size(values.size)
            trace = marks(where + ring[i], rows, hovers, look, str(i), n_all=values.size)
            traces.append(trace | {"visible": j == 0})
            of_other.append(j)
            agreed.append(not part)
    numbers = list(range(len(keys), len(keys) + len(traces)))
    kind = "Model" if pivot == "labels" else "Label"
    choices = menus(one_of(kind, others, of_other, numbers), only_disagreements("statements", agreed, numbers))
    look = map_layout(title, note or "Filled: approves. Hollow: disapproves. Cross: gives no answer.")
    return themes.figure(keys + traces, make_room(look, choices))


def approval_table(approvals: Approvals, *, title: str = "Answers, side by side") -> Any:
    """A row for each statement, those on which most disagree first; a menu turns it from labels to models.

    Parameters
    ----------
    approvals : the answers
    title : above the table

    Returns
    -------
    ``plotly.graph_objects.Figure``. Of more than 500 statements the 500 on which answers are most divided are shown.

    Raises
    ------
    MissingExtraError
        Without plotly.
    """
    flat = approvals.values.reshape(len(approvals.statements), -1)
    most_common = np.max([(flat == answer).sum(axis=1) for answer in ANSWERS], axis=0)
    rows = np.argsort(most_common, kind="stable")[:MAX_TABLE_ROWS]
    statements = [label(approvals.statements[row], 200) for row in rows]
    choices = []
    pivots: tuple[Pivot, ...] = ("labels", "models")
    for by in pivots:
        values, others, compared = approvals.pivot(by)
        head = ["statement", *(label(name, 30) for name in compared)]
        for j, name in enumerate(others):
            cells = [statements, *([ANSWERS[int(said)] for said in values[rows, j, i]] for i in range(len(compared)))]
            text = f"{'Model' if by == 'labels' else 'Label'}: {label(name, 40)}"
            widths = [4, *[1] * len(compared)]
            changes = {"header.values": [head], "cells.values": [cells], "columnwidth": [widths]}
            choices.append(option(text, changes, [0]))
    first = choices[0]["args"][0]
    table = {
        "type": "table",
        "columnwidth": first["columnwidth"][0],
        "header": _cells(first["header.values"][0], themes.FAINT),
        "cells": _cells(first["cells.values"][0], themes.PAGE),
    }
    note = "" if len(rows) == len(flat) else f"The {len(rows)} of {len(flat):,} statements with most divided answers."
    look = themes.layout(label(title, 80), height=min(640, 180 + 34 * len(rows)), note=note)
    return themes.figure([table], make_room(look, menus(choices)))


def _places(places: NDArray[np.floating], approvals: Approvals) -> FloatMatrix:
    where = check_places(places)
    if len(where) != len(approvals.statements):
        raise ShapeError(f"{len(where)} places do not fit {len(approvals.statements)} statements")
    return where


def _mark(answer: int) -> Json:
    colour, symbol = _MARKS[answer]
    return {"color": colour, "symbol": symbol, "opacity": 0.85}


def _ring(places: FloatMatrix, n: int) -> FloatMatrix:
    """What is added to a place for each of ``n`` marks, so that none hides another: float64 (n, 2)."""
    if n == 1:
        return np.zeros((1, 2))
    drawn = places[np.isfinite(places).all(axis=1)]
    extent = float(np.ptp(drawn, axis=0).max()) if len(drawn) else 1.0
    angles = 2 * math.pi * np.arange(n) / n
    return np.column_stack([np.cos(angles), np.sin(angles)]) * _DODGE * (extent or 1.0)


def _panels(names: Sequence[str], title: str, note: str) -> Json:
    look = map_layout(title, note)
    columns = min(_PANEL_COLUMNS, math.ceil(math.sqrt(len(names))))
    rows = math.ceil(len(names) / columns)
    look["height"] = _PANEL_HEIGHT * rows + 120 if columns > 1 else look["height"]
    gap = 40 / (_PANEL_HEIGHT * rows)
    look["annotations"] = []
    first = {axis: look[axis] for axis in ("xaxis", "yaxis")}
    shared = {"matches": "y", "scaleanchor": None, "scaleratio": None}
    for i, name in enumerate(names):
        column, row = i % columns, i // columns
        across = [(column + 0.02 * (column > 0)) / columns, (column + 1 - 0.02 * (column < columns - 1)) / columns]
        up = [1 - (row + 1) / rows, 1 - row / rows - gap]
        number = "" if i == 0 else str(i + 1)
        look[f"xaxis{number}"] = first["xaxis"] | {"domain": across, "anchor": f"y{i + 1}"}
        look[f"yaxis{number}"] = first["yaxis"] | {"domain": up, "anchor": f"x{i + 1}"}
        if i:
            look[f"xaxis{number}"] |= {"matches": "x"}
            look[f"yaxis{number}"] |= shared
        look["annotations"].append(_panel_name(label(name, 48), across[0], up[1]))
    look["legend"] |= {"orientation": "h", "x": 0.0, "y": -12 / look["height"], "yanchor": "top"}
    look["margin"]["b"] += CONTROLS_HEIGHT
    return look


def _panel_name(name: str, x: float, y: float) -> Json:
    place = {"x": x, "y": y, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
    return place | {"text": name, "showarrow": False, "font": {"size": 14, "color": themes.INK}}


def _cells(values: Any, colour: str) -> Json:
    return {
        "values": values,
        "align": "left",
        "fill": {"color": colour},
        "line": {"color": themes.LINE},
        "font": {"color": themes.INK, "size": 13},
        "height": 28,
    }
