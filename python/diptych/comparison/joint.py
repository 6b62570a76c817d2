"""All answers of several arms in one clustering, which looks at no arm."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from diptych._types import Json, Progress, Silent, Vectors
from diptych.clustering import naming
from diptych.comparison.cluster_plots import Drawn, draw
from diptych.comparison.cluster_table import Answers, Said, build_table
from diptych.comparison.config import CompareConfig
from diptych.comparison.groups import unit_names
from diptych.comparison.lenses.clusters import cluster_responses
from diptych.comparison.measures import Readers
from diptych.comparison.overall import principal_axes
from diptych.comparison.pairing import limit_prompts
from diptych.comparison.prepare import given_vectors
from diptych.comparison.themes import name_themes
from diptych.data import Response, Responses
from diptych.embeddings.service import EmbeddingService
from diptych.models.spending import Purse
from diptych.utils.hashing import derive_seed, hash_rows
from diptych.utils.text import json_lines
from diptych.visualization.pages import Picture


@dataclass(frozen=True)
class JointClusters:
    """What all arms answer, in clusters.

    Parameters
    ----------
    rows : every response, ``arm`` being the name of its arm
    answers : the same, in clusters
    places : float32 (n, 2), a map
    table : ``clusters.json``
    """

    rows: tuple[Response, ...]
    answers: Answers
    places: Vectors
    table: Json

    def to_jsonl(self) -> str:
        """``clusters.jsonl``: the cluster of each response."""
        return json_lines(
            {"arm": row.arm, "prompt_id": row.prompt_id, "draw": row.draw, "cluster": cluster}
            for row, cluster in zip(self.rows, self.answers.labels.tolist(), strict=True)
        )

    def draw(self) -> list[Picture]:
        """Maps, bars, tree and treemap; none where plotly is not installed."""
        all_of = self.answers
        return draw(self.table, Drawn(all_of.arms, all_of.prompts, all_of.responses, all_of.labels, self.places))


def cluster_together(
    arms: Sequence[Responses],
    names: Sequence[str],
    config: CompareConfig,
    *,
    threads: int,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    purse: Purse | None = None,
    readers: Readers | None = None,
) -> JointClusters | None:
    """Cluster the responses of all arms, whether or not others answered the same prompts; None without the lens.

    Parameters
    ----------
    arms : the responses
    names : of the arms
    config : of the comparison
    threads, cache_dir, progress : as for ``compare``
    purse : pays for vectors, where an interface is asked for them
    readers : models that help to read
    """
    from threadpoolctl import threadpool_limits

    if "clusters" not in config.lenses:
        return None
    rows, units = _rows(arms, names, config)
    texts = [row.response for row in rows]
    with threadpool_limits(1):  # sums over several BLAS threads differ in the last digits
        service = given_vectors(arms, config) or EmbeddingService(
            None if cache_dir is None else os.fspath(cache_dir),
            config.embedder,
            options=config.embedder_args,
            progress=progress or Silent(),
            purse=purse,
        )
        vectors = service.get_embeddings(texts)
        seed = derive_seed(config.seed, "joint clusters") % 2**32
        found = cluster_responses(vectors, seed=seed, threads=threads)
        answers = Answers([row.arm for row in rows], units, [row.prompt for row in rows], texts, found.labels, vectors)
        names_of = name_themes(answers, readers or Readers(), ("responses",), seed=seed, n_held_out=naming.N_HELD_OUT)
        names_of |= name_themes(answers, readers or Readers(), ("inputs", "interactions"), seed=seed)
        return JointClusters(rows, answers, principal_axes(vectors), build_table(answers, names, Said(names_of)))


def _rows(
    arms: Sequence[Responses], names: Sequence[str], config: CompareConfig
) -> tuple[tuple[Response, ...], list[str]]:
    """Responses in an order that depends on neither files nor arms, and the unit of each."""
    if not all(arm.has_ids for arm in arms):
        arms = [arm.by_prompt_text() for arm in arms]
    units = unit_names(arms, config.group_field)
    kept = limit_prompts({row.prompt_id for arm in arms for row in arm}, config.limit, config.seed, units)
    rows = [
        replace(row, arm=name) for arm, name in zip(arms, names, strict=True) for row in arm if row.prompt_id in kept
    ]
    digests = hash_rows("diptych/row/1", [[row.response for row in rows], [str(row.draw) for row in rows]])
    order = sorted(range(len(rows)), key=lambda i: (rows[i].prompt_id, digests[i].tobytes()))
    ordered = tuple(rows[i] for i in order)
    return ordered, [units[row.prompt_id] for row in ordered]
