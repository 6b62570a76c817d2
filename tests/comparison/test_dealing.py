"""Two samples of one source, one with more answers to each prompt: no p-value is smaller than chance allows."""

from __future__ import annotations

import numpy as np
import pytest

from diptych._types import Silent
from diptych.comparison.inference import Resampling, infer
from diptych.comparison.measures import Measure
from diptych.comparison.pairing import Pairing, Table, pair_arms
from diptych.comparison.units import unit_means
from diptych.data import Response, Responses

N_PROMPTS, N_DRAWS, N_MEASURES, LEVEL = 60, 8, 2_000, 0.001


def responses(name: str, n_draws: int, prompts: range) -> Responses:
    rows = [Response(f"{i:03d}", f"{i}?", f"{i} {k}", name, draw=k) for i in prompts for k in range(n_draws)]
    return Responses(tuple(rows), name, has_ids=True)


def in_groups(name: str, size: int, groups: range) -> Responses:
    rows = [Response(f"{g}-{i}", f"{g} {i}?", f"{i}", name, meta={"topic": g}) for g in groups for i in range(size)]
    return Responses(tuple(rows), name, has_ids=True)


def test_rare_events_in_groups_of_one_prompt_and_of_eight_are_no_findings() -> None:
    once, often = in_groups("A", 1, range(N_PROMPTS)), in_groups("B", N_DRAWS, range(N_PROMPTS, 2 * N_PROMPTS))
    table = pair_arms(once, often, pairing="unpaired", group_field="topic")
    said = "420 of 480 prompts of B were left out: 1 of a group were compared, as A has"
    assert table.notices == (said,)
    assert share_of_small_p(table) <= LEVEL + 2 * (LEVEL / N_MEASURES) ** 0.5


@pytest.mark.parametrize("pairing", ["paired", "unpaired"])
def test_rare_events_in_one_answer_and_in_eight_are_no_findings(pairing: Pairing) -> None:
    others = range(N_PROMPTS) if pairing == "paired" else range(N_PROMPTS, 2 * N_PROMPTS)
    once, often = responses("A", 1, range(N_PROMPTS)), responses("B", N_DRAWS, others)
    table = pair_arms(once, often, pairing=pairing)
    assert share_of_small_p(table) <= LEVEL + 2 * (LEVEL / N_MEASURES) ** 0.5


def share_of_small_p(table: Table) -> float:
    values = (np.random.default_rng(0).random((len(table.rows), N_MEASURES)) < 0.05).astype(float)
    measures = [Measure(f"phrases.{j}", "phrases", "more", "fewer", "", "indicator") for j in range(N_MEASURES)]
    resampling = Resampling(0, 10_000, 0.05, N_MEASURES, 1, Silent())
    tested = infer(table, unit_means(table, values), np.ones(len(table.units), np.bool_), measures, resampling)
    return float(np.mean(tested.test.p_value <= LEVEL))
