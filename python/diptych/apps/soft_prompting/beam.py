"""Prompts written from the models' own next tokens; those under which the models differ most are gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from diptych._types import Tokens
from diptych.apps.soft_prompting.optimiser import State, better
from diptych.apps.soft_prompting.rounds import Rounds
from diptych.apps.soft_prompting.selection import fittest
from diptych.apps.soft_prompting.target import Target
from diptych.config import Settings


class BeamSettings(Settings):
    """Settings of ``beam``."""

    num_steps: int = Field(default=250, ge=1)
    """Most rounds."""
    beam_width: int = Field(default=15, ge=1)
    """Prompts that are gone on with."""
    n_children: int = Field(default=15, ge=1)
    """Tokens that are drawn for a place of each."""
    temperature: float = Field(default=1.0, gt=0.0)
    """Of the distribution that they are drawn from: low for words that both models expect."""
    filter_ids: bool = True
    """Leave out candidates that, written as words, are read as other tokens."""


class Beam(Rounds):
    """Prompts grow by a token a round, drawn from what the models expect there; then their places are gone over again.

    Growing is the beam search of Sadasivan et al. (2024), arXiv:2402.15570, with the divergence of two models in place
    of a model's loss, and the mean of both models' distributions. In a round after that, each prompt gets other tokens
    at one place, which follow from those before it.

    Parameters
    ----------
    target : what is made large
    settings : of the search
    seed : of what is drawn
    start : int64 (n,), a prompt whose places are gone over; None writes them
    """

    def __init__(self, target: Target, settings: BeamSettings, seed: int, start: Tokens | None = None) -> None:
        super().__init__(target, seed, start, num_steps=settings.num_steps)
        self._settings = settings
        self._beam = np.zeros((1, 0), np.int64) if start is None else start[None]
        self._values = np.full(1, -np.inf)

    def step(self) -> None:
        n = self._target.n_tokens
        is_growing = self._beam.shape[1] < n
        place = self._beam.shape[1] if is_growing else self._round % n
        if self._round == 0 and not is_growing:
            self._values = self._target.values(self._beam)
            self.best = better(self.best, self._beam, self._values)
        children = self._children(place)
        kept = children[self._target.keeps(children)] if self._settings.filter_ids else children
        if len(kept):
            children, values = kept, self._target.values(kept)
            self.best = better(self.best, children, values)
        else:  # where no prompt can be read back yet, those that are expected most go on
            values = np.full(len(children), -np.inf)
        if not is_growing:
            children, values = np.concatenate([self._beam, children]), np.concatenate([self._values, values])
        best = fittest(children, values, self._settings.beam_width)
        self._beam, self._values = children[best], values[best]
        self._round += 1

    def _children(self, place: int) -> Tokens:
        target, settings = self._target, self._settings
        rng, allowed = self._rng(), target.allowed
        expected = target.expected(self._beam[:, :place])[:, allowed]
        weights = np.log(np.maximum(expected, np.finfo(np.float32).tiny)) / settings.temperature
        drawn = np.argsort(-(weights + rng.gumbel(size=weights.shape)), axis=1, kind="stable")
        n_drawn = settings.n_children if place else settings.n_children * settings.beam_width
        chosen = allowed[drawn[:, :n_drawn]]
        before, after = (np.repeat(part, chosen.shape[1], axis=0) for part in np.split(self._beam, [place], axis=1))
        children: Tokens = np.concatenate([before, chosen.reshape(-1, 1), after[:, 1:]], axis=1)
        return children

    def state(self) -> State:
        return super().state() | {"beam": self._beam, "values": self._values}

    def load(self, state: Mapping[str, Any]) -> None:
        super().load(state)
        self._beam, self._values = state["beam"].copy(), state["values"].copy()
