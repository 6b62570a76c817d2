"""Which candidates a search goes on with, and which it begins with anew."""

from __future__ import annotations

import numpy as np

from diptych._types import FloatVector, Tokens
from diptych.apps.soft_prompting.optimiser import Candidate, random_tokens
from diptych.apps.soft_prompting.target import Target


def fittest(tokens: Tokens, values: FloatVector, n: int) -> Tokens:
    """Numbers of the candidates of the greatest value, the greatest first, each candidate once: int64 (at most n,).

    Parameters
    ----------
    tokens : int64, shape (candidates, places)
    values : float64, shape (candidates,)
    n : candidates that are kept

    Examples
    --------
    >>> fittest(np.array([[1, 2], [3, 4], [1, 2], [5, 6]]), np.array([0.5, 0.1, 0.5, 0.7]), 2).tolist()
    [3, 0]
    """
    _, first = np.unique(tokens, axis=0, return_index=True)
    first.sort()
    found: Tokens = first[np.argsort(-values[first], kind="stable")[:n]]
    return found


def beginning(
    target: Target, best: Candidate, n_begun: int, start: Tokens | None, rng: np.random.Generator, *, filter_ids: bool
) -> Tokens:
    """Tokens to begin with anew, int64 (n,): the best so far every other time, otherwise tokens drawn by chance.

    Parameters
    ----------
    target : of the search
    best : so far
    n_begun : how often it has begun before
    start : what it begins with the first time; None draws it
    rng : draws tokens
    filter_ids : as for ``random_tokens``
    """
    if n_begun == 0 and start is not None:
        return start
    if n_begun % 2 and best.tokens:
        return np.array(best.tokens, np.int64)
    drawn: Tokens = random_tokens(target, rng, 1, filter_ids=filter_ids)[0]
    return drawn
