"""Answers of a run in clusters: those of the run, new ones, or one for each prompt or each value of a field."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from diptych._types import Json, Labels, Mask, Vectors
from diptych.apps.interventions.word_baseline import Placed
from diptych.clustering.pipeline import ClusteringPipeline
from diptych.comparison.folder import Documents
from diptych.comparison.groups import group_name
from diptych.embeddings.service import EmbeddingService
from diptych.errors import ConfigError, DataError
from diptych.utils.text import shorten

OF_RUN, PROMPTS = "run", "prompts"
ALGORITHMS = ("kmeans", "balanced", "agglomerative", "spectral", "minibatch_kmeans")
"""Those that leave no answer out."""


def vectors_of(documents: Documents, service: EmbeddingService) -> Vectors:
    """A vector of each response of a run: float32 (n, d).

    Parameters
    ----------
    documents : of the run
    service : that makes them
    """
    return service.get_embeddings([str(row["response"]) for row in documents.responses])


def place(
    documents: Documents,
    clusters: str = OF_RUN,
    n_clusters: int | None = None,
    *,
    embed: Callable[[], Vectors],
    seed: int = 0,
    threads: int = 1,
) -> Placed:
    """Put the answers of a run into clusters.

    Parameters
    ----------
    documents : of the run
    clusters : ``run`` for those of its cluster table, an algorithm, ``prompts`` for one a prompt, or a field of the
        records, such as a category
    n_clusters : for an algorithm; None for the rule
    embed : gives a vector of each response, float32 (n, d); called for an algorithm only
    seed : of the algorithm
    threads : no result depends on them

    Returns
    -------
    Placed
        Where each prompt is a cluster its draws are the units, and the halves are those of draws

    Raises
    ------
    ConfigError
        If the run has no clusters, or a number goes with something that takes none.
    DataError
        If records lack the field.
    """
    if clusters not in ALGORITHMS and n_clusters is not None:
        raise ConfigError(f"{n_clusters} clusters: only an algorithm takes a number ({', '.join(ALGORITHMS)})")
    rows = documents.responses
    is_b = np.array([row["arm"] == documents.findings["arms"][1]["name"] for row in rows], dtype=np.bool_)
    has_shares, labels = True, documents.clusters
    names: list[str] = []
    if clusters in ALGORITHMS:
        labels = ClusteringPipeline(clusters, n_clusters, seed=seed, threads=threads).fit_predict(embed())
    elif clusters != OF_RUN:
        labels, names = _numbered(rows, clusters)
        has_shares = False
    elif (labels < 0).any():
        raise ConfigError(f"the run has no clusters. Name an algorithm: {', '.join(ALGORITHMS)}.")
    names = names or [str(c) for c in range(int(labels.max()) + 1)]
    texts = [str(row["response"]) for row in rows]
    is_paired = documents.findings["pairing"] == "paired"
    if clusters == PROMPTS:
        units = [str(i) for i in range(len(rows))]
        return Placed(texts, is_b, units, _every_other(rows), labels, names, False, has_shares)
    first_half = np.array([row["half"] == "first" for row in rows], dtype=np.bool_)
    return Placed(texts, is_b, _units(documents), first_half, labels, names, is_paired, has_shares)


def _units(documents: Documents) -> list[str]:
    field = documents.manifest["config"].get("group_field")
    if field is None:
        return [str(row["prompt_id"]) for row in documents.responses]
    return [group_name(row["meta"][field]) for row in documents.responses]


def _numbered(rows: Sequence[Json], field: str) -> tuple[Labels, list[str]]:
    """A cluster for each prompt, or each value of a field, in the order of first occurrence."""
    if field == PROMPTS:
        keys = [str(row["prompt_id"]) for row in rows]
        names = {key: shorten(str(row["prompt"]), 60) for key, row in zip(keys, rows, strict=True)}
    else:
        lacking = next((row for row in rows if not isinstance(row["meta"].get(field), str | int | float)), None)
        if lacking is not None:
            known = sorted({name for row in rows for name in row["meta"]})
            raise DataError(
                f"clusters by {field!r}: the answer of {lacking['arm']} to {shorten(str(lacking['prompt']), 50)!r} has "
                f"no such text or number. Give run, prompts, {', '.join(ALGORITHMS)}"
                + (f", or one of its fields: {', '.join(known[:8])}" if known else "")
            )
        keys = [group_name(row["meta"][field]) for row in rows]
        names = {key: key for key in keys}
    place_of = {key: number for number, key in enumerate(names)}
    return np.array([place_of[key] for key in keys], dtype=np.int32), list(names.values())


def _every_other(rows: Sequence[Json]) -> Mask:
    """Every other draw of each prompt in each arm."""
    seen: dict[tuple[str, str], int] = {}
    first: list[bool] = []
    for row in rows:
        key = (str(row["prompt_id"]), str(row["arm"]))
        seen[key] = seen.get(key, -1) + 1
        first.append(seen[key] % 2 == 0)
    return np.array(first, dtype=np.bool_)
