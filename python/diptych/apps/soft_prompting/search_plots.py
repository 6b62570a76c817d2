"""How a search went, and what it found that is both strong and fluent: pages that work offline."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from diptych._types import Json
from diptych.apps.soft_prompting.plots import axes, line

if TYPE_CHECKING:
    from diptych.visualization.pages import Picture


def search_plots(history: Sequence[Json], archive: Sequence[Json], found: Json) -> dict[str, bytes]:
    """Files of the folder ``plots``, by name; none where plotly is not installed.

    Parameters
    ----------
    history, archive : rows of ``history.jsonl`` and of ``archive.jsonl``
    found : what stands in ``search.json``
    """
    if find_spec("plotly") is None:
        return {}
    from diptych.visualization.pages import files_of

    pictures = [_by_passes(history, found), _by_fluency(archive, found)]
    return {f"plots/{name}": content for name, content in files_of(pictures).items()}


def _by_passes(history: Sequence[Json], found: Json) -> Picture:
    from diptych.visualization.pages import Picture
    from diptych.visualization.themes import ARMS, SOFT, figure, layout

    spent = [one["spent"] for one in history]
    best = line("best of the search", spent, [one["best"] for one in history], ARMS[0], 2.5)
    best["line"]["shape"] = "hv"
    traces = [
        best,
        line("random words, held out", [0, spent[-1]], [found["random"]["max"]] * 2, SOFT, 1.0, dash="dot"),
        line("without words, held out", [0, spent[-1]], [found["none"]] * 2, SOFT, 1.0, dash="dash"),
    ]
    title = "Divergence by forward passes"
    note = f"{found['objective']}, {found['optimiser']}, mean over the texts of the search"
    form = layout(title, height=460, note=note) | axes("forward passes", found["objective"])
    return Picture.of("passes", title, figure(traces, form))


def _by_fluency(archive: Sequence[Json], found: Json) -> Picture:
    from diptych.visualization.pages import Picture
    from diptych.visualization.text import paragraph
    from diptych.visualization.themes import ARMS, figure, layout

    x, y = ([one[name] for one in archive] for name in ("fluency", "value"))
    dots = line("prompts that none beats in both", x, y, ARMS[0], 1.0) | {
        "mode": "lines+markers",
        "hovertext": [paragraph(repr(one["text"])) for one in archive],
        "hoverinfo": "text+x+y",
    }
    title = "Divergence against fluency"
    note = "prompts that none beats in both; fluency: mean log-probability of the tokens under the first model"
    form = layout(title, height=460, note=note) | axes("nats a token", found["objective"])
    return Picture.of("fluency", title, figure([dots], form))
