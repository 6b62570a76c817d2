"""Pickled results of interventions, read as plain data: clusters, labels, hypotheses, graphs, scores of personas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from diptych._types import Json
from diptych.data.legacy.decodings import number
from diptych.data.legacy.interventions import NO_P
from diptych.data.legacy.stages import Converted
from diptych.data.legacy.unpickling import Estimator
from diptych.errors import DataError
from diptych.utils.names import slug
from diptych.utils.text import json_lines

_CLUSTER = ("cluster_id", "label", "label_metric_score", "size")
_PAIR = ("cluster_id", "contrastive_label", "contrastive_metric_score")
_GENERATIVE_P = (
    "its p-values were left out: each depends on which other hypotheses were scored with it, and none was corrected"
)


def convert_pickle(value: Any, file: Path) -> Converted | None:
    """What a pickled result of interventions holds; None where it is of another kind.

    Parameters
    ----------
    value : that it holds, from ``read_stage``
    file : its place

    Raises
    ------
    DataError
        If it is of these kinds and has another shape.
    """
    convert: Callable[[Any, str], Converted] | None = None
    if isinstance(value, dict) and "base_clusters" in value:
        convert = _results
    elif isinstance(value, dict) and isinstance(value.get("persona"), dict):
        convert = _personas
    elif isinstance(value, tuple | list) and len(value) == 3 and file.stem.endswith("validated_results"):
        convert = _generative
    elif isinstance(value, Estimator) and "_adj" in value.fields:
        convert = _graph
    if convert is None:
        return None
    try:
        return convert(value, slug(file.stem, max_length=120))
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"its content has another shape than the original's results: {error!r:.100}") from error


def _results(value: Mapping[str, Any], name: str) -> Converted:
    """Clusters with the pairs that they stand in, and hypotheses with their scores."""
    clusters = list(_clusters(value))
    hypotheses = [
        {
            "hypothesis": str(one["hypothesis"]),
            "kind": kind,
            "generative_score": number(one.get("generative_score")),
            "discriminative_accuracy": number(one.get("discriminative_accuracy")),
            "rephrases": [
                {"text": str(other["text"]), "score": number(other.get("score"))}
                for other in one.get("rephrases") or ()
            ],
        }
        for kind in ("hypotheses", "matching_clusters", "unmatching_clusters", "new_clusters")
        for one in (value.get("validation_results") or {}).get(kind) or ()
    ]
    once = list({row["hypothesis"]: row for row in reversed(hypotheses)}.values())[::-1]
    notices = [NO_P, "“validated” filtered nothing there: every candidate is among its hypotheses"]
    files = {f"tables/{name}.jsonl": _lines(clusters), f"hypotheses/{name}.jsonl": _lines(once)}
    what = f"{len(clusters)} clusters and {len(once)} hypotheses"
    return Converted(what, {path: content for path, content in files.items() if content}, notices=notices)


def _clusters(value: Mapping[str, Any]) -> Iterator[Json]:
    for side, group in (("base", "base_clusters"), ("finetuned", "new_finetuned_clusters")):
        for one in value.get(group) or ():
            pairs = [
                {**_some(other, _PAIR), "matches": kind == "matching"}
                for kind in ("matching", "unmatching")
                for other in one.get(f"{kind}_finetuned_clusters") or ()
            ]
            texts = [str(text) for text in one.get("sample_texts") or ()]
            yield {"model": side, **_some(one, _CLUSTER), "sample_texts": texts, "finetuned_clusters": pairs}


def _generative(value: Any, name: str) -> Converted:
    """Scores and descriptions, nested once: a score for each description."""
    scores, _, descriptions = value
    rows = [
        {"hypothesis": str(text), "generative_score": number(score)}
        for given, texts in zip(scores, descriptions, strict=True)
        for score, text in zip(given, texts, strict=True)
    ]
    if not rows:
        raise DataError("no hypotheses in it")
    return Converted(
        f"{len(rows)} hypotheses with generative scores",
        {f"hypotheses/{name}.jsonl": _lines(rows)},
        notices=[_GENERATIVE_P],
    )


def _graph(value: Estimator, name: str) -> Converted:
    """Clusters of both models, and the pairs that were compared, with their labels."""
    nodes, adjacent = value.fields["_node"], value.fields["_adj"]
    clusters = [{"node": str(node), **_scalars(held)} for node, held in nodes.items()]
    pairs: dict[frozenset[str], Json] = {}
    for first, others in adjacent.items():
        for second, held in others.items():
            scores = held.get("label_metric_scores") or held.get("label_accuracy_scores") or {}
            labels = [{"label": str(text), "score": _valid(scores.get(text))} for text in held.get("labels") or ()]
            pairs.setdefault(
                frozenset((str(first), str(second))),
                {"nodes": [str(first), str(second)], "weight": number(held.get("weight")), "labels": labels},
            )
    files = {f"tables/{name}-nodes.jsonl": _lines(clusters), f"tables/{name}-edges.jsonl": _lines(pairs.values())}
    what = f"a graph of {len(clusters)} clusters and {len(pairs)} pairs"
    return Converted(what, {path: content for path, content in files.items() if content}, notices=[NO_P])


def _personas(value: Mapping[str, Any], name: str) -> Converted:
    """Scores of statements, by behaviour and model; which statements they are of is not recorded."""
    rows = [
        {"behaviour": str(behaviour), "model": str(model), "scores": [number(score) for score in scores]}
        for behaviour, models in value["persona"].items()
        for model, scores in models.items()
    ]
    notice = "score i is of statement i of the behaviour's file, as it was then"
    what = f"scores of {len(rows)} behaviours and models"
    return Converted(what, {f"tables/{name}.jsonl": _lines(rows)}, notices=[notice])


def _some(one: Mapping[str, Any], names: Iterable[str]) -> Json:
    return _scalars({name: one[name] for name in names if name in one})


def _scalars(held: Mapping[str, Any]) -> Json:
    """What is a text or a number."""
    return {
        str(name): value if isinstance(value, int | str) else number(value)
        for name, value in held.items()
        if isinstance(value, str | int | float)
    }


def _valid(score: Any) -> float | None:
    """A score; -1 stands for a label with too few texts to judge."""
    value = number(score)
    return None if value is None or value < 0 else value


def _lines(rows: Iterable[Json]) -> bytes:
    return json_lines(rows).encode()
