"""What all searches for words have in common: rounds, the best so far, and a state from which they go on alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from diptych._types import Tokens
from diptych.errors import ConfigError
from diptych.utils.hashing import derive_seed

if TYPE_CHECKING:
    from diptych.apps.soft_prompting.target import Target

State: TypeAlias = dict[str, Any]
"""numpy arrays by name."""
_TRIES = 64
"""Draws for each candidate that is kept, before fewer have to do."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Words, as tokens, and what they do.

    Parameters
    ----------
    tokens : their numbers
    value : the mean divergence over the texts of the search
    """

    tokens: tuple[int, ...]
    value: float


NOTHING = Candidate((), -np.inf)
"""The best before anything was tried."""


class Optimiser(Protocol):
    """One way to search, made from a target, settings, a seed, and tokens to start from or None.

    A round depends on the state before it, on the seed and on its number, on nothing else.
    """

    best: Candidate
    """The greatest value so far."""

    relaxed: float
    """The greatest value that vectors between those of tokens reached, which no words need reach; −∞ for none."""

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to do, however much may still be spent."""

    def step(self) -> None:
        """Do one round."""

    def state(self) -> State:
        """All that the next round depends on."""

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""


def generator(seed: int, round_: int) -> np.random.Generator:
    """The random numbers of a round.

    Parameters
    ----------
    seed : of the search
    round_ : its number
    """
    return np.random.default_rng([derive_seed(seed, "hard prompt"), round_])


def better(best: Candidate, tokens: Tokens, values: Any) -> Candidate:
    """The best so far, or the greatest of some candidates where that is more.

    Parameters
    ----------
    best : so far
    tokens : int64, shape (candidates, n)
    values : float64, shape (candidates,)

    Examples
    --------
    >>> better(NOTHING, np.array([[1, 2], [3, 4]]), np.array([0.5, 0.7]))
    Candidate(tokens=(3, 4), value=0.7)
    """
    if not len(values) or values.max() <= best.value:
        return best
    at = int(values.argmax())
    return Candidate(tuple(tokens[at].tolist()), float(values[at]))


def random_tokens(target: Target, rng: np.random.Generator, n: int, *, filter_ids: bool = True) -> Tokens:
    """Candidates drawn from the tokens that are allowed, int64 (at most n, n_tokens): fewer where few can be read back.

    Parameters
    ----------
    target : of the search
    rng : draws them
    n : candidates
    filter_ids : leave out those that, written as words, are read as other tokens

    Raises
    ------
    ConfigError
        If none can be read back.
    """
    found = np.zeros((0, target.n_tokens), np.int64)
    for _ in range(_TRIES):
        drawn = rng.choice(target.allowed, (n, target.n_tokens))
        found = np.concatenate([found, drawn[target.keeps(drawn)] if filter_ids else drawn])[:n]
        if len(found) == n:
            break
    if not len(found):
        raise ConfigError(
            f"{_TRIES * n:,} prompts of {target.n_tokens} tokens were drawn, and each, written as words, is read as "
            "other tokens. Set another place, such as '{prompt} {soft}', or filter_ids to false."
        )
    return found
