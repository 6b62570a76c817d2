"""Lens ``clusters``: which kind of answer? Membership in clusters of the embeddings of both arms, pooled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

import numpy as np

from diptych._types import FloatMatrix, Labels, Span, Vectors
from diptych.clustering.algorithms import kmeans, nearest_centroid, number_of_clusters
from diptych.clustering.labels import keywords
from diptych.comparison.lenses.kinds import kind_measure, word_spans
from diptych.comparison.measures import Measure, Tools
from diptych.data import Response

MIN_RESPONSES = 5
"""A cluster of fewer responses is not proposed: its test could hardly pass."""


class ClustersLens:
    """Clusters the responses of both arms together, and proposes membership in each cluster.

    Clustering each arm alone would test whether two clusters look alike, which fails for identical models too.
    """

    blinded: ClassVar[Literal[True]] = True

    def propose(self, texts: Sequence[str], tools: Tools) -> ClustersProposal:
        vectors = tools.embed(texts)
        n_clusters = min(number_of_clusters(len(texts)), len(np.unique(vectors, axis=0)))
        clustering = kmeans(vectors, n_clusters, seed=tools.seed, threads=tools.threads)
        return ClustersProposal(
            centroids=clustering.centroids,
            words=keywords(texts, clustering.labels, n_clusters),
            sizes=np.bincount(clustering.labels, minlength=n_clusters).tolist(),
            embed=tools.embed,
        )


class ClustersProposal:
    """For each cluster: is its centroid the nearest one to the response?"""

    def __init__(
        self,
        *,
        centroids: Vectors,
        words: Sequence[tuple[str, ...]],
        sizes: Sequence[int],
        embed: Callable[[Sequence[str]], Vectors],
    ) -> None:
        self.centroids, self.words, self._embed = centroids, words, embed
        self._proposed = [c for c, size in enumerate(sizes) if size >= MIN_RESPONSES]
        self.measures = tuple(_as_measure(c, words[c], sizes[c]) for c in self._proposed)

    def labels(self, responses: Sequence[Response]) -> Labels:
        """Cluster of each response, int32."""
        return nearest_centroid(self._embed([row.response for row in responses]), self.centroids)

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        return np.asarray(self.labels(responses)[:, None] == np.array(self._proposed, np.int32), dtype=np.float64)

    def evidence(self, measure: Measure, text: str) -> list[Span]:
        return word_spans(measure.definition["keywords"], text)


def _as_measure(cluster: int, words: tuple[str, ...], size: int) -> Measure:
    definition = {"cluster": cluster, "keywords": list(words), "n_responses": size}
    return kind_measure("clusters", f"{cluster:02d}", words, definition)
