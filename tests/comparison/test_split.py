"""Discovery and validation: sizes as asked, chosen by the seed and the prompts alone, sealed from each other."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych._types import Silent
from diptych.comparison.config import CompareConfig
from diptych.comparison.lenses import LENSES, Lenses, make_lens
from diptych.comparison.measures import Discovery, Measure, Proposal, Readers, Tools
from diptych.comparison.pairing import Table, pair_arms
from diptych.comparison.parts import Part, propose_parts
from diptych.comparison.proposing import Proposing
from diptych.comparison.split import MIN_UNITS, discovery_view, split_units
from diptych.data import Records, Responses
from diptych.embeddings.service import EmbeddingService
from diptych.errors import DataError, SealedError
from tests.helpers.readers import assistant, quoted
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


@pytest.mark.parametrize("n", range(1, 2 * MIN_UNITS))
def test_fewer_prompts_than_can_show_anything_are_refused(n: int) -> None:
    with pytest.raises(DataError, match=f"too few prompts: .* at least {MIN_UNITS} are needed. Give more prompts"):
        split_units(table(n), fraction=0.5, seed=0)
    assert split_units(table(2 * MIN_UNITS), fraction=0.5, seed=0).sum() == MIN_UNITS


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


def arms(second: list[dict[str, Any]]) -> Table:
    left = records(40, answer="Yes, {i} it is.")
    both = [("a", left), ("b", second)]
    return pair_arms(*(Responses.from_records(Records(r, name, range(40), "row"), arm=name) for name, r in both))


PLAIN = records(40, answer="No, not {i}, never.")
TEXTS_OF_A_CONTRAST = Proposing.load(records(40, answer="Yes, {i} it is."), PLAIN)
SEEING = [name for name in LENSES if not make_lens(name).blinded]
NAMED_BY_THE_USER = ("scores", "likelihood", "claims")
BLIND = [name for name in LENSES if make_lens(name).blinded and name not in NAMED_BY_THE_USER]


def parts_of(table: Table, name: str) -> list[Part]:
    config = CompareConfig(lenses=(name,), judge="scripted/echo" if name == "judge" else None)
    first_half = split_units(table, fraction=0.5, seed=0)
    embed = EmbeddingService().get_embeddings
    texts = TEXTS_OF_A_CONTRAST if name == "contrast" else None
    with assistant(says_what_it_saw) as judge:
        return propose_parts(
            config, Lenses(), table, first_half, embed, Silent(), 1, Readers(judge=judge), proposing=texts
        )


def says_what_it_saw(question: str) -> str:
    words = set(re.findall(r"[A-Z]\w+", " ".join([*quoted(question, "author-1"), *quoted(question, "author-2")])))
    return json.dumps({"sentences": [f"says {word}" for word in sorted(words)]})


def definitions(part: Part) -> list[Measure]:
    return list(part.hypotheses)


@pytest.mark.parametrize("name", SEEING)
@pytest.mark.parametrize("changed_half", ["first", "second"])
def test_a_lens_that_compares_proposes_the_same_whatever_the_prompts_say_that_it_is_tested_on(
    name: str, changed_half: str
) -> None:
    plain = arms(PLAIN)
    first_half = split_units(plain, fraction=0.5, seed=0)
    change = first_half if changed_half == "first" else ~first_half
    other = {unit for unit, chosen in zip(plain.units, change, strict=True) if chosen}
    by_text = {row.prompt: row.prompt_id for row in plain.rows}
    changed = [
        {**r, "response": f"# Perhaps {i}!"} if by_text[r["prompt"]] in other else r for i, r in enumerate(PLAIN)
    ]
    assert changed != PLAIN
    before, after = parts_of(plain, name), parts_of(arms(changed), name)
    same = [definitions(x) == definitions(y) for x, y in zip(before, after, strict=True)]
    tested_on_changed = [bool((part.tested == change).all()) for part in before]
    assert sorted(tested_on_changed) == [False, True]
    assert same == tested_on_changed


@pytest.mark.parametrize("name", BLIND)
@given(st.integers(0, 2**40 - 1))
@settings(max_examples=5, deadline=None)
def test_a_blind_lens_proposes_the_same_whoever_wrote_what(name: str, flips: int) -> None:
    """Why its test may use the prompts it looked at: exchanging the arms in any prompt changes no measure."""
    as_they_are, exchanged = (exchanged_table(f, each=1) for f in (0, flips))
    check_same_proposals(as_they_are, exchanged, name)


@pytest.mark.parametrize("name", BLIND)
@given(st.integers(1, 2**10 - 2))
@settings(max_examples=5, deadline=None)
def test_a_blind_lens_proposes_the_same_whoever_wrote_what_in_a_group(name: str, flips: int) -> None:
    """The exchanges that a test of groups considers are of whole groups, here of four prompts each."""
    as_they_are, exchanged = (exchanged_table(f, each=4, group_field="group") for f in (0, flips))
    assert len(as_they_are.units) == 10
    check_same_proposals(as_they_are, exchanged, name)


def exchanged_table(flips: int, *, each: int, **options: Any) -> Table:
    """Both arms, exchanged in the prompts of each number whose bit is set; numbers are of ``each`` prompts."""
    left = records(40, answer="Yes, {i} it is.")
    answers = [(x["response"], y["response"]) for x, y in zip(left, PLAIN, strict=True)]
    turned = [pair[::-1] if flips >> i // each & 1 else pair for i, pair in enumerate(answers)]
    made = []
    for side, name in enumerate("ab"):
        rows = [
            {**row, "response": pair[side], "group": i // each}
            for i, (row, pair) in enumerate(zip(left, turned, strict=True))
        ]
        made.append(Responses.from_records(Records(rows, name, range(40), "row"), arm=name))
    return pair_arms(*made, **options)


def check_same_proposals(before: Table, after: Table, name: str) -> None:
    (as_they_are,), (exchanged,) = parts_of(before, name), parts_of(after, name)
    assert as_they_are.tested.all()
    assert definitions(as_they_are) == definitions(exchanged)
    assert len(definitions(as_they_are)) > 0
