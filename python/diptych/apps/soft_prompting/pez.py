"""Gradients taken at the nearest tokens, and followed by vectors that lie between tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from diptych._types import Tokens, Vectors
from diptych.apps.soft_prompting.adam import Adam
from diptych.apps.soft_prompting.initial import embedded
from diptych.apps.soft_prompting.nearest import nearest_tokens
from diptych.apps.soft_prompting.optimiser import Candidate, State, random_tokens
from diptych.apps.soft_prompting.rounds import Rounds
from diptych.apps.soft_prompting.target import Target
from diptych.config import Settings

_SIDES = ("a", "b")
_FARTHEST = 200
"""Steps along one gradient, after which no other token is thought to lie that way."""


class PezSettings(Settings):
    """Settings of ``pez``."""

    num_steps: int = Field(default=3000, ge=1)
    """Most rounds."""
    learning_rate: float = Field(default=0.3, gt=0.0)
    """In units of the root mean square of the entries of tokens' vectors."""
    weight_decay: float = Field(default=0.1, ge=0.0)
    """Of AdamW: how fast vectors shrink, for each unit of the rate."""
    patience: int = Field(default=10, ge=1)
    """Rounds without gain before it begins anew, from other tokens."""
    filter_ids: bool = True
    """Leave out candidates that, written as words, are read as other tokens."""


class Pez(Rounds):
    """Wen et al. (2023), arXiv:2302.03668, for the divergence of two models.

    Each model has a table of its own: a place is a vector for each, and both go to the one token that is nearest in
    both tables together. Where the gradient is the same, it is not paid for again.

    Parameters
    ----------
    target : what is made large
    settings : of the search
    seed : of what is drawn
    start : int64 (n,), tokens that it starts from; None draws them
    """

    def __init__(self, target: Target, settings: PezSettings, seed: int, start: Tokens | None = None) -> None:
        super().__init__(target, seed, start, num_steps=settings.num_steps)
        self._settings = settings
        self._vectors: list[Vectors] = []
        self._adams: list[Adam] = []
        self._gained, self._n_waited = -np.inf, 0

    def step(self) -> None:
        """Take the gradient at the nearest tokens, and follow it until others are nearer."""
        if not self._vectors or self._n_waited >= self._settings.patience:
            self._restart()
        tokens = self._nearest()
        pull = self._target.pull(tokens)
        self._judge(tokens, pull.value)
        for _ in range(_FARTHEST):
            self._move((pull.of_a, pull.of_b))
            if not np.array_equal(self._nearest(), tokens):
                break
        else:
            self._n_waited = self._settings.patience
        self._round += 1

    def _nearest(self) -> Tokens:
        return nearest_tokens(self._target.pair.models, self._vectors, self._target.allowed)[:, 0]

    def _judge(self, tokens: Tokens, value: float) -> None:
        if value > self._gained:
            self._gained, self._n_waited = value, 0
        else:
            self._n_waited += 1
        if not self._settings.filter_ids or self._target.keeps(tokens[None])[0]:
            found = Candidate(tuple(tokens.tolist()), value)
            self._target.see(found)
            self.best = max(self.best, found, key=lambda one: one.value)

    def _move(self, gradients: Sequence[Vectors]) -> None:
        rate, decay = self._settings.learning_rate, self._settings.weight_decay
        for side, (model, gradient) in enumerate(zip(self._target.pair.models, gradients, strict=True)):
            own = self._vectors[side]
            change = model.scale * self._adams[side].change(gradient) - decay * own
            self._vectors[side] = (own + rate * change).astype(np.float32)

    def _restart(self) -> None:
        target = self._target
        if self._start is not None and self._round == 0:
            tokens = self._start
        else:
            rng = self._rng()
            [tokens] = random_tokens(target, rng, 1, filter_ids=self._settings.filter_ids)
        self._vectors = [embedded(model, tokens.tolist()) for model in target.pair.models]
        self._adams = [Adam(own.shape, name) for own, name in zip(self._vectors, _SIDES, strict=True)]
        self._gained, self._n_waited = -np.inf, 0

    def state(self) -> State:
        found = super().state() | {"waited": np.array([self._n_waited]), "gained": np.array([self._gained])}
        for own, adam, name in zip(self._vectors, self._adams, _SIDES, strict=False):
            found |= {f"vectors.{name}": own} | adam.state()
        return found

    def load(self, state: Mapping[str, Any]) -> None:
        super().load(state)
        self._n_waited, self._gained = int(state["waited"][0]), float(state["gained"][0])
        names = [name for name in _SIDES if f"vectors.{name}" in state]
        self._vectors = [state[f"vectors.{name}"].copy() for name in names]
        self._adams = [Adam(own.shape, name) for own, name in zip(self._vectors, names, strict=True)]
        for adam in self._adams:
            adam.load(state)
