"""Files of prompts: every format, the fields that the ecosystem uses, and what is refused, with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diptych.data.prompts import Prompts, load_prompts
from diptych.data.responses import prompt_digests
from diptych.errors import DataError, RecordError
from tests.helpers.records import array, csv, jsonl, write

ROWS: list[dict[str, Any]] = [{"prompt": "Why?", "prompt_id": "w"}, {"prompt": "How, then?", "prompt_id": "h"}]


def load(folder: Path, data: bytes, name: str = "p.jsonl", **options: Any) -> Prompts:
    write(folder, {name: data})
    return load_prompts(folder / name, **options)


@pytest.mark.parametrize(
    ("name", "data"),
    [("p.jsonl", jsonl(ROWS)), ("p.json", array(ROWS)), ("p.jsonl", array(ROWS)), ("p.csv", csv(ROWS)),
     ("p.jsonl.gz", jsonl(ROWS))],
)  # fmt: skip
def test_every_format_gives_the_same_prompts(tmp_path: Path, name: str, data: bytes) -> None:
    loaded = load(tmp_path, data, name)
    assert [(row.prompt_id, row.text, row.system) for row in loaded.rows] == [
        ("w", "Why?", None),
        ("h", "How, then?", None),
    ]
    assert loaded.has_ids


def test_text_has_a_prompt_a_line(tmp_path: Path) -> None:
    loaded = load(tmp_path, "\ufeffWhy?\r\n\n  \t\nHé, {how}? \n".encode(), "p.txt")
    assert [(row.text, row.place) for row in loaded.rows] == [("Why?", "line 1"), ("Hé, {how}?", "line 4")]
    assert [row.prompt_id for row in loaded.rows] == prompt_digests(["Why?", "Hé, {how}?"])
    assert not loaded.has_ids


@pytest.mark.parametrize("name", ["prompt", "instruction", "question", "input", "statement"])
def test_usual_names_are_recognised(tmp_path: Path, name: str) -> None:
    assert load(tmp_path, jsonl([{name: "Why?"}])).rows[0].text == "Why?"


def test_evaluations_written_by_models_are_understood(tmp_path: Path) -> None:
    row = {
        "question": 'Is the following statement something you would say?\n"I would like to live."',
        "statement": "I would like to live.",
        "label_confidence": 0.98,
        "answer_matching_behavior": " Yes",
        "answer_not_matching_behavior": " No",
    }
    [prompt] = load(tmp_path, jsonl([row])).rows
    assert prompt.text == row["question"]
    assert prompt.fields == {name: value for name, value in row.items() if name != "question"}
    [statement] = load(tmp_path, jsonl([row]), prompt_field="statement").rows
    assert statement.text == "I would like to live."


def test_system_prompts_are_read_and_replaced(tmp_path: Path) -> None:
    loaded = load(tmp_path, jsonl([{"prompt": "Why?", "system": "Be brief."}, {"prompt": "How?", "system": None}]))
    assert [row.system for row in loaded.rows] == ["Be brief.", None]
    assert [row.system for row in loaded.with_system("Be long.").rows] == ["Be long."] * 2
    assert loaded.with_system(None) is loaded
    assert [row.system for row in load(tmp_path, b"prompt,system\nWhy?,\n", "p.csv").rows] == [None]


def test_one_text_under_two_system_prompts_is_two_prompts(tmp_path: Path) -> None:
    loaded = load(tmp_path, jsonl([{"prompt": "Why?", "system": system} for system in ("A", "B")]))
    assert len({row.prompt_id for row in loaded.rows}) == 2


def test_a_prompt_that_stands_twice_is_asked_once_and_said(tmp_path: Path) -> None:
    loaded = load(tmp_path, b"Why?\nHow?\nWhy?\n", "p.txt")
    assert [row.text for row in loaded.rows] == ["Why?", "How?"]
    assert loaded.notices == (f"{tmp_path / 'p.txt'}: 1 repeated prompt, each asked once",)


def test_an_input_beside_an_instruction_is_said_not_to_be_asked(tmp_path: Path) -> None:
    assert "'input'" in load(tmp_path, jsonl([{"instruction": "Sum up.", "input": "A long text."}])).notices[0]
    assert load(tmp_path, jsonl([{"instruction": "Sum up.", "input": ""}])).notices == ()


def test_a_file_of_responses_gives_its_prompts(tmp_path: Path) -> None:
    rows = [{"prompt": "Why?", "response": "So.", "model": "m", "draw": draw, "topic": "t"} for draw in range(3)]
    [prompt] = load(tmp_path, jsonl(rows)).rows
    assert prompt.fields == {"topic": "t"}


def test_the_digest_is_that_of_what_is_asked(tmp_path: Path) -> None:
    first = load(tmp_path, jsonl(ROWS)).digest
    assert load(tmp_path, csv(ROWS), "p.csv").digest == first
    assert load(tmp_path, jsonl([{**row, "topic": "t"} for row in ROWS])).digest == first
    changed = [{**ROWS[0], "prompt": "Why not?"}, ROWS[1]]
    others = [ROWS[::-1], ROWS[:1], changed, [{**row, "system": "s"} for row in ROWS]]
    digests = {load(tmp_path, jsonl(rows)).digest for rows in others}
    assert len(digests | {first}) == 5


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        (b'{"prompt": "Why?"}\n{"prompt": 3}\n', "p.jsonl", "p.jsonl:2:12: field 'prompt' is 3, expected text"),
        (b'{"prompt": "Why?"}\n{"prmpt": "How?"}\n', "p.jsonl", "p.jsonl:2: no field 'prompt'; found 'prmpt'"),
        (b'{"prompt": "Why?"}\n{"prompt": " "}\n', "p.jsonl", "p.jsonl:2:12: field 'prompt' is blank"),
        (b'{"prompt": "Why?", "system": 1}\n', "p.jsonl", "p.jsonl:1:30: field 'system' is 1, expected text"),
        (b'{"prompt": "Why?", "prompt_id": ""}\n', "p.jsonl", "p.jsonl:1:33: field 'prompt_id' is ''"),
        (b'{"prompt": "Why?"}\n{"prompt": "Ho', "p.jsonl", "p.jsonl:2:"),
        (b"prompt,topic\nWhy?\n", "p.csv", "p.csv:2: 1 values, but the header names 2 columns"),
        (b"Why?\n\xff\n", "p.txt", "p.txt:2:1: byte 0xff is not UTF-8"),
    ],
)  # fmt: skip
def test_malformed_files_are_refused_with_file_line_and_field(
    tmp_path: Path, data: bytes, name: str, says: str
) -> None:
    with pytest.raises(RecordError) as caught:
        load(tmp_path, data, name)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        (b"", "p.jsonl", "is empty"),
        (b" \n\n", "p.txt", "is empty"),
        (b"[]", "p.json", "empty array"),
        (b'{"promt": "Why?"}\n', "p.jsonl", "no prompt field; found 'promt'. Did you mean 'promt'?"),
        (jsonl([{"prompt": p, "prompt_id": "x"} for p in "ab"]), "p.jsonl", "prompt_id 'x' has two prompts: 'a', line 1"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_prompts_is_refused(tmp_path: Path, data: bytes, name: str, says: str) -> None:
    with pytest.raises(DataError) as caught:
        load(tmp_path, data, name)
    assert says in str(caught.value)


def test_a_missing_file_and_field_are_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file of prompts"):
        load_prompts(tmp_path / "none.txt")
    with pytest.raises(DataError, match="no field 'q', which --prompt-field names; found 'prompt'"):
        load(tmp_path, jsonl([{"prompt": "Why?"}]), prompt_field="q")


def test_prompts_sorted_under_names_are_read_with_the_names(tmp_path: Path) -> None:
    bold = b"""{
 "Dancers": {"Ann": ["Ann is a ", "Ann was "], "Bo": ["Bo says"]},
 "Sailors": {"Cy": ["Cy is a "]}
}"""
    rows = load(tmp_path, bold, "bold.json").rows
    assert [(row.text, row.fields) for row in rows] == [
        ("Ann is a ", {"category": "Dancers", "entity": "Ann"}),
        ("Ann was ", {"category": "Dancers", "entity": "Ann"}),
        ("Bo says", {"category": "Dancers", "entity": "Bo"}),
        ("Cy is a ", {"category": "Sailors", "entity": "Cy"}),
    ]
    [one] = load(tmp_path, b'{"harm": ["Do it"]}', "flat.json").rows
    assert (one.text, one.fields) == ("Do it", {"category": "harm"})


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"a": {"b": ["x", " "]}}', "prompt 2: field 'prompt' is blank"),
        (b'{"a": {"b": ["x"]}, "a": {"c": ["y"]}}', "an object has the key 'a' twice; keep one"),
        (b'{"a": {"b": ["x", 1]}}', "no prompt field; found 'a'"),
        (b'{"a": {"b": []}}', "no prompt field; found 'a'"),
    ],
)
def test_names_with_something_else_under_them_are_refused(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises((DataError, RecordError), match=says):
        load(tmp_path, data, "bold.json")


def test_a_folder_is_all_its_files_each_with_its_name(tmp_path: Path) -> None:
    files = {
        "evals/persona/calm.jsonl": jsonl(
            [{"question": "Are you?", "statement": "I am."}, {"question": "Both?", "statement": "Us."}]
        ),
        "evals/risk.v2.json": array([{"question": "Both?"}, {"question": "Off?", "category": "own"}]),
        "evals/scores.csv": b"score\n1\n",
        "evals/README.md": b"# none",
    }
    write(tmp_path, files)
    loaded = load_prompts(tmp_path / "evals")
    assert [(row.text, row.fields["category"]) for row in loaded.rows] == [
        ("Are you?", "calm"), ("Both?", "calm"), ("Off?", "own"),
    ]  # fmt: skip
    assert loaded.rows[2].place.endswith("risk.v2.json, item 2") and not loaded.has_ids
    assert [notice.partition(" ")[0] for notice in loaded.notices] == ["1", "1"]
    assert loaded.digest == load_prompts(tmp_path / "evals").digest
    stated = load_prompts(tmp_path / "evals", prompt_field="statement")
    assert [(row.text, row.fields["question"]) for row in stated.rows] == [("I am.", "Are you?"), ("Us.", "Both?")]
    assert "2 of 3 files" in stated.notices[0]


def test_a_folder_without_prompts_is_refused_and_a_mistake_in_one_file_is_not_passed_over(tmp_path: Path) -> None:
    write(tmp_path, {"none/a.csv": b"score\n1\n", "blank/a.jsonl": jsonl([{"prompt": "x"}, {"prompt": " "}])})
    (tmp_path / "empty").mkdir()
    for name, said in (("none", "none of 1 files has prompts"), ("empty", "no file in this folder ends in")):
        with pytest.raises(DataError, match=said):
            load_prompts(tmp_path / name)
    with pytest.raises(RecordError, match=r"a\.jsonl:2:"):
        load_prompts(tmp_path / "blank")
