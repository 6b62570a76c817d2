"""Two samples of one source, one with more answers to each prompt: no p-value is smaller than chance allows."""

from __future__ import annotations

import numpy as np
import pytest

from diptych._types import Silent
from diptych.comparison.inference import Resampling, infer
from diptych.comparison.measures import Measure
from diptych.comparison.pairing import Pairing, pair_arms
from diptych.comparison.units import unit_means
from diptych.data import Response, Responses

N_PROMPTS, N_DRAWS, N_MEASURES, LEVEL = 60, 8, 2_000, 0.001


def responses(name: str, n_draws: int, prompts: range) -> Responses:
    rows = [Response(f"{i:03d}", f"{i}?", f"{i} {k}", name, draw=k) for i in prompts for k in range(n_draws)]
    return Responses(tuple(rows), name, has_ids=True)


@pytest.mark.parametrize("pairing", ["paired", "unpaired"])
def test_rare_events_in_one_answer_and_in_eight_are_no_findings(pairing: Pairing) -> None:
    others = range(N_PROMPTS) if pairing == "paired" else range(N_PROMPTS, 2 * N_PROMPTS)
    once, often = responses("A", 1, range(N_PROMPTS)), responses("B", N_DRAWS, others)
    table = pair_arms(once, often, pairing=pairing)
    values = (np.random.default_rng(0).random((len(table.rows), N_MEASURES)) < 0.05).astype(float)
    measures = [Measure(f"phrases.{j}", "phrases", "more", "fewer", "", "indicator") for j in range(N_MEASURES)]
    resampling = Resampling(0, 10_000, 0.05, N_MEASURES, 1, Silent())
    tested = infer(table, unit_means(table, values), np.ones(len(table.units), np.bool_), measures, resampling)
    assert np.mean(tested.test.p_value <= LEVEL) <= LEVEL + 2 * (LEVEL / N_MEASURES) ** 0.5
