"""What an intervention did to the weights: how much, where, and along how many directions."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from diptych._types import FloatVector, Progress, Silent, Vectors
from diptych.errors import DataError

N_DIRECTIONS = 5
_ROWS = 1 << 24
"""Numbers of a matrix that are in memory as float64 at once."""
_ROUNDING = 2.3e-16


@dataclass(frozen=True)
class WeightDifference:
    """One matrix after, less the same before.

    Parameters
    ----------
    name : of the matrix
    shape : rows and columns; of a vector one number
    norm, norm_before : Frobenius norms, of the difference and of the matrix before
    spectrum : singular values of the difference, float64, falling; of a vector its norm alone
    left, right : directions of the largest of them, float32, shape (k, rows) and (k, columns); none of a vector
    """

    name: str
    shape: tuple[int, ...]
    norm: float
    norm_before: float
    spectrum: FloatVector
    left: Vectors
    right: Vectors

    @property
    def relative_norm(self) -> float:
        """Norm of the difference over that of the matrix before; infinite where that was zero."""
        if self.norm_before == 0:
            return 0.0 if self.norm == 0 else float("inf")
        return self.norm / self.norm_before

    @functools.cached_property
    def effective_rank(self) -> float:
        """Along how many directions it goes: exp of the entropy of the spectrum; 1 for rank one, 0 for no change.

        Roy & Vetterli (2007), EUSIPCO: shares are singular values over their sum.
        """
        total = self.spectrum.sum()
        if total == 0:
            return 0.0
        shares = self.spectrum[self.spectrum > 0] / total
        return float(np.exp(-(shares * np.log(shares)).sum()))

    @functools.cached_property
    def stable_rank(self) -> float:
        """Sum of squared singular values over the largest of them; 0 where nothing changed."""
        squares = self.spectrum**2
        return float(squares.sum() / squares[0]) if squares.sum() else 0.0

    @property
    def cumulative(self) -> FloatVector:
        """Share of the squared norm along the first 1, 2, … directions, float64, as long as the spectrum."""
        squares = self.spectrum**2
        return np.cumsum(squares) / squares.sum() if squares.sum() else np.zeros_like(squares)

    def rank_for(self, share: float) -> int:
        """The fewest directions that hold so much of the squared norm; 0 where nothing changed.

        Parameters
        ----------
        share : in (0, 1]
        """
        return int(np.searchsorted(self.cumulative, share - 1e-12) + 1) if self.norm else 0


@dataclass(frozen=True)
class WeightChanges:
    """All matrices of two models.

    Parameters
    ----------
    differences : of those that both have, in their order
    only_before, only_after : names of those that one has
    reshaped : names of those that have another shape, which no difference can be taken of
    """

    differences: tuple[WeightDifference, ...]
    only_before: tuple[str, ...] = ()
    only_after: tuple[str, ...] = ()
    reshaped: tuple[str, ...] = ()

    @property
    def relative_norm(self) -> float:
        """Of all differences together."""
        before = sum(one.norm_before**2 for one in self.differences)
        return (sum(one.norm**2 for one in self.differences) / before) ** 0.5 if before else 0.0

    @property
    def n_changed(self) -> int:
        """Matrices that are not what they were."""
        return sum(one.norm > 0 for one in self.differences)


def weight_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], *, progress: Progress | None = None
) -> WeightChanges:
    """How the weights of two models differ, matrix by matrix, paired by name.

    Parameters
    ----------
    before, after : float tensors by name
    progress : where it says how far it is

    Raises
    ------
    DataError
        If the models have no matrix in common, or weights are not numbers.
    """
    both = [name for name in before if name in after]
    reshaped = tuple(name for name in both if before[name].shape != after[name].shape)
    fit = [name for name in both if name not in reshaped]
    if not fit:
        raise DataError("the two models have no matrix of the same name and shape: there is nothing to subtract")
    watched = progress or Silent()
    watched.start("weights", len(fit))
    found = []
    for name in fit:
        found.append(weight_difference(name, before[name], after[name]))
        watched.advance()
    watched.finish()
    return WeightChanges(
        tuple(found),
        only_before=tuple(name for name in before if name not in after),
        only_after=tuple(name for name in after if name not in before),
        reshaped=reshaped,
    )


def weight_difference(name: str, before: Any, after: Any) -> WeightDifference:
    """How one matrix differs; in float64, in memory of its smaller side squared.

    The spectrum comes from the eigenvalues of ``D'D`` (or ``DD'``). Singular values below about 1e-8 of the largest are
    rounding of that, and count as zero.

    Parameters
    ----------
    name : of the matrix
    before, after : float tensors of one shape; more than two dimensions are read as rows of all the others

    Raises
    ------
    DataError
        If the shapes differ, or a weight is not a number.
    """
    if before.shape != after.shape:
        raise DataError(f"{name}: shapes {tuple(before.shape)} and {tuple(after.shape)}: they should be alike")
    shape = tuple(before.shape)
    a, b = (weights.detach().reshape(len(weights), -1) for weights in (before, after))  # of a vector: one column
    wide = a.shape[1] > a.shape[0]
    if wide:
        a, b = a.T, b.T
    norm_before = sum(float((part**2).sum()) for part in _in_parts(a)) ** 0.5
    spectrum, short, long = _nothing(a.shape[1]) if (a == b).all() else _decompose(a, b)
    norm = float(np.sqrt((spectrum**2).sum()))
    if not np.isfinite([norm, norm_before]).all():
        raise DataError(f"{name}: weights are not numbers (NaN or infinity)")
    left, right = (short, long) if wide else (long, short)
    if len(shape) < 2:
        left = right = left[:0]
    return WeightDifference(name, shape, norm, norm_before, spectrum, left, right)


def _decompose(a: Any, b: Any) -> tuple[FloatVector, Vectors, Vectors]:
    """Singular values of b - a (n, m), n >= m, and its first directions on the short and on the long side."""
    import torch

    gram = torch.zeros(a.shape[1], a.shape[1], dtype=torch.float64)
    for x, y in zip(_in_parts(a), _in_parts(b), strict=True):
        part = y - x
        gram.addmm_(part.T, part)
    if not torch.isfinite(gram).all():
        return _nothing(a.shape[1], np.nan)
    values, directions = torch.linalg.eigh(gram)
    values = values.flip(0)
    spectrum = values.where(values > values[0] * len(values) * _ROUNDING, 0.0).sqrt()
    kept = int((spectrum[:N_DIRECTIONS] > spectrum[0] * 1e-7).sum()) if spectrum[0] > 0 else 0
    short = directions.flip(1)[:, :kept]
    long = torch.cat([(y - x) @ short for x, y in zip(_in_parts(a), _in_parts(b), strict=True)]) / spectrum[:kept]
    return spectrum.numpy(), short.T.float().contiguous().numpy(), long.T.float().contiguous().numpy()


def _nothing(n: int, value: float = 0.0) -> tuple[FloatVector, Vectors, Vectors]:
    return np.full(n, value), *np.zeros((2, 0, 0), dtype=np.float32)


def _in_parts(matrix: Any) -> Iterator[Any]:
    """Rows as float64, so many at once as memory allows."""
    size = max(1, _ROWS // max(1, matrix.shape[1]))
    for start in range(0, len(matrix), size):
        yield matrix[start : start + size].double()
