"""How well a number tells two groups apart: the area under the ROC curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatMatrix, FloatVector
from diptych.errors import ShapeError
from diptych.stats.exact import tie_tolerance

_N_RESAMPLES = 9_999
_ENUMERATED = 10_000
"""So many ways to choose the first group are all looked at."""


@dataclass(frozen=True, slots=True)
class Auc:
    """Area under the ROC curve of two groups.

    Parameters
    ----------
    value : chance that one of the first group scores higher than one of the second, ties counted as half
    low, high : interval of ``value``
    p_value : one-sided, that the first group scores no higher
    n_first, n_second : sizes of the groups
    """

    value: float
    low: float
    high: float
    p_value: float
    n_first: int
    n_second: int


def auc(first: FloatVector, second: FloatVector, *, seed: int, level: float = 0.95) -> Auc:
    """Area under the ROC curve, with an interval and a permutation p.

    Parameters
    ----------
    first, second : float64 (m,) and (n,), finite, at least one each
    seed : of the permutations, where there are too many to take all
    level : of the interval

    Raises
    ------
    ShapeError
        If a group is empty.

    Notes
    -----
    ``U / (m n)`` with the Mann–Whitney U of mid-ranks. Interval: Newcombe (2006), Stat. Med. 25, method 5, the score
    interval with the variance of Hanley & McNeil (1982), which keeps a width at 0 and 1. The p-value exchanges the
    groups: all ways where there are at most 10,000, else 9,999 at random with ``(1 + hits) / (1 + 9,999)``. Where
    every score is the same the value is 0.5 and p is 1.

    Examples
    --------
    >>> found = auc(np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0, 3.0]), seed=0)
    >>> round(found.value, 3), found.p_value
    (0.944, 0.1)
    """
    from scipy.stats import rankdata

    m, n = len(first), len(second)
    if not m or not n:
        raise ShapeError(f"groups of {m} and {n}: an area under the curve needs one of each")
    ranks = np.asarray(rankdata(np.concatenate([first, second])), dtype=np.float64)
    value = float((ranks[:m].sum() - m * (m + 1) / 2) / (m * n))
    low, high = _interval(value, m, n, level)
    return Auc(value, low, high, _p_value(ranks, m, seed), m, n)


def auc_of_pairs(first: FloatVector, second: FloatVector, *, seed: int, level: float = 0.95) -> Auc:
    """Area under the ROC curve of two sides of the same units, with an interval and a permutation p.

    Parameters
    ----------
    first, second : float64 (u,), what each unit (prompt) scores on either side; NaN where it has nothing
    seed : of the exchanges, where there are too many to take all
    level : of the interval

    Raises
    ------
    ShapeError
        If a side is empty, or the sides differ in length.

    Notes
    -----
    Value and interval as in ``auc``, of the scores that are there. The interval takes both sides to be independent:
    where the two scores of a unit go together, it is wider than it need be. The p-value exchanges the sides within
    units, those with one score too: all ways where there are at most 10,000, else 9,999 at random.

    Examples
    --------
    >>> found = auc_of_pairs(np.array([3.0, 4.0, 5.0, 2.0]), np.array([1.0, 2.0, np.nan, 1.0]), seed=0)
    >>> round(found.value, 3), found.p_value
    (0.958, 0.0625)
    """
    from scipy.stats import rankdata

    if len(first) != len(second):
        raise ShapeError(f"sides of {len(first)} and {len(second)} units: each unit has a place on both")
    scores = np.column_stack([first, second])
    there = ~np.isnan(scores)
    m, n = (int(side) for side in there.sum(axis=0))
    if not m or not n:
        raise ShapeError(f"sides of {m} and {n} scores: an area under the curve needs one of each")
    ranks = np.zeros(scores.shape)
    ranks[there] = rankdata(scores[there])
    u = len(scores)
    if 2**u <= _ENUMERATED:
        exchanged = (np.arange(2**u)[:, None] >> np.arange(u)) & 1
    else:
        exchanged = np.random.default_rng(seed).integers(0, 2, size=(_N_RESAMPLES, u))
    observed = float(_areas(ranks, there, np.zeros((1, u)))[0])
    hits = int((_areas(ranks, there, exchanged) >= observed - 1e-12).sum())
    p_value = hits / 2**u if 2**u <= _ENUMERATED else (1 + hits) / (1 + _N_RESAMPLES)
    low, high = _interval(observed, m, n, level)
    return Auc(observed, low, high, p_value, m, n)


def _areas(ranks: FloatMatrix, there: NDArray[np.bool_], exchanged: NDArray[Any]) -> FloatVector:
    """The area after each exchange, float64 (b,); 0.5 where it leaves a side empty."""
    tables = ranks, there.astype(np.float64)
    sums, m = (float(table[:, 0].sum()) + exchanged @ (table[:, 1] - table[:, 0]) for table in tables)
    pairs = m * (int(there.sum()) - m)
    areas: FloatVector = np.divide(sums - m * (m + 1) / 2, pairs, out=np.full(len(pairs), 0.5), where=pairs > 0)
    return areas


def joined(areas: Sequence[Auc], *, level: float = 0.95) -> Auc:
    """One area of several, each of other texts: their mean by numbers of pairs, with Bonferroni's p.

    Parameters
    ----------
    areas : at least one
    level : of the interval

    Examples
    --------
    >>> one = Auc(0.9, 0.6, 1.0, 0.01, 10, 10)
    >>> both = joined([one, Auc(0.6, 0.3, 0.8, 0.4, 10, 10)])
    >>> both.value, both.p_value, both.n_first
    (0.75, 0.02, 20)
    """
    weights = [one.n_first * one.n_second for one in areas]
    value = sum(one.value * weight for one, weight in zip(areas, weights, strict=True)) / sum(weights)
    m, n = sum(one.n_first for one in areas), sum(one.n_second for one in areas)
    p_value = min(1.0, len(areas) * min(one.p_value for one in areas))
    low, high = _interval(value, m, n, level)
    return Auc(value, low, high, p_value, m, n)


def _p_value(ranks: FloatVector, m: int, seed: int) -> float:
    """Share of exchanges whose first group has at least so great a sum of ranks."""
    from itertools import combinations

    observed = float(ranks[:m].sum())
    least = observed - float(tie_tolerance(np.array([observed]))[0])
    if math.comb(len(ranks), m) <= _ENUMERATED:
        chosen = np.array(list(combinations(range(len(ranks)), m)))
        return float((ranks[chosen].sum(axis=1) >= least).mean())
    generator = np.random.default_rng(seed)
    shuffled = generator.permuted(np.broadcast_to(ranks, (_N_RESAMPLES, len(ranks))), axis=1)
    sums = shuffled[:, :m].sum(axis=1)
    return float((1 + (sums >= least).sum()) / (1 + _N_RESAMPLES))


def _interval(value: float, m: int, n: int, level: float) -> list[float]:
    """Both ends: where the area found is as far off as the level allows."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    z, others = float(norm.ppf((1 + level) / 2)), (m + n) / 2 - 1

    def distance(area: float) -> float:
        spread = 1 + others * (1 - area) / (2 - area) + others * area / (1 + area)
        return float((area - value) ** 2 - z**2 * area * (1 - area) * spread / (m * n))

    inner = min(max(value, 1e-9), 1 - 1e-9)  # 0 and 1 are roots of their own
    low = 0.0 if value <= 0 else float(brentq(distance, 0.0, inner))
    high = 1.0 if value >= 1 else float(brentq(distance, inner, 1.0))
    return [low, high]
