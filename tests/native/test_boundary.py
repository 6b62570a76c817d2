"""Whatever Python hands to a native function, a value or an ordinary exception comes back, never a panic."""

from __future__ import annotations

import contextlib
import inspect
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from diptych import _core
from diptych.errors import DiptychError

# What pyo3 and NumPy give for a wrong type, a wrong number of arguments, or a number that does not fit.
ORDINARY = (DiptychError, TypeError, ValueError, OverflowError, MemoryError, OSError)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6)
DTYPES = st.sampled_from([np.float32, np.float64, np.int32, np.int64, np.uint8, np.bool_, np.complex64, object])


def _strided(array: np.ndarray[Any, Any], how: int) -> np.ndarray[Any, Any]:
    if how == 1:
        return np.asfortranarray(array)
    if how == 2 and array.ndim:
        return np.repeat(array, 2, axis=-1)[..., ::2]
    return array[::-1] if how == 3 and array.ndim else array


ARRAYS = st.builds(
    _strided,
    DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, SHAPES, elements=None if dtype is not object else st.none())),
    st.integers(0, 3),
)
NUMBERS = st.one_of(st.integers(-2, 9), st.sampled_from([-(2**63), 2**31, 2**63, 2**64, 10**30]), st.floats())
TEXTS = st.sampled_from(["", "a", "a\0b", "\ud800", "x" * 300, "error", "skip"])
LISTS = st.lists(st.one_of(TEXTS, st.none(), st.integers(0, 3), st.lists(TEXTS, max_size=3)), max_size=4)
ARGUMENTS = st.one_of(ARRAYS, ARRAYS, NUMBERS, st.booleans(), st.none(), TEXTS, LISTS, st.binary(max_size=40))

# They touch files by name; their own tests hand them hostile ones.
BY_PATH = {"Store", "JsonlReader", "read_file"}
FUNCTIONS = sorted(
    name
    for name in dir(_core)
    if not name.startswith("_") and name not in BY_PATH and inspect.isroutine(getattr(_core, name))
)
METHODS = ["sign_flips", "label_permutations"]


def attempt(function: Any, arguments: list[Any]) -> None:
    """Call it; a panic is a BaseException that this lets through, and pytest fails."""
    with contextlib.suppress(*ORDINARY):
        function(*arguments)


def test_there_is_something_to_call() -> None:
    assert len(FUNCTIONS) >= 8


@pytest.mark.parametrize("name", FUNCTIONS)
@given(st.lists(ARGUMENTS, min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_any_arguments_give_a_value_or_an_ordinary_exception(name: str, arguments: list[Any]) -> None:
    attempt(getattr(_core, name), arguments)


@pytest.mark.parametrize("name", METHODS)
@given(st.lists(ARGUMENTS, min_size=1, max_size=5))
@settings(max_examples=150, deadline=None)
def test_any_arguments_to_a_permutation_test(name: str, arguments: list[Any]) -> None:
    attempt(getattr(_core.PermutationTest, name), arguments)


FLOATS = st.one_of(st.floats(-4, 4, width=32), st.sampled_from([np.nan, np.inf, 3e38]))


def matrices(dtype: Any) -> Any:
    return hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=6).flatmap(
        lambda shape: hnp.arrays(dtype, shape, elements=FLOATS)
    )


THREADS = st.sampled_from([-1, 0, 1, 2, 999])
LABELS = hnp.arrays(np.int32, st.integers(0, 8), elements=st.integers(-2, 5))


@given(LABELS, LABELS, matrices(np.float32), matrices(np.float32), st.integers(-1, 7), THREADS)
@settings(max_examples=200, deadline=None)
def test_arrays_of_the_right_kind_and_any_size(a: Any, b: Any, x: Any, y: Any, n: int, threads: int) -> None:
    attempt(_core.contingency, [a, b, n, n, threads])
    attempt(_core.cluster_sums, [a, x, n, threads])
    attempt(_core.mean_similarity, [a, x, b, y, n, n, threads])
    attempt(_core.nearest_neighbours, [x, y, n, threads])
    attempt(_core.nearest_centroids, [x, y, threads])
    attempt(_core.kmeans, [x, n, n % 3, n + 2, 0.0, 1, threads])
    attempt(_core.assign, [x.astype(np.float64), bool(n % 2)])
    attempt(_core.quadratic_forms, [x, bool(n % 2), a > 0, 1, 0, 9, threads])


@given(matrices(np.float64), st.booleans(), st.integers(-1, 2**64), st.integers(-1, 40), THREADS)
@settings(max_examples=200, deadline=None)
def test_permutation_tests_of_any_size(values: Any, exact: bool, seed: int, stop: int, threads: int) -> None:
    first = np.arange(len(values)) % 2 == 0
    for make, arguments in (
        (_core.PermutationTest.sign_flips, [values, seed, exact]),
        (_core.PermutationTest.label_permutations, [values, values > 0, first, seed, exact]),
    ):
        try:
            test = make(*arguments)
        except ORDINARY:
            continue
        attempt(test.count, [0, stop, threads])
        attempt(test.null, [0, stop, threads])


@given(st.binary(max_size=200), st.sampled_from(["error", "skip", "other"]), st.integers(-1, 99), THREADS)
@settings(max_examples=200, deadline=None)
def test_any_bytes_as_lines_of_json(data: bytes, on_bad_line: str, max_line_bytes: int, threads: int) -> None:
    attempt(_core.parse_jsonl, [data, "source", on_bad_line, max_line_bytes, threads])
