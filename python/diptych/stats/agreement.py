"""How closely a measure follows something that is known of each response, and two judges each other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from diptych._types import FloatVector, Json, Mask
from diptych.stats.summaries import share

AGREES = 0.5
"""A measure stands for what is known when its correlation with it is at least this."""
_Z = 1.959963984540054
"""Of a 95 % interval."""


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


def agreement_of_judges(first: FloatVector, second: FloatVector, units: Sequence[str]) -> Json:
    """How far two judges say the same of the same responses.

    Parameters
    ----------
    first, second : float64 (n,), 1 where a judge says that something holds, 0 where not, NaN without a verdict
    units : of each response, such as its prompt

    Returns
    -------
    dict
        ``same``: share of equal verdicts, with its interval; ``correlation``: phi, with ``value``, ``low``, ``high``,
        ``n``, null where either judge always says the same

    Notes
    -----
    Both intervals count units, which weigh alike in ``same``: Wilson's, and Fisher's z, which is rough for phi, and of
    1 - 1/n where phi is 1.

    Examples
    --------
    >>> one, other = np.array([1.0, 0.0, 1.0, np.nan] * 5), np.array([1.0, 0.0, 0.0, 1.0] * 5)
    >>> found = agreement_of_judges(one, other, [str(i) for i in range(20)])
    >>> round(found["same"]["value"], 2), round(found["correlation"]["value"], 2), found["same"]["n"]
    (0.67, 0.5, 15)
    """
    there = ~np.isnan(first) & ~np.isnan(second)
    one, other = first[there], second[there]
    _, of_row = np.unique([unit for unit, known in zip(units, there, strict=True) if known], return_inverse=True)
    n = int(of_row.max(initial=-1)) + 1
    equal = np.bincount(of_row, weights=one == other) / np.bincount(of_row) if n else np.zeros(0)
    nothing = {"value": None, "low": None, "high": None, "n": n}
    varies = n > 3 and len(np.unique(one)) > 1 and len(np.unique(other)) > 1
    return {
        "same": share(float(equal.mean()) if n else 0.0, n),
        "correlation": _phi(one, other, n) if varies else nothing,
    }


def _phi(one: FloatVector, other: FloatVector, n: int) -> Json:
    value = float(np.clip(np.corrcoef(one, other)[0, 1], -1.0, 1.0))
    most = 1.0 - 1.0 / n
    z = math.atanh(min(max(value, -most), most))
    half = _Z / math.sqrt(n - 3)
    low, high = min(math.tanh(z - half), value), max(math.tanh(z + half), value)
    return {"value": value, "low": low, "high": high, "n": n}
