"""Two ways of sorting the same items, by their contingency table: how far they agree, and how far chance would."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatVector

Table = NDArray[np.int64]
"""int64 (k1, k2): items by class of the one sorting and of the other."""

_CELLS = 2**18
"""Of the random tables that are drawn at once."""


def adjusted_rand(table: Table) -> float:
    """The adjusted Rand index of two sortings: 1 where they are the same, 0 where they agree as chance would have it.

    Parameters
    ----------
    table : int64 (k1, k2)

    Returns
    -------
    float
        1.0 for fewer than two items, and where both sortings put all items together, or all apart.

    Notes
    -----
    Hubert & Arabie (1985), J. Classification 2, eq. 5: pairs of items that are together in both, less those expected,
    over the most that there could be less those expected.

    Examples
    --------
    >>> adjusted_rand(np.array([[2, 0], [0, 2]])), round(adjusted_rand(np.array([[1, 1], [1, 1]])), 3)
    (1.0, -0.5)
    """
    together, all_pairs = float(_pairs(table).sum()), float(_pairs(table.sum()))
    first, second = float(_pairs(table.sum(axis=1)).sum()), float(_pairs(table.sum(axis=0)).sum())
    expected = first * second / all_pairs if all_pairs else 0.0
    most = (first + second) / 2.0
    return (together - expected) / (most - expected) if most != expected else 1.0


def overlap_p_values(table: Table, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> FloatVector:
    """Chance that two classes share as many items as they do, or more, if the sortings had nothing to do with another.

    Parameters
    ----------
    table : int64 (k1, k2)
    rows, columns : int64 (m,), the classes of each pair

    Returns
    -------
    float64 (m,) in (0, 1], each pair by itself: where pairs were chosen for their overlap, multiply by k1 k2

    Notes
    -----
    The exact upper tail of the hypergeometric distribution, which is that of the overlap when labels are permuted.

    Examples
    --------
    >>> overlap_p_values(np.array([[3, 0], [0, 3]]), np.array([0]), np.array([0])).round(3).tolist()
    [0.05]
    """
    from scipy.stats import hypergeom

    sizes_1, sizes_2 = table.sum(axis=1)[rows], table.sum(axis=0)[columns]
    tail = hypergeom.sf(table[rows, columns] - 1, table.sum(), sizes_1, sizes_2)
    return np.asarray(np.clip(tail, np.finfo(np.float64).tiny, 1.0), dtype=np.float64)


def table_p_value(table: Table, statistic: Callable[[Table], float], *, n_resamples: int, seed: int) -> float:
    """Chance of a statistic as large as that of a table, or larger, when labels are permuted.

    Parameters
    ----------
    table : int64 (k1, k2)
    statistic : of a table; larger means more agreement
    n_resamples : B, random tables with the sums of rows and columns of this one
    seed : of these

    Notes
    -----
    ``(1 + #{statistic* >= statistic}) / (1 + B)``. Patefield (1981), Applied Statistics 30(1): to draw such a table is
    to permute labels, at the price of its cells rather than of the items.

    Examples
    --------
    >>> table = np.array([[20, 0], [0, 20]])
    >>> table_p_value(table, lambda cells: float(np.trace(cells)), n_resamples=99, seed=0)
    0.01
    """
    from scipy.stats import random_table

    if not table.sum():
        return 1.0
    observed, n_extreme = statistic(table), 0
    null = random_table(table.sum(axis=1), table.sum(axis=0), seed=np.random.default_rng(seed))
    at_once = max(1, _CELLS // table.size)
    for start in range(0, n_resamples, at_once):
        drawn = null.rvs(size=min(at_once, n_resamples - start)).astype(np.int64)
        n_extreme += sum(statistic(cells) >= observed for cells in drawn)
    return (1 + n_extreme) / (1 + n_resamples)


def _pairs(counts: NDArray[np.int64]) -> FloatVector:
    return np.asarray(counts * (counts - 1.0) / 2.0)
