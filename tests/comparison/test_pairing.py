"""The table depends on what was answered to what, not on the order of rows or which file came first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.comparison.pairing import Table, pair_arms
from diptych.data import Records, Responses
from diptych.errors import DataError

Row = dict[str, Any]


def arm(rows: list[Row], name: str = "x.jsonl") -> Responses:
    return Responses.from_records(Records(rows, name, range(1, len(rows) + 1), "line"), arm=name[0])


def rows_of(prompts: dict[str, list[str]]) -> list[Row]:
    return [
        {"prompt": prompt, "response": answer, "draw": draw}
        for prompt, answers in prompts.items()
        for draw, answer in enumerate(answers)
    ]


PROMPTS = st.dictionaries(
    st.sampled_from("abcdefgh"), st.lists(st.text(max_size=5), min_size=1, max_size=3), min_size=1
)


def content(table: Table) -> list[tuple[str, str, int, str, bool]]:
    """Everything about the rows, in the table's order; the prompt in place of its digest."""
    return [
        (table.units[unit], row.prompt, row.draw, row.response, bool(b))
        for row, unit, b in zip(table.rows, table.unit_of_row, table.is_b, strict=True)
    ]


@given(PROMPTS, PROMPTS, st.randoms(use_true_random=False), st.sampled_from(["auto", "unpaired"]))
def test_shuffling_the_rows_of_either_file_changes_nothing(first: Any, second: Any, random: Any, pairing: Any) -> None:
    a, b = rows_of(first), rows_of(second)
    before = pair_arms(arm(a, "a.jsonl"), arm(b, "b.jsonl"), pairing=pairing)
    random.shuffle(a)
    random.shuffle(b)
    after = pair_arms(arm(a, "a.jsonl"), arm(b, "b.jsonl"), pairing=pairing)
    assert (before.units, before.arms, before.pairing) == (after.units, after.arms, after.pairing)
    as_sets = [{(*row[:4], row[4]) for row in content(table)} for table in (before, after)]
    assert as_sets[0] == as_sets[1]
    for table in (before, after):
        assert [row[:2] for row in content(table)] == sorted(row[:2] for row in content(table))
    assert [row[:4] for row in content(before)] == [row[:4] for row in content(after)]


@given(PROMPTS, PROMPTS, st.sampled_from(["auto", "unpaired"]))
def test_swapping_the_arms_turns_the_sides_and_nothing_else(first: Any, second: Any, pairing: Any) -> None:
    a, b = arm(rows_of(first), "a.jsonl"), arm(rows_of(second), "b.jsonl")
    one, other = pair_arms(a, b, pairing=pairing), pair_arms(b, a, pairing=pairing)
    assert one.arms == other.arms[::-1]
    assert sorted(one.units) == sorted(other.units)
    assert [row[:4] for row in content(one)] == [row[:4] for row in content(other)]
    assert sorted(content(one)) == sorted((*row[:4], not row[4]) for row in content(other))
    if content(one) != [(*row[:4], not row[4]) for row in content(other)]:
        assert len({row[:4] for row in content(one)}) < len(content(one)), (
            "only equal answers of both arms may change places"
        )


@given(PROMPTS, PROMPTS)
def test_exactly_one_order_of_the_arms_is_canonical_unless_they_are_equal(first: Any, second: Any) -> None:
    table = pair_arms(arm(rows_of(first), "a.jsonl"), arm(rows_of(second), "b.jsonl"))
    sides = [sorted(row[1:4] for row in content(table) if row[4] == side) for side in (False, True)]
    assert table.is_canonical() or table.turned().is_canonical()
    assert (table.is_canonical() and table.turned().is_canonical()) == (sides[0] == sides[1])


@given(PROMPTS, PROMPTS)
def test_a_paired_table_has_the_common_prompts_and_says_what_it_left_out(first: Any, second: Any) -> None:
    table = pair_arms(arm(rows_of(first), "a.jsonl"), arm(rows_of(second), "b.jsonl"))
    common = first.keys() & second.keys()
    if not common:
        assert table.pairing == "unpaired"
        assert "no common prompts: the comparison is unpaired" in table.notices
        assert table.n_prompts == len(first) + len(second)
        return
    assert {row.prompt for row in table.rows} == common
    assert table.n_prompts == len(table.units) == len(common)
    n_even = sum(min(len(first[p]), len(second[p])) for p in common)
    assert [a.n_responses for a in table.arms] == [n_even, n_even]
    said = [
        f"{len(side) - len(common)} prompts of {name} have no counterpart and were left out"
        for name, side in (("a.jsonl", first), ("b.jsonl", second)) if len(side) > len(common)
    ]  # fmt: skip
    for name, other, side in (("a.jsonl", "b.jsonl", first), ("b.jsonl", "a.jsonl", second)):
        n = sum(len(side[p]) for p in common)
        why = f"as many answers to a prompt were compared as {other} has"
        said += [f"{n - n_even} of {n} responses of {name} were left out: {why}"] * (n > n_even)
    assert list(table.notices) == said


def test_unpaired_a_prompt_of_both_arms_is_two_units() -> None:
    table = pair_arms(
        arm([{"prompt": "?", "response": "1"}], "a.jsonl"),
        arm([{"prompt": "?", "response": "2"}], "b.jsonl"),
        pairing="unpaired",
    )
    assert len(table.units) == 2
    assert table.n_prompts == 1
    np.testing.assert_array_equal(np.sort(table.first_units), [False, True])


def test_ids_pair_where_both_have_them_else_the_text_does() -> None:
    with_id = arm(
        [{"prompt_id": "1", "prompt": "A?", "response": "x"}, {"prompt_id": "2", "prompt": "B?", "response": "y"}],
        "a.jsonl",
    )
    without = arm([{"prompt": "B?", "response": "z"}], "b.jsonl")
    assert pair_arms(with_id, with_id, names=("a", "b")).units == ("1", "2")
    assert [row.prompt for row in pair_arms(with_id, without).rows] == ["B?", "B?"]


@given(st.sets(st.text(min_size=1), min_size=2, max_size=12), st.integers(1, 14), st.integers(0, 3))
def test_a_limit_takes_so_many_prompts_by_the_seed_alone(prompts: set[str], limit: int, seed: int) -> None:
    rows = [{"prompt": prompt, "response": "."} for prompt in sorted(prompts)]
    tables = [pair_arms(arm(r, "a.jsonl"), arm(r, "b.jsonl"), limit=limit, seed=seed) for r in (rows, rows[::-1])]
    smaller = pair_arms(arm(rows, "a.jsonl"), arm(rows, "b.jsonl"), limit=max(1, limit - 1), seed=seed)
    assert tables[0].units == tables[1].units
    assert tables[0].n_prompts == min(limit, len(prompts))
    assert set(smaller.units) <= set(tables[0].units), "a greater limit adds prompts"


@pytest.mark.parametrize(
    ("models", "sources", "names"),
    [
        (("m", "n"), ("a.jsonl", "b.jsonl"), ("m", "n")),
        (("m", "m"), ("runs/x.jsonl.gz", "y.json"), ("x", "y")),
        ((None, "n"), ("x.jsonl", "y.jsonl"), ("x", "y")),
        ((None, None), ("1/x.jsonl", "2/x.jsonl"), ("a", "b")),
        ((None, None), ("list a", "list b"), ("a", "b")),
        ((None, None), ("x.jsonl", "data frame b"), ("a", "b")),
        (("m", "n"), ("list a", "list b"), ("m", "n")),
    ],
)
def test_arms_are_called_by_their_models_else_their_files(models: Any, sources: Any, names: Any) -> None:
    arms = [arm([{"prompt": "?", "response": ".", "model": m}], s) for m, s in zip(models, sources, strict=True)]
    assert tuple(a.name for a in pair_arms(arms[0], arms[1]).arms) == names


def test_one_id_with_two_prompts_is_refused_within_an_arm_even_unpaired() -> None:
    rows = [{"prompt_id": "1", "prompt": p, "response": ".", "draw": d} for d, p in enumerate(("A?", "B?"))]
    good = [{"prompt_id": "1", "prompt": "A?", "response": "."}]
    for pairing in ("auto", "unpaired", "paired"):
        with pytest.raises(DataError, match=r"prompt_id '1' has two prompts: 'A\?' in .*; 'B\?' in b.jsonl, line 2"):
            pair_arms(arm(good, "a.jsonl"), arm(rows, "b.jsonl"), pairing=pairing)


def test_unpaired_two_files_may_use_one_id_for_two_prompts() -> None:
    a, b = ([{"prompt_id": "1", "prompt": p, "response": "."}] for p in ("A?", "B?"))
    assert len(pair_arms(arm(a, "a.jsonl"), arm(b, "b.jsonl"), pairing="unpaired").units) == 2


def test_what_one_arm_answered_more_often_is_left_out_and_said() -> None:
    twice = {f"{i}?": ["Yes.", "No."] for i in range(5)}
    a, b = arm(rows_of(twice), "a"), arm(rows_of(twice), "b")
    assert pair_arms(a, b).notices == ()
    more = arm(rows_of({**twice, "0?": ["Yes."], "1?": ["Yes.", "No.", "Perhaps."]}), "b")
    for table in (pair_arms(a, more), pair_arms(more, a, names=("x", "y"))):
        assert [one.n_responses for one in table.arms] == [9, 9]
        assert sorted(notice.split(" were")[0] for notice in table.notices) == [
            "1 of 10 responses of a", "1 of 10 responses of b",
        ]  # fmt: skip
    assert pair_arms(a, more, pairing="unpaired").notices == ()  # two to a prompt are usual in both


def test_unpaired_arms_with_usually_unlike_numbers_are_left_the_smaller() -> None:
    once = arm(rows_of({f"{i}?": ["Yes."] * (1 + (i == 0)) for i in range(5)}), "a")
    often = arm(rows_of({f"{i}!": ["Yes.", "No.", "Perhaps."] for i in range(5)}), "b")
    table = pair_arms(once, often)
    assert np.bincount(table.prompt_of_row).tolist() == [1] * 10
    assert table.notices[-2:] == (
        "1 of 6 responses of a were left out: 1 to a prompt were compared, as b has",
        "10 of 15 responses of b were left out: 1 to a prompt were compared, as a has",
    )
