"""The prompts that nothing beats in both: how far they move two models apart, and how fluent they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from diptych._types import FloatVector, Tokens
from diptych.apps.soft_prompting.optimiser import Candidate, State
from diptych.apps.soft_prompting.target import Target
from diptych.models.prompted import Row
from diptych.models.templates import Around

_LOOKED_AT = 8
"""Candidates of a round whose fluency is measured: those of the greatest value."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A candidate of the archive.

    Parameters
    ----------
    candidate : its tokens and its value
    fluency : mean log-probability of its tokens in nats, as ``fluency`` gives it
    """

    candidate: Candidate
    fluency: float


class Archive:
    """The Pareto front of all candidates that were offered."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        """The greatest value first, so the least fluent first."""

    def offer(self, target: Target, seen: Sequence[Candidate]) -> None:
        """Take in the best of a round. Its passes, through one model, are not counted.

        Parameters
        ----------
        target : of the search
        seen : candidates of the round
        """
        known = {entry.candidate.tokens for entry in self.entries}
        best = sorted((one for one in seen if one.tokens not in known), key=lambda one: -one.value)[:_LOOKED_AT]
        for n in {len(one.tokens) for one in best}:
            some = [one for one in best if len(one.tokens) == n]
            for one, value in zip(some, fluency(target, np.array([one.tokens for one in some])), strict=True):
                self.entries.append(Entry(one, float(value)))
        self.entries = front(self.entries)

    def chosen(self, n: int) -> list[Entry]:
        """The entry of the greatest value, and others in even steps along the front.

        Parameters
        ----------
        n : entries, at most
        """
        places = np.linspace(0, len(self.entries) - 1, min(n, len(self.entries))).round().astype(int)
        return [self.entries[place] for place in places]

    def state(self) -> State:
        """As arrays; the tokens of entries follow each other."""
        return {
            "tokens": np.array([token for one in self.entries for token in one.candidate.tokens], np.int64),
            "lengths": np.array([len(one.candidate.tokens) for one in self.entries], np.int64),
            "values": np.array([one.candidate.value for one in self.entries], np.float64),
            "fluency": np.array([one.fluency for one in self.entries], np.float64),
        }

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a state.

        Parameters
        ----------
        state : of `state`
        """
        parts = np.split(state["tokens"], np.cumsum(state["lengths"])[:-1]) if len(state["lengths"]) else []
        self.entries = [
            Entry(Candidate(tuple(tokens.tolist()), float(value)), float(fluent))
            for tokens, value, fluent in zip(parts, state["values"], state["fluency"], strict=True)
        ]


def front(entries: Sequence[Entry]) -> list[Entry]:
    """Entries that no other beats in one thing without being worse in the other; the greatest value first.

    Parameters
    ----------
    entries : in any order

    Examples
    --------
    >>> [one.fluency for one in front([Entry(Candidate((n,), n / 10), f) for n, f in ((2, -3), (3, -4), (1, -5))])]
    [-4, -3]
    """
    kept: list[Entry] = []
    for entry in sorted(entries, key=lambda one: (-one.candidate.value, -one.fluency)):
        if not kept or entry.fluency > kept[-1].fluency:
            kept.append(entry)
    return kept


def fluency(target: Target, tokens: Tokens) -> FloatVector:
    """Mean log-probability of each candidate's tokens under the first model, in the first text: float64 (candidates,).

    Parameters
    ----------
    target : of the search
    tokens : int64, shape (candidates, n); the first has no probability where nothing stands before it, and is left out
    """
    import torch

    model, before = target.pair.models[0], target.pair.rows[0][target.numbers[0]].around.before
    skipped = 0 if before else 1
    if tokens.shape[1] == skipped:
        return np.zeros(len(tokens))
    rows = [Row(Around((*before, *one[:skipped]), ()), tuple(one[skipped:])) for one in tokens.tolist()]
    ids = torch.from_numpy(tokens[:, skipped:].copy()).reshape(-1, 1).to(model.device)
    with torch.no_grad():
        states = model.states(rows, torch.zeros((0, model.loaded.width)))
        logs = model.parts.head(states).float().log_softmax(-1).gather(-1, ids)
    means: FloatVector = logs.double().reshape(len(rows), -1).mean(1).cpu().numpy()
    return means
