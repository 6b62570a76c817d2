"""Pictures of a trial, each a page that works offline."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from diptych.apps.soft_prompting.conditions import Condition
from diptych.apps.soft_prompting.tried import WITH, WITHOUT
from diptych.visualization.pages import Picture


def draw_trial(conditions: Mapping[str, Condition]) -> list[Picture]:
    """Divergence by position and by prompt, with the prompt on trial and without; none where plotly is not installed.

    Parameters
    ----------
    conditions : with the prompt and without
    """
    if find_spec("plotly") is None:
        return []
    from diptych.visualization.divergences import divergence_by_position

    by_token = {
        f"{name} the prompt": [one.divergences.js for own in condition.answers for one in own]
        for name, condition in conditions.items()
    }
    return [
        Picture.of("position", "Divergence by position", divergence_by_position(by_token, unit="nats a token")),
        Picture.of("prompts", "Divergence by prompt", _by_prompt(conditions)),
    ]


def _by_prompt(conditions: Mapping[str, Condition]) -> object:
    from diptych.visualization.text import paragraph
    from diptych.visualization.themes import ARMS, SOFT, axis, figure, layout

    without, under = conditions[WITHOUT].apart, conditions[WITH].apart
    texts = {one.said.prompt.prompt_id: one.said.prompt.text for one in conditions[WITH].answers[0]}
    most = float(max(without.max(), under.max()))
    points = {
        "type": "scatter", "mode": "markers", "name": "a prompt", "x": without, "y": under,
        "hovertext": [paragraph(texts[name]) for name in sorted(texts)], "hoverinfo": "text+x+y",
        "marker": {"color": ARMS[0], "size": 8, "opacity": 0.7},
    }  # fmt: skip
    line = {"color": SOFT, "dash": "dot", "width": 1}
    alike = {"type": "scatter", "mode": "lines", "name": "alike", "x": [0, most], "y": [0, most], "line": line}
    look = layout(
        "Divergence by prompt", height=560, note="nats an answer, mean of both directions; above the line it adds"
    )
    return figure([points, alike], {**look, "xaxis": axis("without the prompt"), "yaxis": axis("with it")})
