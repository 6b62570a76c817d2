"""Which tokens of a prompt do the work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diptych._types import FloatVector
from diptych.apps.soft_prompting.optimiser import Candidate
from diptych.apps.soft_prompting.target import Target

TOLERANCE = 0.05
"""Share of its value that a prompt may lose as tokens are left out."""


@dataclass(frozen=True)
class Ablation:
    """A prompt without some of its tokens.

    Parameters
    ----------
    without : float64 (n,), its value without each of its tokens alone; NaN for a prompt of one token
    shortened : what is left when tokens are left out, that of the least loss first, as long as little is lost
    """

    without: FloatVector
    shortened: Candidate


def most_shorter(n: int) -> int:
    """Shorter prompts that `ablate` reads of one, at most.

    Parameters
    ----------
    n : its tokens

    Examples
    --------
    >>> most_shorter(1), most_shorter(3)
    (0, 5)
    """
    return n * (n + 1) // 2 - 1


def ablate(target: Target, found: Candidate, *, tolerance: float = TOLERANCE) -> Ablation:
    """Leave out tokens: each alone, and one after the other while the value stays near.

    Parameters
    ----------
    target : of the search; what is spent here is beyond its budget
    found : the prompt
    tolerance : share of the value that may be lost in all

    Notes
    -----
    A shortened prompt, written as words, is read as the same tokens, as it would be in a search.
    """
    least = (1 - tolerance) * found.value
    left, without = found, np.full(len(found.tokens), np.nan)
    while len(left.tokens) > 1:
        whole = np.array(left.tokens)
        shorter = np.array([np.delete(whole, place) for place in range(len(whole))])
        values = target.values(shorter)
        if left is found:
            without = values
        allowed = np.where(target.keeps(shorter), values, -np.inf)
        place = int(allowed.argmax())
        if allowed[place] < least:
            break
        left = Candidate(tuple(shorter[place].tolist()), float(values[place]))
    return Ablation(without, left)
