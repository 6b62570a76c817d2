"""Mixtures of tokens, made large by their gradient, and sharpened until one token of each place is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from diptych._types import Tokens, Vectors
from diptych.apps.soft_prompting.optimiser import State, better
from diptych.apps.soft_prompting.rounds import Rounds
from diptych.apps.soft_prompting.selection import beginning
from diptych.apps.soft_prompting.target import Target
from diptych.config import Settings

_LEAD = 0.5
"""What the tokens of a start weigh."""


class SimplexSettings(Settings):
    """Settings of ``simplex``."""

    num_steps: int = Field(default=5000, ge=1)
    """Most rounds."""
    learning_rate: float = Field(default=0.3, gt=0.0)
    """What a step adds to the weight of the token of a place that the gradient promises most of."""
    cycle: int = Field(default=20, ge=2)
    """Rounds from a start, after which a place may be any mixture, to one token of each place."""
    filter_ids: bool = True
    """Leave out candidates that, written as words, are read as other tokens."""


class Simplex(Rounds):
    """Geisler et al. (2024), arXiv:2402.09154, for the divergence of two models.

    The weights of each place are kept on the simplex, and their Gini index below a bound that falls to nothing over a
    cycle. After each step the heaviest token of each place is tried. Steps follow the gradient as it is: Adam, as in
    the paper, moves a whole vocabulary of small weights alike.

    Parameters
    ----------
    target : what is made large
    settings : of the search
    seed : of what is drawn
    start : int64 (n,), tokens that lead in the first mixtures; None for none
    """

    def __init__(self, target: Target, settings: SimplexSettings, seed: int, start: Tokens | None = None) -> None:
        super().__init__(target, seed, start, num_steps=settings.num_steps)
        self._settings = settings
        self._weights = np.zeros((target.n_tokens, len(target.allowed)), np.float32)
        self._last = np.zeros(0, np.int64)

    def step(self) -> None:
        n_done, phase = divmod(self._round, self._settings.cycle)
        if phase == 0:
            self._begin(n_done)
        gradient = self._gradient()
        gradient -= gradient.mean(axis=1, keepdims=True)
        greatest = np.abs(gradient).max(axis=1, keepdims=True)
        moved = self._weights + self._settings.learning_rate * gradient / np.where(greatest > 0, greatest, 1.0)
        bound = 1.0 - (phase + 1) / self._settings.cycle
        self._weights = sharpened(on_simplex(moved), bound)
        self._try()
        self._round += 1

    def _gradient(self) -> Vectors:
        import torch

        target = self._target
        weights = torch.from_numpy(self._weights.copy()).requires_grad_()
        mix = torch.zeros(len(weights), target.n_vocabulary).index_copy(1, torch.from_numpy(target.allowed), weights)
        value = target.soft_value(mix)
        value.backward()
        self.relaxed = max(self.relaxed, float(value.detach()))
        found: Vectors = weights.grad.numpy()
        return found

    def _try(self) -> None:
        tokens = self._target.allowed[self._weights.argmax(axis=1)]
        if np.array_equal(tokens, self._last):
            return
        self._last = tokens
        if not self._settings.filter_ids or self._target.keeps(tokens[None])[0]:
            self.best = better(self.best, tokens[None], self._target.values(tokens[None]))

    def _begin(self, n_done: int) -> None:
        """Mixtures in which one token of each place leads: those of the start, of the best so far, or others."""
        rng, target = self._rng(), self._target
        tokens = beginning(target, self.best, n_done, self._start, rng, filter_ids=self._settings.filter_ids)
        self._weights = np.full_like(self._weights, (1.0 - _LEAD) / self._weights.shape[1])
        self._weights[np.arange(len(tokens)), np.searchsorted(target.allowed, tokens)] += _LEAD

    def state(self) -> State:
        return super().state() | {
            "weights": self._weights, "last": self._last, "relaxed": np.array([self.relaxed]),
        }  # fmt: skip

    def load(self, state: Mapping[str, Any]) -> None:
        super().load(state)
        self._weights, self._last, self.relaxed = (
            state["weights"].copy(),
            state["last"].copy(),
            float(state["relaxed"][0]),
        )


def on_simplex(rows: NDArray[Any]) -> Vectors:
    """The weights nearest to each row, float32 (n, m): none below 0, each row's sum 1.

    Parameters
    ----------
    rows : float, shape (n, m)

    Notes
    -----
    By sorting: Duchi et al. (2008), ICML.

    Examples
    --------
    >>> on_simplex(np.array([[0.5, 0.7], [2.0, 0.1]])).round(3).tolist()
    [[0.4000000059604645, 0.6000000238418579], [1.0, 0.0]]
    """
    given = rows.astype(np.float64)
    falling = -np.sort(-given, axis=1)
    over = np.cumsum(falling, axis=1) - 1.0
    counts = np.arange(1, given.shape[1] + 1)
    n_kept = (falling - over / counts > 0).sum(axis=1)
    shift = over[np.arange(len(given)), n_kept - 1] / n_kept
    found: Vectors = np.maximum(given - shift[:, None], 0.0).astype(np.float32)
    return found


def sharpened(rows: Vectors, bound: float) -> Vectors:
    """Weights moved away from even ones, towards a Gini index, 1 − Σ w², of at most a bound: float32 (n, m).

    Parameters
    ----------
    rows : float32, shape (n, m), weights
    bound : as a share of the index of even weights on the tokens that weigh anything; 1 moves nothing

    Notes
    -----
    Geisler et al. (2024), algorithm 3: once, so that where weights are cut at 0 the index stays above the bound.

    Examples
    --------
    >>> sharpened(np.array([[0.6, 0.4, 0.0]], np.float32), 0.0).round(3).tolist()
    [[1.0, 0.0, 0.0]]
    """
    some = rows > 0
    n_some = some.sum(axis=1, keepdims=True)
    centre = some / n_some
    away = rows - centre
    length = np.linalg.norm(away, axis=1, keepdims=True)
    wanted = np.sqrt((1.0 - bound) * (1.0 - 1.0 / n_some))
    is_short = (length < wanted) & (length > 0)
    stretched = on_simplex(centre + away * wanted / np.where(is_short, length, 1.0))
    return np.where(is_short, stretched, rows)
