"""Many hypotheses."""

from __future__ import annotations

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
