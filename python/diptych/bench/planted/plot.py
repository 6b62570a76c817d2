"""Recall and false share against dose, as one SVG picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from diptych._types import Json
from diptych.bench.planted.table import headline

_WIDTH, _HEIGHT, _LEFT, _TOP = 260, 170, 40, 74
_GAP_X, _GAP_Y = 36, 56
_LEAST_WIDTH = 800
_COLOURS: Final = ("#1b5e8c", "#c4572a", "#8a8a2a", "#7a4a9c", "#6b6b6b")
_ROWS: Final = (("recall", "recall"), ("false_share", "false share"))


def draw(result: Json) -> str:
    """A column of panels for each kind and number of prompts, recall above false share; bars are 95 % intervals.

    Parameters
    ----------
    result : what ``run`` gave

    Returns
    -------
    SVG, one picture without scripts or outside references
    """
    panels = _panels(result["cells"])
    rules = [rule["rule"] for rule in result["cells"][0]["rules"]]
    width = max(_LEFT + len(panels) * (_WIDTH + _GAP_X), _LEAST_WIDTH)
    height = _TOP + len(_ROWS) * (_HEIGHT + _GAP_Y) + 18 * len(rules)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="12"><rect width="{width}" height="{height}" fill="white"/>',
        _text(10, 20, headline(result)),
    ]
    for column, (name, cells) in enumerate(panels.items()):
        x = _LEFT + column * (_WIDTH + _GAP_X)
        parts.append(_text(x, _TOP - 26, name, weight="bold"))
        for row, (key, label) in enumerate(_ROWS):
            parts += _panel(x, _TOP + row * (_HEIGHT + _GAP_Y), cells, key, label)
    for i, rule in enumerate(rules):
        y = height - 18 * (len(rules) - i) + 4
        parts.append(f'<rect x="{_LEFT}" y="{y - 9}" width="18" height="4" fill="{_COLOURS[i % len(_COLOURS)]}"/>')
        parts.append(_text(_LEFT + 26, y, rule))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panels(cells: Sequence[Json]) -> dict[str, list[Json]]:
    """Cells by kinds and number of prompts, ascending doses; a cell without a plant stands in every panel."""
    panels: dict[str, list[Json]] = {}
    for cell in cells:
        if cell["kinds"] or all(not other["kinds"] for other in cells):
            name = f"{' + '.join(cell['kinds']) or 'nothing planted'}, {cell['n_prompts']:,} prompts"
            panels.setdefault(name, []).append(cell)
    for panel in panels.values():
        if panel[0]["kinds"]:
            panel += [cell for cell in cells if not cell["kinds"] and cell["n_prompts"] == panel[0]["n_prompts"]]
        panel.sort(key=lambda cell: float(cell["dose"]))
    return panels


def _panel(x: float, y: float, cells: Sequence[Json], key: str, label: str) -> Iterator[str]:
    yield f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#999"/>'
    yield _text(x + 4, y - 4, label)
    for tick in (0.0, 0.5, 1.0):
        yield _text(x - 6, y + _HEIGHT * (1 - tick) + 4, f"{tick:g}", anchor="end")
    step = _WIDTH / len(cells)
    for i, cell in enumerate(cells):
        yield _text(x + step * (i + 0.5), y + _HEIGHT + 16, f"{100 * cell['dose']:g} %", anchor="middle")
    for number, rule in enumerate(cells[0]["rules"]):
        shift = 4.0 * (number - (len(cells[0]["rules"]) - 1) / 2)
        shares = [cell["rules"][number][key] for cell in cells]
        points = [(x + step * (i + 0.5) + shift, share) for i, share in enumerate(shares) if share["value"] is not None]
        yield from _line(points, y, _COLOURS[number % len(_COLOURS)], escape(rule["rule"]))


def _line(points: Sequence[tuple[float, Json]], y: float, colour: str, name: str) -> Iterator[str]:
    """One rule: its points joined, each with its interval."""

    def at(value: float) -> str:
        return f"{y + _HEIGHT * (1.0 - value):.1f}"

    joined = " ".join(f"{px:.1f},{at(share['value'])}" for px, share in points)
    yield f'<g stroke="{colour}" fill="none"><title>{name}</title><polyline points="{joined}"/>'
    for px, share in points:
        yield f'<path d="M{px:.1f} {at(share["low"])}V{at(share["high"])}" stroke-opacity="0.5"/>'
        yield f'<circle cx="{px:.1f}" cy="{at(share["value"])}" r="2.5" fill="{colour}"/>'
    yield "</g>"


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
