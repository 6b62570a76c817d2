"""A test of each measure for itself that stops where the measure is plainly null."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatMatrix, FloatVector, Mask, Progress, Silent
from diptych.stats.exact import sign_test, tie_tolerance
from diptych.stats.permutation import (
    BLOCK,
    Columns,
    count,
    enumerated_patterns,
    paired_test,
    sign_flips,
)

if TYPE_CHECKING:
    from diptych._native import PermutationTest


@dataclass(frozen=True, slots=True)
class SequentialResult:
    """One row per measure.

    Parameters
    ----------
    statistic : float64 (m,), as in ``TestResult``
    p_value : float64 (m,), two-sided, in (0, 1]
    n_resamples : int64 (m,), how many each was given: until it stopped; all patterns if enumerated; 0 where p is known
    """

    statistic: FloatVector
    p_value: FloatVector
    n_resamples: NDArray[np.int64]


def sequential_paired_test(
    differences: FloatMatrix,
    *,
    indicator: Mask,
    n_resamples: int,
    seed: int,
    stop_after: int = 100,
    threads: int = 1,
    progress: Progress | None = None,
) -> SequentialResult:
    """``paired_test`` of each measure for itself, which stops where a measure is plainly null.

    A joint p needs every resample of every measure, so there is no family-wise p, and a comparison does not use this.

    Parameters
    ----------
    differences, indicator : as in ``paired_test``
    n_resamples : B, at most so many; when 2^p is not larger, all are enumerated and none stops
    seed : resample b depends on (seed, b) alone, and is that of ``paired_test``
    stop_after : h, exceedances after which a measure stops
    threads : the result is the same for every value
    progress : told of resamples that some measure still took

    Raises
    ------
    ShapeError
        If a difference is not finite; names row and measure.

    Notes
    -----
    Besag & Clifford (1991): where the h-th resample with ``|z*| >= |z|`` is number L <= B, ``p = h / L``; else
    ``p = (1 + #) / (1 + B)``. Under the null ``P(p <= x) <= x``, for data and resamples are exchangeable. Resample b is
    that of ``paired_test``: a measure that does not stop has the same p as there, and none depends on the others.

    Ranges of resamples double, and those that stop are dropped between them; L is found by halving the last one. So a
    measure takes at most 2 L resamples, or one block, where it stops.

    Examples
    --------
    >>> d = np.random.default_rng(0).normal(0.0, 1.0, (50, 3)) + [0.0, 0.0, 1.0]
    >>> found = sequential_paired_test(d, indicator=np.zeros(3, dtype=bool), n_resamples=99_999, seed=0)
    >>> int(found.n_resamples.max()), bool((found.n_resamples[:2] < 1000).all()), float(found.p_value[2])
    (99999, True, 1e-05)
    """
    if n_enumerated := enumerated_patterns(len(differences), n_resamples):
        whole = paired_test(
            differences, indicator=indicator, n_resamples=n_resamples, seed=seed, threads=threads, progress=progress
        )
        return SequentialResult(whole.statistic, whole.p_value, np.where(indicator, 0, n_enumerated))
    make, progress = sign_flips(differences, seed, False), progress or Silent()
    statistic = make(slice(None)).statistic
    p_value = sign_test((differences > 0).sum(axis=0), (differences < 0).sum(axis=0))
    drawn, counted = np.where(indicator, 0, n_resamples), np.zeros(len(indicator), dtype=np.int64)
    running, start = np.flatnonzero(~indicator), 0
    progress.start("test", n_resamples)
    while len(running) and start < n_resamples:
        stop = min(max(2 * start, BLOCK), n_resamples)
        more, _ = count(make(running), start, stop, threads, progress)
        stops = counted[running] + more >= stop_after
        missing = stop_after - counted[running[stops]]
        drawn[running[stops]] = _where_reached(make, running[stops], start, stop, missing, threads)
        counted[running] += more
        running, start = running[~stops], stop
    progress.finish()
    stopped = ~indicator & (counted >= stop_after)
    p_value[running] = (1 + counted[running]) / (1 + n_resamples)
    p_value[stopped] = stop_after / drawn[stopped]
    return SequentialResult(statistic, p_value, drawn)


def _where_reached(
    make: Callable[[Columns], PermutationTest],
    columns: NDArray[np.int64],
    start: int,
    stop: int,
    wanted: NDArray[np.int64],
    threads: int,
) -> NDArray[np.int64]:
    """Of each column, the least L so that ``start`` … ``L - 1`` has the wanted exceedances, as the whole range does."""
    where = np.empty(len(wanted), dtype=np.int64)
    if not len(wanted):
        return where
    test = make(columns)
    if stop - start <= BLOCK:
        least = np.abs(test.statistic) - tie_tolerance(test.statistic)
        reached = np.cumsum(np.abs(test.null(start, stop, threads)) >= least, axis=0) >= wanted
        return np.asarray(start + 1 + reached.argmax(axis=0))
    middle = (start + stop) // 2
    more, _ = count(test, start, middle, threads, Silent())
    before = more >= wanted
    where[before] = _where_reached(make, columns[before], start, middle, wanted[before], threads)
    where[~before] = _where_reached(make, columns[~before], middle, stop, (wanted - more)[~before], threads)
    return where
