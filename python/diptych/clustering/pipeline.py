"""Clustering from vectors to a table: the same clusters for the same vectors, whatever order they come in."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from diptych._types import FloatVector, Labels, Progress, Silent, Vectors
from diptych.clustering import analysis, matching, shares
from diptych.clustering.algorithms import number_of_clusters
from diptych.clustering.consensus import consensus, other_seeds
from diptych.clustering.counting import Criterion, best_number
from diptych.clustering.methods import Task, method_for
from diptych.clustering.rows import RowOrder, as_labels, as_vectors, number_by_size, order_rows
from diptych.errors import ConfigError, ShapeError


class ClusteringPipeline:
    """Puts vectors into clusters, describes these, and compares them with others.

    Parameters
    ----------
    algorithm : ``kmeans``, ``minibatch_kmeans``, ``spectral``, ``agglomerative``, ``optics``, ``hdbscan`` or
        ``balanced`` (clusters of equal sizes), or as scikit-learn spells them
    n_clusters : k; ``"rule"`` takes ``number_of_clusters``, ``"silhouette"`` and ``"gap"`` look for the best. None is
        the rule, and what ``optics`` and ``hdbscan`` need, which find it themselves
    seed : of everything random
    n_seeds : 1, or more to cluster so many times and keep the medoid, with a ``stability`` for each cluster
    threads : of the kernels; the result is the same for every value
    progress : where it says how far it is

    Raises
    ------
    UnknownNameError
        If there is no such algorithm.
    ConfigError
        If a number does not fit the algorithm.
    MissingExtraError
        If the algorithm needs a library that is not installed.

    Notes
    -----
    Clusters are numbered by size, the largest 0. The order of the rows changes nothing but the order of the labels.

    Examples
    --------
    >>> rows = np.array([[0, 1], [9, 8], [0, 2], [1, 1], [9, 9]], np.float32)
    >>> pipeline = ClusteringPipeline("kmeans", 2)
    >>> labels = pipeline.fit_predict(rows)
    >>> labels.tolist(), pipeline.analyze_clusters(rows, labels).sizes.tolist()
    ([0, 1, 0, 0, 1], [3, 2])
    """

    def __init__(
        self,
        algorithm: str = "kmeans",
        n_clusters: int | str | None = None,
        *,
        seed: int = 0,
        n_seeds: int = 1,
        threads: int = 1,
        progress: Progress | None = None,
    ) -> None:
        self._method = method_for(algorithm)
        self.algorithm, self.n_clusters, self.seed, self.n_seeds = algorithm, n_clusters, seed, n_seeds
        self._threads, self._progress = threads, progress or Silent()
        self.stability: FloatVector | None = None
        """float64 (k,), of each cluster of the last ``fit_predict``, from 0 to 1; None with one seed."""
        self._check()

    def fit_predict(self, embeddings: ArrayLike | Sequence[ArrayLike]) -> Labels:
        """The cluster of each row.

        Parameters
        ----------
        embeddings : float32 (n, d)

        Returns
        -------
        int32 (n,), -1 for noise. Where fewer rows are distinct than clusters were asked for, equal ones are one cluster

        Raises
        ------
        ShapeError
            If there are fewer rows than clusters, widths differ, or a value is not a finite number.
        """
        vectors = as_vectors(embeddings)
        if isinstance(self.n_clusters, int) and self.n_clusters > len(vectors):
            raise ShapeError(
                f"cannot make {self.n_clusters} clusters of {len(vectors)} rows; ask for 1 to {len(vectors)}"
            )
        rows = order_rows(vectors)
        vectors = vectors[rows.order]
        n_clusters = self._number(vectors, rows.n_distinct)
        seeds = [self.seed % 2**32, *other_seeds(self.seed, self.n_seeds - 1)]
        self._progress.start("cluster", len(seeds))
        runs = []
        for seed in seeds:
            runs.append(number_by_size(self._fit(Task(vectors, n_clusters, seed, self._threads), rows)))
            self._progress.advance()
        self._progress.finish()
        self.stability = None
        if len(runs) == 1:
            return rows.unsorted(runs[0])
        found = consensus(runs)
        self.stability = found.stability
        return rows.unsorted(found.labels)

    def analyze_clusters(self, embeddings: ArrayLike, labels: ArrayLike) -> analysis.Clusters:
        """Sizes, centroids, cohesion and separation of clusters.

        Parameters
        ----------
        embeddings, labels : as in ``clustering.analysis.analyze_clusters``
        """
        return analysis.analyze_clusters(embeddings, labels, threads=self._threads)

    def match_clusters(self, labels1: ArrayLike, labels2: ArrayLike) -> matching.ClusterMatch:
        """Which cluster of the one labelling of the same rows is which of the other.

        Parameters
        ----------
        labels1, labels2 : as in ``clustering.matching.match_clusters``
        """
        first, second = (as_labels(labels, np.size(labels)) for labels in (labels1, labels2))
        return matching.match_clusters(first, second, seed=self.seed, threads=self._threads)

    def compute_statistics(
        self, clusters: analysis.Clusters, arms: Sequence[str] | None = None, *, units: Sequence[str] | None = None
    ) -> shares.ClusterStatistics:
        """Shares of the arms in each cluster, with intervals and tests.

        Parameters
        ----------
        clusters : of ``analyze_clusters``
        arms, units : as in ``clustering.shares.compute_statistics``
        """
        return shares.compute_statistics(clusters, arms, units=units, seed=self.seed, threads=self._threads)

    def _check(self) -> None:
        asked = self.n_clusters
        if isinstance(asked, str) and asked not in ("rule", "silhouette", "gap"):
            raise ConfigError(f"n_clusters = {asked!r}: expected a number, 'rule', 'silhouette' or 'gap'")
        if isinstance(asked, int) and asked < 1:
            raise ConfigError(f"n_clusters = {asked}: expected at least 1")
        if asked is not None and not self._method.takes_n_clusters:
            raise ConfigError(f"{self.algorithm} finds the number of clusters itself; leave n_clusters = {asked!r} out")
        if self.n_seeds < 1:
            raise ConfigError(f"n_seeds = {self.n_seeds}: expected at least 1")
        if self.n_seeds > 1 and not self._method.is_random:
            raise ConfigError(f"{self.algorithm} depends on no seed; leave n_seeds = {self.n_seeds} out")

    def _number(self, vectors: Vectors, n_distinct: int) -> int:
        """K for these rows."""
        if isinstance(self.n_clusters, int):
            if self.n_clusters > n_distinct and self._method.keeps_equal_together:
                warnings.warn(
                    f"only {n_distinct} of {len(vectors)} vectors are distinct: {n_distinct} clusters, not the "
                    f"{self.n_clusters} that were asked for",
                    stacklevel=3,
                )
            return self.n_clusters
        if self.n_clusters in ("silhouette", "gap"):
            criterion: Criterion = "silhouette" if self.n_clusters == "silhouette" else "gap"
            return best_number(vectors, criterion, seed=self.seed, threads=self._threads)
        return min(number_of_clusters(len(vectors)), n_distinct)

    def _fit(self, task: Task, rows: RowOrder) -> Labels:
        """Labels of sorted rows; equal rows have equal ones."""
        together = self._method.keeps_equal_together
        if self._method.takes_n_clusters:
            if task.n_clusters == 1:
                return np.zeros(len(task.vectors), dtype=np.int32)
            if together and task.n_clusters >= rows.n_distinct:
                return rows.distinct.astype(np.int32)
        labels = self._method.fit(task)
        return labels[np.flatnonzero(rows.starts)][rows.distinct] if together else labels
