"""How far two models are apart along texts: by position, as a histogram, and perplexity against perplexity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from diptych._types import FloatVector, Json
from diptych.errors import ShapeError
from diptych.visualization import themes
from diptych.visualization.text import label, paragraph

LEAST_TEXTS = 5
"""A position that fewer texts reach is not drawn."""
_FLOOR = 1e-6
"""Of a logarithmic axis; what is less stands there."""
_N_BINS = 60


def divergence_by_position(values: Mapping[str, Sequence[FloatVector]], *, unit: str) -> Any:
    """Means of the tokens at each position, with their standard errors over texts.

    Parameters
    ----------
    values : by name of the curve, an array a text of one number a token
    unit : what the numbers are

    Returns
    -------
    ``plotly.graph_objects.Figure``

    Raises
    ------
    MissingExtraError
        Without plotly.

    Examples
    --------
    >>> texts = [np.arange(3.0) + i for i in range(6)]
    >>> divergence_by_position({"KL": texts}, unit="nats").data[0].y.tolist()
    [2.5, 3.5, 4.5]
    """
    traces = []
    for i, (name, texts) in enumerate(values.items()):
        reached = [np.array([text[place] for text in texts if len(text) > place]) for place in range(_longest(texts))]
        kept = [at for at in reached if len(at) >= LEAST_TEXTS]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": label(name),
                "x": np.arange(1, len(kept) + 1),
                "y": np.array([at.mean() for at in kept]),
                "error_y": {
                    "type": "data",
                    "array": np.array([at.std(ddof=1) / len(at) ** 0.5 for at in kept]),
                    "thickness": 1,
                    "width": 0,
                },
                "line": {"color": themes.colour_of(i)},
                "marker": {"color": themes.colour_of(i), "symbol": themes.symbol_of(i), "size": 6},
            }
        )
    look = themes.layout("Divergence by position", height=480, note="mean ± standard error over texts")
    axes = {"xaxis": themes.axis("token"), "yaxis": themes.axis(label(unit), {"rangemode": "tozero"})}
    return themes.figure(traces, {**look, **axes})


def divergence_histogram(values: Mapping[str, FloatVector], *, unit: str) -> Any:
    """How often divergences of each size occur, on a logarithmic axis.

    Parameters
    ----------
    values : by name, of all tokens; not negative
    unit : what the numbers are

    Returns
    -------
    ``plotly.graph_objects.Figure``

    Raises
    ------
    MissingExtraError
        Without plotly.

    Examples
    --------
    >>> figure = divergence_histogram({"KL": np.array([0.0, 1e-3, 1.0])}, unit="nats")
    >>> float(sum(figure.data[0].y))
    1.0
    """
    raised = {name: np.log10(np.clip(one, _FLOOR, 1e6)) for name, one in values.items()}
    ends = [end for one in raised.values() if len(one) for end in (one.min(), one.max())] or [0.0, 1.0]
    edges = np.linspace(min(ends), max(max(ends), min(ends) + 1e-3), _N_BINS + 1)
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "line": {"shape": "hvh", "color": themes.colour_of(i)},
            "name": label(name),
            "x": 10 ** ((edges[1:] + edges[:-1]) / 2),
            "y": np.histogram(one, edges)[0] / max(1, len(one)),
        }
        for i, (name, one) in enumerate(raised.items())
    ]
    look = themes.layout("Tokens by divergence", height=480, note=f"less than {_FLOOR:g} stands at {_FLOOR:g}")
    axes = {"xaxis": themes.axis(label(unit), {"type": "log"}), "yaxis": themes.axis("share of tokens")}
    return themes.figure(traces, {**look, **axes})


def perplexity_scatter(
    perplexity_a: FloatVector, perplexity_b: FloatVector, texts: Sequence[str], writers: Sequence[str]
) -> Any:
    """Each text by its perplexity under both models; on the line both find it equally likely.

    Parameters
    ----------
    perplexity_a, perplexity_b : float64 (n,)
    texts : n texts, shown under the pointer
    writers : n names, by which they are coloured

    Returns
    -------
    ``plotly.graph_objects.Figure``

    Raises
    ------
    MissingExtraError
        Without plotly.
    ShapeError
        If they are not equally many.

    Examples
    --------
    >>> one = np.array([2.0, 8.0])
    >>> [trace.name for trace in perplexity_scatter(one, one, ["x", "y"], ["a", "b"]).data]
    ['a', 'b', 'alike']
    """
    if not len(perplexity_a) == len(perplexity_b) == len(texts) == len(writers):
        counts = [len(perplexity_a), len(perplexity_b), len(texts), len(writers)]
        raise ShapeError(f"perplexities, texts and writers should be equally many, and are {counts}")
    names = np.asarray(writers, dtype=object)
    traces: list[Json] = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": label(name),
            "x": perplexity_a[names == name],
            "y": perplexity_b[names == name],
            "hovertext": [paragraph(text) for text, writer in zip(texts, writers, strict=True) if writer == name],
            "hoverinfo": "text",
            "marker": {"color": themes.colour_of(i), "symbol": themes.symbol_of(i), "size": 7, "opacity": 0.7},
        }
        for i, name in enumerate(sorted(set(writers)))
    ]
    both = [*perplexity_a.tolist(), *perplexity_b.tolist()] or [1.0]
    ends = [min(both), max(both)]
    line = {"color": themes.SOFT, "dash": "dot", "width": 1}
    traces.append({"type": "scatter", "mode": "lines", "name": "alike", "x": ends, "y": ends, "line": line})
    look = themes.layout("Perplexity under both models", height=620, note="below the line b finds the text likelier")
    logarithmic = {"type": "log"}
    axes = {"xaxis": themes.axis("under a", logarithmic), "yaxis": themes.axis("under b", logarithmic)}
    return themes.figure(traces, {**look, **axes})


def _longest(texts: Sequence[FloatVector]) -> int:
    return max(map(len, texts), default=0)
