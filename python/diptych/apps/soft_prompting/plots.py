"""How a training went, and what more vectors bring: pages that work offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from diptych._types import Json
from diptych.apps.soft_prompting.training import Look, Step


def draw_curves(steps: Sequence[Step], looks: Sequence[Look], summary: Json) -> str | None:
    """Divergence by step, of what is trained on and of what is held out; None where plotly is not installed.

    Parameters
    ----------
    steps, looks : of the training
    summary : with the levels that it is set beside
    """
    if find_spec("plotly") is None:
        return None
    from diptych.visualization.pages import page_of
    from diptych.visualization.themes import ARMS, NOISE, SOFT, figure, layout

    last = max((step.step for step in steps), default=1)
    traces = [
        line("trained on", [one.step for one in steps], [one.divergence for one in steps], NOISE, 1.5),
        line("held out", [one.step for one in looks], [one.divergence for one in looks], ARMS[0], 2.5),
        line("without a prompt", [0, last], [summary["none"]] * 2, SOFT, 1.0, dash="dash"),
        line("best of random tokens", [0, last], [summary["random"]["max"]] * 2, SOFT, 1.0, dash="dot"),
    ]
    title = "Divergence by step"
    form = layout(title, height=460, note=f"{summary['objective']}, mean over texts")
    drawn = figure(traces, form | axes("step", summary["objective"]))
    return page_of(drawn, title)


def draw_by_tokens(summaries: Mapping[int, Json]) -> str | None:
    """Held-out divergence by number of vectors; None where plotly is not installed.

    Parameters
    ----------
    summaries : of the trainings, by number of vectors
    """
    if find_spec("plotly") is None:
        return None
    from diptych.visualization.pages import page_of
    from diptych.visualization.themes import ARMS, SOFT, figure, layout

    numbers = sorted(summaries)
    first = summaries[numbers[0]]
    x = [0, *numbers]
    gains = [summaries[n]["gain"] for n in numbers]
    y = [first["none"], *(summaries[n]["prompt"] for n in numbers)]
    errors = {
        "type": "data",
        "symmetric": False,
        "array": [0.0, *(gain["high"] - gain["mean"] for gain in gains)],
        "arrayminus": [0.0, *(gain["mean"] - gain["low"] for gain in gains)],
    }
    random = [first["none"], *(summaries[n]["random"]["max"] for n in numbers)]
    traces = [
        line("trained", x, y, ARMS[0], 2.5) | {"error_y": errors},
        line("best of random tokens", x, random, SOFT, 1.5, dash="dot"),
    ]
    title = "Divergence by number of vectors"
    form = layout(title, height=460, note=f"{first['objective']} on held-out prompts; bars: 95 % of the gain")
    return page_of(figure(traces, form | axes("vectors", first["objective"])), title)


def draw_transfer(cells: Sequence[Json]) -> str:
    """What each prompt adds between each pair, as a heat map.

    Parameters
    ----------
    cells : of ``transfer.json``
    """
    from diptych.visualization.pages import page_of
    from diptych.visualization.text import label
    from diptych.visualization.themes import APPROVAL_SCALE, axis, figure, layout

    prompts, pairs = (list(dict.fromkeys(cell[name] for cell in cells)) for name in ("prompt", "pair"))
    by_place = {(cell["prompt"], cell["pair"]): cell for cell in cells}
    rows = [[by_place[prompt, pair] for pair in pairs] for prompt in prompts]
    gains = [[cell["gain"]["mean"] for cell in row] for row in rows]
    most = max((abs(gain) for row in gains for gain in row), default=0.0) or 1.0
    trace = {
        "type": "heatmap", "x": [label(pair) for pair in pairs], "y": [label(prompt) for prompt in prompts], "z": gains,
        "text": [[_cell(cell) for cell in row] for row in rows], "texttemplate": "%{text}", "hoverinfo": "x+y+text",
        "zmin": -most, "zmax": most, "colorscale": [list(step) for step in APPROVAL_SCALE],
        "colorbar": {"title": {"text": "gain"}}, "xgap": 2, "ygap": 2,
    }  # fmt: skip
    title = "Prompts on pairs"
    note = "divergence that a prompt adds, nats an answer; * q ≤ 0.05"
    form = layout(title, height=220 + 90 * len(prompts), note=note)
    return page_of(figure([trace], {**form, "xaxis": axis(), "yaxis": axis("", {"autorange": "reversed"})}), title)


def _cell(cell: Json) -> str:
    star = "*" if cell["q_value"] <= 0.05 else ""
    own = "<br>own pair" if cell["is_home"] else ""
    form = "" if cell["form"] == "vectors" else f"<br>{cell['form']}"
    return f"{cell['gain']['mean']:+.3g}{star}{own}{form}"


def line(name: str, x: Sequence[float], y: Sequence[float], colour: str, width: float, *, dash: str = "solid") -> Json:
    """A line of a picture, as plotly takes it.

    Parameters
    ----------
    name : of it
    x, y : its points
    colour, width, dash : its look
    """
    line = {"color": colour, "width": width, "dash": dash}
    return {"type": "scatter", "mode": "lines", "name": name, "x": list(x), "y": list(y), "line": line}


def axes(x: str, y: str) -> Json:
    """What stands along the axes.

    Parameters
    ----------
    x, y : the words
    """
    from diptych.visualization.themes import LINE

    return {
        name: {"title": {"text": text, "standoff": 8}, "automargin": True, "gridcolor": LINE}
        for name, text in (("xaxis", x), ("yaxis", y))
    }
