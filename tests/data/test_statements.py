"""Statements: files and folders, whatever their order; nothing left out in silence."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from diptych.data.statements import load_statements
from diptych.errors import DataError, RecordError

ROWS = [{"statement": f"I like the number {n}.", "answer_matching_behavior": " Yes"} for n in range(40)]


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_label_stays_and_the_category_is_the_file(tmp_path: Path) -> None:
    found = load_statements([write(tmp_path / "likes-numbers.jsonl", ROWS[:2])])
    assert {(row.category, row.fields["answer_matching_behavior"]) for row in found.rows} == {("likes-numbers", " Yes")}


def test_a_question_is_taken_where_there_is_no_statement_and_an_array_may_be_called_jsonl(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps([{"question": "Is it so?"}, {"question": "Why?"}]))
    assert sorted(load_statements([tmp_path / "a.jsonl"]).texts) == ["Is it so?", "Why?"]


def test_neither_the_order_of_rows_nor_of_files_changes_anything(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    shuffled = random.Random(0).sample(ROWS, len(ROWS))
    write(tmp_path / "one" / "a.jsonl", ROWS)
    write(tmp_path / "two" / "a.jsonl", shuffled)
    first, second = (load_statements([tmp_path / name], limit=20) for name in ("one", "two"))
    assert first.rows == second.rows
    assert first.digest == second.digest


def test_a_greater_limit_only_adds_statements(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", ROWS)
    few, more, other = (
        {row.statement_id for row in load_statements([path], limit=limit, seed=seed).rows}
        for limit, seed in ((10, 0), (20, 0), (10, 1))
    )
    assert few < more
    assert few != other


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", [*ROWS[:3], ROWS[0], {"statement": "x" * 200}])
    write(tmp_path / "b.jsonl", [{"winogender": "she"}])
    found = load_statements([tmp_path], max_chars=150)
    assert len(found) == 3
    assert found.notices == (
        "left out, without statements: 1 of 2 files",
        "1 repeated statement, each asked once",
        "left out, longer than 150 characters: 1 statement",
    )
    assert [(file.n_statements, "no field" in file.reason) for file in found.files] == [(5, False), (0, True)]


def test_a_long_statement_is_kept_unless_asked_otherwise(tmp_path: Path) -> None:
    assert len(load_statements([write(tmp_path / "a.jsonl", [{"statement": "x" * 5000}])]).texts[0]) == 5000


def test_mistakes_are_named_with_their_place(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"a\.jsonl:2.*blank"):
        load_statements([write(tmp_path / "a.jsonl", [ROWS[0], {"statement": " "}])])
    with pytest.raises(DataError, match=r"no field statement.*found 'statment'.*Did you mean 'statment'"):
        load_statements([write(tmp_path / "b.jsonl", [{"statment": "x"}])])
    with pytest.raises(DataError, match="no such file of statements"):
        load_statements([tmp_path / "c.jsonl"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no file in this folder"):
        load_statements([tmp_path / "empty"])
