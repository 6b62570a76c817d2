"""What a run could have seen: the smallest true change that the very test would have found."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatVector

_STEPS = 30  # bisections: 2^-30 of the range


def detectable_paired_shares(
    n_discordant: NDArray[np.int64], n: NDArray[np.int64], *, level: float, power: float = 0.8
) -> FloatVector:
    """Smallest change of a share that McNemar's exact test finds with the wanted probability.

    Parameters
    ----------
    n_discordant : int64 (m,), prompts in which the arms differ; taken as what they differ in without any true change,
        as often one way as the other, to which the change comes on top
    n : int64 (m,), prompts
    level : at which a single p must pass, such as α over the number of hypotheses
    power : probability to find it

    Returns
    -------
    float64 (m,); NaN where not even a change of every prompt would be found

    Notes
    -----
    Exact: the number of discordant prompts is binomial(n, d + δ), those that go the way of the change are binomial with
    probability ``(d/2 + δ) / (d + δ)``, and the test is exact given their number. Solved for δ by bisection.

    Examples
    --------
    >>> detectable_paired_shares(np.array([10, 0]), np.array([100, 5]), level=0.05).round(2).tolist()
    [0.14, nan]
    """
    found = np.full(len(n), np.nan)
    for size in np.unique(n[n > 0]).tolist():
        there = n == size
        discordant, which = np.unique(n_discordant[there], return_inverse=True)
        found[there] = _paired_shares(discordant / size, size, level, power)[which]
    return found


def _paired_shares(background: FloatVector, n: int, level: float, power: float) -> FloatVector:
    critical = _critical_counts(n, level)
    low, high = np.zeros_like(background), 1.0 - background
    possible = _mcnemar_power(background, high, n, critical) >= power
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        enough = _mcnemar_power(background, middle, n, critical) >= power
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(possible, high, np.nan)


def _mcnemar_power(background: FloatVector, change: FloatVector, n: int, critical: NDArray[np.int64]) -> FloatVector:
    """Summed over the numbers of discordant prompts within eight standard deviations and twenty of their mean."""
    from scipy import stats

    total = np.minimum(background + change, 1.0)
    upward = np.divide(background / 2.0 + change, total, out=np.full_like(total, 0.5), where=total > 0)
    widest = math.sqrt(n * float((total * (1.0 - total)).max(initial=0.0)))
    width = min(n + 1, 2 * math.ceil(8.0 * widest + 20.0))
    start = np.clip(np.rint(n * total).astype(np.int64) - width // 2, 0, n + 1 - width)
    counts = start[:, None] + np.arange(width)
    probability = stats.binom.pmf(counts, n, total[:, None])
    found = stats.binom.sf(critical[counts] - 1, counts, upward[:, None])
    return np.asarray(np.sum(probability * found, axis=1))


@lru_cache(maxsize=256)
def _critical_counts(n: int, level: float) -> NDArray[np.int64]:
    """For 0 … n discordant pairs, how many must go one way for a two-sided p of at most ``level``."""
    from scipy import stats

    counts = np.arange(n + 1)
    return np.asarray(stats.binom.isf(level / 2.0, counts, 0.5), dtype=np.int64) + 1


def detectable_unpaired_shares(
    share: FloatVector,
    n_first: NDArray[np.int64],
    n_second: NDArray[np.int64],
    *,
    level: float,
    power: float = 0.8,
) -> FloatVector:
    """Smallest change of a share, away from the nearer end, that a test of two groups finds.

    Parameters
    ----------
    share : float64 (m,), of both groups together
    n_first, n_second : int64 (m,), prompts in each
    level, power : as in ``detectable_paired_shares``

    Returns
    -------
    float64 (m,); NaN where no change would be found

    Notes
    -----
    Normal approximation with continuity correction, as Casagrande, Pike & Smith (1978) for the exact test.

    Examples
    --------
    >>> detectable_unpaired_shares(np.array([0.1]), np.array([100]), np.array([100]), level=0.05).round(2).tolist()
    [0.16]
    """
    from scipy.special import ndtri

    z_level, z_power = ndtri(1.0 - level / 2.0), ndtri(power)
    base = np.minimum(share, 1.0 - share)
    inverse = 1.0 / np.maximum(n_first, 1) + 1.0 / np.maximum(n_second, 1)

    def found(change: FloatVector) -> NDArray[np.bool_]:
        raised = np.minimum(base + change, 1.0)
        pooled = (base + raised) / 2.0
        null = np.sqrt(pooled * (1 - pooled) * inverse)
        true = np.sqrt(base * (1 - base) / np.maximum(n_first, 1) + raised * (1 - raised) / np.maximum(n_second, 1))
        return np.asarray(change - inverse / 2.0 >= z_level * null + z_power * true)

    low, high = np.zeros_like(base), 1.0 - base
    possible = found(high)
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        enough = found(middle)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(possible, high, np.nan)


def detectable_means(
    standard_error: FloatVector, n: NDArray[np.int64], *, level: float, smallest_p: float, power: float = 0.8
) -> FloatVector:
    """Smallest true difference of means that the test finds with the wanted probability, in the measure's unit.

    Parameters
    ----------
    standard_error : float64 (m,), of the difference
    n : int64 (m,), prompts
    level : as in ``detectable_paired_shares``
    smallest_p : that the resamples allow
    power : as in ``detectable_paired_shares``

    Returns
    -------
    float64 (m,); NaN where nothing varied, or where no p can reach the level

    Notes
    -----
    ``(t_(1 - level/2) + t_power) se`` with n - 1 degrees of freedom: resampling agrees with the t-test closely.

    Examples
    --------
    >>> detectable_means(np.array([0.1]), np.array([400]), level=0.05, smallest_p=1e-4).round(3).tolist()
    [0.281]
    """
    from scipy import stats

    freedom = np.maximum(n - 1, 1)
    effect = (stats.t.ppf(1.0 - level / 2.0, freedom) + stats.t.ppf(power, freedom)) * standard_error
    return np.where((standard_error > 0) & (n > 1) & (smallest_p <= level), effect, np.nan)
