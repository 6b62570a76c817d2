"""Intervals for differences of means: the studentised bootstrap over prompts; closed forms for shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatMatrix, FloatVector, Mask

_BLOCK_BYTES = 32 * 1024 * 1024
_LEAST_SPREAD = 1.0 / 3.0
"""A resample's standard error counts as at least this part of the data's. Where a handful of prompts carry all the
difference some resamples miss them, have no spread at all, and would make the interval endless."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """Two-sided intervals and the standard error of each difference: float64 (m,) each."""

    low: FloatVector
    high: FloatVector
    error: FloatVector


@dataclass(frozen=True, slots=True)
class _Moments:
    """Means and squared standard errors of the mean: (m,) for the data, (B, m) for its resamples."""

    mean: FloatMatrix
    squared_error: FloatMatrix


def paired_intervals(
    differences: FloatMatrix, present: Mask, *, seed: int, level: float = 0.95, n_resamples: int = 2000
) -> Intervals:
    """Interval for each mean difference.

    Parameters
    ----------
    differences : float64 (p, m), one row per prompt
    present : bool (p, m), False where the pair is missing
    seed : of the resamples, which serve all measures alike
    level : confidence
    n_resamples : B

    Notes
    -----
    Bootstrap-t: Efron & Tibshirani (1993), ch. 12.5. Prompts are drawn with replacement; the interval is
    ``mean - t*_(1-α/2) se`` to ``mean - t*_(α/2) se``. For a level beyond what B resamples can tell it ends at the
    most extreme of them.

    Examples
    --------
    >>> d = np.random.default_rng(0).normal(1.0, 1.0, (200, 1))
    >>> interval = paired_intervals(d, np.ones_like(d, dtype=bool), seed=0)
    >>> bool(interval.low[0] < 1.0 < interval.high[0])
    True
    """
    return _intervals([(differences, present, 1.0)], seed, level, n_resamples)


def unpaired_intervals(
    values: FloatMatrix, present: Mask, first: Mask, *, seed: int, level: float = 0.95, n_resamples: int = 2000
) -> Intervals:
    """Interval for each difference of means, second group minus first; prompts are drawn within their group.

    Parameters
    ----------
    values : float64 (n, m), one row per prompt
    present : bool (n, m), False where the measurement is missing
    first : bool (n,), who is in the first group
    seed, level, n_resamples : as in ``paired_intervals``
    """
    groups = [(values[~first], present[~first], 1.0), (values[first], present[first], -1.0)]
    return _intervals(groups, seed, level, n_resamples)


def paired_share_intervals(
    n_up: NDArray[np.int64], n_down: NDArray[np.int64], n: NDArray[np.int64], *, level: float = 0.95
) -> Intervals:
    """Interval for each difference of two shares of the same prompts.

    Parameters
    ----------
    n_up, n_down : int64 (m,), prompts where only the second arm, or only the first, has a 1
    n : int64 (m,), prompts
    level : confidence

    Notes
    -----
    Bonett & Price (2012), eq. 3: Wald's interval after adding one prompt to each discordant cell. It holds its level
    for rare events too, where a bootstrap sees too few of them.

    Examples
    --------
    >>> interval = paired_share_intervals(np.array([6]), np.array([0]), np.array([100]))
    >>> float(interval.low[0].round(3)), float(interval.high[0].round(3))
    (0.006, 0.112)
    """
    up, down = (n_up + 1) / (n + 2), (n_down + 1) / (n + 2)
    error = np.sqrt(np.maximum(up + down - (up - down) ** 2, 0.0) / (n + 2))
    return _wald(up - down, error, level)


def unpaired_share_intervals(
    hits_first: NDArray[np.int64],
    n_first: NDArray[np.int64],
    hits_second: NDArray[np.int64],
    n_second: NDArray[np.int64],
    *,
    level: float = 0.95,
) -> Intervals:
    """Interval for each difference of the shares of two groups, second minus first.

    Notes
    -----
    Agresti & Caffo (2000): Wald's interval after adding one 1 and one 0 to each group.

    Examples
    --------
    >>> interval = unpaired_share_intervals(*map(np.array, ([0], [50], [6], [50])))
    >>> float(interval.low[0].round(3)), float(interval.high[0].round(3))
    (0.015, 0.215)
    """
    first, second = (hits_first + 1) / (n_first + 2), (hits_second + 1) / (n_second + 2)
    error = np.sqrt(first * (1 - first) / (n_first + 2) + second * (1 - second) / (n_second + 2))
    return _wald(second - first, error, level)


def _wald(centre: FloatVector, error: FloatVector, level: float) -> Intervals:
    from scipy.special import ndtri

    half = ndtri(0.5 + level / 2.0) * error
    return Intervals(np.maximum(centre - half, -1.0), np.minimum(centre + half, 1.0), error)


def fill_in(into: Intervals, where: Mask, others: Intervals) -> Intervals:
    """The intervals with those entries replaced, one after another, by others."""
    filled = []
    for name in ("low", "high", "error"):
        entries = getattr(into, name).copy()
        entries[where] = getattr(others, name)
        filled.append(entries)
    return Intervals(*filled)


def _intervals(groups: list[tuple[FloatMatrix, Mask, float]], seed: int, level: float, n_resamples: int) -> Intervals:
    if not groups[0][0].shape[1]:
        return Intervals(np.empty(0), np.empty(0), np.empty(0))
    rng = np.random.Generator(np.random.Philox(key=seed))
    weights = [_bootstrap_weights(rng, len(values), n_resamples) for values, _, _ in groups]
    n_measures = groups[0][0].shape[1]
    low, high, error = np.empty(n_measures), np.empty(n_measures), np.empty(n_measures)
    block = max(1, _BLOCK_BYTES // (8 * n_resamples))
    for start in range(0, n_measures, block):
        columns = slice(start, start + block)
        parts = [(values[:, columns], present[:, columns], sign) for values, present, sign in groups]
        part = _bootstrap_t(parts, weights, level)
        low[columns], high[columns], error[columns] = part.low, part.high, part.error
    return Intervals(low, high, error)


def _bootstrap_weights(rng: np.random.Generator, n: int, n_resamples: int) -> FloatMatrix:
    return rng.multinomial(n, np.full(n, 1.0 / n), size=n_resamples).astype(np.float64)


def _bootstrap_t(groups: list[tuple[FloatMatrix, Mask, float]], weights: list[FloatMatrix], level: float) -> Intervals:
    observed = [_moments(np.ones((1, len(values))), values, present) for values, present, _ in groups]
    resampled = [_moments(w, values, present) for w, (values, present, _) in zip(weights, groups, strict=True)]
    signs = [sign for _, _, sign in groups]
    mean = sum(sign * part.mean[0] for sign, part in zip(signs, observed, strict=True))
    error = np.sqrt(sum(part.squared_error[0] for part in observed))
    shift = sum(sign * part.mean for sign, part in zip(signs, resampled, strict=True)) - mean
    spread = np.maximum(np.sqrt(sum(part.squared_error for part in resampled)), _LEAST_SPREAD * error)
    t = shift / np.where(spread > 0, spread, 1.0)
    t.sort(axis=0)
    # Order statistics, not interpolated, so that turning all signs turns the interval exactly.
    tail = max(int((len(t) + 1) * (1.0 - level) / 2.0), 1)
    return Intervals(mean - t[len(t) - tail] * error, mean - t[tail - 1] * error, error)


def _moments(weights: FloatMatrix, values: FloatMatrix, present: Mask) -> _Moments:
    """Weighted means and squared standard errors of all columns, by three products; columns are centred first."""
    there = present.astype(np.float64)
    n_there = np.maximum(there.sum(axis=0), 1.0)
    centre = np.where(present, values, 0.0).sum(axis=0) / n_there
    deviations = np.where(present, values - centre, 0.0)
    count = np.maximum(weights @ there, 1.0)
    mean = (weights @ deviations) / count
    variance = np.maximum((weights @ deviations**2) / count - mean**2, 0.0)
    variance[variance < 1e-24 * np.maximum(centre**2, 1e-280)] = 0.0
    return _Moments(mean + centre, variance / np.maximum(count - 1.0, 1.0))
