"""How a search went, and what it found that is both strong and fluent: pages that work offline."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from diptych._types import Json
from diptych.apps.soft_prompting.plots import axes, line


def draw_search(history: Sequence[Json], found: Json) -> str | None:
    """The greatest divergence by forward passes; None where plotly is not installed.

    Parameters
    ----------
    history : of the rounds
    found : what stands in ``search.json``
    """
    if find_spec("plotly") is None:
        return None
    from diptych.visualization.pages import page_of
    from diptych.visualization.themes import ARMS, SOFT, figure, layout

    spent = [one["spent"] for one in history]
    traces = [
        line("best of the search", spent, [one["best"] for one in history], ARMS[0], 2.5),
        line("random words, held out", [0, spent[-1]], [found["random"]["max"]] * 2, SOFT, 1.0, dash="dot"),
        line("without words, held out", [0, spent[-1]], [found["none"]] * 2, SOFT, 1.0, dash="dash"),
    ]
    title = "Divergence by forward passes"
    form = layout(
        title, height=460, note=f"{found['objective']}, {found['optimiser']}, mean over the texts of the search"
    )
    return page_of(figure(traces, form | axes("forward passes", found["objective"])), title)


def draw_archive(archive: Sequence[Json], found: Json) -> str | None:
    """Divergence against fluency, each prompt a dot with its words; None where plotly is not installed.

    Parameters
    ----------
    archive : rows of ``archive.jsonl``
    found : what stands in ``search.json``
    """
    if find_spec("plotly") is None:
        return None
    from diptych.visualization.pages import page_of
    from diptych.visualization.text import paragraph
    from diptych.visualization.themes import ARMS, figure, layout

    x, y = ([one[name] for one in archive] for name in ("fluency", "value"))
    dots = line("prompts that none beats in both", x, y, ARMS[0], 1.0) | {
        "mode": "lines+markers",
        "hovertext": [paragraph(repr(one["text"])) for one in archive],
        "hoverinfo": "text+x+y",
    }
    title = "Divergence against fluency"
    note = "fluency: mean log-probability of the tokens under the first model"
    form = layout(title, height=460, note=note)
    return page_of(figure([dots], form | axes("nats a token", found["objective"])), title)
