"""Colours and type that all figures share: those of the report, and more of their kind.

A figure is made in the light colours. A page that is looked at in the dark exchanges each of them for its partner in
``DARK``, so no figure may hold another colour.
"""

from __future__ import annotations

from typing import Any

from diptych._types import Json
from diptych.utils.extras import require_extra

PAGE, INK, SOFT, LINE, FAINT = "#fdfdfb", "#1d1f21", "#5b6066", "#dcdcd6", "#f4f4ef"
NOISE = "#b4b9be"
"""What is there only for orientation."""

ARMS = ("#0a5c9c", "#ad4300", "#479b71", "#bc48d5", "#a08e3b", "#e560a7", "#1c1922", "#5c6974")
"""At least 3 : 1 against the page, and 15 apart (CIE 1976) for trichromats, protanopes, deuteranopes, tritanopes."""

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "x", "triangle-down")
"""Colour is never the only difference."""

APPROVAL_SCALE = ((0.0, "#8c510a"), (0.25, "#d8b365"), (0.5, "#ecebe4"), (0.75, "#5ab4ac"), (1.0, "#01665e"))
"""From all disapprove to all approve."""

_DARK_ARMS = ("#79b8f3", "#f2a25f", "#56efa5", "#965ab6", "#d9c51d", "#9a5267", "#f4eceb", "#969da4")
_DARK_SCALE = ("#e0a458", "#96703f", "#3a3f42", "#2f8379", "#4fd1c0")

DARK = {
    PAGE: "#17191b",
    INK: "#e6e5e1",
    SOFT: "#a3a7ab",
    LINE: "#383c40",
    FAINT: "#1f2224",
    NOISE: "#565c61",
    **dict(zip(ARMS, _DARK_ARMS, strict=True)),
    **dict(zip((colour for _, colour in APPROVAL_SCALE), _DARK_SCALE, strict=True)),
}
"""The partner in the dark of every colour of a figure."""

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"


def colour_of(i: int) -> str:
    """The colour of the ``i``-th arm or cluster; after eight they begin again, with other symbols.

    Examples
    --------
    >>> colour_of(0) == colour_of(8), symbol_of(0) == symbol_of(8)
    (True, False)
    """
    return ARMS[i % len(ARMS)]


def symbol_of(i: int) -> str:
    """The symbol of the ``i``-th arm or cluster; with `colour_of`, 64 of them look different."""
    return SYMBOLS[(i + i // len(ARMS)) % len(SYMBOLS)]


def layout(title: str, *, height: int, note: str = "") -> Json:
    """The layout that every figure begins with.

    Parameters
    ----------
    title : escaped text
    height : of the figure, in pixels
    note : escaped text below the title
    """
    return {
        "title": {
            "text": title,
            "subtitle": {"text": note, "font": {"size": 13, "color": SOFT}},
            "x": 0.0,
            "xref": "paper",
            "xanchor": "left",
            "y": 1.0,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 22},
            "font": {"size": 20, "color": INK},
        },
        "height": height,
        "margin": {"l": 24, "r": 24, "t": 84, "b": 32},
        "font": {"family": _FONT, "size": 13, "color": INK},
        "paper_bgcolor": PAGE,
        "plot_bgcolor": PAGE,
        "hoverlabel": {"bgcolor": PAGE, "bordercolor": SOFT, "font": {"color": INK, "size": 13}, "align": "left"},
        "hovermode": "closest",
        "legend": {"itemsizing": "constant", "bgcolor": PAGE, "font": {"color": INK}},
        "template": {},
    }


def axis(title: str = "", settings: Json | None = None) -> Json:
    """An axis in the house's style.

    Parameters
    ----------
    title : escaped text
    settings : of plotly, which go before those of the style
    """
    return {
        "title": {"text": title, "font": {"color": SOFT, "size": 13}, "standoff": 8},
        "automargin": True,
        "gridcolor": LINE,
        "linecolor": LINE,
        "zeroline": False,
        "tickfont": {"color": INK},
        **(settings or {}),
    }


def figure(traces: list[Json], look: Json) -> Any:
    """A ``plotly.graph_objects.Figure`` of traces and a layout.

    Parameters
    ----------
    traces, look : as plotly takes them

    Raises
    ------
    MissingExtraError
        Without plotly.
    """
    require_extra("plotly", extra="plots")
    from plotly.graph_objects import Figure

    return Figure(data=traces, layout=look)
