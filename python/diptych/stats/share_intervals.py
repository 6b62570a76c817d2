"""Intervals for shares and for differences of shares, in closed form.

They hold for rare events, of which a bootstrap sees too few.

A share is a measure that is 0 or 1 for each response; where a prompt was answered several times it is the mean of its
responses, anything from 0 to 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatMatrix, FloatVector, Mask
from diptych.stats.intervals import Intervals


def paired_share_intervals(differences: FloatMatrix, present: Mask, *, level: float = 0.95) -> Intervals:
    """Interval for each difference of two shares of the same prompts.

    Parameters
    ----------
    differences : float64 (p, m), from -1 to 1: second share minus first, one row per prompt
    present : bool (p, m), False where the pair is missing
    level : confidence

    Notes
    -----
    Bonett & Price (2012), eq. 3: Wald's interval after adding one prompt to each discordant cell, that is one with the
    difference 1 and one with -1. They have one response a prompt; with several, whose differences have less spread,
    the two added prompts weigh more and the interval is wider than it need be.

    Examples
    --------
    >>> d = np.zeros((100, 1))
    >>> d[:6] = 1.0
    >>> interval = paired_share_intervals(d, np.ones_like(d, dtype=bool))
    >>> float(interval.low[0].round(3)), float(interval.high[0].round(3))
    (0.006, 0.112)
    """
    n = present.sum(axis=0) + 2
    there = np.where(present, differences, 0.0)
    centre = there.sum(axis=0) / n
    return _wald(centre, np.sqrt(_square_error((there**2).sum(axis=0) + 2.0, centre, n)), level)


def unpaired_share_intervals(values: FloatMatrix, present: Mask, first: Mask, *, level: float = 0.95) -> Intervals:
    """Interval for each difference of the shares of two groups of prompts, second minus first.

    Parameters
    ----------
    values : float64 (n, m), from 0 to 1, one row per prompt
    present : bool (n, m), False where the measurement is missing
    first : bool (n,), who is in the first group
    level : confidence

    Notes
    -----
    Agresti & Caffo (2000): Wald's interval after adding to each group one prompt with 1 and one with 0. With several
    responses a prompt it is wider than it need be, as in ``paired_share_intervals``.

    Examples
    --------
    >>> values = (np.arange(100) >= 94).astype(float)[:, None]
    >>> interval = unpaired_share_intervals(values, np.ones_like(values, dtype=bool), np.arange(100) < 50)
    >>> float(interval.low[0].round(3)), float(interval.high[0].round(3))
    (0.015, 0.215)
    """
    centres, errors = [], []
    for group in (first, ~first):
        n = present[group].sum(axis=0) + 2
        there = np.where(present[group], values[group], 0.0)
        centres.append((there.sum(axis=0) + 1.0) / n)
        errors.append(_square_error((there**2).sum(axis=0) + 1.0, centres[-1], n))
    return _wald(centres[1] - centres[0], np.sqrt(errors[0] + errors[1]), level)


def wilson_intervals(shares: FloatMatrix, n: NDArray[np.int64], *, level: float = 0.95) -> Intervals:
    """Interval for each share by itself.

    Parameters
    ----------
    shares : float64, from 0 to 1: means of ``n`` numbers from 0 to 1
    n : int64 that broadcasts with ``shares``
    level : confidence

    Returns
    -------
    Intervals
        Of the shape of ``shares``; NaN where n is 0.

    Notes
    -----
    Wilson (1927). For numbers between 0 and 1 it is wider than it need be: none has a greater variance than zeros and
    ones of the same mean.

    Examples
    --------
    >>> found = wilson_intervals(np.array([0.95]), np.array([20]))
    >>> found.low.round(3).tolist(), found.high.round(3).tolist()
    ([0.764], [0.991])
    """
    from scipy.special import ndtri

    z, count = ndtri(0.5 + level / 2.0), np.where(n > 0, n, np.nan)
    squared_error = shares * (1.0 - shares) / count
    centre = (shares + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(squared_error + z**2 / (4 * count**2))
    low, high = np.maximum(np.minimum(centre - half, shares), 0.0), np.minimum(np.maximum(centre + half, shares), 1.0)
    return Intervals(low, high, np.sqrt(squared_error))


def _square_error(squares: FloatVector, mean: FloatVector, n: NDArray[np.int64]) -> FloatVector:
    """Of the mean of n values, by the sum of their squares."""
    return np.asarray(np.maximum(squares / n - mean**2, 0.0) / n)


def _wald(centre: FloatVector, error: FloatVector, level: float) -> Intervals:
    from scipy.special import ndtri

    half = ndtri(0.5 + level / 2.0) * error
    return Intervals(np.maximum(centre - half, -1.0), np.minimum(centre + half, 1.0), error)
