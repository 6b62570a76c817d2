"""Rows of vectors by what they hold: checked, in an order of their own, clusters numbered by size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diptych._types import Labels, Mask, Vectors
from diptych.errors import ShapeError

_CHUNK = 4_096


def as_vectors(rows: ArrayLike | Sequence[ArrayLike]) -> Vectors:
    """Vectors, checked: float32 (n, d), C-contiguous; the same array where it is that already.

    Parameters
    ----------
    rows : n vectors of one width

    Raises
    ------
    ShapeError
        If there is none, widths differ, or a value is not a finite number; names the row.

    Examples
    --------
    >>> as_vectors([[1, 2], [3, 4]]).dtype.name
    'float32'
    """
    try:
        table = np.ascontiguousarray(rows, dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise ShapeError(_why_no_table(rows, error)) from None
    if table.ndim != 2 or not table.size:
        raise ShapeError(f"vectors of shape {table.shape}: expected (n, d), with at least one row and one column")
    for start in range(0, len(table), _CHUNK):
        finite = np.isfinite(table[start : start + _CHUNK]).all(axis=1)
        if not finite.all():
            row = start + int(np.argmin(finite))
            column = int(np.argmin(np.isfinite(table[row])))
            raise ShapeError(f"vectors: row {row}, column {column} is {table[row, column]}, expected a finite number")
    return table


def as_labels(labels: ArrayLike, n: int) -> Labels:
    """Labels, checked: int32 (n,).

    Parameters
    ----------
    labels : whole numbers, -1 for noise
    n : rows that they belong to

    Raises
    ------
    ShapeError
        If there is not one for each row, one is not a whole number, or one is below -1.

    Examples
    --------
    >>> as_labels([0, 1, -1], 3).tolist()
    [0, 1, -1]
    """
    given = np.asarray(labels)
    if given.shape != (n,):
        raise ShapeError(f"labels of shape {given.shape} for {n} vectors; give one label for each")
    if given.dtype.kind not in "iu":
        raise ShapeError(f"labels are {given.dtype}, expected whole numbers")
    if n and not -1 <= int(given.min()) <= int(given.max()) < 2**31 - 1:
        worst = given.min() if given.min() < -1 else given.max()
        raise ShapeError(f"label {worst} of row {int(np.flatnonzero(given == worst)[0])}: expected -1 (noise) or more")
    return np.ascontiguousarray(given, dtype=np.int32)


@dataclass(frozen=True, slots=True)
class RowOrder:
    """An order of rows that only their contents decide.

    Parameters
    ----------
    order : int64 (n,), sorted place to row
    starts : bool (n,), whether the row at a sorted place differs from the one before
    """

    order: NDArray[np.int64]
    starts: Mask

    @property
    def n_distinct(self) -> int:
        """How many different rows there are."""
        return int(self.starts.sum())

    @property
    def distinct(self) -> NDArray[np.int64]:
        """Number of the distinct row at each sorted place."""
        return np.asarray(np.cumsum(self.starts) - 1)

    def unsorted(self, labels: Labels) -> Labels:
        """Labels of sorted places, by row."""
        by_row = np.empty_like(labels)
        by_row[self.order] = labels
        return by_row


def order_rows(vectors: Vectors) -> RowOrder:
    """Sort rows by their bytes: the same for every order that they come in.

    Parameters
    ----------
    vectors : float32 (n, d), C-contiguous, neither empty

    Notes
    -----
    Beyond the input, 17 bytes a row.

    Examples
    --------
    >>> found = order_rows(np.array([[2], [1], [2]], np.float32))
    >>> found.starts.tolist(), found.n_distinct
    ([True, False, True], 2)
    """
    keys = vectors.view(f"S{vectors.shape[1] * vectors.itemsize}").ravel()
    order = np.argsort(keys, kind="stable")
    starts = np.ones(len(order), dtype=np.bool_)
    for start in range(1, len(order), _CHUNK):
        places = order[start - 1 : start + _CHUNK]
        starts[start : start + len(places) - 1] = keys[places[1:]] != keys[places[:-1]]
    return RowOrder(order, starts)


def number_by_size(labels: Labels) -> Labels:
    """The same clusters with the largest as number 0; of equal sizes the one that comes first. Noise stays -1.

    Parameters
    ----------
    labels : int32 (n,), of sorted rows, so that only contents decide

    Examples
    --------
    >>> number_by_size(np.array([7, 3, 3, -1], np.int32)).tolist()
    [1, 0, 0, -1]
    """
    names, first, inverse, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    is_noise = names < 0
    rank = np.empty(len(names), dtype=np.int32)
    rank[np.lexsort((first, -sizes, is_noise))] = np.arange(len(names), dtype=np.int32)
    rank[is_noise] = -1
    return rank[inverse]


def _why_no_table(rows: ArrayLike | Sequence[ArrayLike], error: Exception) -> str:
    try:
        widths = [np.shape(row) for row in rows]  # type: ignore[union-attr]
    except (TypeError, ValueError):
        return f"vectors cannot be read as numbers: {error}"
    for i, width in enumerate(widths):
        if width != widths[0]:
            return f"vectors differ in width: row 0 has shape {widths[0]}, row {i} has {width}"
    return f"vectors cannot be read as numbers: {error}"
