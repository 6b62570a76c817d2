"""Intervals cover what they should, and turn with the signs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from diptych._types import FloatMatrix
from diptych.stats.intervals import (
    paired_intervals,
    paired_share_intervals,
    unpaired_intervals,
    unpaired_share_intervals,
)

Draw = Callable[[np.random.Generator, int, int], FloatMatrix]

SHAPES: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, n, m: rng.normal(1.0, 2.0, (n, m)), 1.0),
    "skewed": (lambda rng, n, m: rng.exponential(2.0, (n, m)), 2.0),
    "discrete": (lambda rng, n, m: rng.choice([-1.0, 0.0, 1.0], (n, m), p=[0.1, 0.6, 0.3]), 0.2),
    "heavy-tailed": (lambda rng, n, m: rng.standard_t(4, (n, m)), 0.0),
}


def everything(values: FloatMatrix) -> np.ndarray:
    return np.ones(values.shape, dtype=np.bool_)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_95_percent_interval_covers_about_95_percent(shape: str) -> None:
    draw, truth = SHAPES[shape]
    values = draw(np.random.default_rng(1), 200, 3000)
    interval = paired_intervals(values, everything(values), seed=0, n_resamples=1000)
    covered = ((interval.low <= truth) & (truth <= interval.high)).mean()
    assert 0.93 <= covered <= 0.97


def test_unpaired_intervals_cover_too() -> None:
    rng = np.random.default_rng(2)
    first = np.arange(220) < 80
    values = np.where(first[:, None], rng.exponential(1.0, (220, 3000)), rng.normal(3.0, 2.0, (220, 3000)))
    interval = unpaired_intervals(values, everything(values), first, seed=0, n_resamples=1000)
    assert 0.93 <= ((interval.low <= 2.0) & (interval.high >= 2.0)).mean() <= 0.97


def test_turning_the_signs_turns_the_interval_exactly() -> None:
    values = np.random.default_rng(3).exponential(1.0, (60, 5))
    here = paired_intervals(values, everything(values), seed=7)
    there = paired_intervals(-values, everything(values), seed=7)
    assert (here.low == -there.high).all()
    assert (here.high == -there.low).all()


def test_missing_rows_are_as_if_absent_from_the_mean() -> None:
    values = np.random.default_rng(4).normal(5.0, 1.0, (100, 1))
    present = everything(values)
    present[:50] = False
    wild = values.copy()
    wild[:50] = 1e6
    assert paired_intervals(wild, present, seed=0).low == paired_intervals(values, present, seed=0).low


def test_data_without_spread_gives_the_point() -> None:
    values = np.full((20, 1), 3.0)
    interval = paired_intervals(values, everything(values), seed=0)
    assert interval.low[0] == interval.high[0] == 3.0


def test_a_wider_level_contains_a_narrower_one() -> None:
    values = np.random.default_rng(5).normal(size=(80, 20))
    wide = paired_intervals(values, everything(values), seed=0, level=0.99)
    narrow = paired_intervals(values, everything(values), seed=0, level=0.8)
    assert (wide.low < narrow.low).all()
    assert (wide.high > narrow.high).all()


@pytest.mark.parametrize(("up", "down"), [(0.3, 0.1), (0.02, 0.01), (0.005, 0.005), (0.6, 0.0)])
def test_intervals_of_paired_shares_cover_rare_and_frequent_events(up: float, down: float) -> None:
    n = 200
    counts = np.random.default_rng(6).multinomial(n, [up, down, 1 - up - down], size=4000)
    interval = paired_share_intervals(counts[:, 0], counts[:, 1], np.full(4000, n))
    covered = ((interval.low <= up - down) & (up - down <= interval.high)).mean()
    assert covered >= 0.94
    assert (interval.high - interval.low).max() < 0.25


@pytest.mark.parametrize(("first", "second"), [(0.5, 0.3), (0.02, 0.05), (0.01, 0.01)])
def test_intervals_of_unpaired_shares_cover_rare_and_frequent_events(first: float, second: float) -> None:
    rng = np.random.default_rng(7)
    hits = rng.binomial(150, first, 4000), rng.binomial(120, second, 4000)
    interval = unpaired_share_intervals(hits[0], np.full(4000, 150), hits[1], np.full(4000, 120))
    assert ((interval.low <= second - first) & (second - first <= interval.high)).mean() >= 0.94


def test_share_intervals_stay_within_one_and_turn_with_the_signs() -> None:
    up, down, n = np.array([0, 5, 9]), np.array([3, 5, 0]), np.array([10, 10, 9])
    here, there = paired_share_intervals(up, down, n), paired_share_intervals(down, up, n)
    assert (here.low == -there.high).all()
    assert (np.abs(here.low) <= 1).all()
    assert here.low[1] < 0 < here.high[1]


def test_a_handful_of_prompts_makes_no_endless_interval() -> None:
    values = np.zeros((400, 1))
    values[:3] = 2.0
    interval = paired_intervals(values, everything(values), seed=0)
    assert interval.low[0] <= values.mean() <= interval.high[0] < 10 * values.mean()
