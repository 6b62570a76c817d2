"""Both arms as wholes: whether they differ at all, and a map of their responses."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych._types import Vectors
from diptych.comparison.pairing import Table
from diptych.comparison.units import unit_means
from diptych.stats.two_sample import GlobalTest, median_bandwidth, mmd_paired, mmd_unpaired
from diptych.utils.hashing import derive_seed

_RESAMPLES = 10_000
_PROMPTS = 2_000
"""The test takes at most so many prompts: its kernel matrix grows with their square."""
_BANDWIDTH_ROWS = 1_000


def compare_as_wholes(table: Table, vectors: Vectors, *, seed: int, threads: int) -> GlobalTest:
    """MMD²; the bandwidth is that of the responses of both arms together, which exchanging them does not change.

    Parameters
    ----------
    table : the responses
    vectors : float32 (n_rows, d), of each
    seed : of the run
    threads : no result depends on them
    """
    rng = np.random.Generator(np.random.Philox(key=derive_seed(seed, "global sample")))
    pooled = _at_most(np.arange(len(vectors)), _BANDWIDTH_ROWS, rng)
    chosen = _at_most(np.arange(len(table.units)), _PROMPTS, rng)
    options: dict[str, Any] = {
        "bandwidth": median_bandwidth(vectors[pooled]),
        "seed": derive_seed(seed, "global"),
        "n_resamples": _RESAMPLES,
        "threads": threads,
    }
    first, second = (side[chosen] for side in _unit_vectors(vectors, table))
    if table.pairing == "paired":
        return mmd_paired(first, second, **options)
    in_first = table.first_units[chosen]
    return mmd_unpaired(np.where(in_first[:, None], first, second), in_first, **options)


def principal_axes(vectors: Vectors) -> Vectors:
    """Two coordinates of each row: its first two principal components, float32 (n, 2)."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :2]
    axes = axes * np.where(axes.sum(axis=0) < 0, -1.0, 1.0)  # an eigenvector's sign is arbitrary: fix it
    return np.asarray(centred @ axes, dtype=np.float32)


def _at_most(indices: NDArray[np.intp], n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """All of them, or ``n`` drawn at random, ascending."""
    return indices if len(indices) <= n else np.sort(rng.choice(indices, n, replace=False))


def _unit_vectors(vectors: Vectors, table: Table) -> tuple[Vectors, Vectors]:
    """Mean vector of each unit in each arm, zero where the arm did not answer: float32 (n_units, d) each."""
    means = unit_means(table, vectors.astype(np.float64))
    first, second = (np.nan_to_num(side).astype(np.float32) for side in (means.first, means.second))
    return first, second
