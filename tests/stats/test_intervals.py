"""Intervals cover what they should, and turn with the signs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from scipy import stats
from threadpoolctl import threadpool_limits

from diptych._types import FloatMatrix
from diptych.stats import intervals
from diptych.stats.intervals import paired_intervals, unpaired_intervals
from diptych.stats.share_intervals import paired_share_intervals, unpaired_share_intervals

Draw = Callable[[np.random.Generator, int, int], FloatMatrix]

SHAPES: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, n, m: rng.normal(1.0, 2.0, (n, m)), 1.0),
    "skewed": (lambda rng, n, m: rng.exponential(2.0, (n, m)), 2.0),
    "discrete": (lambda rng, n, m: rng.choice([-1.0, 0.0, 1.0], (n, m), p=[0.1, 0.6, 0.3]), 0.2),
    "heavy-tailed": (lambda rng, n, m: rng.standard_t(4, (n, m)), 0.0),
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As in a comparison; and thousands of small products are quicker so."""
    with threadpool_limits(1):
        yield


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
    d = np.random.default_rng(6).choice([1.0, -1.0, 0.0], (200, 4000), p=[up, down, 1 - up - down])
    interval = paired_share_intervals(d, everything(d))
    assert ((interval.low <= up - down) & (up - down <= interval.high)).mean() >= 0.94
    assert (interval.high - interval.low).max() < 0.25


@pytest.mark.parametrize(("first", "second"), [(0.5, 0.3), (0.02, 0.05), (0.01, 0.01)])
def test_intervals_of_unpaired_shares_cover_rare_and_frequent_events(first: float, second: float) -> None:
    in_first = np.arange(270) < 150
    chance = np.where(in_first, first, second)[:, None]
    hits = (np.random.default_rng(7).random((270, 4000)) < chance).astype(float)
    interval = unpaired_share_intervals(hits, everything(hits), in_first)
    assert ((interval.low <= second - first) & (second - first <= interval.high)).mean() >= 0.94


@pytest.mark.parametrize(("n", "draws", "share"), [(50, 3, 0.01), (50, 10, 0.3), (200, 3, 0.05), (200, 3, 0.3)])
def test_intervals_of_shares_of_several_draws_hold_where_a_bootstrap_does_not(n: int, draws: int, share: float) -> None:
    """Prompts differ in their chance; the second arm does it in a hundredth more of all responses."""
    rng = np.random.default_rng(8)
    chance = rng.beta(2 * share, 2 * (1 - share), (n, 2000))
    had = rng.binomial(draws, chance)
    first, second = rng.binomial(draws, chance) / draws, (had + rng.binomial(draws - had, 0.01 / (1 - share))) / draws
    both = np.vstack([first, second])
    found = [
        paired_share_intervals(second - first, everything(first)),
        unpaired_share_intervals(both, everything(both), np.arange(2 * n) < n),
        paired_intervals(second - first, everything(first), seed=0, n_resamples=500),
    ]
    covered = [((interval.low <= 0.01) & (interval.high >= 0.01)).mean() for interval in found]
    assert min(covered[:2]) >= 0.94
    assert (covered[2] < 0.9) == (share == 0.01)


def test_share_intervals_equal_the_published_formulas() -> None:
    """Bonett & Price (2012), eq. 3; Agresti & Caffo (2000): one response a prompt, written out by counts."""
    rng, z = np.random.default_rng(9), stats.norm.ppf(0.95)
    d = rng.choice([1.0, -1.0, 0.0], (60, 50), p=[0.2, 0.1, 0.7])
    up, down = ((d == 1).sum(axis=0) + 1) / 62, ((d == -1).sum(axis=0) + 1) / 62
    found = paired_share_intervals(d, everything(d), level=0.9)
    assert found.low == pytest.approx(up - down - z * np.sqrt((up + down - (up - down) ** 2) / 62), abs=1e-12)
    hits, first = (rng.random((60, 50)) < 0.3).astype(float), np.arange(60) < 25
    p, q = (hits[first].sum(axis=0) + 1) / 27, (hits[~first].sum(axis=0) + 1) / 37
    two = unpaired_share_intervals(hits, everything(hits), first, level=0.9)
    assert two.high == pytest.approx(q - p + z * np.sqrt(p * (1 - p) / 27 + q * (1 - q) / 37), abs=1e-12)


def test_share_intervals_stay_within_one_and_turn_with_the_signs() -> None:
    d = np.zeros((10, 3))
    d[:3, 0], d[:5, 1], d[5:, 1], d[:9, 2] = -1.0, 1.0, -1.0, 1.0
    here, there = paired_share_intervals(d, everything(d)), paired_share_intervals(-d, everything(d))
    assert (here.low == -there.high).all()
    assert (np.abs(here.low) <= 1).all()
    assert here.low[1] < 0 < here.high[1]


def test_missing_shares_are_as_if_they_had_never_been_asked_for() -> None:
    d = np.random.default_rng(10).choice([1.0, -1.0, 0.0], (80, 4))
    present = everything(d)
    present[50:] = False
    assert (paired_share_intervals(d, present).low == paired_share_intervals(d[:50], present[:50]).low).all()
    hits, first = np.abs(d), np.arange(80) % 3 == 0
    some, fewer = unpaired_share_intervals(hits, present, first), (hits[:50], present[:50], first[:50])
    assert (some.low == unpaired_share_intervals(*fewer).low).all()


def test_a_handful_of_prompts_makes_no_endless_interval() -> None:
    values = np.zeros((400, 1))
    values[:3] = 2.0
    interval = paired_intervals(values, everything(values), seed=0)
    assert interval.low[0] <= values.mean() <= interval.high[0] < 10 * values.mean()


def correlated(shape: str, rng: np.random.Generator, n: int) -> tuple[FloatMatrix, float]:
    """Eight measures that share a part of their cause, and their true mean."""
    if shape == "normal":
        return rng.normal(size=(n, 1)) + rng.normal(size=(n, 8)), 0.0
    if shape == "skewed":
        return rng.exponential(size=(n, 1)) + rng.exponential(size=(n, 8)), 2.0
    u = np.where(rng.random((n, 8)) < 0.5, rng.random((n, 1)), rng.random((n, 8)))
    return np.where(u < 0.05, -2.0, np.where(u < 0.25, 1.0, 0.0)), 0.1


@pytest.mark.parametrize("shape", ["normal", "skewed", "discrete"])
def test_intervals_of_all_measures_hold_together_and_each_alone_do_not(shape: str) -> None:
    rng, n_runs = np.random.default_rng(11), 200
    held = {False: 0, True: 0}
    for run in range(n_runs):
        values, truth = correlated(shape, rng, 100)
        for together in held:
            found = paired_intervals(values, everything(values), seed=run, together=together, n_resamples=499)
            held[together] += bool(((found.low <= truth) & (truth <= found.high)).all())
    assert held[True] / n_runs >= 0.95 - 2 * np.sqrt(0.95 * 0.05 / n_runs)
    assert held[False] / n_runs < 0.9


def test_intervals_of_two_groups_hold_together() -> None:
    rng, n_runs, held, first = np.random.default_rng(12), 200, 0, np.arange(160) < 70
    for run in range(n_runs):
        common = rng.normal(size=(160, 1))
        values = common + np.where(first[:, None], rng.exponential(1.0, (160, 8)), rng.normal(3.0, 2.0, (160, 8)))
        found = unpaired_intervals(values, everything(values), first, seed=run, together=True, n_resamples=499)
        held += bool(((found.low <= 2.0) & (found.high >= 2.0)).all())
    assert held / n_runs >= 0.95 - 2 * np.sqrt(0.95 * 0.05 / n_runs)


@pytest.mark.parametrize("block_bytes", [2**25, 2**14])
def test_the_critical_value_of_all_is_the_quantile_of_the_largest_t(
    block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its twin: resample by resample, from rows that are written out; whatever is done at once."""
    monkeypatch.setattr(intervals, "_BLOCK_BYTES", block_bytes)
    rng = np.random.default_rng(13)
    values, n_resamples = rng.exponential(1.0, (40, 5)), 399
    draws = np.random.Generator(np.random.Philox(key=3)).multinomial(40, np.full(40, 1 / 40), size=n_resamples)
    error, largest = values.std(axis=0, ddof=1) / np.sqrt(40), []
    for counts in draws:
        sample = np.repeat(values, counts, axis=0)
        spread = np.maximum(sample.std(axis=0, ddof=1) / np.sqrt(40), error / 3)
        largest.append(np.abs((sample.mean(axis=0) - values.mean(axis=0)) / spread).max())
    half = sorted(largest)[n_resamples - 40] * error
    found = paired_intervals(values, everything(values), seed=3, level=0.9, together=True, n_resamples=n_resamples)
    assert found.low == pytest.approx(values.mean(axis=0) - half, abs=1e-12)
    assert found.high == pytest.approx(values.mean(axis=0) + half, abs=1e-12)


def test_together_turning_the_signs_turns_the_intervals_and_a_constant_claims_nothing() -> None:
    values = np.random.default_rng(14).exponential(1.0, (60, 5))
    values[:, 2] = 4.0
    here, there = (paired_intervals(v, everything(values), seed=7, together=True) for v in (values, -values))
    assert (here.low == -there.high).all()
    assert here.low[2] == here.high[2] == 4.0
    none = paired_intervals(values[:, :0], everything(values[:, :0]), seed=7, together=True)
    assert none.low.shape == none.high.shape == none.error.shape == (0,)


def test_a_wide_level_of_all_takes_more_resamples_not_the_most_extreme_one() -> None:
    values = np.random.default_rng(15).normal(size=(40, 2))
    by_default = paired_intervals(values, everything(values), seed=0, level=0.998, together=True)
    said = paired_intervals(values, everything(values), seed=0, level=0.998, together=True, n_resamples=10_000)
    few = paired_intervals(values, everything(values), seed=0, level=0.998, together=True, n_resamples=400)
    assert (by_default.high == said.high).all()
    assert (by_default.high != few.high).all()
