"""Intervals for differences of means: the studentised bootstrap over prompts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diptych._types import FloatMatrix, FloatVector, Mask

_BLOCK_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Intervals:
    """Two-sided intervals: float64 (m,) each."""

    low: FloatVector
    high: FloatVector


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
    ``mean - t*_(1-α/2) se`` to ``mean - t*_(α/2) se``. A resample without spread counts as infinitely far out.

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


def _intervals(
    groups: list[tuple[FloatMatrix, Mask, float]], seed: int, level: float, n_resamples: int
) -> Intervals:
    rng = np.random.Generator(np.random.Philox(key=seed))
    weights = [_bootstrap_weights(rng, len(values), n_resamples) for values, _, _ in groups]
    n_measures = groups[0][0].shape[1]
    low, high = np.empty(n_measures), np.empty(n_measures)
    block = max(1, _BLOCK_BYTES // (8 * n_resamples))
    for start in range(0, n_measures, block):
        columns = slice(start, start + block)
        parts = [(values[:, columns], present[:, columns], sign) for values, present, sign in groups]
        low[columns], high[columns] = _bootstrap_t(parts, weights, level)
    return Intervals(low, high)


def _bootstrap_weights(rng: np.random.Generator, n: int, n_resamples: int) -> FloatMatrix:
    return rng.multinomial(n, np.full(n, 1.0 / n), size=n_resamples).astype(np.float64)


def _bootstrap_t(
    groups: list[tuple[FloatMatrix, Mask, float]], weights: list[FloatMatrix], level: float
) -> tuple[FloatVector, FloatVector]:
    observed = [_moments(np.ones((1, len(values))), values, present) for values, present, _ in groups]
    resampled = [_moments(w, values, present) for w, (values, present, _) in zip(weights, groups, strict=True)]
    signs = [sign for _, _, sign in groups]
    mean = sum(sign * part.mean[0] for sign, part in zip(signs, observed, strict=True))
    error = np.sqrt(sum(part.squared_error[0] for part in observed))
    shift = sum(sign * part.mean for sign, part in zip(signs, resampled, strict=True)) - mean
    spread = np.sqrt(sum(part.squared_error for part in resampled))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(np.abs(shift) <= 1e-12 * np.abs(mean), 0.0, shift / spread)
    t.sort(axis=0)
    # Order statistics, not interpolated, so that turning all signs turns the interval exactly.
    tail = int((len(t) + 1) * (1.0 - level) / 2.0)
    with np.errstate(invalid="ignore"):
        low, high = mean - t[len(t) - tail] * error, mean - t[tail - 1] * error
    return np.where(error > 0, low, mean), np.where(error > 0, high, mean)


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
