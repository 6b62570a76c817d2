"""Tests that stop early: the p of Besag & Clifford, the same bits as without stopping, and less work."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych._native import PermutationTest
from diptych._types import FloatMatrix
from diptych.stats import permutation
from diptych.stats import sequential as sequential_module
from diptych.stats.calibration import smallness
from diptych.stats.permutation import paired_test
from diptych.stats.planning import Design, Numbers, Pilot, Shares, power_of
from diptych.stats.sequential import SequentialResult, sequential_paired_test
from tests.stats.test_permutation import Steps

B = 5_000


def sequential(d: FloatMatrix, *, n_resamples: int = B, stop_after: int = 100, threads: int = 1) -> SequentialResult:
    none = np.zeros(d.shape[1], dtype=np.bool_)
    return sequential_paired_test(
        d, indicator=none, n_resamples=n_resamples, seed=3, stop_after=stop_after, threads=threads
    )


def one_by_one(d: FloatMatrix, n_resamples: int, stop_after: int) -> tuple[list[float], list[int]]:
    """The definition, resample after resample: each is a whole test of one more resample than the one before."""
    z = PermutationTest.sign_flips(d, 3, False)
    null = z.null(0, n_resamples, 1)
    p_values, numbers = [], []
    for j in range(d.shape[1]):
        exceeding = 0
        for number in range(1, n_resamples + 1):
            exceeding += bool(abs(null[number - 1, j]) >= abs(z.statistic[j]) - 1e-12)
            if exceeding == stop_after:
                break
        stopped = exceeding == stop_after
        p_values.append(stop_after / number if stopped else (1 + exceeding) / (1 + n_resamples))
        numbers.append(number)
    return p_values, numbers


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), stop_after=st.integers(1, 120), n_resamples=st.integers(1, 3000))
def test_p_and_the_number_of_resamples_are_those_of_the_definition(
    seed: int, stop_after: int, n_resamples: int
) -> None:
    rng = np.random.default_rng(seed)
    d = np.column_stack([rng.normal(0.1, 1, 70), rng.normal(0.3, 1, 70), rng.integers(-2, 3, 70), np.zeros(70)])
    found = sequential(d, n_resamples=n_resamples, stop_after=stop_after)
    p_values, numbers = one_by_one(d, n_resamples, stop_after)
    assert found.p_value.tolist() == p_values
    assert found.n_resamples.tolist() == numbers


def test_what_does_not_stop_has_the_bits_of_the_whole_test_and_no_measure_depends_on_another() -> None:
    d = np.random.default_rng(1).normal(0.0, 1.0, (80, 30)) + np.linspace(0.0, 0.6, 30)
    found = sequential(d)
    whole = paired_test(d, indicator=np.zeros(30, dtype=np.bool_), n_resamples=B, seed=3)
    went_on = found.n_resamples == B
    assert 3 < went_on.sum() < 27
    assert (found.p_value[went_on] == whole.p_value[went_on]).all()
    assert (found.statistic == whole.statistic).all()
    for j in range(0, 30, 7):
        alone = sequential(d[:, [j]])
        assert (alone.p_value[0], alone.n_resamples[0]) == (found.p_value[j], found.n_resamples[j])


@pytest.mark.parametrize("threads", [2, 4])
@pytest.mark.parametrize("block", [64, 512])
def test_neither_threads_nor_ranges_change_a_bit(threads: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    d = np.random.default_rng(2).normal(0.1, 1.0, (70, 40))
    base = sequential(d)
    monkeypatch.setattr(permutation, "BLOCK", block)
    monkeypatch.setattr(sequential_module, "BLOCK", block)
    again = sequential(d, threads=threads)
    assert (again.p_value == base.p_value).all()
    assert (again.n_resamples == base.n_resamples).all()


@pytest.mark.parametrize("stop_after", [5, 20, 100])
def test_p_is_never_too_small_under_the_null(stop_after: int) -> None:
    rng = np.random.default_rng(4)
    found = sequential(rng.exponential(size=(60, 1500)) - rng.exponential(size=(60, 1500)), stop_after=stop_after)
    assert smallness(found.p_value.tolist()).p_value > 0.01
    assert abs(found.p_value.mean() - 0.5) < 0.04


def test_plainly_null_measures_stop_and_the_work_ends_with_the_last() -> None:
    d, steps = np.random.default_rng(5).normal(size=(70, 20)), Steps()
    found = sequential_paired_test(d, indicator=np.zeros(20, np.bool_), n_resamples=10**9, seed=0, progress=steps)
    assert np.median(found.n_resamples) < 500
    assert steps.stages[0] == ("test", 10**9)
    assert found.n_resamples.max() <= sum(steps.steps) <= max(2 * found.n_resamples.max(), 512)


def test_known_and_enumerated_p_need_no_resample_and_do_not_stop() -> None:
    rng = np.random.default_rng(6)
    d = rng.choice([-1.0, 0.0, 1.0], (70, 2))
    first = sequential_paired_test(d, indicator=np.array([True, False]), n_resamples=B, seed=0)
    whole = paired_test(d, indicator=np.array([True, False]), n_resamples=B, seed=0)
    assert first.n_resamples[0] == 0 < first.n_resamples[1]
    assert first.p_value[0] == whole.p_value[0]
    small = rng.normal(size=(10, 3))
    found = sequential(small, stop_after=1)
    assert (found.p_value == paired_test(small, indicator=np.zeros(3, np.bool_), n_resamples=B, seed=0).p_value).all()
    assert (found.n_resamples == 2**10).all()
    assert sequential(np.zeros((70, 0))).p_value.shape == (0,)


@pytest.mark.parametrize("level", [0.0004, 0.01, 0.3])
def test_a_plan_finds_the_same_runs_as_the_whole_test(level: float) -> None:
    design = Design(level=level, n_resamples=B, runs=150, seed=1)
    for model in (Numbers(1.0), Shares(0.1, 0.1, 3), Pilot(np.random.default_rng(7).exponential(size=50))):
        d = model.sample(np.random.Generator(np.random.Philox(key=1)), 80, 150, 0.2)
        whole = paired_test(d, indicator=np.zeros(150, np.bool_), n_resamples=B, seed=1)
        assert power_of(model, 80, 0.2, design) == ((whole.p_value <= level) & (whole.statistic > 0)).mean()
