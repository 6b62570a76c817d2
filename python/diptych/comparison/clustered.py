"""Files of responses, or vectors, into clusters, as one stage by itself: what ``diptych cluster`` does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych._types import FloatVector, Json, Progress, Silent, Vectors
from diptych.clustering.analysis import Clusters
from diptych.clustering.hierarchy import Hierarchy, grow_hierarchy
from diptych.clustering.labels import keywords
from diptych.clustering.pipeline import ClusteringPipeline
from diptych.clustering.shares import ClusterStatistics
from diptych.comparison.sources import load_arm
from diptych.embeddings.files import SUFFIXES, read_vectors
from diptych.embeddings.service import EmbeddingService
from diptych.errors import DataError
from diptych.models.spending import Purse

SCHEMA = 1


@dataclass(frozen=True)
class Items:
    """What is put into clusters.

    Parameters
    ----------
    vectors : float32 (n, d)
    keys : of each, what tells it from the others
    arms : of each; None where there are none
    units : prompt of each; None where each stands for itself
    texts : of each; None where they are not known
    notices : what a reader should know about how they were read and embedded
    """

    vectors: Vectors
    keys: tuple[Json, ...]
    arms: tuple[str, ...] | None = None
    units: tuple[str, ...] | None = None
    texts: tuple[str, ...] | None = None
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClusteredItems:
    """Items in clusters, described.

    Parameters
    ----------
    items : what was clustered
    clusters : their geometry
    statistics : shares of the arms, and their tests
    stability : float64 (k,), over seeds; None with one
    tree : over the clusters; None where there is none
    words : that set each cluster apart
    """

    items: Items
    clusters: Clusters
    statistics: ClusterStatistics
    stability: FloatVector | None
    tree: Hierarchy | None
    words: tuple[tuple[str, ...], ...]

    def rows(self) -> list[Json]:
        """For each item what tells it from the others, and its ``cluster``."""
        labels = self.clusters.labels.tolist()
        return [{**key, "cluster": label} for key, label in zip(self.items.keys, labels, strict=True)]

    def as_json(self) -> Json:
        """All but the items."""
        tree = self.tree
        return {
            "schema": SCHEMA,
            "n_items": len(self.items.keys),
            "n_clusters": self.clusters.n_clusters,
            "n_noise": self.clusters.n_noise,
            "arms": list(self.statistics.arms) if self.items.arms is not None else [],
            "clusters": [self._cluster(c) for c in range(self.clusters.n_clusters)],
            "tree": None
            if tree is None
            else {"children": tree.children.tolist(), "heights": tree.heights.tolist(), "sizes": tree.sizes.tolist()},
        }

    def _cluster(self, c: int) -> Json:
        table = self.statistics
        return {
            "cluster": c,
            "size": int(table.sizes[c]),
            "cohesion": _number(table.cohesion[c]),
            "separation": _number(table.separation[c]),
            "stability": None if self.stability is None else _number(self.stability[c]),
            "entropy": _number(table.entropy[c]),
            "keywords": list(self.words[c]),
            "shares": [
                {"arm": arm, "share": float(share), "low": float(low), "high": float(high)}
                for arm, share, low, high in zip(table.arms, table.share[c], table.low[c], table.high[c], strict=True)
            ],
            "differences": [
                {
                    "a": a,
                    "b": b,
                    "paired": bool(is_paired),
                    "difference": float(d),
                    "p_value": float(p),
                    "q_value": float(q),
                }
                for (a, b), is_paired, d, p, q in zip(
                    table.pairs, table.is_paired, table.difference[c], table.p_value[c], table.q_value[c], strict=True
                )
            ],
        }


def cluster_items(items: Items, pipeline: ClusteringPipeline) -> ClusteredItems:
    """Cluster all items together, without looking at arms, and describe what came of it.

    Parameters
    ----------
    items : of one arm or several
    pipeline : how

    Examples
    --------
    >>> import numpy as np
    >>> items = Items(np.eye(3, dtype=np.float32)[[0, 1, 0]], tuple({"row": i} for i in range(3)))
    >>> [row["cluster"] for row in cluster_items(items, ClusteringPipeline("kmeans", 2)).rows()]
    [0, 1, 0]
    """
    labels = pipeline.fit_predict(items.vectors)
    clusters = pipeline.analyze_clusters(items.vectors, labels)
    k = clusters.n_clusters
    words = [()] * k if items.texts is None else keywords(items.texts, labels, k)
    return ClusteredItems(
        items,
        clusters,
        pipeline.compute_statistics(clusters, items.arms, units=items.units),
        pipeline.stability,
        grow_hierarchy(clusters.centroids, clusters.sizes) if k else None,
        tuple(words),
    )


def load_items(
    paths: Sequence[Path],
    *,
    embedder: str = "lexical",
    embedder_options: Mapping[str, Any] | None = None,
    cache_dir: Path | None = None,
    prompt_field: str | None = None,
    response_field: str | None = None,
    threads: int = 1,
    progress: Progress | None = None,
    purse: Purse | None = None,
) -> Items:
    """The items of one file of vectors, or of one or more files of responses, each an arm named by its file.

    Parameters
    ----------
    paths : ``.npz``, ``.npy`` or ``.safetensors``, or files of responses
    embedder, embedder_options : that turns responses into vectors
    cache_dir : where vectors are kept
    prompt_field, response_field : field names, where they are not among the usual ones
    threads : for parsing
    progress : where it says how far it is
    purse : pays for vectors, where an interface is asked for them

    Raises
    ------
    DataError
        If a file cannot be read or does not fit, or vectors stand beside other files.
    """
    matrices = [path for path in paths if path.suffix in SUFFIXES]
    if matrices and len(paths) > 1:
        raise DataError(f"{matrices[0]} holds vectors, which have no arms; give it by itself, or files of responses")
    if matrices:
        return _from_vectors(matrices[0])
    names = _arm_names(paths)
    arms = [
        load_arm(path, arm=name, prompt_field=prompt_field, response_field=response_field, threads=threads)
        for path, name in zip(paths, names, strict=True)
    ]
    rows = [row for arm in arms for row in arm]
    service = EmbeddingService(
        cache_dir, embedder, options=embedder_options, progress=progress or Silent(), purse=purse
    )
    vectors = service.get_embeddings([row.response for row in rows])
    return Items(
        vectors,
        tuple({"arm": row.arm, "prompt_id": row.prompt_id, "draw": row.draw} for row in rows),
        arms=tuple(row.arm for row in rows),
        units=tuple(row.prompt_id for row in rows),
        texts=tuple(row.response for row in rows),
        notices=(*(notice for arm in arms for notice in arm.notices), *service.notices),
    )


def _from_vectors(path: Path) -> Items:
    found = read_vectors(path)
    n, ids = len(found.vectors), found.ids
    is_named = ids is not None and len(set(ids)) == n  # several answers to one prompt have its name
    keys = [{"row": row} for row in range(n)] if ids is None or not is_named else [{"id": name} for name in ids]
    return Items(found.vectors, tuple(keys), units=ids, texts=found.texts)


def _arm_names(paths: Sequence[Path]) -> list[str]:
    """The names of the files without their endings; with them where these are alike, and numbered where still alike."""
    for names in ([path.name.split(".")[0] for path in paths], [path.name for path in paths]):
        if len(set(names)) == len(names):
            return names
    return [f"{path.name} {number}" for number, path in enumerate(paths, start=1)]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
