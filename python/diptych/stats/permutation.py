"""The test: does a measure's mean differ between the arms? All measures at once, by resampling."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from diptych._native import PermutationTest, quadratic_forms
from diptych._types import FloatMatrix, FloatVector, Mask, Progress, Silent
from diptych.errors import ShapeError
from diptych.stats import exact

Columns: TypeAlias = slice | NDArray[np.intp]

_MAX_EXACT_ROWS = 62
BLOCK = 512
"""Resamples that a thread of the kernels takes at once."""
_CALL_S = 0.2
FIRST = 10_000
"""So many resamples are drawn before an ``EarlyStop`` looks."""


@dataclass(frozen=True, slots=True)
class TestResult:
    """One row per measure.

    Parameters
    ----------
    statistic : float64 (m,); positive where the second arm scores higher
    p_value : float64 (m,), two-sided, in (0, 1]
    p_fwer : float64 (m,), the same corrected for all measures of this call (Westfall & Young step-down max-|z|)
    exact : bool (m,), whether ``p_value`` is free of Monte-Carlo error
    n_resamples : how many were drawn, at most, or enumerated
    """

    statistic: FloatVector
    p_value: FloatVector
    p_fwer: FloatVector
    exact: Mask
    n_resamples: int

    __test__ = False  # not a test case, whatever its name makes pytest think


@dataclass(frozen=True, slots=True)
class EarlyStop:
    """Measures that are far from passing after the first 10,000 resamples get no more.

    Parameters
    ----------
    above : p that is far from passing: at least twice the largest that could pass
    together : whether all measures go on, or none, by the smallest family-wise p. Else each goes on for itself, those
        with an exact p never, and family-wise p rest on the first 10,000

    Notes
    -----
    Still valid (as Besag & Clifford 1991): for ``u <= above`` a p of at most ``u`` is one that all resamples gave, and
    for larger ``u`` it takes at most a share ``u`` of extremes among the first 10,000.
    """

    above: float
    together: bool = False


def paired_test(
    differences: FloatMatrix,
    *,
    indicator: Mask,
    n_resamples: int,
    seed: int,
    threads: int = 1,
    progress: Progress | None = None,
    early: EarlyStop | None = None,
) -> TestResult:
    """Sign-flip test of paired differences.

    Under the null the arms are exchangeable within a prompt, so the sign of each prompt's difference is a fair coin.

    Parameters
    ----------
    differences : float64 (p, m), second arm minus first, one row per prompt; 0 where the pair is missing
    indicator : bool (m,), measures whose differences are -1, 0 or 1: their p is McNemar's, exact
    n_resamples : B; when 2^p is not larger, all sign patterns are enumerated instead
    seed : resample b depends on (seed, b) alone
    threads : the result is the same for every value
    progress : where it says how far it is
    early : when to stop before all are drawn; by default never

    Returns
    -------
    TestResult
        ``statistic`` is ``sum(d) / sqrt(sum(d^2))``, a monotone function of the one-sample t.

    Raises
    ------
    ShapeError
        If a difference is not finite; names row and measure.

    Notes
    -----
    ``p = (1 + #{|z*| >= |z|}) / (1 + B)`` (Phipson & Smyth 2010); without the ones when enumerated. Step-down max-|z|:
    Westfall & Young (1993), algorithm 2.8. Missing pairs drop out, because a zero adds nothing to either sum.

    Peak memory beside ``differences``: 8 p m bytes for numbers, 4 bytes for each that is not 0 for indicators, and
    9 kB a measure; 128 p + 4,096 m bytes and 64 kB a thread; nothing a resample. (``_core.PermutationTest`` has the
    other kinds of columns.)

    Examples
    --------
    >>> d = np.ones((8, 1))
    >>> paired_test(d, indicator=np.array([True]), n_resamples=10_000, seed=0).p_value.tolist()
    [0.0078125]
    """
    n_patterns = enumerated_patterns(len(differences), n_resamples)
    enumerate_all, total = n_patterns > 0, n_patterns or n_resamples
    make = sign_flips(differences, seed, enumerate_all)
    result = _resample(make, total, enumerate_all, indicator, early, threads, progress or Silent())
    n_plus, n_minus = (differences > 0).sum(axis=0), (differences < 0).sum(axis=0)
    return _with_exact(result, exact.sign_test(n_plus, n_minus), indicator)


def enumerated_patterns(n: int, n_resamples: int) -> int:
    """How many sign patterns a paired test enumerates; 0 where it draws resamples.

    Parameters
    ----------
    n : pairs
    n_resamples : B
    """
    return 2**n if n <= _MAX_EXACT_ROWS and 2**n <= n_resamples else 0


def sign_flips(differences: FloatMatrix, seed: int, enumerate_all: bool) -> Callable[[Columns], PermutationTest]:
    """What makes ready the sign flips of some columns.

    Parameters
    ----------
    differences : float64 (p, m), as for ``paired_test``
    seed : resample b depends on (seed, b) alone
    enumerate_all : whether resample b is the b-th sign pattern
    """

    def make(columns: Columns) -> PermutationTest:
        chosen = np.ascontiguousarray(differences[:, columns], dtype=np.float64)
        return PermutationTest.sign_flips(chosen, seed, enumerate_all)

    return make


def unpaired_test(
    values: FloatMatrix,
    present: Mask,
    first: Mask,
    *,
    indicator: Mask,
    n_resamples: int,
    seed: int,
    threads: int = 1,
    progress: Progress | None = None,
    early: EarlyStop | None = None,
) -> TestResult:
    """Label-permutation test of two groups of prompts, studentised by Welch's standard error.

    Parameters
    ----------
    values : float64 (n, m), one row per prompt
    present : bool (n, m), False where the measurement is missing
    first : bool (n,), who is in the first group
    indicator : bool (m,), measures that are 0 or 1; where nothing is missing their p is exact (hypergeometric)
    n_resamples, seed, threads, progress, early : as in ``paired_test``

    Returns
    -------
    TestResult
        ``statistic`` is Welch's t, second group minus first.

    Raises
    ------
    ShapeError
        If a group is empty, or a present value is not finite.

    Notes
    -----
    Studentised, the permutation test is exact under exchangeability and valid for equal means in large samples
    (Janssen 1997; Chung & Romano 2013).

    Peak memory beside the arguments: as in ``paired_test``, twice 8 n m and 4,096 m bytes if the groups differ in
    size or values are missing; and 8 n m bytes more for a copy of ``values`` without the missing ones.
    """
    n, n_first = len(first), int(first.sum())
    if not 0 < n_first < n:
        raise ShapeError(f"a group is empty: {n_first} rows in the first, {n - n_first} in the second")
    n_subsets = math.comb(n, n_first)
    enumerate_all = n_subsets <= n_resamples
    total = n_subsets if enumerate_all else n_resamples
    table = np.where(present, values, 0.0)
    known = indicator & present.all(axis=0)

    def make(columns: Columns) -> PermutationTest:
        chosen = np.ascontiguousarray(table[:, columns], dtype=np.float64)
        there = np.ascontiguousarray(present[:, columns], dtype=np.bool_)
        return PermutationTest.label_permutations(chosen, there, first, seed, enumerate_all)

    result = _resample(make, total, enumerate_all, known, early, threads, progress or Silent())
    p_values = np.ones(values.shape[1])
    p_values[known] = exact.shares_test(table[:, known].astype(np.int64), first)
    return _with_exact(result, p_values, known)


def resampled_forms(
    values: NDArray[np.float32], first: Mask | None, *, kernel: bool, n_resamples: int, seed: int, threads: int = 1
) -> tuple[float, FloatVector]:
    """``w' K w`` of two groups and of permuted ones, ``w`` being 1 over the size inside a group, with opposite signs.

    Parameters
    ----------
    values : float32, finite: a symmetric kernel matrix K (n, n), or vectors X (n, d) that stand for ``K = X X'``
    first : bool (n,), who is in the first group; None flips signs instead, and ``w`` are the signs
    kernel : which of the two ``values`` is
    n_resamples, seed, threads : as in ``paired_test``; of the resamples at least one

    Returns
    -------
    observed : of the data as they are
    null : float64 (n_resamples,)

    Raises
    ------
    ShapeError
        If a value is not finite, or shapes disagree.

    Notes
    -----
    Sums are float64. Peak memory beside the arrays: 64 kB + 576 n bytes a thread, and 8 bytes a resample.
    """
    table = np.ascontiguousarray(values, dtype=np.float32)
    groups = None if first is None else np.ascontiguousarray(first)
    observed, null = np.nan, np.empty(n_resamples)
    for start, stop in _ranges(n_resamples, threads):
        observed, null[start:stop] = quadratic_forms(table, kernel, groups, seed, start, stop, threads)
    return observed, null


def _resample(
    make: Callable[[Columns], PermutationTest],
    total: int,
    enumerated: bool,
    known: Mask,
    early: EarlyStop | None,
    threads: int,
    progress: Progress,
) -> TestResult:
    """Count resamples 0 … total, or fewer."""
    test = make(slice(None))
    statistic, added = test.statistic, 0 if enumerated else 1
    n_first = total if early is None or enumerated else min(FIRST, total)
    progress.start("test", total)
    exceed, exceed_max = count(test, 0, n_first, threads, progress)
    n_drawn, n_drawn_max = np.full(len(statistic), n_first), n_first
    if early is not None and n_first < total:
        if not early.together:
            go_on = np.flatnonzero(~known & ((added + exceed) / (added + n_first) <= early.above))
            more, _ = count(make(go_on), n_first, total, threads, progress) if len(go_on) else (0, 0)
            exceed[go_on] += more
            n_drawn[go_on] = total
        elif len(statistic) and (added + exceed_max[np.abs(statistic).argmax()]) / (added + n_first) <= early.above:
            more, more_max = count(test, n_first, total, threads, progress)
            exceed, exceed_max = exceed + more, exceed_max + more_max
            n_drawn[:], n_drawn_max = total, total
    progress.finish()
    p_value = (added + exceed) / (added + n_drawn)
    p_fwer = np.maximum(_step_down(statistic, (added + exceed_max) / (added + n_drawn_max)), p_value)
    return TestResult(statistic, p_value, p_fwer, np.full(len(p_value), enumerated), total)


def count(
    test: PermutationTest, first: int, last: int, threads: int, progress: Progress
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of resamples first … last - 1, how many are at least as extreme as the data, by themselves and by their largest.

    Parameters
    ----------
    test : made ready
    first, last : range of resamples
    threads : the result is the same for every value
    progress : told of every resample
    """
    exceed, exceed_max = np.zeros((2, len(test.statistic)), dtype=np.int64)
    for start, stop in _ranges(last - first, threads):
        more, more_max = test.count(first + start, first + stop, threads)
        exceed, exceed_max = exceed + more, exceed_max + more_max
        progress.advance(stop - start)
    return exceed, exceed_max


def _ranges(total: int, threads: int) -> Iterator[tuple[int, int]]:
    """Cut 0 … total so that what is done with one range takes about 0.2 s: progress shows, and an interrupt is heard.

    The first is a block for each thread; how long a range took decides the size of the next. No result depends on it.
    """
    blocks, start = 1, 0
    while start < total:
        stop = min(start + blocks * BLOCK * max(threads, 1), total)
        began = time.perf_counter()
        yield start, stop
        per_block = (time.perf_counter() - began) / blocks
        blocks = max(1, min(4 * blocks, int(_CALL_S / max(per_block, 1e-9))))
        start = stop


def _step_down(statistic: FloatVector, p_max: FloatVector) -> FloatVector:
    """A weaker measure's adjusted p is never below a stronger one's; equal statistics have equal p."""
    order = np.argsort(-np.abs(statistic), kind="stable")
    running = np.maximum.accumulate(p_max[order])
    adjusted = np.empty_like(p_max)
    adjusted[order] = running
    _, tied = np.unique(np.abs(statistic), return_inverse=True)
    largest = np.zeros(tied.max(initial=-1) + 1)
    np.maximum.at(largest, tied, adjusted)
    return np.asarray(largest[tied])


def _with_exact(result: TestResult, p_value: FloatVector, known: Mask) -> TestResult:
    combined = np.where(known, p_value, result.p_value)
    return TestResult(
        statistic=result.statistic,
        p_value=combined,
        p_fwer=np.maximum(result.p_fwer, combined),
        exact=result.exact | known,
        n_resamples=result.n_resamples,
    )
