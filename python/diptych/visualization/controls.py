"""Menus and sliders that live in the figure itself, so that they work on a page and in a notebook alike.

Menus of one figure must not undo each other: one may show and hide traces, another may make them faint, a third may
exchange values.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import unescape
from typing import Any

from diptych._types import Json
from diptych.visualization.text import label
from diptych.visualization.themes import FAINT, INK, LINE

CONTROLS_HEIGHT = 46
_LETTER, _ARROW, _GAP = 7.6, 44, 12
"""Pixels: of a letter at most, of the arrow of a menu, between menus."""


def option(text: str, changes: Json, traces: Sequence[int]) -> Json:
    """An entry of a menu that changes some traces.

    Parameters
    ----------
    text : escaped
    changes : setting to its values, one for each of the traces, as ``Plotly.restyle`` takes them
    traces : their numbers in the figure
    """
    return {"label": text, "method": "restyle", "args": [changes, list(traces)]}


def show_only(text: str, shown: Sequence[bool], traces: Sequence[int]) -> Json:
    """An entry that shows some of the traces and hides the others.

    Parameters
    ----------
    text : escaped
    shown : one for each of the traces
    traces : their numbers in the figure
    """
    return option(text, {"visible": list(shown)}, traces)


def fade(text: str, kept: Sequence[bool], traces: Sequence[int]) -> Json:
    """An entry that makes some of the traces invisible to eye and pointer, whatever `show_only` does with them.

    Parameters
    ----------
    text : escaped
    kept : one for each of the traces; the others are made invisible
    traces : their numbers in the figure
    """
    changes = {"opacity": [float(one) for one in kept], "hoverinfo": ["all" if one else "skip" for one in kept]}
    return option(text, changes, traces)


def one_of(kind: str, names: Sequence[str], owners: Sequence[int], traces: Sequence[int]) -> list[Json]:
    """A menu that shows the traces of one owner at a time.

    Parameters
    ----------
    kind : of the owners, for example ``"Model"``
    names : of the owners, any text
    owners : for each of the traces, the number of its owner
    traces : their numbers in the figure

    Examples
    --------
    >>> one_of("Model", ["m", "n"], [0, 1, 1], [5, 6, 7])[1]["args"]
    [{'visible': [False, True, True]}, [5, 6, 7]]
    """
    return [
        show_only(f"{kind}: {label(name, 40)}", [owner == i for owner in owners], traces)
        for i, name in enumerate(names)
    ]


def only_disagreements(what: str, agreed: Sequence[bool], traces: Sequence[int]) -> list[Json]:
    """A menu that leaves all, or only the traces of what is disagreed on; no entries where there is no such trace.

    Parameters
    ----------
    what : is shown, for example ``"responses"``
    agreed : one for each of the traces
    traces : their numbers in the figure
    """
    if all(agreed):
        return []
    everything = fade(f"All {what}", [True] * len(traces), traces)
    return [everything, fade("Only disagreements", [not one for one in agreed], traces)]


def menus(*choices: Sequence[Json], active: int = 0) -> list[Json]:
    """Menus beside each other above the plot; those with fewer than two entries are left out.

    Parameters
    ----------
    active : the entry of the last menu that says how the figure begins; in other menus it is the first
    *choices : the entries of each menu

    Examples
    --------
    >>> yes, no = show_only("yes", [True], [0]), show_only("no", [False], [0])
    >>> len(menus([yes, no], [yes]))
    1
    """
    placed: list[Json] = []
    left = 0.0
    for i, entries in enumerate(choices, start=1):
        if len(entries) < 2:
            continue
        placed.append(_menu(list(entries), left) | {"active": active if i == len(choices) else 0})
        left += _LETTER * max(len(unescape(str(entry["label"]))) for entry in entries) + _ARROW + _GAP
    return placed


def make_room(look: Json, controls: Sequence[Any]) -> Json:
    """The layout with its controls, and space for them between title and plot.

    Parameters
    ----------
    look : as from `themes.layout`; changed and handed back
    controls : as from `menus`
    """
    if controls:
        look["updatemenus"] = list(controls)
        look["margin"]["t"] += CONTROLS_HEIGHT
        look["height"] += CONTROLS_HEIGHT
    return look


def _menu(entries: list[Json], left: float) -> Json:
    return {
        "buttons": entries,
        "type": "dropdown",
        "showactive": True,
        "x": 0.0,
        "xanchor": "left",
        "y": 1.0,
        "yanchor": "bottom",
        "pad": {"l": left, "b": 12},
        "bgcolor": FAINT,
        "bordercolor": LINE,
        "font": {"color": INK},
    }
