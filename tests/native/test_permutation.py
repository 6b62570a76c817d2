"""Sign flips and label permutations against scipy, closed forms and stored vectors."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from diptych import _core
from diptych.errors import ShapeError

DATA = Path(__file__).parent.parent / "data"
Floats = NDArray[np.float64]


def flips(d: Floats, start: int, stop: int, *, exact: bool = False, seed: int = 5, threads: int = 2) -> Any:
    test = _core.PermutationTest.sign_flips(np.ascontiguousarray(d), seed, exact)
    return test.statistic, *test.count(start, stop, threads)


def labels(
    values: Floats,
    first: NDArray[np.bool_],
    start: int,
    stop: int,
    *,
    present: NDArray[np.bool_] | None = None,
    exact: bool = False,
    threads: int = 2,
) -> Any:
    there = np.ones(values.shape, dtype=np.bool_) if present is None else present
    test = _core.PermutationTest.label_permutations(np.ascontiguousarray(values), there, first, 5, exact)
    return test.statistic, *test.count(start, stop, threads)


def column(rng: np.random.Generator, n: int, kind: int) -> Floats:
    """Whole numbers, shares of five draws (both full of ties), or measurements."""
    drawn: Floats = [
        rng.integers(-2, 3, n).astype(np.float64),
        rng.integers(0, 6, n) / 5 - rng.integers(0, 6, n) / 5,
        rng.normal(size=n),
    ][kind]
    return drawn


def rounded(statistic: Any) -> Any:
    """Statistics that differ by rounding only become equal, as scipy's own tolerance is relative to the observed."""
    return np.round(statistic, 9)


def test_exact_sign_flips_equal_scipy() -> None:
    rng = np.random.default_rng(1)
    for case in range(250):
        d = column(rng, int(rng.integers(2, 8)), case % 3)
        norm = np.sqrt(np.sum(d**2)) or 1.0

        def statistic(x: Floats, axis: int, norm: float = norm) -> Any:
            return rounded(np.abs(np.sum(x, axis=axis)) / norm)

        oracle = stats.permutation_test(
            (d,), statistic, permutation_type="samples", vectorized=True, n_resamples=10**9, alternative="greater"
        )
        z, exceed, exceed_max = flips(d[:, None], 0, 2**d.size, exact=True)
        assert exceed[0] / 2**d.size == pytest.approx(oracle.pvalue, abs=1e-12)
        assert exceed_max[0] == exceed[0]
        assert z[0] == pytest.approx(d.sum() / norm, abs=1e-12)


def welch(x: Floats, y: Floats, axis: int = -1) -> Any:
    difference = y.mean(axis=axis) - x.mean(axis=axis)
    error = np.sqrt(x.var(axis=axis, ddof=1) / x.shape[axis] + y.var(axis=axis, ddof=1) / y.shape[axis])
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(error > 1e-9, difference / error, np.sign(np.round(difference, 9)) * 1e154)
    return t


def test_exact_label_permutations_equal_scipy() -> None:
    rng = np.random.default_rng(2)
    for case in range(250):
        n1, n2 = (int(n) for n in rng.integers(2, 6, 2))
        x, y = column(rng, n1, case % 3), column(rng, n2, case % 3)

        def statistic(x: Floats, y: Floats, axis: int) -> Any:
            return rounded(np.abs(welch(x, y, axis)))

        oracle = stats.permutation_test(
            (x, y), statistic, permutation_type="independent", vectorized=True, n_resamples=10**9, alternative="greater"
        )
        total = comb(n1 + n2, n1)
        first = np.arange(n1 + n2) < n1
        t, exceed, _ = labels(np.concatenate([x, y])[:, None], first, 0, total, exact=True)
        assert exceed[0] / total == pytest.approx(oracle.pvalue, abs=1e-12)
        assert t[0] == pytest.approx(float(welch(x, y)), rel=1e-10, abs=1e-10)


def test_indicators_equal_the_exact_mcnemar_test() -> None:
    rng = np.random.default_rng(3)
    for _ in range(30):
        d = rng.choice([-1.0, 0.0, 0.0, 1.0], size=int(rng.integers(4, 12))) * 0.1
        won, lost = int((d > 0).sum()), int((d < 0).sum())
        _, exceed, _ = flips(d[:, None], 0, 2**d.size, exact=True)
        expected = stats.binomtest(won, won + lost).pvalue if won + lost else 1.0
        assert exceed[0] / 2**d.size == pytest.approx(expected, abs=1e-12)


def test_missing_values_travel_with_their_row() -> None:
    rng = np.random.default_rng(4)
    for _ in range(8):
        values, present = rng.normal(size=(8, 2)), rng.random((8, 2)) < 0.8
        values[~present] = np.nan
        first = np.arange(8) < 3
        null = _core.PermutationTest.label_permutations(values, present, first, 0, True).null(0, comb(8, 3), 2)
        for row, chosen in zip(null, combinations(range(8), 3), strict=True):
            is_first = np.isin(np.arange(8), chosen)
            for m in range(2):
                x, y = (values[is_first == side, m] for side in (True, False))
                x, y = x[~np.isnan(x)], y[~np.isnan(y)]
                if min(x.size, y.size) >= 2:
                    assert row[m] == pytest.approx(stats.ttest_ind(y, x, equal_var=False).statistic, rel=1e-9)
                elif min(x.size, y.size) == 1:
                    assert row[m] == np.sign(y.mean() - x.mean()) * 1e154
                else:
                    assert row[m] == 0.0


def cases() -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """A fixed case: numbers (dense, sparse), shares of five draws and an indicator; some values missing."""
    rows = np.arange(130.0)
    numbers = np.sqrt(rows * 37 % 101) - 6.5
    d = [numbers, (rows * 13 % 11 - 5) / 5, (rows % 7 == 0) - (rows % 5 == 0) * 1.0, numbers * (rows % 9 == 0)]
    return np.stack(d, axis=1), (rows[:, None] + [0, 1, 2, 3]) % 17 != 0, rows * 29 % 64 < 20


def golden_tests() -> dict[str, _core.PermutationTest]:
    """By the name of the file in ``tests/data`` that holds 1,000 rows of their z*."""
    d, present, first = cases()
    return {
        "sign_flips_golden": _core.PermutationTest.sign_flips(d, 42, False),
        "label_permutations_golden": _core.PermutationTest.label_permutations(d, present, first, 42, False),
    }


@pytest.mark.parametrize("threads", [1, 2, 4, 8])
@pytest.mark.parametrize("chunk", [1000, 333, 64, 1])
def test_null_statistics_are_those_stored_bit_for_bit(threads: int, chunk: int) -> None:
    for name, test in golden_tests().items():
        parts = [test.null(start, min(start + chunk, 1000), threads) for start in range(0, 1000, chunk)]
        assert np.concatenate(parts).tobytes() == np.load(DATA / f"{name}.npy").tobytes()


def test_counts_are_those_of_the_null_matrix_and_add_up_over_chunks() -> None:
    d, present, first = cases()
    null = np.abs(_core.PermutationTest.sign_flips(d, 5, False).null(0, 1000, 2))
    z, exceed, exceed_max = flips(d, 0, 1000)
    assert (exceed == (null >= np.abs(z) - 1e-13).sum(axis=0)).all()
    for m in range(d.shape[1]):
        weaker = np.abs(z) <= np.abs(z[m])
        assert exceed_max[m] == (null[:, weaker].max(axis=1) >= np.abs(z[m]) - 1e-13).sum()
    for whole, parts in (
        (flips(d, 0, 1000), (flips(d, 0, 300), flips(d, 300, 1000))),
        (
            labels(d, first, 0, 1000, present=present),
            (labels(d, first, 0, 300, present=present), labels(d, first, 300, 1000, present=present)),
        ),
    ):
        for kind in (1, 2):
            assert (whole[kind] == parts[0][kind] + parts[1][kind]).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(2, 40), scale=st.sampled_from([1e-200, 1e-8, 1e-3, 3.0, 1e8, 1e200]))
def test_order_of_measures_scale_and_names_of_groups_change_no_count(seed: int, n: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    d = np.stack([column(rng, n, kind) for kind in (0, 1, 2, 1, 0)], axis=1)
    d[:, 4] = -d[:, 0]
    order = rng.permutation(5)
    first = rng.random(n) < 0.5
    tests: list[Callable[[Floats], Any]] = [lambda x: flips(x, 0, 200), lambda x: labels(x, first, 0, 200)]
    for run in tests:
        base, moved, scaled = run(d), run(d[:, order]), run(d * scale)
        for kind in range(3):
            assert (moved[kind] == base[kind][order]).all()
        assert (scaled[1] == base[1]).all()
    base, renamed = labels(d, first, 0, 200), labels(d, ~first, 0, 200)
    assert (renamed[0] == -base[0]).all()
    assert (renamed[1] == base[1]).all() and (renamed[2] == base[2]).all()
    assert (flips(-d, 0, 200)[1] == flips(d, 0, 200)[1]).all()


def test_data_without_any_difference_have_p_of_exactly_one() -> None:
    for run in (flips(np.zeros((9, 2)), 0, 100), labels(np.full((9, 2), 0.1), np.arange(9) < 4, 0, 100)):
        assert (run[0] == 0).all() and (run[1] == 100).all() and (run[2] == 100).all()


def test_p_is_uniform_when_there_is_no_difference() -> None:
    rng = np.random.default_rng(6)
    d = rng.standard_t(3, size=(30, 400))
    first = np.arange(30) < 12
    for _, exceed, exceed_max in (flips(d, 0, 999), labels(d, first, 0, 999)):
        p = (1 + exceed) / 1000
        assert stats.kstest(p, "uniform").pvalue > 0.01
        assert (exceed_max >= exceed).all()


def test_the_smallest_step_down_p_is_uniform_over_families_without_a_difference() -> None:
    rng = np.random.default_rng(7)
    smallest = []
    for _ in range(400):
        shared = rng.normal(size=(20, 1))
        z, _, exceed_max = flips(shared + rng.normal(size=(20, 5)), 0, 199, seed=int(rng.integers(2**60)))
        smallest.append((1 + exceed_max[np.argmax(np.abs(z))]) / 200)
    assert stats.kstest(smallest, "uniform").pvalue > 0.01


ONE: Any = np.ones((4, 2))
THERE: Any = np.ones((4, 2), dtype=np.bool_)
FIRST: Any = np.arange(4) < 2
BAD: Any = np.array([[1.0, 1.0], [1.0, np.nan]])


def signs_of(d: Any, seed: int = 0, exact: bool = False) -> _core.PermutationTest:
    return _core.PermutationTest.sign_flips(d, seed, exact)


def labels_of(values: Any, present: Any, first: Any, exact: bool = False) -> _core.PermutationTest:
    return _core.PermutationTest.label_permutations(values, present, first, 0, exact)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: signs_of(BAD), ShapeError, "differences: row 1, measure 1 is NaN"),
        (lambda: signs_of(np.asfortranarray(ONE)), ShapeError, "differences: expected a C-contiguous"),
        (lambda: signs_of(ONE[:, ::2]), ShapeError, "differences: expected a C-contiguous"),
        (lambda: signs_of(ONE.astype(np.float32)), TypeError, "float64"),
        (lambda: signs_of(ONE[:, 0]), TypeError, "dimensionality mismatch"),
        (lambda: signs_of(ONE, seed=-1), OverflowError, "negative"),
        (lambda: signs_of(np.ones((63, 1)), exact=True), ShapeError, "63 pairs"),
        (lambda: signs_of(ONE).count(2, 1, 1), ShapeError, "start 2 is after stop 1"),
        (lambda: signs_of(ONE).null(2, 1, 1), ShapeError, "start 2 is after stop 1"),
        (lambda: signs_of(ONE).count(0, 1, 0), ShapeError, "threads: 0"),
        (lambda: signs_of(ONE, exact=True).count(0, 17, 1), ShapeError, "stop 17 is past the last of 16"),
        (lambda: signs_of(ONE).null(0, 2**63, 1), ShapeError, "do not fit in memory"),
        (lambda: labels_of(ONE, THERE[:3], FIRST), ShapeError, r"\[3, 2\]"),
        (lambda: labels_of(ONE, THERE.T.copy(), FIRST), ShapeError, r"\[2, 4\]"),
        (lambda: labels_of(ONE, THERE, FIRST[:3]), ShapeError, "first: 3 values"),
        (lambda: labels_of(ONE, THERE, FIRST, exact=True).count(0, 7, 1), ShapeError, "stop 7 is past the last of 6"),
        (lambda: labels_of(ONE, ONE, FIRST), TypeError, "bool"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_name(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_no_rows_or_no_measures_give_empty_results() -> None:
    assert [part.tolist() for part in flips(np.zeros((0, 2)), 0, 10)] == [[0, 0], [10, 10], [10, 10]]
    assert [part.shape for part in flips(np.zeros((5, 0)), 0, 10)] == [(0,)] * 3
    assert [part.shape for part in labels(np.zeros((5, 0)), np.arange(5) < 2, 0, 10)] == [(0,)] * 3
    assert signs_of(np.zeros((5, 0))).null(0, 10, 4).shape == (10, 0)
    assert signs_of(np.zeros((5, 2))).null(3, 3, 4).shape == (0, 2)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux to measure a peak of memory")
@pytest.mark.parametrize("kind", ["indicators", "numbers"])
def test_memory_is_bounded_whatever_the_number_of_resamples(kind: str) -> None:
    rng = np.random.default_rng(8)
    d = rng.choice([-1.0, 0.0, 1.0], (300, 40)) if kind == "indicators" else rng.normal(size=(300, 40))
    test = signs_of(d)
    few = peak_kib(lambda: test.count(0, 2_000, 2))
    many = peak_kib(lambda: test.count(0, 100_000, 2))
    stated = 2 * (128 * 300 + 4_096 * 40 + 64_000) / 1024
    assert many <= max(few, stated) + 1024


def peak_kib(call: Callable[[], object]) -> float:
    """How far resident memory rises above where it stands."""

    def resident(name: str) -> float:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(name))

    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = resident("VmRSS")
    call()
    return resident("VmHWM") - before
