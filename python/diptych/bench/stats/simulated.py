"""Where the truth is known: intervals that should cover it, and families in which nothing should be found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from diptych._types import FloatMatrix, Json, Progress
from diptych.bench.stats.false_alarms import share
from diptych.stats.calibration import exact_share
from diptych.stats.intervals import paired_intervals, unpaired_intervals
from diptych.stats.permutation import TestResult, paired_test, unpaired_test
from diptych.utils.hashing import derive_seed

COVERED = (0.93, 0.97)
"""What share of intervals at a level of 95 % should hold the truth."""
PROMPTS = (100, 400)
_DOUBT = 0.05
"""The chance, over all cells of a section together, to call a promise broken that holds."""
_AT_ONCE = 200
"""Intervals that share their resamples."""
_MEASURES, _FAMILY_PROMPTS, _FAMILY_RESAMPLES = 40, 60, 999
_TRUE = 5
"""Measures that differ, in the family where some do."""

Draw = Callable[[np.random.Generator, tuple[int, int]], FloatMatrix]


@dataclass(frozen=True)
class Shape:
    """A distribution of paired differences with a known mean."""

    draw: Draw
    mean: float


def _shares(rng: np.random.Generator, shape: tuple[int, int]) -> FloatMatrix:
    """Five draws a prompt and arm of a behaviour that 20 %, then 30 % show."""
    return np.asarray((rng.binomial(5, 0.3, shape) - rng.binomial(5, 0.2, shape)) / 5.0)


SHAPES = {
    "normal": Shape(lambda rng, shape: rng.normal(1.0, 2.0, shape), 1.0),
    "skewed: exponential": Shape(lambda rng, shape: rng.exponential(2.0, shape), 2.0),
    "skewed: log-normal": Shape(lambda rng, shape: rng.lognormal(0.0, 0.75, shape), float(np.exp(0.75**2 / 2.0))),
    "discrete: -1, 0, 1": Shape(lambda rng, shape: rng.choice([-1.0, 0.0, 1.0], shape, p=[0.1, 0.6, 0.3]), 0.2),
    "discrete: shares of five draws": Shape(_shares, 0.1),
    "heavy-tailed: t, 4 degrees": Shape(lambda rng, shape: rng.standard_t(4, shape), 0.0),
    "heavy-tailed: t, 3 degrees": Shape(lambda rng, shape: rng.standard_t(3, shape), 0.0),
}


def coverage(*, runs: int, seed: int, progress: Progress, prompts: tuple[int, ...] = PROMPTS) -> list[Json]:
    """How often 95 % intervals hold the true mean of differences that are skewed, discrete or heavy-tailed.

    Parameters
    ----------
    runs : intervals of each shape, design and number of prompts
    seed, progress : of that
    prompts : numbers of prompts

    Returns
    -------
    list of Json
        Each with ``shape``, ``pairing``, ``n_prompts``, ``covered``, and ``as_promised``: from 93 to 97 %, or not to be
        told from it by an exact interval that allows for the number of cells
    """
    cells = [(name, pairing, n) for name in SHAPES for pairing in ("paired", "unpaired") for n in prompts]
    progress.start("coverage", len(cells))
    found = []
    for name, pairing, n in cells:
        hits = _covered(name, pairing, n, runs, seed)
        wide = exact_share(hits, runs, level=1.0 - _DOUBT / len(cells))
        found.append(
            {
                "shape": name,
                "pairing": pairing,
                "n_prompts": n,
                "covered": share(hits, runs),
                "as_promised": wide.high >= COVERED[0] and wide.low <= COVERED[1],
            }
        )
        progress.advance()
    progress.finish()
    return found


def _covered(name: str, pairing: str, n: int, runs: int, seed: int) -> int:
    """How many of the intervals hold the truth; unpaired, the second group is normal round the same mean."""
    shape, hits = SHAPES[name], 0
    for start in range(0, runs, _AT_ONCE):
        of_batch = derive_seed(seed, f"{name} {pairing} {n} {start}")
        rng = np.random.Generator(np.random.Philox(key=of_batch))
        size = (n, min(_AT_ONCE, runs - start))
        values, present = shape.draw(rng, size), np.ones(size, dtype=np.bool_)
        if pairing == "paired":
            truth, interval = shape.mean, paired_intervals(values, present, seed=of_batch)
        else:
            first = np.arange(n) < n // 3
            values = np.where(first[:, None], values, rng.normal(shape.mean, 1.0, size))
            truth, interval = 0.0, unpaired_intervals(values, present, first, seed=of_batch)
        hits += int(((interval.low <= truth) & (truth <= interval.high)).sum())
    return hits


def _alike(rng: np.random.Generator, shape: tuple[int, int]) -> FloatMatrix:
    """Correlation 0.8."""
    return np.asarray(np.sqrt(0.8) * rng.normal(size=(shape[0], 1)) + np.sqrt(0.2) * rng.normal(size=shape))


def _heavy(rng: np.random.Generator, shape: tuple[int, int]) -> FloatMatrix:
    return np.asarray(rng.standard_t(3, (shape[0], 1)) + rng.standard_t(3, shape))


def _nested(rng: np.random.Generator, shape: tuple[int, int]) -> FloatMatrix:
    """Indicators of which each holds the one before it."""
    n, m = shape
    where, sign = rng.random((n, 1)), rng.choice([-1.0, 1.0], (n, 1))
    return np.asarray(sign * (where < np.linspace(0.05, 0.9, m)))


FAMILIES: dict[str, Draw] = {
    "independent": lambda rng, shape: rng.normal(size=shape),
    "correlation 0.8": _alike,
    "heavy-tailed, with a common part": _heavy,
    "nested indicators": _nested,
}


def family_wise(*, runs: int, seed: int, threads: int, progress: Progress, alpha: float = 0.05) -> list[Json]:
    """How often the step-down max-|z| test finds a measure in whose family it should find none, or only others.

    Parameters
    ----------
    runs : families of each kind
    seed, threads, progress : of that; the number of threads changes nothing
    alpha : wanted chance of any false one

    Returns
    -------
    list of Json
        Each with ``family``, ``pairing``, ``n_true`` measures that differ, ``rate`` of families with a false one, and
        ``as_promised``: at most alpha, or not to be told from it, as in ``coverage``
    """
    cells = [
        (name, pairing, n_true) for name in FAMILIES for pairing in ("paired", "unpaired") for n_true in (0, _TRUE)
    ]
    progress.start("family-wise error", len(cells) * runs)
    found = []
    for name, pairing, n_true in cells:
        hits = 0
        for run in range(runs):
            test = _family(name, pairing, n_true, derive_seed(seed, f"{name} {pairing} {n_true} {run}"), threads)
            hits += bool((test.p_fwer[n_true:] <= alpha).any())
            progress.advance()
        wide = exact_share(hits, runs, level=1.0 - _DOUBT / len(cells))
        found.append(
            {
                "family": name,
                "pairing": pairing,
                "n_true": n_true,
                "rate": share(hits, runs),
                "as_promised": wide.low <= alpha,
            }
        )
    progress.finish()
    return found


def _family(name: str, pairing: str, n_true: int, seed: int, threads: int) -> TestResult:
    """One family in which the first measures differ by far, the others not at all."""
    shape = (_FAMILY_PROMPTS, _MEASURES)
    values = FAMILIES[name](np.random.Generator(np.random.Philox(key=seed)), shape)
    first = np.arange(shape[0]) < shape[0] // 2
    values[:, :n_true] += 2.0 if pairing == "paired" else 2.0 * ~first[:, None]
    numbers = np.zeros(shape[1], dtype=np.bool_)
    if pairing == "paired":
        return paired_test(values, indicator=numbers, n_resamples=_FAMILY_RESAMPLES, seed=seed, threads=threads)
    present = np.ones(shape, dtype=np.bool_)
    return unpaired_test(
        values, present, first, indicator=numbers, n_resamples=_FAMILY_RESAMPLES, seed=seed, threads=threads
    )
