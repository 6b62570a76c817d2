"""Before spending: how many prompts and draws does it take? By simulation with the very test that will be used."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from diptych._types import FloatMatrix, FloatVector
from diptych.errors import ConfigError
from diptych.stats.permutation import TestResult, unpaired_test
from diptych.stats.sequential import SequentialResult, sequential_paired_test

MOST_PROMPTS = 20_000
_STEPS = 12  # bisections: 2^-12 of the range


class Model(Protocol):
    """How a measure would come out."""

    is_paired: ClassVar[bool]
    """Whether both arms answer the same prompts."""

    @property
    def is_indicator(self) -> bool:
        """Whether each value is 0 or 1, so that the test is exact."""

    @property
    def largest(self) -> float:
        """The largest change that is worth asking about."""

    def sample(self, rng: np.random.Generator, n: int, runs: int, change: float) -> FloatMatrix:
        """Paired: second arm minus first, float64 (n prompts, runs). Unpaired: first arm, then second, (2 n, runs)."""


@dataclass(frozen=True, slots=True)
class Shares:
    """A share of responses that changes: each prompt has its own chance, draws are coin tosses.

    Parameters
    ----------
    share : of the first arm, over all prompts
    spread : standard deviation of the chance between prompts; their chances have a beta distribution
    draws : of each prompt and arm

    Notes
    -----
    With probability ``change / (1 - share)`` a response of the second arm that would have been without it has it.
    """

    is_paired: ClassVar[bool] = True

    share: float
    spread: float = 0.0
    draws: int = 1

    def __post_init__(self) -> None:
        most = math.sqrt(self.share * (1.0 - self.share)) if 0.0 <= self.share < 1.0 else -1.0
        if most < 0.0 or self.draws < 1:
            raise ConfigError(f"share {self.share}, draws {self.draws}: give a share from 0 to 1 and at least one draw")
        if not 0.0 <= self.spread < max(most, 1e-300):
            msg = f"spread {self.spread}: between prompts a share of {self.share} can spread by less than {most:.3g}"
            raise ConfigError(msg)

    @property
    def is_indicator(self) -> bool:
        return self.draws == 1

    @property
    def largest(self) -> float:
        return 1.0 - self.share

    def sample(self, rng: np.random.Generator, n: int, runs: int, change: float) -> FloatMatrix:
        chance = np.full((n, runs), self.share)
        if self.spread > 0.0:
            size = self.share * (1.0 - self.share) / self.spread**2 - 1.0
            chance = rng.beta(self.share * size, (1.0 - self.share) * size, (n, runs))
        more = np.zeros((n, runs))
        for _ in range(self.draws):
            more -= rng.random((n, runs)) < chance
            had = rng.random((n, runs)) < chance
            more += had | (rng.random((n, runs)) < change / (1.0 - self.share))
        return more / self.draws


@dataclass(frozen=True, slots=True)
class Numbers:
    """A number that changes: normal round its prompt's mean, which cancels.

    Parameters
    ----------
    spread : standard deviation of a response's value round the mean of its prompt
    draws : of each prompt and arm
    """

    is_paired: ClassVar[bool] = True

    spread: float
    draws: int = 1

    def __post_init__(self) -> None:
        if not self.spread > 0.0 or self.draws < 1:
            raise ConfigError(f"spread {self.spread}, draws {self.draws}: give more than 0, and at least one draw")

    @property
    def is_indicator(self) -> bool:
        return False

    @property
    def largest(self) -> float:
        return 10.0 * self.spread

    def sample(self, rng: np.random.Generator, n: int, runs: int, change: float) -> FloatMatrix:
        return rng.normal(change, self.spread * math.sqrt(2.0 / self.draws), (n, runs))


@dataclass(frozen=True)
class Pilot:
    """A measure of a run that was made: its prompts are drawn with replacement, their differences centred.

    Parameters
    ----------
    observed : float64 (n,), paired differences of the run
    """

    is_paired: ClassVar[bool] = True

    observed: FloatVector

    @property
    def is_indicator(self) -> bool:
        return False

    @property
    def largest(self) -> float:
        return 10.0 * float(self.observed.std()) or 1.0

    def sample(self, rng: np.random.Generator, n: int, runs: int, change: float) -> FloatMatrix:
        centred = self.observed - self.observed.mean()
        return np.asarray(centred[rng.integers(0, len(centred), (n, runs))] + change)


@dataclass(frozen=True, slots=True)
class UnpairedShares:
    """A share of responses that changes, in arms with prompts of their own; one response to each.

    Parameters
    ----------
    share : of the first arm
    """

    is_paired: ClassVar[bool] = False
    is_indicator: ClassVar[bool] = True

    share: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.share < 1.0:
            raise ConfigError(f"share {self.share}: give a share from 0 to 1")

    @property
    def largest(self) -> float:
        return 1.0 - self.share

    def sample(self, rng: np.random.Generator, n: int, runs: int, change: float) -> FloatMatrix:
        has = rng.random((2 * n, runs)) < self.share
        has[n:] |= rng.random((n, runs)) < change / (1.0 - self.share)
        return has.astype(np.float64)


@dataclass(frozen=True, slots=True)
class UnpairedNumbers:
    """A number that changes, in arms with prompts of their own: normal; one response to each.

    Parameters
    ----------
    spread : standard deviation of responses, over prompts and all
    """

    is_paired: ClassVar[bool] = False
    is_indicator: ClassVar[bool] = False

    spread: float

    def __post_init__(self) -> None:
        if not self.spread > 0.0:
            raise ConfigError(f"spread {self.spread}: give more than 0")

    @property
    def largest(self) -> float:
        return 10.0 * self.spread

    def sample(self, rng: np.random.Generator, n: int, runs: int, change: float) -> FloatMatrix:
        values = rng.normal(0.0, self.spread, (2 * n, runs))
        values[n:] += change
        return values


@dataclass(frozen=True, slots=True)
class Design:
    """What is asked of the run.

    Parameters
    ----------
    level : at which a single p must pass, such as α over the number of measures
    power : chance to find the change
    n_resamples : of the test, for measures that are not exact
    runs : simulated runs for each answer; the standard error of a power of 0.8 is ``0.4 / sqrt(runs)``
    seed : the same draws for every change, so that power grows with it
    threads : no result depends on it
    """

    level: float
    power: float = 0.8
    n_resamples: int = 100_000
    runs: int = 400
    seed: int = 0
    threads: int = 1


def power_of(model: Model, n: int, change: float, design: Design) -> float:
    """The chance to find a change with n prompts, of each arm where it has its own.

    Parameters
    ----------
    model : how the measure comes out
    n : prompts
    change : true difference
    design : level, resamples, runs

    Notes
    -----
    A paired run stops at the exceedance that takes its p above the level: the same runs find the change as without.

    Examples
    --------
    >>> power_of(Shares(0.1), 200, 0.3, Design(level=0.05)) > 0.99
    True
    """
    rng = np.random.Generator(np.random.Philox(key=design.seed))
    values = model.sample(rng, n, design.runs, change)
    options: dict[str, Any] = {
        "indicator": np.full(design.runs, model.is_indicator),
        "n_resamples": 1 if model.is_indicator else design.n_resamples,
        "seed": design.seed,
        "threads": design.threads,
    }
    test: TestResult | SequentialResult
    if model.is_paired:
        stop_after = math.floor(design.level * (design.n_resamples + 1)) + 1
        test = sequential_paired_test(values, **options, stop_after=stop_after)
    else:
        test = unpaired_test(values, np.ones(values.shape, dtype=np.bool_), np.arange(2 * n) < n, **options)
    return float(((test.p_value <= design.level) & (test.statistic > 0)).mean())


def smallest_change(model: Model, n: int, design: Design) -> float:
    """The smallest change that n prompts find with the wanted power; NaN where not even the largest would be.

    Parameters
    ----------
    model : shares or numbers, paired or not, or a pilot
    n : prompts, as in ``power_of``
    design : level and power

    Notes
    -----
    Bisection over the change, with the same random numbers at each step.

    Examples
    --------
    >>> 0.03 < smallest_change(Shares(0.0), 500, Design(level=1e-4)) < 0.05
    True
    """
    low, high = 0.0, model.largest
    if power_of(model, n, high, design) < design.power:
        return math.nan
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        if power_of(model, n, middle, design) < design.power:
            low = middle
        else:
            high = middle
    return high


def prompts_needed(model: Model, change: float, design: Design) -> int | None:
    """How many prompts find the change with the wanted power, to two digits; None where 20,000 do not.

    Parameters
    ----------
    model, change, design : as in ``power_of``

    Examples
    --------
    >>> prompts_needed(Shares(0.0), 0.5, Design(level=1e-4)) < 60
    True
    """
    low, high = 1, 8
    while power_of(model, high, change, design) < design.power:
        low, high = high, 2 * high
        if high > MOST_PROMPTS:
            return None
    while high - low > max(1, high // 50):
        middle = (low + high) // 2
        if power_of(model, middle, change, design) < design.power:
            low = middle
        else:
            high = middle
    return high
