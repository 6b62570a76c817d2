"""Greedy coordinate gradient: tokens are exchanged where the gradient promises most, and the best exchange is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from diptych._types import Tokens, Vectors
from diptych.apps.soft_prompting.optimiser import State, better, random_tokens
from diptych.apps.soft_prompting.rounds import Rounds
from diptych.apps.soft_prompting.target import Target
from diptych.config import Settings


class GcgSettings(Settings):
    """Settings of ``gcg``, named as nanoGCG names them."""

    num_steps: int = Field(default=250, ge=1)
    """Most rounds."""
    search_width: int = Field(default=512, ge=1)
    """Candidates of a round."""
    topk: int = Field(default=256, ge=1)
    """Tokens of a place that are tried: those that the gradient promises most of."""
    n_replace: int = Field(default=1, ge=1)
    """Tokens that a candidate exchanges."""
    buffer_size: int = Field(default=0, ge=0)
    """Candidates that are kept, of which the best is gone on from; 0 goes on from the last round's best, even if it is
    worse than what it came from."""
    filter_ids: bool = True
    """Leave out candidates that, written as words, are read as other tokens."""


class Gcg(Rounds):
    """Zou et al. (2023), arXiv:2307.15043, for the divergence of two models.

    Parameters
    ----------
    target : what is made large
    settings : of the search
    seed : of what is drawn
    start : int64 (n,), tokens that it starts from; None draws them
    """

    def __init__(self, target: Target, settings: GcgSettings, seed: int, start: Tokens | None = None) -> None:
        super().__init__(target, seed, start, num_steps=settings.num_steps)
        self._settings = settings
        self._buffer, self._values = np.zeros((0, target.n_tokens), np.int64), np.zeros(0)

    def step(self) -> None:
        rng = self._rng()
        if not len(self._buffer):
            self._fill(rng)
        current = self._buffer[self._values.argmax()]
        drawn = exchanges(current, self._target.gradient(current), self._target.allowed, self._settings, rng)
        if self._settings.filter_ids:
            drawn = drawn[self._target.keeps(drawn)]
        if len(drawn):
            values = self._target.values(drawn)
            self.best = better(self.best, drawn, values)
            self._keep(drawn[values.argmax()], float(values.max()))
        self._round += 1

    def _fill(self, rng: np.random.Generator) -> None:
        n_drawn = max(1, self._settings.buffer_size) - (self._start is not None)
        drawn = [] if self._start is None else [self._start[None]]
        if n_drawn:
            drawn.append(random_tokens(self._target, rng, n_drawn, filter_ids=self._settings.filter_ids))
        self._buffer = np.concatenate(drawn)
        self._values = self._target.values(self._buffer)
        self.best = better(self.best, self._buffer, self._values)

    def _keep(self, tokens: Tokens, value: float) -> None:
        """Put in the place of the worst of the buffer."""
        worst = self._values.argmin()
        if self._settings.buffer_size == 0 or value > self._values[worst]:
            self._buffer[worst], self._values[worst] = tokens, value

    def state(self) -> State:
        return super().state() | {"buffer": self._buffer, "values": self._values}

    def load(self, state: Mapping[str, Any]) -> None:
        super().load(state)
        self._buffer, self._values = state["buffer"].copy(), state["values"].copy()


def exchanges(
    current: Tokens, gradient: Vectors, allowed: Tokens, settings: GcgSettings, rng: np.random.Generator
) -> Tokens:
    """Copies of a candidate with some tokens exchanged for others of great gradient, int64 (search_width, n).

    Parameters
    ----------
    current : int64, shape (n,)
    gradient : float32, shape (n, vocabulary), of what is made large
    allowed : int64, tokens that it may be made of
    settings : of the search
    rng : draws places and tokens

    Examples
    --------
    >>> gradient = np.eye(3, 5, dtype=np.float32)
    >>> settings = GcgSettings(search_width=20, topk=1)
    >>> drawn = exchanges(np.array([4, 4, 4]), gradient, np.arange(5), settings, np.random.default_rng(0))
    >>> sorted({tuple(one) for one in drawn.tolist()})
    [(0, 4, 4), (4, 1, 4), (4, 4, 2)]
    """
    width, n = settings.search_width, len(current)
    best = np.argsort(-gradient[:, allowed], axis=1, kind="stable")[:, : settings.topk]
    places = rng.permuted(np.tile(np.arange(n), (width, 1)), axis=1)[:, : settings.n_replace]
    chosen = best[places, rng.integers(best.shape[1], size=places.shape)]
    drawn = np.tile(current, (width, 1))
    np.put_along_axis(drawn, places, allowed[chosen], axis=1)
    return drawn
