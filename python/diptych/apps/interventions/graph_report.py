"""The graph of clusters as files: numbers, two tables, a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

from diptych import __version__
from diptych._types import Json
from diptych.apps.interventions.edge_label_report import area_as_json, label_rows
from diptych.apps.interventions.graph import UNKNOWN, UNMATCHING, Edge, Graph, GraphSettings
from diptych.apps.interventions.word_baseline import Placed
from diptych.clustering.labels import keywords
from diptych.comparison.report.format import probability
from diptych.utils.markdown import as_markdown
from diptych.utils.text import csv_text, json_text
from diptych.visualization.cluster_graph import Dot, Line, cluster_graph
from diptych.visualization.pages import page_of

_NODES = ("arm", "cluster", "name", "answers", "share", "low", "high", "q of shares", "q of words", "case")
_EDGES = ("a", "b", "similarity", "auc by words", "low", "high", "q", "case", "words of a", "words of b")


def document(
    graph: Graph,
    placed: Placed,
    settings: GraphSettings,
    *,
    arms: Sequence[str],
    clusters: str,
    labels: Json | None = None,
) -> Json:
    """``graph.json``.

    Parameters
    ----------
    graph : of the answers
    placed : the answers
    settings : how it was made
    arms : names of the two
    clusters : how the answers were put into clusters
    labels : of ``labels_as_json``; None where nobody was asked
    """
    names = _named(placed)
    return {
        "schema": 1,
        "diptych_version": __version__,
        "arms": list(arms),
        "clusters": clusters,
        "settings": {name: value for name, value in asdict(settings).items() if name != "threads"},
        "family_size": graph.family_size,
        "cases": {arm: graph.cases(number) for number, arm in enumerate(arms)},
        "nodes": [{**asdict(node), "arm": arms[node.arm], "name": names[node.cluster]} for node in graph.nodes],
        "edges": [_edge(edge) for edge in graph.edges],
        "labels": labels,
    }


def _named(placed: Placed) -> list[str]:
    """Names of clusters, with their words where a name is but a number."""
    words = keywords(placed.texts, placed.labels, len(placed.names))
    return [
        f"{name}: {', '.join(said)}" if name.isdigit() and said else name
        for name, said in zip(placed.names, words, strict=True)
    ]


def _edge(edge: Edge) -> Json:
    words = edge.words
    return {
        "a": edge.a,
        "b": edge.b,
        "similarity": edge.similarity,
        "words": {"auc": area_as_json(words.auc), "of_a": list(words.words_a), "of_b": list(words.words_b)},
        "p_value": words.auc.p_value if words.auc is not None and edge.a == edge.b else None,
        "q_value": edge.q_value,
        "case": edge.case,
    }


def node_rows(found: Json) -> list[list[Any]]:
    """A row for each cluster of each arm, names of columns first.

    Parameters
    ----------
    found : ``graph.json``
    """
    keys = ("arm", "cluster", "name", "size", "share", "low", "high", "q_shares", "q_words", "case")
    return [list(_NODES), *([node[key] for key in keys] for node in found["nodes"])]


def edge_rows(found: Json) -> list[list[Any]]:
    """A row for each pair of neighbours, names of columns first.

    Parameters
    ----------
    found : ``graph.json``
    """
    return [list(_EDGES), *(_edge_row(edge) for edge in found["edges"])]


def _edge_row(edge: Json) -> list[Any]:
    area = edge["words"]["auc"] or dict.fromkeys(("value", "low", "high"))
    said = [", ".join(edge["words"][side]) for side in ("of_a", "of_b")]
    ends = [area[end] for end in ("value", "low", "high")]
    return [edge["a"], edge["b"], edge["similarity"], *ends, edge["q_value"], edge["case"], *said]


def graph_files(found: Json) -> dict[str, str]:
    """``graph.json``, ``nodes.csv``, ``edges.csv``, ``labels.csv``, ``graph.md``; with plotly ``graph.html``.

    Parameters
    ----------
    found : ``graph.json``
    """
    tables = {"nodes": node_rows(found), "edges": edge_rows(found)}
    if found["labels"] is not None:
        tables["labels"] = label_rows(found["labels"])
    files = {
        "graph.json": json_text(found) + "\n",
        **{f"{name}.csv": csv_text(rows) for name, rows in tables.items()},
        "graph.md": "\n".join(map(as_markdown, tables.values())),
    }
    return files | ({"graph.html": page_of(_drawn(found), "Clusters and their neighbours")} if _can_draw(found) else {})


def _can_draw(found: Json) -> bool:
    return bool(found["nodes"]) and find_spec("plotly") is not None


def _drawn(found: Json) -> Any:
    arms = found["arms"]
    dots = [
        Dot(arms.index(node["arm"]), node["cluster"], node["name"], node["share"], node["case"])
        for node in found["nodes"]
    ]
    lines = [Line(edge["a"], edge["b"], _apart(edge), _told(edge)) for edge in found["edges"]]
    cutoff, alpha = found["settings"]["cutoff"], found["settings"]["alpha"]
    note = f"Told apart: area under the curve at least {cutoff:g}, beyond chance (false discovery rate {alpha:g})."
    return cluster_graph(dots, lines, arms=arms, note=note)


def _apart(edge: Json) -> bool | None:
    return None if edge["case"] == UNKNOWN else bool(edge["case"] == UNMATCHING)


def _told(edge: Json) -> str:
    area = edge["words"]["auc"]
    if area is None:
        return f"{edge['a']} and {edge['b']}: too few answers"
    q = "" if edge["q_value"] is None else f", q {probability(edge['q_value']).text}"
    said = "; ".join(", ".join(edge["words"][side]) for side in ("of_a", "of_b"))
    return f"{edge['a']} and {edge['b']}: {area['value']:.2f} ({area['low']:.2f}–{area['high']:.2f}){q}. {said}"
