"""What was found against how much was planted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diptych._types import Json
from diptych.visualization import themes
from diptych.visualization.text import label


def dose_response(doses: Sequence[float], shares: Mapping[str, Sequence[Json]], *, note: str = "") -> Any:
    """Shares with their intervals at each dose, doses side by side in ascending order.

    Parameters
    ----------
    doses : shares of what was trained on that was planted; 0 for a control
    shares : by name, one for each dose: ``value``, ``low``, ``high``; ``value`` is None where there is none
    note : below the title

    Returns
    -------
    ``plotly.graph_objects.Figure``

    Raises
    ------
    MissingExtraError
        If plotly is not installed.

    Examples
    --------
    >>> recall = [{"value": 0.0, "low": 0.0, "high": 0.1}, {"value": 0.9, "low": 0.8, "high": 1.0}]
    >>> dose_response([0.0, 0.5], {"recall": recall}).data[0].x
    ('control', '50 %')
    """
    names = ["control" if dose == 0 else f"{100 * dose:g} %" for dose in doses]
    traces = [_trace(i, name, names, of_doses) for i, (name, of_doses) in enumerate(shares.items())]
    look = themes.layout("Dose and response", height=460, note=label(note, 140))
    ascending = {"categoryorder": "array", "categoryarray": names}  # the first line may lack a dose
    axes = {
        "xaxis": themes.axis("planted share of the training rows", {"type": "category", **ascending}),
        "yaxis": themes.axis("share, with 95 % intervals", {"range": [-0.03, 1.03], "tickformat": ".0%"}),
    }
    return themes.figure(traces, {**look, **axes, "scattermode": "group", "scattergap": 0.8})


def _trace(i: int, name: str, doses: Sequence[str], shares: Sequence[Json]) -> Json:
    there = [j for j, share in enumerate(shares) if share["value"] is not None]
    values = [shares[j]["value"] for j in there]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": label(name),
        "x": tuple(doses[j] for j in there),
        "y": tuple(values),
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [shares[j]["high"] - shares[j]["value"] for j in there],
            "arrayminus": [shares[j]["value"] - shares[j]["low"] for j in there],
            "thickness": 1,
            "width": 4,
        },
        "line": {"color": themes.colour_of(i)},
        "marker": {"color": themes.colour_of(i), "symbol": themes.symbol_of(i), "size": 8},
    }
