"""Are the two arms the same at all? Maximum mean discrepancy and energy distance on the embeddings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diptych._types import FloatMatrix, FloatVector, Mask, Vectors
from diptych.stats.exact import tie_tolerance
from diptych.stats.permutation import resampled_forms


@dataclass(frozen=True, slots=True)
class GlobalTest:
    """Name of the statistic, its value, two-sided p, and how many resamples it rests on."""

    statistic: str
    value: float
    p_value: float
    n_resamples: int


def median_bandwidth(vectors: Vectors) -> float:
    """Median distance between different rows: the usual bandwidth of the RBF kernel (Gretton et al. 2012, §8).

    Examples
    --------
    >>> median_bandwidth(np.array([[0.0], [3.0]], np.float32))
    3.0
    """
    squared = squared_distances(vectors)[np.triu_indices(len(vectors), 1)]
    positive = squared[squared > 1e-12]
    return float(np.sqrt(np.median(positive))) if len(positive) else 1.0


def squared_distances(vectors: Vectors) -> FloatMatrix:
    """Squared Euclidean distances of all pairs of rows, float64 (n, n)."""
    rows = vectors.astype(np.float64)
    norms = (rows * rows).sum(axis=1)
    return np.asarray(np.maximum(norms[:, None] + norms[None, :] - 2.0 * (rows @ rows.T), 0.0))


def mmd_paired(
    first: Vectors, second: Vectors, *, bandwidth: float, n_resamples: int, seed: int, threads: int = 1
) -> GlobalTest:
    """MMD² of two paired samples, by sign flips: pair i may be exchanged or not.

    Parameters
    ----------
    first, second : float32 (p, d), row i of both answers prompt i
    bandwidth : of the kernel ``exp(-|x - y|² / 2 h²)``
    n_resamples, seed : of the flips
    threads : the result is the same for every value

    Notes
    -----
    ``s' H s / p²`` with ``H[i,j] = k(a_i,a_j) + k(b_i,b_j) - k(a_i,b_j) - k(b_i,a_j)``: the biased estimator of Gretton
    et al. (2012), eq. 5, under exchange of pairs. For the flips H is rounded to float32 once, and so it is for the data
    that they are compared with, so that the test stays exact. Peak memory: 96 p² bytes, for the kernel in float64.
    """
    kernel = _rbf(np.concatenate([first, second]), bandwidth)
    value, p_value = _by_flips(kernel, n_resamples, seed, threads)
    return GlobalTest("MMD² (RBF kernel, paired)", value, p_value, n_resamples)


def energy_paired(first: Vectors, second: Vectors, *, n_resamples: int, seed: int, threads: int = 1) -> GlobalTest:
    """Energy distance of two paired samples, by sign flips: no bandwidth to choose.

    Parameters
    ----------
    first, second : float32 (p, d), row i of both answers prompt i
    n_resamples, seed, threads : as in ``mmd_paired``

    Notes
    -----
    ``2 E|a - b| - E|a - a'| - E|b - b'|`` (Székely & Rizzo 2004), which is the MMD² of the kernel ``-|x - y|``
    (Sejdinovic et al. 2013). Peak memory: as ``mmd_paired``.

    Examples
    --------
    >>> energy_paired(np.array([[0.0]], np.float32), np.array([[3.0]], np.float32), n_resamples=9, seed=0).value
    6.0
    """
    value, p_value = _by_flips(-_distances(np.concatenate([first, second])), n_resamples, seed, threads)
    return GlobalTest("energy distance (paired)", value, p_value, n_resamples)


def mmd_unpaired(
    vectors: Vectors, first: Mask, *, bandwidth: float, n_resamples: int, seed: int, threads: int = 1
) -> GlobalTest:
    """MMD² of two samples, by permuting who is in which.

    Parameters
    ----------
    vectors : float32 (n, d)
    first : bool (n,), who is in the first sample
    bandwidth, n_resamples, seed : as in ``mmd_paired``
    threads : the result is the same for every value

    Notes
    -----
    ``w' K w`` with ``w = 1/n_1`` in the first sample and ``-1/n_2`` in the second. K is rounded to float32 once, for
    the data as for the resamples, so that the test stays exact. Peak memory: 4 n² bytes and as much again for a moment.
    """
    kernel = _rbf_rounded(vectors, bandwidth)
    value, p_value = _by_permutations(kernel, first, True, n_resamples, seed, threads)
    return GlobalTest("MMD² (RBF kernel, unpaired)", value, p_value, n_resamples)


def energy_unpaired(vectors: Vectors, first: Mask, *, n_resamples: int, seed: int, threads: int = 1) -> GlobalTest:
    """Energy distance of two samples, by permuting who is in which.

    Parameters
    ----------
    vectors : float32 (n, d)
    first : bool (n,), who is in the first sample
    n_resamples, seed, threads : as in ``mmd_unpaired``

    Notes
    -----
    As ``energy_paired``. Distances are rounded to float32 once, for the data as for the resamples, so that the test
    stays exact. Peak memory: 36 n² bytes.

    Examples
    --------
    >>> pair = np.array([[0.0], [3.0]], np.float32)
    >>> energy_unpaired(pair, np.array([True, False]), n_resamples=9, seed=0).value
    6.0
    """
    kernel = (-_distances(vectors)).astype(np.float32)
    value, p_value = _by_permutations(kernel, first, True, n_resamples, seed, threads)
    return GlobalTest("energy distance (unpaired)", value, p_value, n_resamples)


def mean_distance(vectors: Vectors, first: Mask, *, n_resamples: int, seed: int, threads: int = 1) -> GlobalTest:
    """Squared distance of the two samples' means (MMD² of the linear kernel), by permuting who is in which.

    Parameters
    ----------
    vectors : float32 (n, d)
    first : bool (n,), who is in the first sample
    n_resamples, seed, threads : as in ``mmd_unpaired``

    Notes
    -----
    ``|X' w|²``: no n × n matrix is formed. Peak memory beside the vectors: 64 kB + 576 n bytes a thread.

    Examples
    --------
    >>> mean_distance(np.array([[0.0], [3.0]], np.float32), np.array([True, False]), n_resamples=9, seed=0).value
    9.0
    """
    value, p_value = _by_permutations(vectors, first, False, n_resamples, seed, threads)
    return GlobalTest("squared distance of means", value, p_value, n_resamples)


def _by_flips(kernel: FloatMatrix, n_resamples: int, seed: int, threads: int) -> tuple[float, float]:
    """Value and p under exchange of pairs; the kernel is (2 p, 2 p), the first sample's rows first."""
    n = len(kernel) // 2
    cross = kernel[:n, n:]
    contrast = kernel[:n, :n] + kernel[n:, n:] - (cross + cross.T)
    value = float(contrast.sum()) / n**2
    rounded = contrast.astype(np.float32)
    del kernel, cross, contrast
    observed, null = resampled_forms(rounded, None, kernel=True, n_resamples=n_resamples, seed=seed, threads=threads)
    return value, (1 + _count(null / n**2, observed / n**2)) / (1 + n_resamples)


def _by_permutations(
    values: Vectors, first: Mask, kernel: bool, n_resamples: int, seed: int, threads: int
) -> tuple[float, float]:
    """Value and p under permutation of who is first; a kernel matrix, or vectors that stand for the linear one."""
    observed, null = resampled_forms(values, first, kernel=kernel, n_resamples=n_resamples, seed=seed, threads=threads)
    return observed, (1 + _count(null, observed)) / (1 + n_resamples)


def _distances(vectors: Vectors) -> FloatMatrix:
    distances = np.sqrt(squared_distances(vectors))
    np.fill_diagonal(distances, 0.0)
    return distances


def _rbf_rounded(vectors: Vectors, bandwidth: float) -> Vectors:
    """The kernel in float32, made in place."""
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    kernel = rows @ rows.T
    norms = kernel.diagonal().copy()
    kernel *= np.float32(2.0)
    kernel -= norms
    kernel -= norms[:, None]
    kernel *= np.float32(1.0 / (2.0 * bandwidth**2))
    np.minimum(kernel, np.float32(0.0), out=kernel)
    return np.asarray(np.exp(kernel, out=kernel))


def _rbf(vectors: Vectors, bandwidth: float) -> FloatMatrix:
    return np.asarray(np.exp(squared_distances(vectors) / (-2.0 * bandwidth**2)))


def _count(resampled: FloatVector, observed: float) -> int:
    return int((resampled >= observed - tie_tolerance(np.array([observed]))).sum())
