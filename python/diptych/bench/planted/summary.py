"""Many runs of a cell in a few numbers, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from diptych._types import Json
from diptych.bench.planted.scoring import Score
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


def summarise(rule: str, scores: Sequence[Score]) -> Json:
    """What one rule did in one cell.

    Parameters
    ----------
    rule : its name
    scores : of each run

    Returns
    -------
    Json
        ``recall`` of what was planted, over runs and kinds, and ``recall_by_lens``; ``false_share``, the mean false
        discovery proportion; ``any``, runs with a claim; ``any_false``, runs with a false one; ``first_true``, the
        median rank of the first that stands for a plant; ``n_claims``, their mean number
    """
    n = len(scores)
    found = [lenses for score in scores for lenses in score.recovered.values()]
    by_lens = sorted({lens for lenses in found for lens in lenses})
    return {
        "rule": rule,
        "recall": share(_mean([bool(lenses) for lenses in found]), len(found)),
        "recall_by_lens": {lens: _mean([lens in lenses for lenses in found]) for lens in by_lens},
        "false_share": share(_mean([score.false_share for score in scores]), n),
        "any": share(_mean([score.n_claims > 0 for score in scores]), n),
        "any_false": share(_mean([score.n_false > 0 for score in scores]), n),
        "first_true": median([score.first_true for score in scores if score.first_true is not None]),
        "n_claims": _mean([score.n_claims for score in scores]),
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
