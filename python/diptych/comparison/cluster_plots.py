"""Clusters of answers in pictures: maps, bars, tree and treemap, each a page that works offline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych._types import Json, Labels, Vectors
from diptych.clustering.hierarchy import Hierarchy
from diptych.comparison.cluster_table import theme
from diptych.utils.files import write_files
from diptych.visualization.pages import Picture, files_of

FOLDER = "plots"
TITLES = {
    "models": "Map by model",
    "clusters": "Map by cluster",
    "shares": "Shares of the clusters",
    "tree": "Tree of the clusters",
    "treemap": "Treemap of the clusters",
}
"""Names of the pages, and what each shows."""
_FEWEST_FOR_A_TREE = 2


@dataclass(frozen=True)
class Drawn:
    """Responses on a map, one entry of each field a response.

    Parameters
    ----------
    arms : who answered
    prompts, responses : texts
    labels : int32 (n,), cluster of each
    places : float32 (n, 2)
    """

    arms: Sequence[str]
    prompts: Sequence[str]
    responses: Sequence[str]
    labels: Labels
    places: Vectors


def draw(table: Json, drawn: Drawn) -> list[Picture]:
    """The pages; none where plotly is not installed.

    Parameters
    ----------
    table : ``clusters.json``
    drawn : the responses that it describes
    """
    if find_spec("plotly") is None:
        return []
    return [Picture.of(name, TITLES[name], figure) for name, figure in _figures(table, drawn).items()]


def _figures(table: Json, drawn: Drawn) -> dict[str, Any]:
    from diptych.visualization import maps, shares, trees

    numbers = [one["cluster"] for one in table["clusters"]]
    called = [theme(one["themes"]["responses"]) for one in table["clusters"]]
    names = dict(zip(numbers, called, strict=True))
    columns = {
        "x": drawn.places[:, 0].tolist(),
        "y": drawn.places[:, 1].tolist(),
        "arm": drawn.arms,
        "prompt": drawn.prompts,
        "response": drawn.responses,
    }
    share, low, high = (
        np.array([[of[end] for of in one["shares"]] for one in table["clusters"]]) for end in ("share", "low", "high")
    )
    note = "First two principal components: an illustration of many dimensions, not evidence."
    figures = {
        "models": maps.response_map(maps.Points.from_columns(columns), note=note),
        "clusters": maps.cluster_map(drawn.places, drawn.labels, texts=drawn.responses, names=names, note=note),
        "shares": shares.cluster_bars(
            share, low, high, arms=table["arms"], names=called, numbers=numbers, title="Clusters by model"
        ),
    }
    if len(numbers) >= _FEWEST_FOR_A_TREE:
        hierarchy = _tree(table)
        counts = np.array([[of["n"] for of in one["shares"]] for one in table["clusters"]], dtype=np.int64)
        counted = shares.ClusterApprovals.of_arms(counts, table["arms"], called, numbers)
        figures["tree"] = trees.dendrogram(hierarchy, counted)
        figures["treemap"] = trees.approval_tree(hierarchy, counted, title="Whose answers, in the tree of the clusters")
    return figures


def _tree(table: Json) -> Hierarchy:
    tree = table["tree"]
    children: NDArray[np.int64] = np.array(tree["children"], dtype=np.int64).reshape(-1, 2)
    return Hierarchy(children, np.array(tree["heights"]), np.array(tree["sizes"], dtype=np.int64))


def write_plots(pictures: Sequence[Picture], folder: Path) -> None:
    """Write the pages of a run, and what they share.

    Parameters
    ----------
    pictures : of ``draw``
    folder : of the run
    """
    write_files(folder / FOLDER, files_of(pictures))


def plots_in(folder: Path) -> dict[str, str]:
    """Which pages lie in a run's folder, and what each shows.

    Parameters
    ----------
    folder : of the run
    """
    return {f"{name}.html": title for name, title in TITLES.items() if (folder / FOLDER / f"{name}.html").is_file()}
