"""Lens ``clusters``: which kind of answer? Membership in clusters of the embeddings of both arms, pooled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import ClassVar, Literal

import numpy as np

from diptych._types import FloatMatrix, FloatVector, Labels, Span, Vectors
from diptych.clustering.algorithms import Clustering, kmeans, nearest_centroid, number_of_clusters
from diptych.clustering.consensus import SURVIVES, best_overlaps, reclusterings
from diptych.clustering.judging import Label
from diptych.clustering.labels import find_words, keywords
from diptych.comparison.lenses.kinds import REMEMBERED, kind_measure, name_kinds, word_spans
from diptych.comparison.measures import Measure, Survival, Tools
from diptych.data import Response

MIN_RESPONSES = 5
"""A cluster of fewer responses is not proposed: its test could hardly pass."""


class ClustersLens:
    """Clusters the responses of both arms together, and proposes membership in each cluster.

    Clustering each arm alone would test whether two clusters look alike, which fails for identical models too.
    """

    blinded: ClassVar[Literal[True]] = True

    def __init__(self) -> None:
        self._words_of = lru_cache(REMEMBERED)(find_words)

    def propose(self, texts: Sequence[str], tools: Tools) -> ClustersProposal:
        vectors = tools.embed(texts)
        clustering = cluster_responses(vectors, seed=tools.seed, threads=tools.threads)
        n_clusters = len(clustering.centroids)
        sizes = np.bincount(clustering.labels, minlength=n_clusters)
        proposed = np.flatnonzero(sizes >= MIN_RESPONSES)
        place = np.full(n_clusters, -1, dtype=np.int32)
        place[proposed] = np.arange(len(proposed))
        names = name_kinds(texts, place[clustering.labels], len(proposed), tools)
        return ClustersProposal(
            centroids=clustering.centroids,
            words=keywords(texts, clustering.labels, n_clusters, words_of=self._words_of),
            names=dict(zip(proposed.tolist(), names, strict=True)),
            sizes=sizes.tolist(),
            embed=tools.embed,
            recluster=lambda: reclusterings(vectors, n_clusters, seed=tools.seed, threads=tools.threads),
            fitted=clustering.labels,
        )


def cluster_responses(vectors: Vectors, *, seed: int, threads: int) -> Clustering:
    """Clusters of responses, as many as ``number_of_clusters`` says, and no more than there are different ones.

    Parameters
    ----------
    vectors : float32 (n, d), of the responses of all arms
    seed : of the start
    threads : the result is the same for every value
    """
    n_clusters = min(number_of_clusters(len(vectors)), len(np.unique(vectors, axis=0)))
    return kmeans(vectors, n_clusters, seed=seed, threads=threads)


class ClustersProposal:
    """For each cluster: is its centroid the nearest one to the response?"""

    def __init__(
        self,
        *,
        centroids: Vectors,
        words: Sequence[tuple[str, ...]],
        names: Mapping[int, Label | None],
        sizes: Sequence[int],
        embed: Callable[[Sequence[str]], Vectors],
        recluster: Callable[[], list[Labels]],
        fitted: Labels,
    ) -> None:
        self.centroids, self.words, self._embed = centroids, words, embed
        self._recluster, self._fitted = recluster, fitted
        self._proposed = list(names)
        self.measures = tuple(_as_measure(c, words[c], sizes[c], names[c]) for c in self._proposed)

    def labels(self, responses: Sequence[Response]) -> Labels:
        """Cluster of each response, int32."""
        return nearest_centroid(self._embed([row.response for row in responses]), self.centroids)

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        return np.asarray(self.labels(responses)[:, None] == np.array(self._proposed, np.int32), dtype=np.float64)

    def evidence(self, measure: Measure, text: str) -> list[Span]:
        return word_spans(measure.definition["keywords"], text)

    def survival(self, measure: Measure) -> Survival:
        """In how many clusterings with other seeds the cluster comes out again."""
        again = [float(overlaps[measure.definition["cluster"]]) for overlaps in self._overlaps]
        return Survival(n=sum(overlap >= SURVIVES for overlap in again), of=len(again))

    @cached_property
    def _overlaps(self) -> list[FloatVector]:
        return [best_overlaps(self._fitted, labels) for labels in self._recluster()]


def _as_measure(cluster: int, words: tuple[str, ...], size: int, label: Label | None) -> Measure:
    definition = {"cluster": cluster, "keywords": list(words), "n_responses": size}
    return kind_measure("clusters", f"{cluster:02d}", words, definition, label)
