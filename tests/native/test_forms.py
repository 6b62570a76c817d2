"""Quadratic forms under resampling against numpy and the random bits of the other kernels."""

from __future__ import annotations

import numpy as np
import pytest

from diptych import _core
from diptych.errors import ShapeError


@pytest.mark.parametrize("n", [1, 7, 64, 65, 200])
@pytest.mark.parametrize("kernel", [True, False])
@pytest.mark.parametrize("paired", [True, False])
def test_forms_equal_products(n: int, kernel: bool, paired: bool) -> None:
    rng = np.random.default_rng(n)
    vectors = rng.normal(size=(n, 11)).astype(np.float32)
    values = vectors @ vectors.T if kernel else vectors
    matrix = values.astype(np.float64) if kernel else vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    first = rng.random(n) < 0.4
    # The drawn rows of the same stream, read off the statistics of unit columns.
    if paired:
        weights = np.sign(_core.PermutationTest.sign_flips(np.eye(n), 5, False).null(3, 603, 1))
        own = np.ones(n)
    else:
        drawn_first = first.sum() * 2 < n or (first.sum() * 2 == n and not first[0])
        own = np.where(first, 1 / max(first.sum(), 1), -1 / max((~first).sum(), 1))
        test = _core.PermutationTest.label_permutations(np.eye(n), np.ones((n, n), bool), first, 5, False)
        t = test.null(3, 603, 1)
        in_second = t > 0
        weights = np.where(in_second, -1 / max((~first).sum(), 1), 1 / max(first.sum(), 1))
        assert drawn_first in {True, False}
    observed, null = _core.quadratic_forms(values, kernel, None if paired else first, 5, 3, 603, 1)
    if paired or 0 < first.sum() < n:
        assert observed == pytest.approx(own @ matrix @ own, rel=1e-4, abs=1e-5)
        expected = ((weights @ matrix) * weights).sum(axis=1)
        np.testing.assert_allclose(null, expected, rtol=1e-4, atol=1e-5)
    again = _core.quadratic_forms(values, kernel, None if paired else first, 5, 3, 603, 2)
    assert again[0] == observed
    np.testing.assert_array_equal(again[1], null)


def test_errors_name_the_value() -> None:
    bad = np.array([[1.0, np.nan]], np.float32)
    with pytest.raises(ShapeError, match="values: row 0, measure 1 is NaN"):
        _core.quadratic_forms(bad, False, None, 0, 0, 1, 1)
    with pytest.raises(ShapeError, match="values: 2 values, expected 1 rows x 1 measures"):
        _core.quadratic_forms(np.ones((1, 2), np.float32), True, None, 0, 0, 1, 1)
