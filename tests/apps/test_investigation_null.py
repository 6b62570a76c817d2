"""Streams of hypotheses about two equal arms: however they were chosen, the share with a false discovery is held."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from diptych._types import FloatMatrix, FloatVector
from diptych.apps.interventions.investigation.testing import infer_alone, paired
from diptych.comparison.measures import Measure
from diptych.comparison.pairing import Table
from diptych.data.responses import Response
from diptych.stats.online import Rule, decide_all

N_STREAMS, N_HYPOTHESES, N_PROMPTS = 200, 25, 30
N_CANDIDATES = 300
"""Differences that an assistant could put forward, of which it takes the greatest."""
ALPHA = 0.05
JUDGED = Measure("judge.h001_x", "judge", "more", "fewer", "share of responses", "indicator")
COUNTED = Measure("surface.h001_x", "surface", "more", "fewer", "words", "number")


def table(n: int = N_PROMPTS) -> Table:
    rows = [tuple(Response(f"{i:03d}", f"Question {i}?", name, name) for i in range(n)) for name in "AB"]
    made = paired((rows[0], rows[1]))
    assert made is not None
    return made


def verdicts(rng: np.random.Generator, n: int) -> FloatMatrix:
    """What a judge says of answers of two equal models: as often yes of both, by prompt and by criterion; some say nothing."""
    chances = np.clip(rng.beta(0.8, 2.0, n) + rng.normal(0, 0.15, (N_PROMPTS, n)), 0, 1)
    said = (rng.random((2 * N_PROMPTS, n)) < np.repeat(chances, 2, axis=0)).astype(float)
    said[rng.random(said.shape) < 0.03] = np.nan
    return said


def p_values(values: FloatMatrix, measure: Measure = JUDGED) -> FloatVector:
    tested = infer_alone(table(), values, [measure] * values.shape[1], alpha=ALPHA, seed=0)
    return np.asarray(tested.test.p_value)


def share_with_a_discovery(p: FloatVector, rule: Rule) -> float:
    """Each discovery is false, so this is the false discovery rate."""
    return float(np.mean([decide_all(stream, ALPHA, rule).any() for stream in p.reshape(-1, N_HYPOTHESES)]))


LIMIT = ALPHA + 2 * np.sqrt(ALPHA * (1 - ALPHA) / N_STREAMS)


@pytest.mark.parametrize("measure", [JUDGED, COUNTED])
def test_the_rate_is_held_by_both_rules(measure: Measure) -> None:
    """Each hypothesis on answers of its own, as an investigation has it; numbers are of several draws, and skewed."""
    rng = np.random.default_rng(8)
    n = N_STREAMS * N_HYPOTHESES
    if measure is JUDGED:
        values = verdicts(rng, n)
    else:
        values = rng.lognormal(size=(N_PROMPTS, n)).repeat(2, axis=0) + rng.lognormal(size=(2 * N_PROMPTS, n))
    p = p_values(values, measure)
    assert np.mean(p <= ALPHA) <= ALPHA + 2 * np.sqrt(ALPHA * (1 - ALPHA) / n)
    found = {rule: share_with_a_discovery(p, rule) for rule in get_args(Rule)}
    assert set(found) == {"saffron", "lord"} and max(found.values()) <= LIMIT


def test_answers_that_were_seen_would_break_it() -> None:
    """An assistant that puts forward the greatest difference that it sees, tested on the very answers that it saw."""
    rng = np.random.default_rng(7)
    n = 50 * N_HYPOTHESES
    seen = verdicts(rng, n)
    for _ in range(N_CANDIDATES - 1):
        other = verdicts(rng, n)
        seen = np.where(np.abs(differences(other)) > np.abs(differences(seen)), other, seen)
    assert share_with_a_discovery(p_values(seen), "saffron") > 0.9


def differences(values: FloatMatrix) -> FloatVector:
    return np.asarray(np.nanmean(values[::2] - values[1::2], axis=0))
