"""Intervals for shares, each by itself."""

from __future__ import annotations

import numpy as np

from diptych._types import FloatMatrix
from diptych.stats.intervals import Intervals


def share_intervals(shares: FloatMatrix, n: FloatMatrix, *, level: float = 0.95) -> Intervals:
    """Interval of each share of ``n`` units.

    Parameters
    ----------
    shares : float64, any shape, from 0 to 1; the mean of units that are each from 0 to 1
    n : of the same shape, how many units; 0 gives NaN
    level : confidence

    Notes
    -----
    Wilson (1927), J. Am. Stat. Assoc. 22. Units that are themselves means, of several draws, vary less than ones that
    are 0 or 1, and the interval is then wider than it need be. ``error`` is half its width.

    Examples
    --------
    >>> interval = share_intervals(np.array([0.0, 0.5]), np.array([20, 20]))
    >>> interval.low.round(3).tolist(), interval.high.round(3).tolist()
    ([0.0, 0.299], [0.161, 0.701])
    """
    from scipy.special import ndtri

    z2 = float(ndtri(0.5 + level / 2.0)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = (shares + z2 / (2 * n)) / (1 + z2 / n)
        half = np.sqrt(z2 * (shares * (1 - shares) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    low, high = np.where(n > 0, np.maximum(centre - half, 0.0), np.nan), np.minimum(centre + half, 1.0)
    return Intervals(low, high, half)
