"""Many numbers in a few, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from diptych._types import Json
from diptych.stats.share_intervals import wilson_intervals

_LEVEL = 0.95


def share(value: float, n: int) -> Json:
    """A share with its 95 % interval, as ``value``, ``low``, ``high``, ``n``; nulls where ``n`` is 0.

    Parameters
    ----------
    value : mean of ``n`` numbers from 0 to 1
    n : how many

    Notes
    -----
    ``stats.share_intervals.wilson_intervals``.

    Examples
    --------
    >>> {name: round(number, 3) for name, number in share(0.95, 20).items()}
    {'value': 0.95, 'low': 0.764, 'high': 0.991, 'n': 20}
    """
    if not n:
        return {"value": None, "low": None, "high": None, "n": 0}
    found = wilson_intervals(np.array([value]), np.array([n]), level=_LEVEL)
    return {"value": value, "low": float(found.low[0]), "high": float(found.high[0]), "n": n}


def median(values: Sequence[int]) -> Json:
    """A median with an interval of at least 95 %; all values where they are too few for one; nulls without any.

    Parameters
    ----------
    values : in any order

    Notes
    -----
    Between two order statistics, by the sign test (Thompson 1936).

    Examples
    --------
    >>> median([5, 1, 4, 2, 3, 6, 7, 8])
    {'value': 4.5, 'low': 1, 'high': 8, 'n': 8}
    """
    n, ordered = len(values), sorted(values)
    if not n:
        return {"value": None, "low": None, "high": None, "n": 0}
    cut, tail = 0, 0.0
    while cut < n // 2 and (tail := tail + math.comb(n, cut) / 2**n) <= (1.0 - _LEVEL) / 2:
        cut += 1
    k = max(cut - 1, 0)
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return {"value": middle, "low": ordered[k], "high": ordered[n - 1 - k], "n": n}
