"""Prompts that are crossed and changed by chance, and of which the fittest live on; only values are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from diptych._types import Tokens
from diptych.apps.soft_prompting.optimiser import State, better, random_tokens
from diptych.apps.soft_prompting.rewriting import Rewriter, Shown
from diptych.apps.soft_prompting.rounds import Rounds
from diptych.apps.soft_prompting.selection import fittest
from diptych.apps.soft_prompting.target import Target
from diptych.config import Settings
from diptych.models.templates import continuation


class EvolutionSettings(Settings):
    """Settings of ``evolution``."""

    num_steps: int = Field(default=1000, ge=1)
    """Most rounds."""
    population: int = Field(default=64, ge=2)
    """Prompts that live."""
    n_children: int = Field(default=64, ge=1)
    """New ones of a round."""
    tournament: int = Field(default=3, ge=1)
    """Prompts drawn for each parent, of which the fittest becomes it."""
    crossover_rate: float = Field(default=0.5, ge=0.0, le=1.0)
    """Share of children that have two parents."""
    mutations: float = Field(default=1.0, gt=0.0)
    """Tokens of a child that are exchanged for any other, on average."""
    n_rewritten: int = Field(default=8, ge=1)
    """Children of a round that an assistant writes, where there is one."""
    n_shown: int = Field(default=8, ge=1)
    """Of the fittest, those that it is shown."""
    requests: int = Field(default=100, ge=1)
    """Requests that it gets in all; after them, chance alone goes on."""
    filter_ids: bool = True
    """Leave out candidates that, written as words, are read as other tokens."""


class Evolution(Rounds):
    """A population: parents are chosen by tournament, crossed place by place, and mutated; the fittest of all live on.

    Crossing and mutating tokens is the genetic algorithm of Lapid et al. (2023), arXiv:2309.01446; having a model
    rewrite the text of parents, that of Guo et al. (2024), arXiv:2309.08532.

    Parameters
    ----------
    target : what is made large
    settings : of the search
    seed : of what is drawn
    start : int64 (n,), a member of the first population; None draws all of it

    Attributes
    ----------
    rewriter : an assistant that writes some of the children; None for chance alone
    """

    rewriter: Rewriter | None = None

    def __init__(self, target: Target, settings: EvolutionSettings, seed: int, start: Tokens | None = None) -> None:
        super().__init__(target, seed, start, num_steps=settings.num_steps)
        self._settings = settings
        self._living, self._values = np.zeros((0, target.n_tokens), np.int64), np.zeros(0)

    def step(self) -> None:
        rng = self._rng()
        born = self._children(rng) if len(self._living) else self._first(rng)
        values = self._target.values(born)
        self.best = better(self.best, born, values)
        everyone, fitness = np.concatenate([self._living, born]), np.concatenate([self._values, values])
        kept = fittest(everyone, fitness, self._settings.population)
        self._living, self._values = everyone[kept], fitness[kept]
        self._round += 1

    def _first(self, rng: np.random.Generator) -> Tokens:
        n, start = self._settings.population, self._start
        drawn = random_tokens(self._target, rng, n, filter_ids=self._settings.filter_ids)
        return drawn if start is None else np.concatenate([start[None], drawn[1:]])

    def _children(self, rng: np.random.Generator) -> Tokens:
        """Those that can be read back; where none can, some are drawn anew."""
        settings = self._settings
        first, second = (self._parents(rng) for _ in range(2))
        is_crossed = rng.random((len(first), 1)) < settings.crossover_rate
        born = np.where(is_crossed & (rng.random(first.shape) < 0.5), second, first)
        is_mutated = rng.random(born.shape) < settings.mutations / born.shape[1]
        born = np.where(is_mutated, rng.choice(self._target.allowed, born.shape), born)
        born = np.concatenate([born, self._rewritten()])
        kept = born[self._target.keeps(born)] if settings.filter_ids else born
        return kept if len(kept) else random_tokens(self._target, rng, settings.n_children)

    def _parents(self, rng: np.random.Generator) -> Tokens:
        """By tournament: the living stand in order, the fittest first."""
        drawn = rng.integers(len(self._living), size=(self._settings.n_children, self._settings.tournament))
        found: Tokens = self._living[drawn.min(axis=1)]
        return found

    def _rewritten(self) -> Tokens:
        """By the assistant: a text too long is cut, one too short goes on as the fittest does."""
        target, settings, n = self._target, self._settings, self._settings.n_shown
        if self.rewriter is None:
            return self._living[:0]
        living = zip(self._living[:n].tolist(), self._values[:n].tolist(), strict=True)
        shown = [Shown(target.text(tokens), value) for tokens, value in living]
        texts = self.rewriter.rewrite(shown, settings.n_rewritten, most=target.n_tokens)
        tokenizer, best = target.pair.models[0].loaded.tokenizer, self._living[0].tolist()
        parts = [continuation(tokenizer, text)[: target.n_tokens] for text in texts]
        born = np.array([(*one, *best[len(one) :]) for one in parts], np.int64).reshape(-1, target.n_tokens)
        return born[np.isin(born, target.allowed).all(axis=1)]

    def state(self) -> State:
        asked = {} if self.rewriter is None else {"asked": self.rewriter.state()}
        return super().state() | asked | {"living": self._living, "values": self._values}

    def load(self, state: Mapping[str, Any]) -> None:
        super().load(state)
        self._living, self._values = state["living"].copy(), state["values"].copy()
        if self.rewriter is not None:
            self.rewriter.load(state["asked"])
