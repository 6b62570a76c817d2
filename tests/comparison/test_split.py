"""Discovery and validation: sizes as asked, chosen by the seed and the prompts alone, sealed from each other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.comparison.lenses import LENSES, make_lens
from diptych.comparison.measures import Discovery, Proposal, Tools
from diptych.comparison.pairing import Table, pair_arms
from diptych.comparison.split import MIN_PROMPTS, discovery_view, split_units
from diptych.data import Records, Responses
from diptych.errors import DataError, SealedError
from tests.helpers.records import records


def table(n: int = 30, *, reverse: bool = False, swap: bool = False, **more: Any) -> Table:
    arms = []
    for name, answer in (("a", "Yes, {i}."), ("b", "No.")):
        rows = records(n, answer=answer)
        rows = rows[::-1] if reverse else rows
        arms.append(Responses.from_records(Records(rows, name, range(1, n + 1), "row"), arm=name))
    return pair_arms(*(arms[::-1] if swap else arms), **more)


@given(st.integers(20, 60), st.floats(0.2, 0.8), st.integers(0, 2**63 - 1))
def test_the_discovery_share_is_as_asked_rounded_up(n: int, fraction: float, seed: int) -> None:
    made = table(n)
    discovery = split_units(made, fraction=fraction, seed=seed)
    assert discovery.sum() == math.ceil(fraction * n)


@given(st.integers(0, 2**63 - 1), st.booleans(), st.booleans(), st.sampled_from(["auto", "unpaired"]))
def test_order_of_rows_and_of_arms_does_not_matter(seed: int, reverse: bool, swap: bool, pairing: str) -> None:
    one, other = table(pairing=pairing), table(reverse=reverse, swap=swap, pairing=pairing)
    chosen = [
        {unit for unit, seen in zip(t.units, split_units(t, fraction=0.5, seed=seed), strict=True) if seen}
        for t in (one, other)
    ]
    assert chosen[0] == chosen[1]


def test_another_seed_is_another_split_and_a_greater_share_contains_the_smaller() -> None:
    made = table()
    splits = [split_units(made, fraction=0.5, seed=seed) for seed in range(20)]
    assert len({split.tobytes() for split in splits}) == 20
    assert (split_units(made, fraction=0.4, seed=0) <= splits[0]).all()
    share = np.mean(splits, axis=0)
    assert share.min() > 0.1
    assert share.max() < 0.9


def test_unpaired_all_answers_to_a_prompt_fall_into_one_half() -> None:
    made = table(pairing="unpaired")
    discovery = split_units(made, fraction=0.5, seed=0)
    halves: dict[str, set[bool]] = {}
    for unit, seen in zip(made.units, discovery.tolist(), strict=True):
        halves.setdefault(unit, set()).add(seen)
    assert len(halves) == 30
    assert all(len(found) == 1 for found in halves.values())


@pytest.mark.parametrize("n", range(1, 2 * MIN_PROMPTS))
def test_fewer_prompts_than_can_show_anything_are_refused(n: int) -> None:
    with pytest.raises(DataError, match=f"too few prompts: .* at least {MIN_PROMPTS} are needed. Give more prompts"):
        split_units(table(n), fraction=0.5, seed=0)
    assert split_units(table(2 * MIN_PROMPTS), fraction=0.5, seed=0).sum() == MIN_PROMPTS


class CuriousLens:
    """Asks for the answers to every prompt there is."""

    def __init__(self, prompt_ids: list[str]) -> None:
        self.prompt_ids = prompt_ids

    def propose(self, discovery: Discovery, tools: Tools) -> Proposal:
        for prompt_id in self.prompt_ids:
            discovery.answers_to(prompt_id)
        raise AssertionError("no prompt was sealed")


def test_a_lens_that_asks_for_a_validation_prompt_is_stopped() -> None:
    made = table()
    discovery = split_units(made, fraction=0.5, seed=0)
    view = discovery_view(made, discovery)
    seen = {row.prompt_id for row in view}
    assert len(seen) == 15
    assert len(view) == 30
    for unit, is_open in zip(made.units, discovery, strict=True):
        if is_open:
            assert len(view.answers_to(unit)) == 2
        else:
            assert unit not in seen
            with pytest.raises(SealedError, match="kept for validation"):
                view.answers_to(unit)
    with pytest.raises(PermissionError):
        CuriousLens(list(made.units)).propose(view, Tools(lambda texts: np.zeros((0, 1), np.float32), 0, None))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name in LENSES if name != "scores"])
def test_a_lens_proposes_the_same_whatever_the_validation_half_says(name: str) -> None:
    from diptych._types import Silent
    from diptych.embeddings.service import EmbeddingService

    proposed = []
    for other in ("Perhaps, {i}?", "# A heading\n- and\n- a list!"):
        a, b = (records(40, answer=answer) for answer in ("Yes, {i} it is.", "No, not {i}, never."))
        plain = Responses.from_records(Records(b, "b", range(40), "row"), arm="b")
        left = Responses.from_records(Records(a, "a", range(40), "row"), arm="a")
        discovery = split_units(pair_arms(left, plain), fraction=0.5, seed=0)
        seen = {unit for unit, is_open in zip(pair_arms(left, plain).units, discovery, strict=True) if is_open}
        changed = [
            row if made.prompt_id in seen else {**row, "response": other.format(i=i)}
            for i, (row, made) in enumerate(zip(b, plain, strict=True))
        ]
        assert changed != b
        full = pair_arms(left, Responses.from_records(Records(changed, "b", range(40), "row"), arm="b"))
        tools = Tools(EmbeddingService().get_embeddings, 0, Silent())
        proposed.append(
            make_lens(name).propose(discovery_view(full, split_units(full, fraction=0.5, seed=0)), tools).measures
        )
    assert proposed[0] == proposed[1]
    assert len(proposed[0]) > 0
