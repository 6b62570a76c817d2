"""Contingency tables and optimal assignment against numpy, scikit-learn and scipy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics.cluster import contingency_matrix  # type: ignore[import-untyped,unused-ignore]
from sklearn.metrics.pairwise import cosine_similarity  # type: ignore[import-untyped,unused-ignore]

from diptych import _core
from diptych.errors import ShapeError


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(0, 3000), n_a=st.integers(1, 12), n_b=st.integers(1, 12))
def test_contingency_equals_bincount_without_noise_for_any_threads(seed: int, n: int, n_a: int, n_b: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-1, n_a, n, dtype=np.int32), rng.integers(-1, n_b, n, dtype=np.int32)
    kept = (a >= 0) & (b >= 0)
    pairs = a[kept].astype(np.int64) * n_b + b[kept]
    expected = np.bincount(pairs, minlength=n_a * n_b).reshape(n_a, n_b)
    for threads in (1, 2, 4, 8):
        table = _core.contingency(a, b, n_a, n_b, threads)
        assert table.dtype == np.int64
        assert (table == expected).all()


def test_contingency_equals_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, 5000, dtype=np.int32), rng.integers(0, 7, 5000, dtype=np.int32)
    assert (_core.contingency(a, b, 5, 7, 2) == contingency_matrix(a, b)).all()


def costs(rng: np.random.Generator, kind: str, shape: tuple[int, int]) -> NDArray[np.float64]:
    if kind == "ties":
        return rng.integers(0, 3, shape).astype(np.float64)
    if kind == "counts":
        return rng.poisson(rng.gamma(0.3, 30.0, shape)).astype(np.float64)
    spread = rng.integers(-6, 7, shape) if kind == "far apart" else np.zeros(shape)
    return np.asarray(rng.normal(size=shape) * 10.0**spread)


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("kind", ["real", "ties", "counts", "far apart"])
def test_assignment_costs_what_scipy_finds(kind: str, maximize: bool) -> None:
    rng = np.random.default_rng(8)
    for _ in range(60):
        cost = costs(rng, kind, (int(rng.integers(1, 61)), int(rng.integers(1, 61))))
        rows, columns = _core.assign(cost, maximize)
        assert rows.dtype == columns.dtype == np.int64
        assert (np.diff(rows) > 0).all() and rows.size == np.unique(columns).size == min(cost.shape)
        best = cost[linear_sum_assignment(cost, maximize=maximize)].sum()
        assert cost[rows, columns].sum() == pytest.approx(best, rel=1e-12, abs=1e-12)


def test_assignment_without_rows_or_columns_is_empty() -> None:
    for shape in ((0, 0), (0, 4), (4, 0)):
        rows, columns = _core.assign(np.zeros(shape), False)
        assert rows.size == columns.size == 0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 300), dim=st.integers(1, 70))
def test_sums_and_mean_similarities_equal_numpy_and_scikit_learn(seed: int, n: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    x, labels = rng.normal(size=(n, dim)).astype(np.float32), rng.integers(-1, 3, n, dtype=np.int32)
    sums, counts = _core.cluster_sums(labels, x, 3, 2)
    means = _core.mean_similarity(labels, x, labels, x, 3, 3, 2)
    for i in range(3):
        assert counts[i] == (labels == i).sum()
        np.testing.assert_allclose(sums[i], x[labels == i].sum(axis=0, dtype=np.float64), atol=1e-9)
        for j in range(3):
            if counts[i] and counts[j]:
                pairs = cosine_similarity(x[labels == i].astype(np.float64), x[labels == j].astype(np.float64))
                assert means[i, j] == pytest.approx(pairs.mean(), abs=1e-9)
            else:
                assert np.isnan(means[i, j])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 400), dim=st.integers(1, 70), whole=st.booleans())
def test_neighbours_are_those_of_a_stable_sort(seed: int, n: int, dim: int, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(-3, 4, (n + 50, dim)) if whole else rng.normal(size=(n + 50, dim))
    queries, targets = np.split(values.astype(np.float32), [50])
    k = min(10, n)
    products = queries.astype(np.float64) @ targets.astype(np.float64).T
    order = np.argsort(-products, axis=1, kind="stable")[:, :k]
    for threads in (1, 2, 3):
        indices, similarities = _core.nearest_neighbours(queries, targets, k, threads)
        assert (indices == order).all()
        np.testing.assert_allclose(similarities, np.take_along_axis(products, order, axis=1), rtol=1e-6, atol=1e-6)


A: Any = np.zeros(3, dtype=np.int32)
X: Any = np.ones((3, 2), dtype=np.float32)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: _core.contingency(A, A[:2], 1, 1, 1), ShapeError, "labels_a has 3 items, labels_b has 2"),
        (lambda: _core.contingency(A - 2, A, 1, 1, 1), ShapeError, "labels_a: item 0 has label -2"),
        (lambda: _core.contingency(A, A + 1, 1, 1, 1), ShapeError, "labels_b: item 0 has label 1"),
        (lambda: _core.contingency(A, A, 1, 1, 0), ShapeError, "threads: 0"),
        (lambda: _core.contingency(A, A, -1, 1, 1), OverflowError, "negative"),
        (lambda: _core.contingency(A, A, 2**62, 2**62, 1), ShapeError, "do not fit|does not fit"),
        (lambda: _core.contingency(A[::2], A[::2], 1, 1, 1), ShapeError, "labels_a: expected a contiguous"),
        (lambda: _core.contingency(A.astype(np.int64), A, 1, 1, 1), TypeError, "int32"),
        (lambda: _core.assign(np.array([[1.0, np.nan]]), False), ShapeError, "cost: row 0, column 1 is NaN"),
        (lambda: _core.assign(np.array([[1.0], [-np.inf]]), False), ShapeError, "cost: row 1, column 0 is -inf"),
        (lambda: _core.assign(np.zeros((3, 2), order="F"), False), ShapeError, "cost: expected a C-contiguous"),
        (lambda: _core.assign(np.zeros((3, 2), dtype=np.float32), False), TypeError, "float64"),
        (lambda: _core.cluster_sums(A, X[:2], 1, 1), ShapeError, "vectors: 4 values, expected 3 rows"),
        (lambda: _core.cluster_sums(A + 1, X, 1, 1), ShapeError, "labels: item 0 has label 1"),
        (lambda: _core.cluster_sums(A, X * np.float32(np.inf), 1, 1), ShapeError, "vectors: row 0, column 0 is inf"),
        (
            lambda: _core.mean_similarity(A, X, A, X[:, :1], 1, 1, 1),
            ShapeError,
            "vectors_a has 2 columns, vectors_b has 1",
        ),
        (lambda: _core.nearest_neighbours(X, X, 4, 1), ShapeError, "k: 4 neighbours of 3 targets"),
        (lambda: _core.nearest_neighbours(X, X, 1, 0), ShapeError, "threads: 0"),
        (lambda: _core.assign(np.zeros(3), False), TypeError, "dimensionality"),  # type: ignore[arg-type,unused-ignore]
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_name(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
