"""Vectors that are trained freely, and the tokens that lie nearest to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from diptych._types import Tokens, Vectors
from diptych.apps.soft_prompting.config import StepSettings
from diptych.apps.soft_prompting.initial import embedded
from diptych.apps.soft_prompting.nearest import nearest_tokens
from diptych.apps.soft_prompting.optimiser import State, better
from diptych.apps.soft_prompting.rounds import Rounds
from diptych.apps.soft_prompting.selection import beginning
from diptych.apps.soft_prompting.target import GRADIENT_PASSES, Target
from diptych.apps.soft_prompting.training import Trainer
from diptych.config import Settings


class ProjectionSettings(Settings):
    """Settings of ``projection``."""

    num_steps: int = Field(default=50, ge=1)
    """Most rounds: each trains a soft prompt, every other from the best tokens so far."""
    train_steps: int = Field(default=20, ge=1)
    """Steps of a training."""
    learning_rate: float = Field(default=0.2, gt=0.0)
    """In units of the root mean square of the entries of tokens' vectors."""
    nearest_weight: float = Field(default=1.0, ge=0.0)
    """How much it costs when vectors are far from those of tokens."""
    topk: int = Field(default=8, ge=1)
    """Tokens near each vector that are tried."""
    search_width: int = Field(default=32, ge=1)
    """Candidates of a round: the nearest tokens, and others drawn from those that are near."""
    filter_ids: bool = True
    """Leave out candidates that, written as words, are read as other tokens."""


class Projection(Rounds):
    """A soft prompt, as ``diptych softprompt train`` makes it, turned into tokens (Khashabi et al. 2022,
    arXiv:2112.08348, on how far those may be from what the vectors do).

    Both models read the same vectors where their widths are the same, and vectors of their own elsewhere.

    Parameters
    ----------
    target : what is made large
    settings : of the search
    seed : of what is drawn
    start : int64 (n,), tokens that the first training starts from; None draws them
    """

    def __init__(self, target: Target, settings: ProjectionSettings, seed: int, start: Tokens | None = None) -> None:
        super().__init__(target, seed, start, num_steps=settings.num_steps)
        self._settings = settings

    def step(self) -> None:
        target, settings = self._target, self._settings
        rng = self._rng()
        trainer = self._trained(rng)
        self.relaxed = max(self.relaxed, trainer.best.divergence)
        found = trainer.best_vectors
        near = nearest_tokens(target.pair.models, (found[0], found[-1]), target.allowed, settings.topk)
        drawn = neighbours(near, settings.search_width, rng)
        if settings.filter_ids:
            drawn = drawn[target.keeps(drawn)]
        if len(drawn):
            self.best = better(self.best, drawn, target.values(drawn))
        self._round += 1

    def _trained(self, rng: np.random.Generator) -> Trainer:
        target, settings, numbers = self._target, self._settings, self._target.numbers
        config = StepSettings(
            n_steps=settings.train_steps, learning_rate=settings.learning_rate, nearest_weight=settings.nearest_weight,
            batch_size=min(target.batch_size, len(numbers)), warmup_steps=0, eval_every=settings.train_steps,
            patience=0, seed=self._seed, objective=target.measure.objective, temperature=target.measure.temperature,
        )  # fmt: skip
        target.pay(GRADIENT_PASSES * config.batch_size * config.n_steps + 2 * len(numbers))
        trainer = Trainer(
            target.pair, None, numbers, numbers,
            config=config, vectors=self._initial(rng), max_bytes=target.measure.max_bytes,
        )  # fmt: skip
        while not trainer.is_over:
            trainer.advance()
        return trainer

    def _initial(self, rng: np.random.Generator) -> tuple[Vectors, ...]:
        filter_ids = self._settings.filter_ids
        tokens = beginning(self._target, self.best, self._round, self._start, rng, filter_ids=filter_ids)
        a, b = self._target.pair.models
        readers = (a,) if a.loaded.width == b.loaded.width else (a, b)
        return tuple(embedded(one, tokens.tolist()) for one in readers)

    def state(self) -> State:
        return super().state() | {"relaxed": np.array([self.relaxed])}

    def load(self, state: Mapping[str, Any]) -> None:
        super().load(state)
        self.relaxed = float(state["relaxed"][0])


def neighbours(near: Tokens, n: int, rng: np.random.Generator) -> Tokens:
    """The nearest tokens, and copies in which about one is exchanged for another that is near: int64 (n, places).

    Parameters
    ----------
    near : int64, shape (places, k), tokens of each place, the nearest first
    n : candidates
    rng : draws places and tokens

    Examples
    --------
    >>> neighbours(np.array([[1, 2], [3, 4]]), 3, np.random.default_rng(29)).tolist()
    [[1, 3], [2, 4], [1, 4]]
    """
    chosen = rng.integers(near.shape[1], size=(n, len(near)))
    chosen[rng.random(chosen.shape) >= 1.0 / len(near)] = 0
    chosen[0] = 0
    found: Tokens = np.take_along_axis(near, chosen.T, axis=1).T
    return found
