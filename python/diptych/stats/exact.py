"""Tests whose null distribution is known, so that no resampling is needed."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatVector

WELCH_INFINITY = 1e154
"""Stands for a difference of means without any spread; its square is still finite."""


def tie_tolerance(statistic: FloatVector) -> FloatVector:
    """How far below ``|statistic|`` a resampled value still counts as equal: ``100 eps max(|z|, 1)``.

    Equal statistics that were summed in another order differ in the last digits (scipy PR 15869).
    """
    return 100.0 * np.finfo(np.float64).eps * np.maximum(np.abs(statistic), 1.0)


def sign_test(n_plus: NDArray[np.int64], n_minus: NDArray[np.int64]) -> FloatVector:
    """Exact two-sided p that signs are fair coins, of each pair of counts (McNemar's test on discordant pairs).

    Parameters
    ----------
    n_plus, n_minus : int64 (m,), differences above and below zero

    Returns
    -------
    float64 (m,) in (0, 1]; 1 where there is no discordant pair

    Notes
    -----
    ``min(1, 2 P(X <= min(n_plus, n_minus)))`` with X binomial(n_plus + n_minus, 1/2). McNemar (1947).

    Examples
    --------
    >>> sign_test(np.array([6, 0]), np.array([0, 0])).tolist()
    [0.03125, 1.0]
    """
    from scipy import stats

    n = n_plus + n_minus
    return np.minimum(1.0, 2.0 * stats.binom.cdf(np.minimum(n_plus, n_minus), n, 0.5))


def smallest_paired_p(n: int) -> float:
    """The smallest p that a sign-flip test can give: all of n signs alike, or all the other way.

    Parameters
    ----------
    n : pairs

    Examples
    --------
    >>> smallest_paired_p(5), smallest_paired_p(0)
    (0.0625, 1.0)
    """
    return min(1.0, 2.0 ** (1 - n))


def smallest_unpaired_p(n_first: int, n_second: int) -> float:
    """The smallest p that a two-sided test by relabelling can give: one labelling of all, with its mirror image.

    Parameters
    ----------
    n_first, n_second : sizes of the groups; the mirror image exists only where they are equal

    Examples
    --------
    >>> smallest_unpaired_p(2, 2), smallest_unpaired_p(1, 3)
    (0.3333333333333333, 0.25)
    """
    return min(1.0, (2 if n_first == n_second else 1) / math.comb(n_first + n_second, n_first))


def shares_test(hits: NDArray[np.int64], first: NDArray[np.bool_]) -> FloatVector:
    """Exact two-sided p that labels are exchangeable, of each indicator.

    The reference distribution is hypergeometric; outcomes count as extreme by Welch's t, the very statistic that
    ``unpaired_test`` resamples.

    Parameters
    ----------
    hits : int64 (n, m), 0 or 1
    first : bool (n,), who is in the first group

    Returns
    -------
    float64 (m,) in (0, 1]

    Examples
    --------
    >>> shares_test(np.array([[1], [1], [0], [0]]), np.array([True, True, False, False])).round(4).tolist()
    [0.3333]
    """
    n, n_first = len(first), int(first.sum())
    totals, observed = hits.sum(axis=0), hits[first].sum(axis=0)
    p_values = np.ones(hits.shape[1])
    for j, (total, count) in enumerate(zip(totals.tolist(), observed.tolist(), strict=True)):
        low = max(0, n_first + total - n)
        support = np.arange(low, min(n_first, total) + 1)
        t = np.abs(_welch_of_counts(support, total, n_first, n - n_first))
        extreme = t >= t[count - low] - tie_tolerance(t[count - low : count - low + 1])
        p_values[j] = min(1.0, _hypergeometric(support, total, n_first, n)[extreme].sum())
    return p_values


def _hypergeometric(support: NDArray[np.int64], total: int, n_first: int, n: int) -> FloatVector:
    """Chance of each number of hits in the first group, over the whole support, ascending.

    Ratios of neighbours are whole numbers over whole numbers; multiplied outwards from the most probable count they
    lose a bit or two (and are 200 times as fast as a density by itself).
    """
    low = support[0]
    hits = support[1:].astype(np.float64)
    ratio = (total - hits + 1.0) * (n_first - hits + 1.0) / (hits * (n - n_first - total + hits))
    mode = max(min((n_first + 1) * (total + 1) // (n + 2), int(support[-1])), int(low)) - int(low)
    weights = np.ones(len(support))
    weights[mode + 1 :] = np.cumprod(ratio[mode:])
    weights[:mode] = np.cumprod(1.0 / ratio[:mode][::-1])[::-1]
    return np.asarray(weights / weights.sum())


def _welch_of_counts(hits_first: NDArray[np.int64], total: int, n_first: int, n_second: int) -> FloatVector:
    p, q = hits_first / n_first, (total - hits_first) / n_second
    squared_error = p * (1 - p) / max(n_first - 1, 1) + q * (1 - q) / max(n_second - 1, 1)
    difference = q - p
    certain = np.where(np.abs(difference) > 1e-12, np.sign(difference) * WELCH_INFINITY, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(squared_error > 0, difference / np.sqrt(squared_error), certain)
