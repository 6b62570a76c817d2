"""The algorithms by name: sorted, distinct enough vectors in, a label for each row out."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from diptych._types import Labels, Vectors
from diptych.clustering.algorithms import kmeans
from diptych.errors import ConfigError
from diptych.utils.extras import require_extra
from diptych.utils.names import check_name

MIN_CLUSTER_SIZE = 5
"""OPTICS and HDBSCAN call fewer rows noise."""
_MAX_TREE_ROWS = 32_000
"""Of which agglomerative clustering keeps all distances: 4 GiB."""


@dataclass(frozen=True, slots=True)
class Task:
    """What an algorithm is given.

    Parameters
    ----------
    vectors : float32 (n, d), finite, sorted
    n_clusters : k, 2 to n - 1; for ``balanced`` 2 to n; nothing to those that find it themselves
    seed : below 2**32
    threads : of the kernel; no result depends on them
    """

    vectors: Vectors
    n_clusters: int
    seed: int
    threads: int


Fit: TypeAlias = Callable[[Task], Labels]


@dataclass(frozen=True, slots=True)
class Method:
    """One algorithm.

    Parameters
    ----------
    fit : to labels, -1 for noise
    takes_n_clusters : or finds their number itself
    is_random : whether the seed matters
    keeps_equal_together : whether equal rows belong in one cluster; not where sizes are prescribed
    """

    fit: Fit
    takes_n_clusters: bool = True
    is_random: bool = False
    keeps_equal_together: bool = True


def method_for(name: str) -> Method:
    """The algorithm of that name, in the house's spelling or in scikit-learn's.

    Raises
    ------
    UnknownNameError
        If there is none; names the near ones.
    MissingExtraError
        If it needs a library that is not installed.

    Examples
    --------
    >>> method_for("AgglomerativeClustering") is method_for("agglomerative")
    True
    """
    plain = name.lower().replace("_", "").replace("-", "").removesuffix("clustering")
    spelled = {known.replace("_", ""): known for known in METHODS} | {"kmeansconstrained": "balanced"}
    known = spelled.get(plain) or check_name("clustering algorithm", name, METHODS)
    if known == "balanced":
        require_extra("k_means_constrained", extra="balanced")
    return METHODS[known]


def _kmeans(task: Task) -> Labels:
    return kmeans(task.vectors, task.n_clusters, seed=task.seed, threads=task.threads).labels


def _minibatch_kmeans(task: Task) -> Labels:
    from sklearn.cluster import MiniBatchKMeans

    model = MiniBatchKMeans(task.n_clusters, n_init=3, random_state=task.seed)
    return np.asarray(model.fit_predict(task.vectors), dtype=np.int32)


def _spectral(task: Task) -> Labels:
    """Over the graph of the ten nearest neighbours of each row; labels by QR, so that no k-means starts at random."""
    from sklearn.cluster import SpectralClustering

    model = SpectralClustering(
        task.n_clusters,
        affinity="nearest_neighbors",
        n_neighbors=min(10, len(task.vectors)),
        assign_labels="cluster_qr",
        random_state=task.seed,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Graph is not fully connected")  # clusters far apart are what is looked for
        return np.asarray(model.fit_predict(task.vectors), dtype=np.int32)


def _agglomerative(task: Task) -> Labels:
    """Ward's tree over all rows, cut."""
    from sklearn.cluster import AgglomerativeClustering

    n = len(task.vectors)
    if n > _MAX_TREE_ROWS:
        raise ConfigError(
            f"agglomerative clustering of {n:,} rows needs {4 * n**2 / 2**30:.0f} GiB of memory; it takes at most "
            f"{_MAX_TREE_ROWS:,} rows. Choose kmeans, or fewer rows."
        )
    model = AgglomerativeClustering(task.n_clusters, linkage="ward")
    return np.asarray(model.fit_predict(task.vectors), dtype=np.int32)


def _optics(task: Task) -> Labels:
    from sklearn.cluster import OPTICS

    if len(task.vectors) < MIN_CLUSTER_SIZE:
        return np.full(len(task.vectors), -1, dtype=np.int32)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "divide by zero", RuntimeWarning)  # equal rows are at no distance
        warnings.filterwarnings("ignore", "invalid value", RuntimeWarning)
        warnings.filterwarnings("ignore", "All reachability values are inf")  # then all is noise
        found = OPTICS(min_samples=MIN_CLUSTER_SIZE, min_cluster_size=MIN_CLUSTER_SIZE).fit_predict(task.vectors)
    return np.asarray(found, dtype=np.int32)


def _hdbscan(task: Task) -> Labels:
    from sklearn.cluster import HDBSCAN

    if len(task.vectors) < MIN_CLUSTER_SIZE:
        return np.full(len(task.vectors), -1, dtype=np.int32)
    model = HDBSCAN(min_cluster_size=MIN_CLUSTER_SIZE, copy=True)
    return np.asarray(model.fit_predict(task.vectors), dtype=np.int32)


def _balanced(task: Task) -> Labels:
    """k-means with clusters of equal sizes, give or take one: Bradley, Bennett & Demiriz (2000), MSR-TR-2000-65."""
    from k_means_constrained import KMeansConstrained

    share = len(task.vectors) / task.n_clusters
    model = KMeansConstrained(
        task.n_clusters,
        size_min=math.floor(share),
        size_max=math.ceil(share),
        n_init=3,
        random_state=task.seed,
    )
    return np.asarray(model.fit_predict(task.vectors.astype(np.float64)), dtype=np.int32)


METHODS: dict[str, Method] = {
    "kmeans": Method(_kmeans, is_random=True),
    "minibatch_kmeans": Method(_minibatch_kmeans, is_random=True),
    "spectral": Method(_spectral),
    "agglomerative": Method(_agglomerative),
    "optics": Method(_optics, takes_n_clusters=False),
    "hdbscan": Method(_hdbscan, takes_n_clusters=False),
    "balanced": Method(_balanced, is_random=True, keeps_equal_together=False),
}
"""By name; all but ``kmeans`` are scikit-learn's, and ``balanced`` is of k-means-constrained."""
