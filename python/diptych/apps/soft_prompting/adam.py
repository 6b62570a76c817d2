"""Steps uphill of a size of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from diptych._types import Vectors
from diptych.apps.soft_prompting.optimiser import State

_BETAS = (0.9, 0.999)


class Adam:
    """Kingma and Ba (2015), arXiv:1412.6980: a gradient by the spread of those before it.

    Parameters
    ----------
    shape : of what is changed
    name : that its arrays have in a state

    Examples
    --------
    >>> Adam((2,), "x").change(np.array([3.0, -0.1], np.float32)).round(4).tolist()
    [1.0, -1.0]
    """

    def __init__(self, shape: tuple[int, ...], name: str) -> None:
        self._name, self._n = name, 0
        self._mean, self._square = np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def change(self, gradient: Vectors) -> Vectors:
        """Where to go, in steps of about one, float32 of the gradient's shape.

        Parameters
        ----------
        gradient : float32, of what is made large
        """
        self._n += 1
        self._mean = _BETAS[0] * self._mean + (1 - _BETAS[0]) * gradient
        self._square = _BETAS[1] * self._square + (1 - _BETAS[1]) * gradient**2
        mean, square = (one / (1 - beta**self._n) for one, beta in zip((self._mean, self._square), _BETAS, strict=True))
        found: Vectors = (mean / (np.sqrt(square) + np.finfo(np.float32).tiny)).astype(np.float32)
        return found

    def state(self) -> State:
        """Its arrays, by name."""
        name = self._name
        return {f"{name}.n": np.array([self._n]), f"{name}.mean": self._mean, f"{name}.square": self._square}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a state.

        Parameters
        ----------
        state : with its arrays
        """
        name = self._name
        self._n = int(state[f"{name}.n"][0])
        self._mean, self._square = state[f"{name}.mean"].copy(), state[f"{name}.square"].copy()
