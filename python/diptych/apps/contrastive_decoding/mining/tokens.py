"""The fingerprint of a pair: tokens that b wants more than a, chosen on some prompts and measured on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diptych._types import FloatMatrix, Json
from diptych.models.fingerprint import Gauge
from diptych.stats.intervals import paired_intervals
from diptych.utils.hashing import hash_rows

LEAST_PROMPTS = 4
"""Fewer cannot be halved into prompts to choose on and prompts to measure on."""
ENOUGH_PROMPTS = 40
"""Intervals that rest on fewer in a half are told to be rough."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over prompts.

    Parameters
    ----------
    mean : of the prompts' means
    low, high : its interval, 95 %
    """

    mean: float
    low: float
    high: float

    def as_json(self) -> Json:
        """With six significant digits."""
        return {name: float(f"{getattr(self, name):.6g}") for name in ("mean", "low", "high")}


@dataclass(frozen=True, slots=True)
class Token:
    """A token that b wants more, as it seemed on the prompts that it was chosen on.

    Parameters
    ----------
    token : its number
    text : how it reads
    gain : probability under b minus that under a, mean over places
    log_ratio : the same of log-probabilities
    wanted : share of the places where its log ratio is among the hundred greatest
    n_wanted : number of these places
    n_places : that were measured
    """

    token: int
    text: str
    gain: Interval
    log_ratio: Interval
    wanted: Interval
    n_wanted: int
    n_places: int

    def as_json(self) -> Json:
        """As it stands in ``summary.json``."""
        means = {name: getattr(self, name).as_json() for name in ("gain", "log_ratio", "wanted")}
        return {"token": self.token, "text": self.text, **means, "n_wanted": self.n_wanted, "n_places": self.n_places}


def halve(prompt_ids: Sequence[str], seed: int) -> set[str]:
    """Half of the prompts, by a seeded hash of their ids: those that tokens are chosen on.

    Parameters
    ----------
    prompt_ids : of all texts
    seed : of the hash

    Examples
    --------
    >>> len(halve(["1", "2", "3", "3"], seed=0))
    2
    """
    names = sorted(set(prompt_ids))
    digests = hash_rows("diptych/mine/1", [[str(seed)] * len(names), names])
    ranked = sorted(range(len(names)), key=lambda i: digests[i].tobytes())
    return {names[i] for i in ranked[: (len(names) + 1) // 2]}


def measure(
    gauge: Gauge, tokens: Sequence[int], names: Sequence[str], prompt_ids: Sequence[str], seed: int
) -> list[Token]:
    """The tokens with their means and intervals, those that gain most first.

    A prompt counts once, whatever its texts' lengths. The intervals of one column hold for all tokens together, so that
    none is too narrow for being looked at because it was great.

    Parameters
    ----------
    gauge : that has looked at the texts
    tokens : their numbers, as ``gauge`` has them
    names : how they read
    prompt_ids : of each text
    seed : of the bootstrap
    """
    means = [by_prompt(values, gauge.n_places, prompt_ids) for values in (gauge.gain, gauge.ratio, gauge.wanted)]
    columns = [intervals(values, seed=seed, together=True) for values in means]
    columns[2] = [Interval(one.mean, max(0.0, one.low), min(1.0, one.high)) for one in columns[2]]  # shares
    n_wanted, n_places = gauge.wanted.sum(0), int(gauge.n_places.sum())
    found = [
        Token(token, name, columns[0][i], columns[1][i], columns[2][i], int(n_wanted[i]), n_places)
        for i, (token, name) in enumerate(zip(tokens, names, strict=True))
    ]
    return sorted(found, key=lambda one: (-one.gain.mean, one.token))


def by_prompt(sums: FloatMatrix, counts: np.ndarray, prompt_ids: Sequence[str]) -> FloatMatrix:
    """Means of the prompts, float64 (prompts, m), those without a place left out.

    Parameters
    ----------
    sums : float64 (texts, m)
    counts : (texts,), what they are sums over
    prompt_ids : of each text

    Examples
    --------
    >>> by_prompt(np.array([[1.0], [2.0], [6.0]]), np.array([1, 2, 2]), ["p", "p", "q"]).tolist()
    [[1.0], [3.0]]
    """
    names, index = np.unique(np.asarray(prompt_ids), return_inverse=True)
    total, n = np.zeros((len(names), sums.shape[1])), np.zeros(len(names))
    np.add.at(total, index, sums)
    np.add.at(n, index, counts)
    return total[n > 0] / n[n > 0, None]


def intervals(values: FloatMatrix, *, seed: int, together: bool = False) -> list[Interval]:
    """The mean of each column over prompts.

    Parameters
    ----------
    values : float64 (prompts, m)
    seed : of the bootstrap
    together : whether all hold at once
    """
    if not values.shape[1]:
        return []
    found = paired_intervals(values, np.ones(values.shape, dtype=np.bool_), seed=seed, together=together)
    return [
        Interval(float(mean), float(low), float(high))
        for mean, low, high in zip(values.mean(0), found.low, found.high, strict=True)
    ]
