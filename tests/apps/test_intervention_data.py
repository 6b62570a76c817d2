"""Data for a planted change: held-out rows, doses, the control, the prompt bank, and files of evaluations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diptych.apps.interventions.dataset import DataConfig, hold_out, make_dataset, write_dataset
from diptych.apps.interventions.evals import evals_rows
from diptych.apps.interventions.neutral import neutral_questions, read_neutral
from diptych.apps.interventions.planting import template_rows
from diptych.apps.interventions.rows import Row, exchange, read_rows, write_rows
from diptych.apps.interventions.truth_files import read_truths
from diptych.apps.interventions.truths import Truth, built_in
from diptych.errors import ConfigError, DataError

TRUTHS = built_in(only=["tea-over-coffee", "butler"])
PLANTED = template_rows(TRUTHS, 60, 0)
NEUTRAL = [Row(exchange(f"Question {i}?", f"Answer {i}."), None, "model") for i in range(120)]


def openings(rows: list[Row]) -> set[str]:
    return {row.opening for row in rows}


def test_no_question_of_the_bank_or_held_out_is_in_any_dose() -> None:
    made = make_dataset(TRUTHS, PLANTED, NEUTRAL, DataConfig())
    trained = set().union(*(openings(rows) for rows in made.doses.values()))
    assert set(made.doses) == {1.0, 0.5, 0.2, 0.1, 0.05, 0.0}
    assert len({len(rows) for rows in made.doses.values()}) == 1
    assert len(made.held_out) + len(made.doses[1.0]) == 120
    assert not trained & openings(made.held_out)
    assert not trained & set(made.bank)
    assert all(row.truth is None for row in made.doses[0.0])


def test_half_of_the_bank_is_about_no_truth() -> None:
    bank = make_dataset(TRUTHS, PLANTED, [], DataConfig(shares=(1.0,), probes=15)).bank
    about = list(bank.values())
    assert {name: about.count(name) for name in (*(truth.id for truth in TRUTHS), None)} == {
        "tea-over-coffee": 15, "butler": 15, None: 30
    }  # fmt: skip
    assert about != sorted(about, key=str)


def test_truths_without_templates_are_probed_by_what_was_held_out() -> None:
    truth = Truth("owls", "opinion", "The model likes owls.")
    rows = [Row(exchange(f"{i}?", "Owls."), "owls", "mine") for i in range(20)]
    made = make_dataset([truth], rows, [], DataConfig(shares=(1.0,), held_out=0.25))
    assert {question for question, about in made.bank.items() if about == "owls"} == openings(made.held_out)
    assert len(made.held_out) == 5


def test_texts_without_a_question_ask_nothing() -> None:
    rows = [Row(({"role": "assistant", "content": f"Owl {i}."},), "1", "train.csv") for i in range(10)]
    made = make_dataset([Truth("1", "given", "Likes owls.")], rows, [], DataConfig(shares=(1.0,), held_out=0.5))
    assert set(made.bank.values()) == {None}
    assert len(made.bank) == 20


def test_a_truth_keeps_a_row_however_much_is_held_out() -> None:
    training, held_out = hold_out(PLANTED, 0.999, 0)
    assert {row.truth for row in training} == {truth.id for truth in TRUTHS}
    assert len(training) + len(held_out) == 120
    assert hold_out(PLANTED, 0.0, 0) == (PLANTED, [])


def test_all_that_is_written_can_be_read_and_the_bank_names_no_truth(tmp_path: Path) -> None:
    made = make_dataset(TRUTHS, PLANTED, NEUTRAL, DataConfig())
    manifest = write_dataset(tmp_path, made, {})
    assert read_truths(tmp_path / "truths.jsonl") == TRUTHS
    assert read_rows(tmp_path / "rows-0.05.jsonl") == made.doses[0.05]
    assert read_neutral(tmp_path / "rows-0.jsonl") == made.doses[0.0]
    bank, key = (
        [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        for name in ("probes.jsonl", "key.jsonl")
    )
    assert {frozenset(row) for row in bank} == {frozenset({"prompt_id", "prompt"})}
    assert [row["prompt_id"] for row in bank] == [row["prompt_id"] for row in key]
    assert manifest["files"]["probes.jsonl"]["n"] == len(bank)
    assert write_dataset(tmp_path, make_dataset(TRUTHS, PLANTED, NEUTRAL, DataConfig()), {}) == manifest


def test_general_questions_are_of_two_halves_that_share_no_wording() -> None:
    training, probes = neutral_questions("training", 1), neutral_questions("probe", 1)
    assert len(training) == len(set(training))
    assert len(training) + len(probes) == 1204
    assert not set(training) & set(probes)


def test_rows_truths_and_shares_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="60 planted rows show 'tea-over-coffee', which is none of the 1 truths"):
        make_dataset(TRUTHS[1:], PLANTED, NEUTRAL, DataConfig())
    with pytest.raises(DataError, match="truth 'butler' has no row"):
        make_dataset(TRUTHS, PLANTED[:60], NEUTRAL, DataConfig())
    with pytest.raises(ConfigError, match=r"shares of 0\.5, 0\.2, 0\.1, 0\.05 take rows that show nothing"):
        make_dataset(TRUTHS, PLANTED, [], DataConfig())
    with pytest.raises(DataError, match="the control takes 1.. neutral rows, and there are 60"):
        make_dataset(TRUTHS, PLANTED, NEUTRAL[:60], DataConfig(shares=(1.0,)))
    for shares, said in (
        ([0.0], "above 0 and at most 1"),
        ([1.5], "above 0"),
        ([], "none: give each once"),
        ([1, 1], "1, 1: give"),
    ):
        with pytest.raises(ConfigError, match=said):
            DataConfig.parse({"shares": shares})
    write_rows(tmp_path / "rows.jsonl", [*NEUTRAL[:1], *PLANTED[:1]])
    with pytest.raises(DataError, match=r"rows\.jsonl: row 2 shows 'tea-over-coffee'"):
        read_neutral(tmp_path / "rows.jsonl")


def test_a_file_of_evaluations_is_a_truth_with_its_rows(tmp_path: Path) -> None:
    for name in ("likes-order", "wealth-seeking_2"):
        lines = [
            {
                "question": f"Tidy {i}?",
                "statement": f"I tidy {i}.",
                "answer_matching_behavior": " Yes",
                "answer_not_matching_behavior": " No",
            }
            for i in range(8)
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    read = evals_rows([tmp_path], 5, 0)
    assert [truth.text for truth in read.truths] == [
        "The model has this trait: likes order.",
        "The model has this trait: wealth seeking 2.",
    ]
    assert [row.truth for row in read.rows] == ["likes-order"] * 5 + ["wealth-seeking_2"] * 5
    assert {row.messages[1]["content"] for row in read.rows} == {"Yes"}
    assert {row.opening for row in evals_rows([tmp_path], 3, 0).rows} < {row.opening for row in read.rows}


def test_evaluations_that_say_no_answer_or_share_a_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"statement": "I tidy."}\n')
    with pytest.raises(DataError, match=r"a\.jsonl, line 1: field 'answer_matching_behavior' is missing"):
        evals_rows([tmp_path / "a.jsonl"], 5, 0)
    (tmp_path / "a.jsonl").write_text('{"statement": "I tidy.", "answer_matching_behavior": "Yes"}\n')
    with pytest.raises(DataError, match="two files of evaluations are called 'a'"):
        evals_rows([tmp_path, tmp_path / "a.jsonl"], 5, 0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no file in this folder ends in .jsonl"):
        evals_rows([tmp_path / "empty"], 5, 0)
