"""The test: does a measure's mean differ between the arms? All measures at once, by resampling."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diptych import _native
from diptych._types import FloatMatrix, FloatVector, Mask, Progress, Silent
from diptych.errors import ShapeError
from diptych.stats import exact

_CHUNKS = 50
_MAX_EXACT_ROWS = 62


@dataclass(frozen=True, slots=True)
class TestResult:
    """One row per measure.

    Parameters
    ----------
    statistic : float64 (m,); positive where the second arm scores higher
    p_value : float64 (m,), two-sided, in (0, 1]
    p_fwer : float64 (m,), the same corrected for all measures of this call (Westfall & Young step-down max-|z|)
    exact : bool (m,), whether ``p_value`` is free of Monte-Carlo error
    n_resamples : how many were drawn, or enumerated
    """

    statistic: FloatVector
    p_value: FloatVector
    p_fwer: FloatVector
    exact: Mask
    n_resamples: int

    __test__ = False  # not a test case, whatever its name makes pytest think


def paired_test(
    differences: FloatMatrix,
    *,
    indicator: Mask,
    n_resamples: int,
    seed: int,
    threads: int = 1,
    progress: Progress | None = None,
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

    Examples
    --------
    >>> d = np.ones((8, 1))
    >>> paired_test(d, indicator=np.array([True]), n_resamples=10_000, seed=0).p_value.tolist()
    [0.0078125]
    """
    n, _ = differences.shape
    enumerate_all = n <= _MAX_EXACT_ROWS and 2**n <= n_resamples
    total = 2**n if enumerate_all else n_resamples
    values = np.ascontiguousarray(differences, dtype=np.float64)
    result = _resample(
        lambda start, stop: _native.sign_flips(values, seed, start, stop, enumerate_all, threads),
        total,
        enumerate_all,
        progress or Silent(),
    )
    n_plus, n_minus = (differences > 0).sum(axis=0), (differences < 0).sum(axis=0)
    return _with_exact(result, exact.sign_test(n_plus, n_minus), indicator)


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
) -> TestResult:
    """Label-permutation test of two groups of prompts, studentised by Welch's standard error.

    Parameters
    ----------
    values : float64 (n, m), one row per prompt
    present : bool (n, m), False where the measurement is missing
    first : bool (n,), who is in the first group
    indicator : bool (m,), measures that are 0 or 1; where nothing is missing their p is exact (hypergeometric)
    n_resamples, seed, threads, progress : as in ``paired_test``

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
    """
    n, n_first = len(first), int(first.sum())
    if not 0 < n_first < n:
        raise ShapeError(f"a group is empty: {n_first} rows in the first, {n - n_first} in the second")
    n_subsets = math.comb(n, n_first)
    enumerate_all = n_subsets <= n_resamples
    total = n_subsets if enumerate_all else n_resamples
    table = np.ascontiguousarray(np.where(present, values, 0.0), dtype=np.float64)
    mask = np.ascontiguousarray(present, dtype=np.bool_)
    result = _resample(
        lambda start, stop: _native.label_permutations(table, mask, first, seed, start, stop, enumerate_all, threads),
        total,
        enumerate_all,
        progress or Silent(),
    )
    known = indicator & present.all(axis=0)
    p_values = np.ones(values.shape[1])
    p_values[known] = exact.shares_test(table[:, known].astype(np.int64), first)
    return _with_exact(result, p_values, known)


def resampled_forms(
    values: NDArray[np.float32], first: Mask, *, kernel: bool, n_resamples: int, seed: int, threads: int = 1
) -> tuple[float, FloatVector]:
    """``w' K w`` of two groups and of permuted ones, ``w`` being 1 over the size inside a group, with opposite signs.

    Parameters
    ----------
    values : float32, finite: a symmetric kernel matrix K (n, n), or vectors X (n, d) that stand for ``K = X X'``
    first : bool (n,), who is in the first group
    kernel : which of the two ``values`` is
    n_resamples, seed, threads : as in ``paired_test``

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
    Sums are float64. Peak memory beside the arrays: about 256 kB + 512 n bytes a thread.
    """
    table = np.ascontiguousarray(values, dtype=np.float32)
    return _native.quadratic_forms(table, kernel, np.ascontiguousarray(first), seed, 0, n_resamples, threads)


def _resample(
    kernel: Callable[[int, int], tuple[FloatVector, NDArray[np.int64], NDArray[np.int64]]],
    total: int,
    enumerated: bool,
    progress: Progress,
) -> TestResult:
    """Run the kernel over resamples 0 … total in chunks, so that progress shows and an interrupt is heard."""
    statistic, exceed, exceed_max = kernel(0, 0)
    step = max(1, -(-total // _CHUNKS))
    progress.start("test", total)
    for start in range(0, total, step):
        stop = min(start + step, total)
        _, more, more_max = kernel(start, stop)
        exceed, exceed_max = exceed + more, exceed_max + more_max
        progress.advance(stop - start)
    progress.finish()
    added = 0 if enumerated else 1
    p_value = (added + exceed) / (added + total)
    p_max = (added + exceed_max) / (added + total)
    return TestResult(statistic, p_value, _step_down(statistic, p_max), np.full(len(p_value), enumerated), total)


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
