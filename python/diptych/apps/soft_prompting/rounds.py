"""What every way to search for words keeps: its target, the best so far, and how many rounds it has done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from diptych._types import Tokens
from diptych.apps.soft_prompting.optimiser import NOTHING, Candidate, State, generator

if TYPE_CHECKING:
    from diptych.apps.soft_prompting.target import Target


class Rounds:
    """The part of an `Optimiser` that all share; each adds ``step``, and to ``state`` and ``load`` what else it keeps.

    Parameters
    ----------
    target : what is made large
    seed : of what is drawn
    start : int64 (n,), tokens that it starts from; None for none
    num_steps : most rounds; None for no end
    """

    relaxed: float = -np.inf

    def __init__(self, target: Target, seed: int, start: Tokens | None, *, num_steps: int | None) -> None:
        self._target, self._seed, self._start, self._num_steps = target, seed, start, num_steps
        self.best, self._round = NOTHING, 0

    @property
    def is_over(self) -> bool:
        return self._num_steps is not None and self._round >= self._num_steps

    def _rng(self) -> np.random.Generator:
        """The random numbers of this round."""
        return generator(self._seed, self._round)

    def state(self) -> State:
        return {
            "best.tokens": np.array(self.best.tokens, np.int64), "best.value": np.array([self.best.value]),
            "round": np.array([self._round]),
        }  # fmt: skip

    def load(self, state: Mapping[str, Any]) -> None:
        self.best = Candidate(tuple(state["best.tokens"].tolist()), float(state["best.value"][0]))
        self._round = int(state["round"][0])
