"""Search by chance alone: what every other way is set beside."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from diptych._types import Tokens
from diptych.apps.soft_prompting.optimiser import better, random_tokens
from diptych.apps.soft_prompting.rounds import Rounds
from diptych.apps.soft_prompting.target import Target
from diptych.config import Settings


class RandomSettings(Settings):
    """Settings of ``random``."""

    search_width: int = Field(default=64, ge=1)
    """Candidates of a round."""
    filter_ids: bool = True
    """Leave out candidates that, written as words, are read as other tokens."""


class RandomSearch(Rounds):
    """Candidates drawn from all tokens that are allowed.

    Parameters
    ----------
    target : what is made large
    settings : of the search
    seed : of what is drawn
    start : int64 (n,), a candidate that is tried first; None for none
    """

    def __init__(self, target: Target, settings: RandomSettings, seed: int, start: Tokens | None = None) -> None:
        super().__init__(target, seed, start, num_steps=None)
        self._settings = settings

    def step(self) -> None:
        drawn = random_tokens(
            self._target, self._rng(), self._settings.search_width,
            filter_ids=self._settings.filter_ids,
        )  # fmt: skip
        if self._start is not None and self._round == 0:
            drawn = np.concatenate([self._start[None], drawn])
        self.best = better(self.best, drawn, self._target.values(drawn))
        self._round += 1
