"""Effect sizes: how large a difference is, free of its unit."""

from __future__ import annotations

import numpy as np

from diptych._types import FloatVector


def cohen_h(share_a: FloatVector, share_b: FloatVector) -> FloatVector:
    """Difference of two shares on the arcsine scale: 0.2 small, 0.5 medium, 0.8 large (Cohen 1988, ch. 6).

    Examples
    --------
    >>> cohen_h(np.array([0.0]), np.array([1.0])).round(4).tolist()
    [3.1416]
    """
    angle_a, angle_b = (2.0 * np.arcsin(np.sqrt(np.clip(share, 0.0, 1.0))) for share in (share_a, share_b))
    return np.asarray(angle_b - angle_a)


def standardised_mean(mean: FloatVector, spread: FloatVector) -> FloatVector:
    """``mean / spread``: d_z for paired differences, d for a difference of means over the pooled standard deviation
    (Cohen 1988, ch. 2). 0 where both are 0, NaN where only the spread is.

    Examples
    --------
    >>> standardised_mean(np.array([1.0, 0.0]), np.array([2.0, 0.0])).tolist()
    [0.5, 0.0]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0, mean / spread, np.where(mean == 0, 0.0, np.nan))
