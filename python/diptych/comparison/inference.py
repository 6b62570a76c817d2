"""From measurements to tested measures: prompts, or groups of them, are the unit; all measures form one family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatMatrix, FloatVector, Mask, Progress
from diptych.comparison.bounds import Bounds, Levels, bounds, levels_together
from diptych.comparison.measures import Measure, Scan
from diptych.comparison.pairing import Table
from diptych.comparison.units import ArmMeans, PromptCounts, UnitMeans, count_prompts, unit_means
from diptych.errors import DataError
from diptych.stats.effect_sizes import cohen_h, standardised_mean
from diptych.stats.intervals import Intervals
from diptych.stats.multiplicity import Fdr, first_step, q_values
from diptych.stats.permutation import EarlyStop, TestResult, paired_test, unpaired_test
from diptych.stats.power import detectable_means, detectable_paired_shares, detectable_unpaired_shares
from diptych.utils.hashing import derive_seed

LEVEL = 0.95
"""Of every interval; of the simultaneous ones, of all together."""
_ENTRIES = ("statistic", "p_value", "p_fwer", "exact")
"""Of a ``TestResult``, what has an entry a measure."""


@dataclass(frozen=True, slots=True)
class Resampling:
    """How to test.

    ``threads`` and ``progress`` change no result, ``alpha``, ``family`` and ``fdr`` only what is called detectable.

    Parameters
    ----------
    seed, n_resamples : of the flips or permutations
    alpha : false discovery rate
    family : measures of the whole run
    threads, progress : of the kernels
    fdr : how the false discovery rate is held
    early : whether measures that are far from passing get no more than the first 10,000 resamples
    together : whether all of them go on, or none: where the strongest of many is looked for
    joint_alpha : chance that any simultaneous interval of a part misses; None where these are not wanted
    """

    seed: int
    n_resamples: int
    alpha: float
    family: int
    threads: int
    progress: Progress
    fdr: Fdr = "bh"
    early: bool = False
    together: bool = False
    joint_alpha: float | None = None

    @property
    def early_stop(self) -> EarlyStop | None:
        """When to stop resampling."""
        return EarlyStop(max(0.1, 2.0 * self.alpha), self.together) if self.early else None

    @property
    def first_step(self) -> float:
        """The largest p with which a measure passes that is the only one to differ."""
        return first_step(self.family, self.alpha, method=self.fdr)


@dataclass(frozen=True, slots=True)
class Tested:
    """What came of each measure, one entry per measure. First and second are the arms in the table's order.

    Parameters
    ----------
    test : statistic, p and family-wise p
    q_value : false discovery rate over all measures of all parts; NaN until they are joined
    mean_first, mean_second : over the units where both are present
    low, high : 95 % interval of the difference
    joint_low, joint_high : interval that holds at 95 % together with those of all measures of the run; NaN if unwanted
    effect_size : Cohen's h for shares, d_z or d for numbers; NaN where there is no spread to divide by
    detectable : smallest true difference found with 80 % power by a single true difference; NaN where there is none
    n_units : prompts, or groups of them, with a measurement (paired: in both arms)
    n_prompts, n_missing : prompts with and without
    n_up, n_down : units where the second arm scores higher or lower; 0 when unpaired
    drop_out_p : exact p that measurements are missing equally often in both arms
    """

    test: TestResult
    q_value: FloatVector
    mean_first: FloatVector
    mean_second: FloatVector
    low: FloatVector
    high: FloatVector
    joint_low: FloatVector
    joint_high: FloatVector
    effect_size: FloatVector
    detectable: FloatVector
    n_units: NDArray[np.int64]
    n_prompts: NDArray[np.int64]
    n_missing: NDArray[np.int64]
    n_up: NDArray[np.int64]
    n_down: NDArray[np.int64]
    drop_out_p: FloatVector


def check_finite(values: FloatMatrix, table: Table, measures: Sequence[Measure]) -> None:
    """Refuse infinities: a lens that produces one is wrong.

    Raises
    ------
    DataError
        Names measure, arm and place.
    """
    for i, j in np.argwhere(np.isinf(values))[:1]:
        row = table.rows[i]
        raise DataError(f"measure {measures[j].id} is infinite for arm {row.arm}, {row.place}; it cannot be tested")


def infer(table: Table, means: UnitMeans, tested: Mask, measures: Sequence[Measure], resampling: Resampling) -> Tested:
    """Test the measures of one part, each for itself.

    Parameters
    ----------
    table : for the pairing
    means : of all units
    tested : bool (n_units,), which of them to test on
    measures : one per column
    resampling : seed, number, threads
    """
    sample = _Sample.of(table, means, tested, np.array([m.kind == "indicator" for m in measures], dtype=np.bool_))
    test = sample.test(resampling)
    counts = count_prompts(table, means.prompts, tested)
    return sample.describe(test, counts, resampling)


def infer_scan(
    table: Table, values: FloatMatrix, scan: Scan, tested: Mask, resampling: Resampling
) -> tuple[NDArray[np.int64], Tested]:
    """Test overlapping indicators together, and describe the strongest that are not alike.

    Parameters
    ----------
    table : for the pairing
    values : float64 (n_rows, m), 0 or 1
    scan : how many to describe, and which are alike
    tested : bool (n_units,)
    resampling : as in ``infer``

    Returns
    -------
    chosen : int64, columns, strongest first
    tested : their entries. Each p is the step-down max-|z| p over all m: choosing the best has been paid for. Intervals
        have level ``1 - 0.05 / m``, for the same reason
    """
    m = values.shape[1]
    means = unit_means(table, values)
    sample = _Sample.of(table, means, tested, np.ones(m, dtype=np.bool_))
    test = sample.test(resampling)
    chosen = _strongest_apart(test.statistic, values > 0.5, scan)
    corrected = TestResult(
        statistic=test.statistic[chosen],
        p_value=test.p_fwer[chosen],
        p_fwer=test.p_fwer[chosen],
        exact=np.zeros(len(chosen), dtype=np.bool_),
        n_resamples=test.n_resamples,
    )
    prompts = ArmMeans(means.prompts.first[:, chosen], means.prompts.second[:, chosen])
    counts = count_prompts(table, prompts, tested)
    return chosen, sample.only(chosen).describe(corrected, counts, resampling, chosen_from=m)


def as_one_family(parts: Sequence[Tested], fdr: Fdr = "bh") -> list[Tested]:
    """The parts as one family: q over their union; family-wise p times the number of parts (Bonferroni).

    Parameters
    ----------
    parts : tested apart
    fdr : how the false discovery rate is held
    """
    sizes = [len(part.q_value) for part in parts]
    q_value = np.split(q_values(np.concatenate([part.test.p_value for part in parts]), fdr), np.cumsum(sizes)[:-1])
    p_fwer = [np.minimum(len(parts) * part.test.p_fwer, 1.0) for part in parts]
    return [
        replace(part, q_value=q, test=replace(part.test, p_fwer=p))
        for part, q, p in zip(parts, q_value, p_fwer, strict=True)
    ]


def join(parts: Sequence[Tested]) -> Tested:
    """One after another.

    Parameters
    ----------
    parts : of one family
    """
    tests = [part.test for part in parts]
    test = TestResult(
        **{name: np.concatenate([getattr(test, name) for test in tests]) for name in _ENTRIES},
        n_resamples=max(test.n_resamples for test in tests),
    )
    others = [name for name in Tested.__slots__ if name != "test"]
    return Tested(test=test, **{name: np.concatenate([getattr(part, name) for part in parts]) for name in others})


def _strongest_apart(statistic: FloatVector, holds: Mask, scan: Scan) -> NDArray[np.int64]:
    """Columns by the size of their statistic, without those that are like a stronger one."""
    chosen: list[int] = []
    for j in np.argsort(-np.round(np.abs(statistic), 9), kind="stable").tolist():
        if len(chosen) == scan.max_reported:
            break
        shared = (holds[:, chosen] & holds[:, [j]]).sum(axis=0)
        either = (holds[:, chosen] | holds[:, [j]]).sum(axis=0)
        if not (shared > scan.max_alike * either).any():
            chosen.append(j)
    return np.array(chosen, dtype=np.int64)


@dataclass(frozen=True)
class _Sample:
    """Unit means of the tested units; which measures are shares of responses, and which of these have one draw."""

    first: FloatMatrix
    second: FloatMatrix
    share: Mask
    indicator: Mask
    in_first: Mask | None
    """Who is in the first of two groups; None when paired."""

    @classmethod
    def of(cls, table: Table, means: UnitMeans, tested: Mask, declared: Mask) -> _Sample:
        first, second = means.first[tested], means.second[tested]
        whole = [np.isnan(side) | (side == 0.0) | (side == 1.0) for side in (first, second)]
        indicator = np.asarray(declared & whole[0].all(axis=0) & whole[1].all(axis=0))
        return cls(first, second, declared, indicator, None if table.pairing == "paired" else table.first_units[tested])

    def only(self, columns: NDArray[np.int64]) -> _Sample:
        first, second = self.first[:, columns], self.second[:, columns]
        return _Sample(first, second, self.share[columns], self.indicator[columns], self.in_first)

    def test(self, resampling: Resampling) -> TestResult:
        options: dict[str, Any] = {
            "indicator": self.indicator,
            "n_resamples": resampling.n_resamples,
            "threads": resampling.threads,
            "progress": resampling.progress,
            "early": resampling.early_stop,
        }
        if self.in_first is None:
            return paired_test(self.differences, seed=derive_seed(resampling.seed, "sign flips"), **options)
        values, present = self.values
        return unpaired_test(values, present, self.in_first, seed=derive_seed(resampling.seed, "labels"), **options)

    @cached_property
    def differences(self) -> FloatMatrix:
        """Second minus first, 0 where either is missing."""
        return np.where(self.present, self.second - self.first, 0.0)

    @cached_property
    def present(self) -> Mask:
        """Where both arms are there."""
        return ~np.isnan(self.first) & ~np.isnan(self.second)

    @cached_property
    def values(self) -> tuple[FloatMatrix, Mask]:
        """Unpaired: of whichever arm the unit is, 0 where missing; and where it is there."""
        assert self.in_first is not None
        values = np.where(self.in_first[:, None], self.first, self.second)
        present = ~np.isnan(values)
        return np.where(present, values, 0.0), present

    def bounds(self, seed: int, levels: Levels, *, together: bool = False) -> Intervals:
        values, present = self.values if self.in_first is not None else (self.differences, self.present)
        return bounds(values, present, self.in_first, self.share, levels=levels, seed=seed, together=together)

    def describe(
        self, test: TestResult, counts: PromptCounts, resampling: Resampling, *, chosen_from: int = 1
    ) -> Tested:
        """Effects with their intervals, and what could have been found, each chosen as the strongest of so many."""
        seed, alpha = derive_seed(resampling.seed, "bootstrap"), (1.0 - LEVEL) / max(chosen_from, 1)
        alone = self.bounds(seed, Levels(1.0 - alpha, 1.0 - alpha))
        together = None
        if resampling.joint_alpha is not None:
            n_shares = max(int(self.share.sum()), chosen_from if self.share.any() else 0)
            levels = levels_together(resampling.joint_alpha, n_shares, int((~self.share).sum()))
            together = self.bounds(seed, levels, together=True)
        describe = _paired if self.in_first is None else _unpaired
        level = resampling.first_step / max(chosen_from, 1)
        smallest_p = _smallest_p(test, resampling)
        return describe(self, test, counts, Bounds.of(alone, together), level, smallest_p)


def _paired(
    sample: _Sample, test: TestResult, counts: PromptCounts, bounds: Bounds, level: float, smallest_p: float
) -> Tested:
    first, second, indicator, differences = sample.first, sample.second, sample.indicator, sample.differences
    present = sample.present
    n = present.sum(axis=0)
    n_up, n_down = (differences > 0).sum(axis=0), (differences < 0).sum(axis=0)
    mean_first, mean_second = _mean(first, present), _mean(second, present)
    effect, spread = _mean(differences, present), _spread(differences, present)
    return Tested(
        test=test,
        q_value=np.full(len(n), np.nan),
        mean_first=mean_first,
        mean_second=mean_second,
        low=bounds.alone.low,
        high=bounds.alone.high,
        joint_low=bounds.together.low,
        joint_high=bounds.together.high,
        effect_size=np.where(indicator, cohen_h(mean_first, mean_second), standardised_mean(effect, spread)),
        detectable=np.where(
            indicator,
            detectable_paired_shares(np.where(indicator, n_up + n_down, 0), n, level=level),
            detectable_means(spread / np.sqrt(np.maximum(n, 1)), n, level=level, smallest_p=smallest_p),
        ),
        n_units=n,
        n_prompts=counts.n_prompts,
        n_missing=counts.n_missing,
        n_up=n_up,
        n_down=n_down,
        drop_out_p=counts.drop_out_p,
    )


def _unpaired(
    sample: _Sample, test: TestResult, counts: PromptCounts, bounds: Bounds, level: float, smallest_p: float
) -> Tested:
    indicator, in_first = sample.indicator, sample.in_first
    assert in_first is not None
    values, present = sample.values
    groups = [(values[side], present[side]) for side in (in_first, ~in_first)]
    means, spreads = [_mean(*group) for group in groups], [_spread(*group) for group in groups]
    sizes = [group_present.sum(axis=0) for _, group_present in groups]
    pooled = _pooled_spread(spreads, sizes)
    error = np.sqrt(sum(s**2 / np.maximum(n, 1) for s, n in zip(spreads, sizes, strict=True)))
    zeros = np.zeros(values.shape[1], dtype=np.int64)
    return Tested(
        test=test,
        q_value=np.full(len(zeros), np.nan),
        mean_first=means[0],
        mean_second=means[1],
        low=bounds.alone.low,
        high=bounds.alone.high,
        joint_low=bounds.together.low,
        joint_high=bounds.together.high,
        effect_size=np.where(indicator, cohen_h(*means), standardised_mean(means[1] - means[0], pooled)),
        detectable=np.where(
            indicator,
            detectable_unpaired_shares(
                np.where(indicator, _mean(values, present), 0.0), sizes[0], sizes[1], level=level
            ),
            detectable_means(error, sum(sizes), level=level, smallest_p=smallest_p),
        ),
        n_units=present.sum(axis=0),
        n_prompts=counts.n_prompts,
        n_missing=counts.n_missing,
        n_up=zeros,
        n_down=zeros,
        drop_out_p=counts.drop_out_p,
    )


def _smallest_p(test: TestResult, resampling: Resampling) -> float:
    """That a measure without an exact test can get; both signs of an enumerated extreme count."""
    enumerated = test.n_resamples != resampling.n_resamples
    return 2.0 / test.n_resamples if enumerated else 1.0 / (1 + test.n_resamples)


def _mean(values: FloatMatrix, present: Mask) -> FloatVector:
    return np.asarray(np.where(present, values, 0.0).sum(axis=0) / np.maximum(present.sum(axis=0), 1))


def _spread(values: FloatMatrix, present: Mask) -> FloatVector:
    """Sample standard deviation of each column over its present values."""
    squares = (np.where(present, values - _mean(values, present), 0.0) ** 2).sum(axis=0)
    return np.asarray(np.sqrt(squares / np.maximum(present.sum(axis=0) - 1, 1)))


def _pooled_spread(spreads: Sequence[FloatVector], sizes: Sequence[NDArray[np.int64]]) -> FloatVector:
    squares = sum(np.maximum(n - 1, 0) * s**2 for s, n in zip(spreads, sizes, strict=True))
    return np.asarray(np.sqrt(squares / np.maximum(sum(sizes) - 2, 1)))
