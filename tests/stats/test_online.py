"""SAFFRON and LORD against their formulas, against another implementation, and against chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from online_fdr.p_values.investing.lord.plus_plus import LordPlusPlus
from online_fdr.p_values.investing.saffron.saffron import Saffron
from scipy.special import zeta

from diptych.errors import DataError
from diptych.stats.online import OnlineFdr, Rule, decide_all

RULES: tuple[Rule, ...] = ("saffron", "lord")
P_VALUES = st.lists(st.floats(0, 1) | st.floats(0, 0.01), min_size=1, max_size=60)


def streams(n: int, length: int, share: float) -> np.ndarray:
    """Uniform p-values, of which a share is drawn towards zero; float64 (n, length)."""
    generator = np.random.default_rng(7)
    p = generator.random((n, length))
    return np.where(generator.random(p.shape) < share, p**8, p)


def level_by_formula(p_values: list[float], rule: Rule, alpha: float, candidate: float = 0.5) -> float:
    """The level of the test after those given, from the papers' sums over all discoveries, from the first test on."""
    found: list[int] = []
    for t in range(1, len(p_values) + 2):
        passed = np.array(p_values[: t - 1])
        level = 0.0
        for k, since in enumerate([0, *found]):
            earned = alpha / 2 if k < 2 else alpha
            if rule == "saffron":
                age = t - since - (passed[since:] <= candidate).sum()
                level += (1 - candidate) * earned * age**-1.6 / zeta(1.6)
            else:
                age = t - since
                level += earned * 0.07720838 * np.log(max(age, 2)) / (age * np.exp(np.sqrt(np.log(age))))
        level = min(level, candidate) if rule == "saffron" else level
        if t <= len(p_values) and p_values[t - 1] <= level:
            found.append(t)
    return level


@pytest.mark.parametrize("rule", RULES)
@given(p_values=P_VALUES)
def test_levels_are_those_of_the_formula(rule: Rule, p_values: list[float]) -> None:
    stream = OnlineFdr(0.1, rule)
    for p in p_values:
        stream.decide(p)
    assert stream.level == pytest.approx(level_by_formula(p_values, rule, 0.1), rel=1e-9)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("rule", RULES)
def test_decides_as_another_implementation(rule: Rule, share: float) -> None:
    for p_values in streams(40, 300, share):
        other = Saffron(0.05, 0.025, 0.5) if rule == "saffron" else LordPlusPlus(0.05, 0.025)
        assert decide_all(p_values, 0.05, rule).tolist() == [other.test_one(float(p)) for p in p_values]


@pytest.mark.parametrize("length", [40, 200, 1000])
@pytest.mark.parametrize("rule", RULES)
def test_chance_of_a_false_discovery_where_all_is_true(rule: Rule, length: int) -> None:
    n, alpha = 400, 0.05
    false = np.mean([decide_all(p, alpha, rule).any() for p in streams(n, length, 0.0)])
    assert false <= alpha + 2 * (alpha * (1 - alpha) / n) ** 0.5


def test_saffron_finds_more_than_lord_where_many_are_false() -> None:
    found = {rule: sum(decide_all(p, 0.05, rule).sum() for p in streams(20, 500, 0.5)) for rule in RULES}
    assert found["saffron"] > 1.2 * found["lord"] > 0


@pytest.mark.parametrize("rule", RULES)
@given(p_values=P_VALUES, data=st.data())
def test_a_smaller_p_never_undoes_a_discovery(rule: Rule, p_values: list[float], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(p_values) - 1))
    smaller = [*p_values[:at], p_values[at] / 2, *p_values[at + 1 :]]
    before, after = (decide_all(np.array(one), 0.1, rule) for one in (p_values, smaller))
    assert (after >= before).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"alpha": 0.0}, "alpha = 0.0"),
        ({"alpha": 0.05, "first": 0.06}, "at most alpha = 0.05"),
        ({"alpha": 0.05, "candidate": 1.0}, "candidate = 1.0"),
    ],
)
def test_numbers_out_of_range_are_named(settings: dict[str, float], said: str) -> None:
    with pytest.raises(DataError, match=said):
        OnlineFdr(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(p: float) -> None:
    with pytest.raises(DataError, match="p ="):
        OnlineFdr(0.05).decide(p)
