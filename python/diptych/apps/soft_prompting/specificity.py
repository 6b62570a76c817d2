"""Whether a prompt splits the pair it was made for, or any two models."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from diptych._types import FloatMatrix, FloatVector, Json
from diptych.apps.soft_prompting.evaluation import Gain, gain_of


@dataclass(frozen=True, slots=True)
class Specificity:
    """What a prompt does to its own pair, beside what it does to others.

    Parameters
    ----------
    own : divergence that it adds between its own models, in nats an answer, mean over prompts
    others : the same of the others, mean over these
    excess : the first less the second, with interval and p
    """

    own: float
    others: float
    excess: Gain

    @property
    def is_specific(self) -> bool:
        """Whether it does more to its own, beyond chance."""
        return self.excess.is_above(0)

    def as_json(self) -> Json:
        """As it stands in ``summary.json``."""
        return asdict(self) | {"is_specific": self.is_specific}


def specificity(own: FloatVector, others: FloatMatrix, *, seed: int) -> Specificity:
    """Compare what a prompt adds between its own models with what it adds between others.

    Parameters
    ----------
    own : float64 (prompts,), divergence with the prompt less that without, of its own pair
    others : float64 (pairs, prompts), of others, on the same prompts
    seed : of the interval

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> found = specificity(rng.normal(2, 0.1, 20), rng.normal(0.1, 0.1, (3, 20)), seed=0)
    >>> found.is_specific, round(found.own), round(found.others)
    (True, 2, 0)
    """
    elsewhere: FloatVector = others.mean(axis=0)
    return Specificity(float(own.mean()), float(elsewhere.mean()), gain_of(elsewhere, own, seed=seed))
