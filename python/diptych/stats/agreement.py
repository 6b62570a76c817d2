"""How closely a measure follows something that is known of each response."""

from __future__ import annotations

import math

import numpy as np

from diptych._types import FloatVector, Mask

AGREES = 0.5
"""A measure stands for what is known when its correlation with it is at least this."""


def agreement(values: FloatVector, planted: Mask, *, indicator: bool) -> float:
    """Correlation of a measure with the plant, -1 to 1; 0 where either does not vary.

    Parameters
    ----------
    values, planted : one entry a row
    indicator : whether the measure is 0 or 1

    Notes
    -----
    Of an indicator: phi. Of a number: ``r = d / sqrt(d^2 + 4)``, ``d`` being the difference of the means of planted and
    other rows over the root of their mean variance: the correlation if there were as many of either (Cohen 1988,
    2.2.6). The plain one would be small for every rare plant, because most of a number's spread has nothing to do with
    it. ``r = 0.5`` is ``d = 1.15``.

    Examples
    --------
    >>> agreement(np.array([0.0, 0.0, 1.0, 1.0]), np.array([False, False, True, True]), indicator=True)
    1.0
    """
    groups = values[planted], values[~planted]
    if not all(map(len, groups)) or np.ptp(values) == 0.0:
        return 0.0
    if indicator:
        return float(np.corrcoef(values, planted)[0, 1])
    difference = float(groups[0].mean() - groups[1].mean())
    variance = float(np.mean([group.var() for group in groups]))
    return difference / math.sqrt(difference**2 + 4.0 * variance) if difference else 0.0
