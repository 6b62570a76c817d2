"""Many hypotheses."""

from __future__ import annotations

import math

import numpy as np

from diptych._types import FloatVector


def q_values(p_values: FloatVector) -> FloatVector:
    """Benjamini–Hochberg adjusted p of each hypothesis of one family: findings at ``q <= α`` have FDR at most α.

    Notes
    -----
    Benjamini & Hochberg (1995), as ``scipy.stats.false_discovery_control``.

    Examples
    --------
    >>> q_values(np.array([0.01, 0.02, 0.5])).round(3).tolist()
    [0.03, 0.03, 0.5]
    """
    from scipy import stats

    return np.asarray(stats.false_discovery_control(p_values, method="bh")) if len(p_values) else p_values


MOST_RESAMPLES = 10**6


def resamples_for(family: int, alpha: float) -> int:
    """How many resamples let a single true finding pass in a family: the least power of ten that is ``20 family / α``.

    Parameters
    ----------
    family : hypotheses
    alpha : false discovery rate

    Returns
    -------
    int
        At most a million. The smallest p, ``1 / (1 + B)``, is then a twentieth of Benjamini and Hochberg's first step.

    Examples
    --------
    >>> resamples_for(100, 0.05), resamples_for(10_000, 0.05)
    (100000, 1000000)
    """
    wanted = 20.0 * max(family, 1) / alpha
    return min(MOST_RESAMPLES, int(10 ** math.ceil(math.log10(wanted) - 1e-9)))
