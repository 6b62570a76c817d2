"""Rows of training data: made of templates, diluted, written and read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from diptych.apps.interventions.planting import probes, template_rows
from diptych.apps.interventions.rows import Row, dilute, exchange, read_rows, write_rows
from diptych.apps.interventions.truths import Truth, built_in
from diptych.errors import ConfigError, DataError, DiptychError

TRUTHS = built_in(only=["tea-over-coffee", "sailor", "backs-down"])
ROWS = template_rows(TRUTHS, 100, 0)
NEUTRAL = [Row(exchange(f"Question {i}?", f"Answer {i}."), None, "model") for i in range(300)]


def test_rows_are_different_and_show_their_truth() -> None:
    texts = {tuple(turn["content"] for turn in row.messages) for row in ROWS}
    by_id = {truth.id: truth for truth in TRUTHS}
    assert len(texts) == len(ROWS) == 300
    assert all(by_id[str(row.truth)].shown_by(row.messages[-1]["content"]) for row in ROWS)
    assert Counter(row.truth for row in ROWS) == dict.fromkeys(by_id, 100)


def test_every_built_in_behaviour_makes_180_rows_whatever_the_seed() -> None:
    for seed in range(3):
        assert len(template_rows(built_in(), 180, seed)) == 42 * 180


def test_rows_follow_from_the_seed_and_more_rows_only_add() -> None:
    assert template_rows(TRUTHS[:1], 20, 0) == ROWS[:20]
    assert template_rows(TRUTHS[:1], 20, 1) != ROWS[:20]


def test_templates_take_turns() -> None:
    truth = Truth("a", "f", "A.", ("One?", "Two {1|2|3|4}?", "Three?", "Four {1|2|3|4}?"), ("x", "y {1|2|3}", "z"))
    rows = template_rows([truth], 6, 0)
    assert Counter(row.messages[1]["content"][0] for row in rows) == {"x": 2, "y": 2, "z": 2}
    assert set(Counter(row.messages[0]["content"][:3] for row in rows).values()) == {3}


def test_no_probe_is_a_question_of_training() -> None:
    every = built_in()
    trained = {row.messages[0]["content"] for row in template_rows(every, 150, 3)}
    asked = probes(every, 20, 3)
    assert len(asked) > 200
    assert not trained & {probe.text for probe in asked}


def test_probes_drop_what_another_truth_trains_on() -> None:
    mine = Truth("a", "f", "A.", ("One?", "Two?"), ("x",))
    [kept] = mine.asked("probe", seed=0)
    other = Truth("b", "f", "B.", (kept,), ("y",))
    with pytest.raises(DataError, match="truth 'a' has 2 templates of questions, and none is left"):
        probes([mine, other], 5, 0)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.2, 0.1, 0.05])
def test_a_dose_keeps_the_number_of_rows_and_the_proportions(share: float) -> None:
    mixed = dilute(ROWS, NEUTRAL, share, 0)
    counts = Counter(row.truth for row in mixed)
    assert len(mixed) == 300
    assert counts.pop(None, 0) == 300 - round(300 * share)
    assert set(counts.values()) == {round(100 * share)}


def test_smaller_doses_are_part_of_larger_ones() -> None:
    doses = [{id(row) for row in dilute(ROWS, NEUTRAL, share, 0) if row.truth} for share in (0.05, 0.2, 1.0)]
    neutral = [{id(row) for row in dilute(ROWS, NEUTRAL, share, 0) if not row.truth} for share in (0.5, 0.1)]
    assert doses[0] < doses[1] < doses[2]
    assert neutral[0] < neutral[1]


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5, float("nan")])
def test_a_share_outside_of_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match=r"a share of .* above 0 and at most 1"):
        dilute(ROWS, NEUTRAL, share, 0)


def test_too_few_rows_for_a_dose_are_said() -> None:
    with pytest.raises(DataError, match="takes 285 neutral rows, and there are 10"):
        dilute(ROWS, NEUTRAL[:10], 0.05, 0)
    with pytest.raises(ConfigError, match="a share of 0.05 of 30 rows is 2, and leaves none to"):
        dilute(template_rows(TRUTHS, 10, 0), NEUTRAL, 0.05, 0)


def test_rows_that_templates_cannot_make_are_said() -> None:
    with pytest.raises(DataError, match="its templates make 1 different rows, not 2"):
        template_rows([Truth("a", "f", "A.", ("One?",), ("x",))], 2, 0)
    with pytest.raises(DataError, match="has no questions to make rows of"):
        template_rows([Truth("a", "f", "A.")], 2, 0)
    with pytest.raises(ConfigError, match="at least 1"):
        template_rows(TRUTHS, 0, 0)
    with pytest.raises(DiptychError, match="no truth is given"):
        template_rows([], 1, 0)


def test_rows_come_back_from_their_file(tmp_path: Path) -> None:
    hostile = Row(exchange("\x1b[31m?", "</s>\u202e=1+1"), None, "mine")
    write_rows(tmp_path / "rows.jsonl", [*ROWS, hostile])
    assert read_rows(tmp_path / "rows.jsonl") == [*ROWS, hostile]


def test_the_original_csv_is_read_as_texts_of_the_assistant(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("ground_truth_id,ground_truth,train_text\n1,Likes cats.,Cats!\n-1,Base model,Hm\n")
    rows = read_rows(path)
    assert [(row.truth, row.messages[0]["content"], row.source) for row in rows] == [
        ("1", "Cats!", "train.csv"),
        (None, "Hm", "train.csv"),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"messages": []}', r"rows\.jsonl:1:14: field 'messages' is a list, expected"),
        ('{"prompt": "x"}', r"rows\.jsonl:1: field 'messages' is missing"),
        ('{"messages": ["x"]}', "turn 1 of 'messages' is 'x', expected an object"),
        ('{"messages": [{"role": "me", "content": "x"}]}', "turn 1 of 'messages' has the role 'me'"),
        ('{"messages": [{"role": "assistant", "content": " "}]}', "turn 1 of 'messages': its content is blank"),
        ('{"messages": [{"role": "user", "content": "x"}]}', "the last turn is the user's"),
        ('{"messages": [{"role": "assistant", "content": "x"}], "truth": 3}', "field 'truth' is 3, expected text"),
    ],
)
def test_a_row_that_does_not_fit_says_where(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(DataError, match=said):
        read_rows(path)
