"""Planning: by the very test, monotone, and in line with what is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from diptych.errors import ConfigError
from diptych.stats.planning import (
    Design,
    Numbers,
    Pilot,
    Shares,
    UnpairedNumbers,
    UnpairedShares,
    power_of,
    prompts_needed,
    smallest_change,
)
from diptych.stats.power import detectable_paired_shares

QUICK = Design(level=0.01, n_resamples=2_000, runs=400)


def test_power_without_a_change_is_at_most_the_level() -> None:
    for model in (
        Shares(0.2),
        Shares(0.2, spread=0.1, draws=3),
        Numbers(2.0),
        Pilot(np.random.default_rng(0).exponential(size=80)),
        UnpairedShares(0.2),
        UnpairedNumbers(2.0),
    ):
        found = power_of(model, 100, 0.0, Design(level=0.05, n_resamples=999, runs=2_000))
        assert found <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / 2_000), model  # one of the two sides


def test_power_grows_with_change_prompts_and_draws() -> None:
    for model in (Shares(0.2), Numbers(1.0), UnpairedShares(0.2), UnpairedNumbers(1.0)):
        by_change = [power_of(model, 80, change, QUICK) for change in (0.0, 0.1, 0.2, 0.4)]
        by_prompts = [power_of(model, n, 0.2, QUICK) for n in (20, 80, 320)]
        assert by_change == sorted(by_change)
        assert by_prompts == sorted(by_prompts)
    assert power_of(Shares(0.2, draws=5), 60, 0.15, QUICK) > power_of(Shares(0.2), 60, 0.15, QUICK) + 0.1


def test_numbers_need_what_the_t_test_needs() -> None:
    model, n = Numbers(1.5, draws=2), 60
    found = smallest_change(model, n, Design(level=0.01, power=0.8, n_resamples=5_000, runs=1_000))
    spread = 1.5 * math.sqrt(2 / 2)
    shift = found / spread * math.sqrt(n)
    critical = stats.t.ppf(1 - 0.01 / 2, n - 1)
    assert stats.nct.sf(critical, n - 1, shift) == pytest.approx(0.8, abs=0.05)


def test_unpaired_numbers_need_what_the_t_test_of_two_groups_needs() -> None:
    n = 60
    found = smallest_change(UnpairedNumbers(1.5), n, Design(level=0.01, n_resamples=5_000, runs=1_000))
    shift, freedom = found / 1.5 * math.sqrt(n / 2), 2 * n - 2
    assert stats.nct.sf(stats.t.ppf(1 - 0.01 / 2, freedom), freedom, shift) == pytest.approx(0.8, abs=0.05)


def test_unpaired_shares_agree_with_the_power_of_fishers_test() -> None:
    n, level = 150, 1e-3
    found = smallest_change(UnpairedShares(0.1), n, Design(level=level, runs=1_000))
    hits = np.random.default_rng(0).binomial(n, [[0.1], [0.1 + found]], (2, 2_000))
    tables = [np.array([[a, n - a], [b, n - b]]) for a, b in hits.T]
    assert np.mean([stats.fisher_exact(table).pvalue <= level for table in tables]) == pytest.approx(0.8, abs=0.05)


def test_shares_agree_with_the_exact_power_of_the_sign_test() -> None:
    """Without the behaviour in the first arm every discordant prompt goes one way, and the power is a binomial."""
    n, level = 300, 1e-3
    found = smallest_change(Shares(0.0), n, Design(level=level, runs=2_000))
    exact = detectable_paired_shares(np.array([0]), np.array([n]), level=level)[0]
    assert found == pytest.approx(exact, abs=0.004)


def test_prompts_that_are_needed_find_the_change_and_fewer_do_not() -> None:
    for model, change in ((Shares(0.1), 0.1), (Numbers(1.0), 0.3)):
        n = prompts_needed(model, change, QUICK)
        assert n is not None
        assert power_of(model, n, change, QUICK) >= 0.8
        assert power_of(model, n * 3 // 4, change, QUICK) < 0.8


def test_what_cannot_be_found_is_said() -> None:
    assert math.isnan(smallest_change(Shares(0.1), 4, Design(level=1e-4)))
    assert prompts_needed(Shares(0.5), 1e-4, Design(level=1e-4, runs=20)) is None


def test_a_pilot_of_numbers_needs_what_its_spread_needs() -> None:
    observed = np.random.default_rng(0).normal(3.0, 2.0, 5_000)
    by_pilot = smallest_change(Pilot(observed), 100, QUICK)
    by_spread = smallest_change(Numbers(2.0 / math.sqrt(2.0)), 100, QUICK)
    assert by_pilot == pytest.approx(by_spread, rel=0.1)


def test_draws_of_a_share_have_its_mean_and_spread() -> None:
    rng = np.random.default_rng(0)
    differences = Shares(0.3, spread=0.2, draws=2).sample(rng, 4_000, 5, 0.14)
    assert differences.mean() == pytest.approx(0.14, abs=0.01)


@pytest.mark.parametrize(
    "make",
    [lambda: Shares(1.0), lambda: Shares(-0.1), lambda: Shares(0.1, spread=0.4), lambda: Shares(0.1, draws=0),
     lambda: Numbers(0.0), lambda: Numbers(1.0, draws=0), lambda: UnpairedShares(1.0), lambda: UnpairedNumbers(0.0)],
)  # fmt: skip
def test_a_model_that_cannot_be_is_refused(make: object) -> None:
    with pytest.raises(ConfigError, match="give|can spread"):
        make()  # type: ignore[operator]
