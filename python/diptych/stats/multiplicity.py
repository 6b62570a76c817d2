"""Many hypotheses."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from diptych._types import FloatVector

Fdr = Literal["bh", "by"]
"""How the false discovery rate is held: Benjamini–Hochberg, or Benjamini–Yekutieli."""


def q_values(p_values: FloatVector, method: Fdr = "bh") -> FloatVector:
    """Adjusted p of each hypothesis of one family: findings at ``q <= α`` have a false discovery rate of at most α.

    Parameters
    ----------
    p_values : float64 (m,)
    method : ``"bh"`` assumes that the hypotheses are independent or positively dependent, ``"by"`` assumes nothing and
        multiplies by ``1 + 1/2 + … + 1/m``

    Notes
    -----
    Benjamini & Hochberg (1995); Benjamini & Yekutieli (2001); both as ``scipy.stats.false_discovery_control``.

    Examples
    --------
    >>> q_values(np.array([0.01, 0.02, 0.5])).round(3).tolist()
    [0.03, 0.03, 0.5]
    >>> q_values(np.array([0.01, 0.02, 0.5]), "by").round(3).tolist()
    [0.055, 0.055, 0.917]
    """
    from scipy import stats

    return np.asarray(stats.false_discovery_control(p_values, method=method)) if len(p_values) else p_values


def holm(p_values: FloatVector) -> FloatVector:
    """Adjusted p of each hypothesis of one family: at most α is the chance of even one false one at ``p <= α``.

    Parameters
    ----------
    p_values : float64 (m,), of hypotheses that may depend on each other in any way

    Notes
    -----
    Holm (1979), Scand. J. Statist. 6: the k-th smallest of m times ``m - k + 1``, at least as large as those before it.

    Examples
    --------
    >>> holm(np.array([0.01, 0.02, 0.5])).round(3).tolist()
    [0.03, 0.04, 0.5]
    """
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def first_step(family: int, alpha: float, *, method: Fdr = "bh") -> float:
    """The largest p with which a hypothesis passes when every other one of its family has p = 1.

    Parameters
    ----------
    family : hypotheses
    alpha : false discovery rate
    method : as in ``q_values``

    Examples
    --------
    >>> first_step(10, 0.05)
    0.005
    """
    n = max(family, 1)
    return alpha / n if method == "bh" else alpha / n / float((1.0 / np.arange(1, n + 1)).sum())


MOST_RESAMPLES = 10**6


def resamples_for(family: int, alpha: float, *, method: Fdr = "bh") -> int:
    """How many resamples let a single true finding pass: the least power of ten that is 20 over its largest p.

    Parameters
    ----------
    family : hypotheses
    alpha : false discovery rate
    method : as in ``q_values``

    Returns
    -------
    int
        At most a million. The smallest p, ``1 / (1 + B)``, is then a twentieth of ``first_step``.

    Examples
    --------
    >>> resamples_for(100, 0.05), resamples_for(100, 0.05, method="by"), resamples_for(10_000, 0.05)
    (100000, 1000000, 1000000)
    """
    wanted = 20.0 / first_step(family, alpha, method=method)
    return min(MOST_RESAMPLES, int(10 ** math.ceil(math.log10(wanted) - 1e-9)))
