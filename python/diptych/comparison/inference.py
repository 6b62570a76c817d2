"""From measurements to tested measures: prompts are the unit, all measures form one family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatMatrix, FloatVector, Mask, Progress
from diptych.comparison.measures import Measure
from diptych.comparison.pairing import Table
from diptych.errors import DataError
from diptych.stats.effect_sizes import cohen_h, standardised_mean
from diptych.stats.exact import shares_test, sign_test
from diptych.stats.intervals import (
    choose,
    paired_intervals,
    paired_share_intervals,
    unpaired_intervals,
    unpaired_share_intervals,
)
from diptych.stats.multiplicity import q_values
from diptych.stats.permutation import TestResult, paired_test, unpaired_test
from diptych.stats.power import detectable_means, detectable_paired_shares, detectable_unpaired_shares
from diptych.utils.hashing import derive_seed

_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Resampling:
    """How to test; ``threads`` and ``progress`` change no result, ``alpha`` only what is called detectable."""

    seed: int
    n_resamples: int
    alpha: float
    threads: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class Tested:
    """What came of each measure, one entry per measure. First and second are the arms in the table's order.

    Parameters
    ----------
    test : statistic, p and family-wise p
    q_value : Benjamini-Hochberg over all measures
    mean_first, mean_second : over the prompts where both are present
    low, high : 95 % interval of the difference
    effect_size : Cohen's h for shares, d_z or d for numbers; NaN where there is no spread to divide by
    detectable : smallest true difference found with 80 % power by a single true difference; NaN where there is none
    n_prompts : prompts with a measurement (paired: in both arms)
    n_missing : prompts without
    n_up, n_down : prompts where the second arm scores higher or lower; 0 when unpaired
    drop_out_p : exact p that measurements are missing equally often in both arms
    """

    test: TestResult
    q_value: FloatVector
    mean_first: FloatVector
    mean_second: FloatVector
    low: FloatVector
    high: FloatVector
    effect_size: FloatVector
    detectable: FloatVector
    n_prompts: NDArray[np.int64]
    n_missing: NDArray[np.int64]
    n_up: NDArray[np.int64]
    n_down: NDArray[np.int64]
    drop_out_p: FloatVector


@dataclass(frozen=True)
class UnitMeans:
    """Mean over draws of each unit and arm: (n_units, m), NaN where the arm has no measurement there."""

    first: FloatMatrix
    second: FloatMatrix

    @property
    def differences(self) -> FloatMatrix:
        """Second minus first; NaN where either is missing."""
        return self.second - self.first


def unit_means(table: Table, values: FloatMatrix) -> UnitMeans:
    """Average the draws of each prompt and arm, leaving missing measurements out."""
    n_units = len(table.units)
    sums = np.zeros((2, n_units, values.shape[1]))
    counts = np.zeros_like(sums)
    where = (table.is_b.astype(np.int64), table.unit_of_row)
    np.add.at(sums, where, np.nan_to_num(values, nan=0.0))
    np.add.at(counts, where, (~np.isnan(values)).astype(np.float64))
    with np.errstate(invalid="ignore"):
        means = np.where(counts > 0, sums / counts, np.nan)
    return UnitMeans(means[0], means[1])


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


def infer(
    table: Table, means: UnitMeans, validation: Mask, measures: Sequence[Measure], resampling: Resampling
) -> Tested:
    """Test all measures on the validation units.

    Parameters
    ----------
    table : for the pairing
    means : of all units
    validation : bool (n_units,)
    measures : one per column
    resampling : seed, number, threads
    """
    first, second = means.first[validation], means.second[validation]
    indicator = _indicators(measures, first, second)
    if table.pairing == "paired":
        return _paired(first, second, indicator, resampling)
    return _unpaired(first, second, table.first_units[validation], indicator, resampling)


def _indicators(measures: Sequence[Measure], first: FloatMatrix, second: FloatMatrix) -> Mask:
    """Measures that are 0 or 1 for every prompt: indicators that were not averaged over several draws."""
    declared = np.array([measure.kind == "indicator" for measure in measures], dtype=np.bool_)
    whole = [np.isnan(side) | (side == 0.0) | (side == 1.0) for side in (first, second)]
    return np.asarray(declared & whole[0].all(axis=0) & whole[1].all(axis=0))


def _paired(first: FloatMatrix, second: FloatMatrix, indicator: Mask, resampling: Resampling) -> Tested:
    present = ~np.isnan(first) & ~np.isnan(second)
    differences = np.where(present, second - first, 0.0)
    test = paired_test(
        differences,
        indicator=indicator,
        n_resamples=resampling.n_resamples,
        seed=derive_seed(resampling.seed, "sign flips"),
        threads=resampling.threads,
        progress=resampling.progress,
    )
    n, level = present.sum(axis=0), resampling.alpha / max(len(indicator), 1)
    n_up, n_down = (differences > 0).sum(axis=0), (differences < 0).sum(axis=0)
    interval = choose(
        indicator,
        paired_share_intervals(n_up, n_down, n, level=_LEVEL),
        paired_intervals(differences, present, seed=derive_seed(resampling.seed, "bootstrap"), level=_LEVEL),
    )
    mean_first, mean_second = _mean(first, present), _mean(second, present)
    effect, spread = _mean(differences, present), _spread(differences, present)
    missing_first, missing_second = np.isnan(first), np.isnan(second)
    return Tested(
        test=test,
        q_value=q_values(test.p_value),
        mean_first=mean_first,
        mean_second=mean_second,
        low=interval.low,
        high=interval.high,
        effect_size=np.where(indicator, cohen_h(mean_first, mean_second), standardised_mean(effect, spread)),
        detectable=np.where(
            indicator,
            detectable_paired_shares(np.where(indicator, n_up + n_down, 0), n, level=level),
            detectable_means(interval.error, n, level=level, smallest_p=_smallest_p(test, resampling)),
        ),
        n_prompts=n,
        n_missing=len(first) - n,
        n_up=n_up,
        n_down=n_down,
        drop_out_p=sign_test(
            (missing_second & ~missing_first).sum(axis=0), (missing_first & ~missing_second).sum(axis=0)
        ),
    )


def _unpaired(
    first: FloatMatrix, second: FloatMatrix, in_first: Mask, indicator: Mask, resampling: Resampling
) -> Tested:
    values = np.where(in_first[:, None], first, second)
    present = ~np.isnan(values)
    values = np.where(present, values, 0.0)
    test = unpaired_test(
        values,
        present,
        in_first,
        indicator=indicator,
        n_resamples=resampling.n_resamples,
        seed=derive_seed(resampling.seed, "labels"),
        threads=resampling.threads,
        progress=resampling.progress,
    )
    level = resampling.alpha / max(len(indicator), 1)
    groups = [(values[side], present[side]) for side in (in_first, ~in_first)]
    means, spreads = [_mean(*group) for group in groups], [_spread(*group) for group in groups]
    sizes = [group_present.sum(axis=0) for _, group_present in groups]
    hits = [(group_values == 1.0).sum(axis=0) for group_values, _ in groups]
    interval = choose(
        indicator,
        unpaired_share_intervals(hits[0], sizes[0], hits[1], sizes[1], level=_LEVEL),
        unpaired_intervals(values, present, in_first, seed=derive_seed(resampling.seed, "bootstrap"), level=_LEVEL),
    )
    pooled = _pooled_spread(spreads, sizes)
    zeros = np.zeros(values.shape[1], dtype=np.int64)
    return Tested(
        test=test,
        q_value=q_values(test.p_value),
        mean_first=means[0],
        mean_second=means[1],
        low=interval.low,
        high=interval.high,
        effect_size=np.where(indicator, cohen_h(*means), standardised_mean(means[1] - means[0], pooled)),
        detectable=np.where(
            indicator,
            detectable_unpaired_shares(
                np.where(indicator, _mean(values, present), 0.0), sizes[0], sizes[1], level=level
            ),
            detectable_means(interval.error, sum(sizes), level=level, smallest_p=_smallest_p(test, resampling)),
        ),
        n_prompts=present.sum(axis=0),
        n_missing=(~present).sum(axis=0),
        n_up=zeros,
        n_down=zeros,
        drop_out_p=shares_test((~present).astype(np.int64), in_first),
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
