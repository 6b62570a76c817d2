"""Which prompts the assistant is shown: a draw that favours divergence, and prompts unlike the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diptych._types import FloatVector, Vectors
from diptych.stats.two_sample import squared_distances

_ALIKE = 1e-9
"""Values that differ by less are alike: what is left between them is rounding."""
_NEAREST = 1e-8
"""Keeps the distance of two equal vectors from being nothing."""


def diversity(vectors: Vectors) -> FloatVector:
    """How far each vector is from all others: the harmonic mean of its distances, so that the near ones count.

    Parameters
    ----------
    vectors : float32 (n, d)

    Returns
    -------
    float64 (n,)
        zeros where there is but one

    Examples
    --------
    >>> diversity(np.array([[0.0], [0.0], [3.0]], np.float32)).round(3).tolist()
    [0.0, 0.0, 3.0]
    """
    n = len(vectors)
    if n < 2:
        return np.zeros(n)
    near = 1.0 / (np.sqrt(squared_distances(vectors)) + _NEAREST)
    np.fill_diagonal(near, 0.0)
    return np.asarray((n - 1) / near.sum(axis=1))


def scaled(values: Sequence[float] | FloatVector) -> FloatVector:
    """Values from 0, the least, to 1, the greatest; zeros where all are alike.

    Parameters
    ----------
    values : n finite numbers

    Examples
    --------
    >>> scaled([2.0, 4.0, 3.0]).tolist(), scaled([2.0, 2.0]).tolist()
    ([0.0, 1.0, 0.5], [0.0, 0.0])
    """
    given = np.asarray(values, dtype=float)
    spread = np.ptp(given) if len(given) else 0.0
    return np.zeros(len(given)) if spread < _ALIKE else (given - given.min()) / spread


def draw_by_weight(weights: FloatVector, n: int, *, temperature: float, seed: int) -> list[int]:
    """Draw without replacement, each time with probabilities proportional to exp(weight / temperature).

    Parameters
    ----------
    weights : float64 (m,)
    n : how many are drawn; all where there are no more
    temperature : above 0
    seed : of the draw

    Returns
    -------
    list of int
        their numbers, in the order drawn

    Notes
    -----
    The n highest of weight / temperature plus independent Gumbel noise are such a draw (Yellott 1977, J. Math.
    Psychol. 15(2)).

    Examples
    --------
    >>> draw_by_weight(np.array([0.0, 1000.0, 500.0]), 2, temperature=0.5, seed=0)
    [1, 2]
    """
    noise = np.random.default_rng(seed).gumbel(size=len(weights))
    order = np.argsort(-(weights / temperature + noise), kind="stable")
    return [int(index) for index in order[:n]]


def shown_values(divergences: Sequence[float]) -> list[float]:
    """Divergences of the prompts that are shown, from 0 to 10, with one decimal.

    Parameters
    ----------
    divergences : of all that are shown together

    Examples
    --------
    >>> shown_values([0.1, 0.3, 0.15])
    [0.0, 10.0, 2.5]
    """
    return [round(float(value), 1) for value in 10.0 * scaled(divergences)]
