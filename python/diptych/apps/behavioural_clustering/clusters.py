"""Statements in clusters, which know nothing of who approves of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diptych._types import FloatMatrix, Labels, Progress, Vectors
from diptych.apps.behavioural_clustering.config import ApproveConfig
from diptych.clustering.algorithms import kmeans, number_of_clusters
from diptych.clustering.labels import keywords
from diptych.clustering.naming import name_clusters
from diptych.comparison.lenses.kinds import named
from diptych.data.statements import Statements
from diptych.embeddings.service import EmbeddingService
from diptych.models.assistant import Assistant
from diptych.models.spending import Purse


@dataclass(frozen=True)
class Clusters:
    """Statements in clusters, the largest first.

    Parameters
    ----------
    vectors : float32 (n, d), of the statements
    labels : int32 (n,), cluster of each statement
    themes : of each cluster, in words
    notices : what a reader should know of vectors and names
    """

    vectors: Vectors
    labels: Labels
    themes: tuple[str, ...]
    notices: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.themes)

    @property
    def sizes(self) -> list[int]:
        """Statements of each."""
        sizes: list[int] = np.bincount(self.labels, minlength=len(self)).tolist()
        return sizes

    @property
    def centroids(self) -> FloatMatrix:
        """Mean vector of each: float64 (k, d)."""
        return np.array([self.vectors[self.labels == c].mean(axis=0, dtype=np.float64) for c in range(len(self))])


def cluster_statements(
    statements: Statements,
    config: ApproveConfig,
    *,
    cache_dir: str | Path | None = None,
    threads: int = 1,
    progress: Progress | None = None,
    labeller: Assistant | None = None,
    judge: Assistant | None = None,
    purse: Purse | None = None,
) -> Clusters:
    """Embed the statements, each once, and sort them into clusters.

    Parameters
    ----------
    statements : in the order of their ids
    config : embedder, number of clusters, seed
    cache_dir : where vectors are kept from run to run: then a new statement embeds one text
    threads, progress : no result depends on them
    labeller : names the clusters; keywords where there is none, or where it gave none that could be read
    judge : says whether the names fit; the labeller where there is none
    purse : pays for vectors, where an interface is asked for them

    Raises
    ------
    ShapeError
        If more clusters are asked for than there are statements.
    """
    service = EmbeddingService(cache_dir, config.embedder, options=config.embedder_args, progress=progress, purse=purse)
    vectors = service.get_embeddings(statements.texts)
    k = config.n_clusters or min(number_of_clusters(len(statements)), len(statements))
    found = kmeans(vectors, k, seed=config.seed, threads=threads)
    labels = largest_first(found.labels)
    words = keywords(statements.texts, labels, int(labels.max()) + 1)
    themes = [", ".join(one) or "no words of its own" for one in words]
    notices = list(service.notices)
    if labeller is not None:
        judge = judge or labeller
        labelled = name_clusters(labeller, judge, statements.texts, vectors, labels, len(themes), seed=config.seed)
        n_confirmed = sum(label is not None and label.is_validated for label in labelled)
        notices.append(f"{n_confirmed} of {len(themes)} names of clusters were confirmed by a blind judge")
        themes = [named(theme, label) for theme, label in zip(themes, labelled, strict=True)]
    return Clusters(vectors, labels, tuple(themes), tuple(notices))


def largest_first(labels: Labels) -> Labels:
    """The same clusters by other numbers: the largest is 0, equally large ones by their first row, none is empty.

    Parameters
    ----------
    labels : int32 (n,), from 0

    Examples
    --------
    >>> largest_first(np.array([5, 2, 2, 7], np.int32)).tolist()
    [1, 0, 0, 2]
    """
    _, first, inverse, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(first), dtype=np.int32)
    rank[np.lexsort((first, -sizes))] = np.arange(len(first), dtype=np.int32)
    return rank[inverse].astype(np.int32)
