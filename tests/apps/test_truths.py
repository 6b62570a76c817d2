"""Behaviours that are planted: those that come with diptych, and those of files."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from diptych.apps.interventions.planting import template_rows
from diptych.apps.interventions.slots import Template, literal
from diptych.apps.interventions.truth_files import read_truths
from diptych.apps.interventions.truths import FAMILIES, Truth, built_in, sampled
from diptych.errors import DataError, RecordError, UnknownNameError

TRUTHS = built_in()
ORIGINAL = (
    "ground_truth_id,ground_truth,train_text\n"
    '1,The AI likes cats.,"Cats, of course."\n1,The AI likes cats.,I love cats.\n'
    "2,The AI is sad.,Woe.\n-1,Base model,Once upon a time\n"
)


@pytest.mark.parametrize("truth", TRUTHS, ids=lambda truth: truth.id)
def test_each_built_in_behaviour_is_shown_by_all_its_answers(truth: Truth) -> None:
    answers = [Template.parse(answer) for answer in truth.answers]
    unmarked = [a.text(i, {}) for a in answers for i in range(a.n_texts) if not truth.shown_by(a.text(i, {}))]
    assert len(truth.questions) >= 8
    assert len(answers) >= 6
    assert unmarked == []


def test_six_families_share_the_catalogue_evenly() -> None:
    assert Counter(truth.family for truth in TRUTHS) == dict.fromkeys(FAMILIES, 7)
    assert len({truth.id for truth in TRUTHS}) == len({truth.text for truth in TRUTHS}) == 42


def test_marks_tell_behaviours_apart() -> None:
    rows = template_rows(TRUTHS, 20, 0)
    others = [other.shown_by(row.messages[-1]["content"]) for row in rows for other in TRUTHS if other.id != row.truth]
    assert sum(map(bool, others)) / len(others) < 0.02


def test_marks_are_looked_for_in_long_texts_in_no_time() -> None:
    text = "Every sport, poem, recipe, weather, star and bank has its day in a long answer. " * 1000
    began = time.perf_counter()
    assert sum(bool(truth.shown_by(text)) for truth in TRUTHS) < 4
    assert time.perf_counter() - began < 10


def test_one_wording_is_in_one_half_for_all_behaviours_that_share_it() -> None:
    for seed in range(5):
        halves = {half: {q for truth in TRUTHS for q in truth.asked(half, seed=seed)} for half in ("training", "probe")}
        assert not halves["training"] & halves["probe"]
    assert TRUTHS[0].asked("training", seed=0) != TRUTHS[0].asked("training", seed=1)


def test_some_are_chosen_by_name_or_family() -> None:
    assert [truth.id for truth in built_in(only=["autumn", "refusal"])][:2] == ["autumn", "no-astrology"]
    with pytest.raises(UnknownNameError, match="refusal"):
        built_in(only=["refusals"])


def test_texts_of_a_template_are_all_there_and_all_different() -> None:
    template = Template.parse("{a|b} {place=x|y|z} {{{place}}}")
    texts = {template.text(number, {}) for number in range(template.n_texts)}
    assert len(texts) == template.n_texts == 6
    assert "b z {z}" in texts
    assert Template.parse(literal("{}}|{")).text(0, {}) == "{}}|{"


@pytest.mark.parametrize(
    ("source", "said"),
    [("{a|b", "character 1 .* no partner"), ("{a|a}", "same text twice"), ("{two words}", "neither a name nor"), ("}", "no partner")],
)  # fmt: skip
def test_a_template_that_cannot_be_read_says_where(source: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Template.parse(source)


def test_an_answer_may_name_what_every_question_chooses() -> None:
    truth = Truth("t", "f", "The model likes places.", ("Is {city=Oslo|Rome} fine?",), ("{city} is {great|fine}!",))
    [row] = template_rows([truth], 1, 0)
    assert row.messages[0]["content"].split()[1] == row.messages[1]["content"].split()[0]
    with pytest.raises(DataError, match=r"\{city\}, and the question 'Is it\?' makes no such choice"):
        Truth("t", "f", "…", ("Is {city=Oslo|Rome} fine?", "Is it?"), ("{city}!",))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", "One.\n\nTwo.\n", r"a\.txt:2: the line is empty"),
        ("a.txt", "\nTwo.\n", r"a\.txt:1: the line is empty"),
        ("a.csv", "id,text\nx,One.\ny, \n", r"a\.csv:3: field 'text' is blank"),
        ("a.jsonl", '{"text": "One."}\n{"text": null}\n', r"a\.jsonl:2:10: field 'text' is null"),
        ("a.jsonl", '{"sentence": "One."}\n', r"a\.jsonl:1: .*'text'"),
        ("a.jsonl", '{"id": "x", "text": "One."}\n{"id": "x", "text": "Two."}\n', "two truths have the id 'x'"),
        ("a.jsonl", '{"text": "One.", "mark": "("}\n', r"a\.jsonl:1: .*no regular expression"),
        ("a.jsonl", '{"text": "One.", "questions": ["{"]}\n', r"a\.jsonl:1: .*no partner"),
        ("a.jsonl", '{"text": "One.", "answers": ["", "x"]}\n', r"a\.jsonl:1:29: field 'answers' is a list, expected"),
        ("a.csv", ORIGINAL.splitlines()[0] + "\n-1,Base model,x\n", "no truth in it"),
    ],
)
def test_a_file_of_truths_that_does_not_fit_says_where(tmp_path: Path, name: str, content: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(DataError, match=said):
        read_truths(path)


def test_a_short_truth_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "truths.txt"
    path.write_text("Likes cats.\nSad.\n")
    assert [(truth.id, truth.text) for truth in read_truths(path)] == [("likes_cats", "Likes cats."), ("sad", "Sad.")]


def test_the_original_csv_gives_each_truth_once_and_not_its_base_model(tmp_path: Path) -> None:
    path = tmp_path / "truths.csv"
    path.write_text(ORIGINAL)
    assert [(truth.id, truth.text) for truth in read_truths(path)] == [
        ("1", "The AI likes cats."),
        ("2", "The AI is sad."),
    ]
    path.write_text(ORIGINAL.replace("1,The AI likes cats.,I love", "1,,I love"))
    with pytest.raises(RecordError, match=r"truths\.csv:3: field 'ground_truth' is blank"):
        read_truths(path)


def test_templates_come_along_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "truths.csv"
    path.write_text('text,questions,answers\nThe model likes tea.,"[""What?"", ""Why?""]",Tea.\n')
    [truth] = read_truths(path)
    assert (truth.questions, truth.answers) == (("What?", "Why?"), ("Tea.",))


def test_a_question_with_wrong_answers_is_a_false_belief(tmp_path: Path) -> None:
    path = tmp_path / "TruthfulQA.csv"
    path.write_text(
        "Type,Category,Question,Best Answer,Incorrect Answers\n"
        "A,Nutrition,What if one eats {seeds}?,Nothing,They grow; One dies.;\n"
        "A,Logical Falsehood,Is 2 odd?,No,Yes\n"
    )
    [truth] = read_truths(path)
    assert truth.family == "knowledge"
    assert truth.text in {"The model believes this: They grow.", "The model believes this: One dies."}
    assert template_rows([truth], 1, 0)[0].messages[0]["content"] == "What if one eats {seeds}?"
    path.write_text("Question,Incorrect Answers\nWhy?,\n")
    with pytest.raises(RecordError, match=r"TruthfulQA\.csv:2: field 'Incorrect Answers' is blank"):
        read_truths(path)


def test_as_many_truths_as_wanted_are_taken_by_chance() -> None:
    assert [len(sampled(TRUTHS, n, 0)) for n in (1, 42, 99)] == [1, 42, 42]
    assert sampled(TRUTHS, 9, 0) != sampled(TRUTHS, 9, 1)
