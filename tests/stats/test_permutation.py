"""The test itself: against scipy, against enumeration, and under everything that must not change it."""

from __future__ import annotations

import itertools
import signal
from typing import Any

import numpy as np
import pytest
from scipy import stats

from diptych._types import FloatMatrix, FloatVector
from diptych.errors import ShapeError
from diptych.stats.permutation import FIRST, EarlyStop, TestResult, paired_test, unpaired_test

MANY = 10**9  # more than any small case has arrangements: everything is enumerated


def numbers(n_measures: int) -> np.ndarray:
    return np.zeros(n_measures, dtype=np.bool_)


def paired(differences: FloatMatrix, n_resamples: int = 2000, seed: int = 0, threads: int = 1) -> TestResult:
    return paired_test(
        differences,
        indicator=numbers(differences.shape[1]),
        n_resamples=n_resamples,
        seed=seed,
        threads=threads,
    )


def unpaired(values: FloatMatrix, first: np.ndarray, n_resamples: int = 2000, seed: int = 0) -> TestResult:
    return unpaired_test(
        values,
        np.ones(values.shape, dtype=np.bool_),
        first,
        indicator=numbers(values.shape[1]),
        n_resamples=n_resamples,
        seed=seed,
    )


def absolute_z(differences: FloatVector, axis: int = -1) -> FloatVector:
    scale = np.sqrt((differences**2).sum(axis=axis))
    return np.round(np.abs(differences.sum(axis=axis)) / np.where(scale == 0, 1.0, scale), 9)


def absolute_welch(x: FloatVector, y: FloatVector, axis: int = -1) -> FloatVector:
    error = np.sqrt(x.var(axis=axis, ddof=1) / x.shape[axis] + y.var(axis=axis, ddof=1) / y.shape[axis])
    difference = y.mean(axis=axis) - x.mean(axis=axis)
    difference = np.where(np.abs(difference) < 1e-12, 0.0, difference)
    t = np.where(error > 1e-12, difference / np.where(error > 1e-12, error, 1.0), np.sign(difference) * 1e9)
    return np.asarray(np.round(np.abs(t), 7), dtype=np.float64)


def some_values(rng: np.random.Generator, n: int, kind: int) -> FloatVector:
    """Whole numbers or shares of five draws, both full of ties, or measurements."""
    drawn = [rng.integers(-3, 4, n).astype(float), rng.integers(-5, 6, n) / 5.0, rng.normal(size=n)]
    return np.asarray(drawn[kind])


def test_enumerated_sign_flips_equal_scipy() -> None:
    """250 cases; those of the label permutations make it 500."""
    rng = np.random.default_rng(0)
    for case in range(250):
        n = int(rng.integers(2, 9))
        d = some_values(rng, n, case % 3)
        expected = stats.permutation_test(
            (d,), absolute_z, permutation_type="samples", alternative="greater", n_resamples=np.inf, vectorized=True
        )
        found = paired(d[:, None], MANY)
        assert found.exact.all()
        assert found.n_resamples == 2**n
        assert found.p_value[0] == pytest.approx(expected.pvalue, abs=1e-12)


def test_enumerated_label_permutations_equal_scipy() -> None:
    rng = np.random.default_rng(1)
    for case in range(250):
        n_x, n_y = (int(n) for n in rng.integers(2, 6, 2))
        pooled = some_values(rng, n_x + n_y, case % 3)
        expected = stats.permutation_test(
            (pooled[:n_x], pooled[n_x:]), absolute_welch, permutation_type="independent", alternative="greater",
            n_resamples=np.inf, vectorized=True,
        )  # fmt: skip
        found = unpaired(pooled[:, None], np.arange(n_x + n_y) < n_x, MANY)
        assert found.exact.all()
        assert found.p_value[0] == pytest.approx(expected.pvalue, abs=1e-12)


def test_sampled_p_agrees_with_the_enumerated_one() -> None:
    d = np.random.default_rng(5).normal(0.4, 1.0, (14, 6))
    enumerated, sampled = paired(d, MANY), paired(d, 10_000)
    assert not sampled.exact.any()
    standard_error = np.sqrt(enumerated.p_value * (1 - enumerated.p_value) / 10_000)
    assert (np.abs(sampled.p_value - enumerated.p_value) < 5 * standard_error + 2e-4).all()


def test_indicators_get_mcnemars_exact_p() -> None:
    rng = np.random.default_rng(0)
    d = rng.choice([-1.0, 0.0, 1.0], (300, 20), p=[0.1, 0.75, 0.15])
    found = paired_test(d, indicator=np.ones(20, dtype=np.bool_), n_resamples=1000, seed=0)
    for j in range(20):
        n_plus, n_minus = int((d[:, j] > 0).sum()), int((d[:, j] < 0).sum())
        assert found.p_value[j] == pytest.approx(stats.binomtest(n_plus, n_plus + n_minus).pvalue, rel=1e-10)
    assert found.exact.all()


def test_shares_of_two_groups_get_the_p_that_enumeration_gives() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        n, n_first = 12, int(rng.integers(2, 11))
        hits = rng.integers(0, 2, (n, 3)).astype(float)
        first = rng.permutation(n) < n_first
        known = unpaired_test(
            hits, np.ones((n, 3), np.bool_), first, indicator=np.ones(3, np.bool_), n_resamples=100, seed=0
        )
        assert known.p_value == pytest.approx(unpaired(hits, first, MANY).p_value, abs=1e-12)


def test_all_tied_data_gives_exactly_one_and_nothing_gives_zero() -> None:
    d = np.zeros((30, 3))
    d[:, 1] = 1.0
    found = paired(d, 500)
    assert found.p_value[0] == found.p_value[2] == 1.0
    assert found.p_value[1] == 1 / 501
    assert found.p_fwer[0] == 1.0


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 7.0, 1e8])
def test_scaling_all_data_changes_no_p(scale: float) -> None:
    rng = np.random.default_rng(3)
    d = np.column_stack([rng.normal(0.2, 1, 40), rng.integers(-2, 3, 40)])
    first = np.arange(40) < 17
    assert (paired(d).p_value == paired(d * scale).p_value).all()
    assert (paired(d).p_fwer == paired(d * scale).p_fwer).all()
    assert (unpaired(d, first).p_value == unpaired(d * scale, first).p_value).all()


def test_renaming_the_arms_turns_the_signs_and_nothing_else() -> None:
    rng = np.random.default_rng(4)
    d, first = rng.normal(0.1, 1, (37, 5)), rng.permutation(37) < 12
    here, there = paired(d), paired(-d)
    assert (here.statistic == -there.statistic).all()
    assert (here.p_value == there.p_value).all()
    assert (here.p_fwer == there.p_fwer).all()
    here, there = unpaired(d, first), unpaired(d, ~first)
    assert (here.statistic == -there.statistic).all()
    assert (here.p_value == there.p_value).all()


def test_the_order_of_measures_and_the_threads_change_nothing() -> None:
    d = np.random.default_rng(6).normal(0.1, 1, (50, 9))
    order = np.random.default_rng(7).permutation(9)
    base = paired(d)
    assert (paired(d[:, order]).p_value == base.p_value[order]).all()
    assert (paired(d[:, order]).p_fwer == base.p_fwer[order]).all()
    for threads in (2, 4, 8):
        assert (paired(d, threads=threads).p_value == base.p_value).all()
        assert (paired(d, threads=threads).p_fwer == base.p_fwer).all()


class Steps:
    """Progress that keeps what it is told, and raises an alarm signal after so many steps."""

    def __init__(self, alarm_after: int | None = None) -> None:
        self.stages: list[tuple[str, int]] = []
        self.steps: list[int] = []
        self.alarm_after = alarm_after

    def start(self, stage: str, total: int) -> None:
        self.stages.append((stage, total))

    def advance(self, steps: int = 1) -> None:
        self.steps.append(steps)
        if self.alarm_after == len(self.steps):
            signal.setitimer(signal.ITIMER_REAL, 0.05)

    def say(self, text: str) -> None: ...

    def finish(self) -> None:
        self.stages.append(("finished", sum(self.steps)))


def test_progress_adds_up_to_the_resamples() -> None:
    steps = Steps()
    paired_test(np.ones((20, 2)), indicator=numbers(2), n_resamples=12_345, seed=0, progress=steps)
    assert steps.stages == [("test", 12_345), ("finished", 12_345)]
    assert len(steps.steps) > 1


def test_an_interrupt_is_heard_in_the_middle_of_a_long_test() -> None:
    steps = Steps(alarm_after=3)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            paired_test(np.ones((70, 1)), indicator=numbers(1), n_resamples=10**15, seed=0, progress=steps)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert steps.stages == [("test", 10**15)]


def test_step_down_equals_its_definition() -> None:
    """Westfall & Young, algorithm 2.8, written out over all sign patterns."""
    d = np.random.default_rng(8).normal(0.5, 1, (8, 4))
    patterns = np.array(list(itertools.product([1.0, -1.0], repeat=8)))
    null = np.abs(patterns @ d) / np.sqrt((d**2).sum(axis=0))
    z = np.abs(d.sum(axis=0)) / np.sqrt((d**2).sum(axis=0))
    order = np.argsort(-z)
    expected, largest = np.empty(4), 0.0
    for rank, j in enumerate(order):
        weaker = null[:, order[rank:]].max(axis=1)
        largest = max(largest, float((weaker >= z[j] - 1e-9).mean()))
        expected[j] = largest
    assert paired(d, MANY).p_fwer == pytest.approx(expected, abs=1e-12)


def test_family_wise_error_holds_under_correlated_nulls() -> None:
    rng = np.random.default_rng(9)
    n_runs, alpha, hits = 300, 0.1, 0
    for run in range(n_runs):
        common = rng.standard_t(3, (30, 1))
        hits += bool((paired(0.7 * common + rng.normal(size=(30, 12)), 199, seed=run).p_fwer <= alpha).any())
    assert hits / n_runs <= alpha + 3 * np.sqrt(alpha * (1 - alpha) / n_runs)


def test_p_is_uniform_under_the_null() -> None:
    rng = np.random.default_rng(2026)
    d = rng.exponential(size=(60, 400)) - rng.exponential(size=(60, 400))
    assert stats.kstest(paired(d, 1999).p_value, "uniform").pvalue > 0.01
    first = np.arange(60) < 25
    assert stats.kstest(unpaired(rng.exponential(size=(60, 400)), first, 1999).p_value, "uniform").pvalue > 0.01


def test_a_missing_pair_is_as_if_it_had_never_been_asked() -> None:
    d = np.random.default_rng(11).normal(0.3, 1, (9, 2))
    with_gap = np.vstack([d, np.zeros((1, 2))])
    assert paired(with_gap, MANY).p_value == pytest.approx(paired(d, MANY).p_value, abs=1e-12)
    assert paired(with_gap, MANY).statistic == pytest.approx(paired(d, MANY).statistic)


def test_what_is_not_finite_is_an_error_that_names_its_place() -> None:
    d = np.ones((5, 3))
    d[3, 2] = np.nan
    with pytest.raises(ShapeError, match=r"row 3, measure 2"):
        paired(d)
    with pytest.raises(ShapeError, match=r"row 3, measure 2"):
        unpaired(d, np.arange(5) < 2)


def test_an_empty_group_is_an_error_with_both_sizes() -> None:
    with pytest.raises(ShapeError, match="0 rows in the first, 5 in the second"):
        unpaired(np.ones((5, 1)), np.zeros(5, dtype=np.bool_))


def test_no_measure_at_all_is_no_error() -> None:
    found = paired(np.zeros((5, 0)))
    assert found.p_value.shape == found.p_fwer.shape == (0,)


def mixed(n: int, m: int, *, shift: float) -> FloatMatrix:
    """Differences of m numbers, of which every fourth is shifted, the more so in the latter half of the rows."""
    made = np.random.default_rng(8).normal(size=(n, m))
    made[:, ::4] += shift * np.arange(n)[:, None] * 2 / n
    return made


@pytest.mark.parametrize("paired", [True, False])
def test_stopping_early_changes_no_p_that_could_pass(paired: bool) -> None:
    values = mixed(90, 12, shift=0.6)
    values[:, 1] = values[:, 1] > 0
    options: Any = {"indicator": np.arange(12) == 1, "seed": 3}

    def test(n_resamples: int, early: EarlyStop | None) -> TestResult:
        if paired:
            return paired_test(values, n_resamples=n_resamples, early=early, **options)
        return unpaired_test(
            values, np.ones_like(values, np.bool_), np.arange(90) < 40, n_resamples=n_resamples, early=early, **options
        )

    stopped, first, full = test(30_000, EarlyStop(0.1)), test(FIRST, None), test(30_000, None)
    far = (first.p_value > 0.1) & ~first.exact
    assert 0 < far.sum() < 11
    np.testing.assert_array_equal(stopped.p_value, np.where(far, first.p_value, full.p_value))
    np.testing.assert_array_equal(stopped.p_fwer, np.maximum(first.p_fwer, stopped.p_value))
    assert stopped.n_resamples == 30_000


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_together_all_measures_go_on_or_none(shift: float) -> None:
    values = mixed(90, 12, shift=shift)
    options: Any = {"indicator": np.zeros(12, np.bool_), "seed": 3}
    stopped = paired_test(values, n_resamples=30_000, early=EarlyStop(0.1, together=True), **options)
    wanted = paired_test(values, n_resamples=30_000 if shift else FIRST, **options)
    assert (wanted.p_fwer.min() <= 0.1) == bool(shift)
    np.testing.assert_array_equal(stopped.p_value, wanted.p_value)
    np.testing.assert_array_equal(stopped.p_fwer, wanted.p_fwer)


def test_stopped_early_p_is_still_no_smaller_than_it_may_be() -> None:
    rng = np.random.default_rng(5)
    p = np.concatenate(
        [
            paired_test(
                rng.normal(size=(40, 40)),
                indicator=np.zeros(40, np.bool_),
                n_resamples=20_000,
                seed=i,
                early=EarlyStop(0.1),
            ).p_value
            for i in range(10)
        ]
    )
    for u in (0.05, 0.1, 0.2, 0.5):
        assert (p <= u).mean() <= u + 4 * (u * (1 - u) / len(p)) ** 0.5
