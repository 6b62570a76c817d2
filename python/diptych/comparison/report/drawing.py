"""Geometry of the pictures: plain numbers, which the templates write as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diptych._types import FloatMatrix
from diptych.comparison.folder import Documents
from diptych.comparison.report.text import visible
from diptych.utils.text import shorten

BAR_WIDTH = 200
MAX_POINTS = 3000
MAP_WIDTH = 640
MIN_HEIGHT, MAX_HEIGHT = 320, 600
_MARGIN = 14
_TITLE_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval on an axis from ``-end`` to ``+end`` with zero in the middle, in pixels of ``BAR_WIDTH``."""

    low: float
    middle: float
    high: float
    side: str


def interval_bar(effect: float, low: float, high: float, end: float) -> Bar:
    """Where the interval lies; a positive effect is on b's side.

    Examples
    --------
    >>> interval_bar(0.5, 0.25, 0.75, 1.0)
    Bar(low=124.0, middle=148.0, high=172.0, side='b')
    """

    def place(value: float) -> float:
        return round(BAR_WIDTH / 2 + max(min(value / end, 1.0), -1.0) * (BAR_WIDTH / 2 - 4), 1)

    return Bar(place(low), place(effect), place(high), "b" if effect >= 0 else "a")


@dataclass(frozen=True, slots=True)
class Point:
    """A response on the map: its place in pixels and what it answers."""

    x: float
    y: float
    title: str


@dataclass(frozen=True, slots=True)
class Label:
    """The number of a cluster, at the middle of its responses."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Map:
    """The map of both arms."""

    a: tuple[Point, ...]
    b: tuple[Point, ...]
    labels: tuple[Label, ...]
    n_drawn: int
    n_responses: int
    width: int
    height: int


def draw_map(documents: Documents, arms: tuple[str, str], shown: Sequence[int]) -> Map:
    """All responses, or ``MAX_POINTS`` of them drawn by lot, always the same ones.

    Parameters
    ----------
    documents : of a run; responses, coordinates and clusters are used
    arms : names of a and b
    shown : clusters whose number is written
    """
    responses, clusters = documents.responses, np.asarray(documents.clusters)
    places, height = _fit(np.nan_to_num(np.asarray(documents.coordinates, dtype=np.float64)).reshape(-1, 2))
    rows = np.arange(len(responses))
    if len(rows) > MAX_POINTS:
        lot = np.random.Generator(np.random.Philox(key=0))
        rows = np.sort(lot.choice(len(rows), MAX_POINTS, replace=False))
    points: dict[str, list[Point]] = {arms[0]: [], arms[1]: []}
    for i in rows.tolist():
        row = responses[i]
        title = visible(shorten(str(row["prompt"]), _TITLE_LENGTH))
        points[row["arm"]].append(Point(float(places[i, 0]), float(places[i, 1]), title))
    labels = []
    for cluster in shown:
        members = places[clusters == cluster]
        if len(members):
            x, y = np.median(members, axis=0).round(1).tolist()
            labels.append(Label(x, y, str(cluster)))
    a, b = (tuple(points[arm]) for arm in arms)
    return Map(a, b, tuple(labels), len(rows), len(responses), MAP_WIDTH, height)


def _fit(coordinates: FloatMatrix) -> tuple[FloatMatrix, int]:
    """Places in pixels, to 0.1, and the picture's height. One scale for both axes: distances keep their proportions."""
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    span = np.maximum(high - low, 1e-12)
    inner = MAP_WIDTH - 2 * _MARGIN
    height = round(min(max(inner * span[1] / span[0] + 2 * _MARGIN, MIN_HEIGHT), MAX_HEIGHT))
    scale = min(inner / span[0], (height - 2 * _MARGIN) / span[1])
    flipped = (coordinates - (low + high) / 2) * [scale, -scale]
    return np.asarray((flipped + np.array([MAP_WIDTH, height]) / 2).round(1)), height
