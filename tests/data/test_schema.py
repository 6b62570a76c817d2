"""A field that is missing or of the wrong type: the line, the byte, what was found, what was wanted, what to do."""

from __future__ import annotations

import gzip
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.data import DataLoader, Records, Responses
from diptych.data.records import value_column
from diptych.errors import DataError, RecordError

GOOD = '{"prompt": "Hi", "response": "Hello."}\n'
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


def refused(path: Path) -> RecordError:
    with pytest.raises(RecordError) as caught:
        Responses.from_records(DataLoader().load_records(path), arm="a")
    assert caught.value.path == str(path)
    return caught.value


# (text before the value that is wrong, that value, the start of the reason)
WRONG: list[tuple[str, str, str]] = [
    ('{"prompt": "Hi", "response": ', "7", "field 'response' is 7, expected text; give one text per row"),
    ('{"response": ', "null", "field 'response' is null, expected text; remove the row or give its text"),
    ('{"x": "\\"response\\": 1", "response" :\t', "[1]", "field 'response' is a list, expected text"),
    ('{"x": {"response": 1}, "\\u0072esponse": ', "{}", "field 'response' is an object, expected text"),
    ('{"é漢😀": 1, "response": ', "true", "field 'response' is true/false, expected text"),
]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("start", ["", "\ufeff", GOOD, "\ufeff" + GOOD + "\n \n", GOOD.replace("\n", "\r\n") * 2])
@pytest.mark.parametrize(("before", "value", "reason"), WRONG)
def test_a_value_of_the_wrong_type_is_named_at_its_byte(
    tmp_path: Path, before: str, value: str, reason: str, start: str, packed: bool
) -> None:
    line = before + value + ("" if '"prompt"' in before else ', "prompt": "Hi"') + "}"
    data = (start + line + "\r\n" + GOOD.replace("Hi", "Ho")).encode()
    path = tmp_path / "a.jsonl"
    path.write_bytes(gzip.compress(data) if packed else data)
    error = refused(path)
    ahead = (start + before).encode().rpartition(b"\n")[2]
    assert (error.line, error.column) == (start.count("\n") + 1, len(ahead) + 1)
    assert error.reason.startswith(reason)


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("prompt_id", None, "expected text or a whole number"),
        ("prompt_id", 1.5, "expected text or a whole number"),
        ("draw", -1, "expected a whole number from 0"),
        ("draw", "one", "expected a whole number from 0"),
        ("system", 3, "expected text"),
        ("finish_reason", [], "expected text"),
    ],
)
def test_every_field_that_has_a_type_is_held_to_it(tmp_path: Path, field: str, value: Any, wanted: str) -> None:
    row = {"prompt": "Hi", "response": "Hello.", field: value}
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(row) + "\n")
    error = refused(path)
    assert (error.line, error.column) == (1, json.dumps(row).index(f'"{field}": ') + len(field) + 5)
    assert f"field '{field}' is " in error.reason
    assert wanted in error.reason


@pytest.mark.parametrize(("missing", "there"), [("response", "prompt"), ("prompt", "response")])
def test_a_missing_field_is_named_with_those_there_and_the_one_perhaps_meant(
    tmp_path: Path, missing: str, there: str
) -> None:
    path = tmp_path / "a.jsonl"
    misspelt = missing.replace("p", "", 1)
    for other, end in ((misspelt, f"Did you mean '{misspelt}'?"), (missing.title(), f"Did you mean '{missing.title()}'?"),
                       ("x", "Add it, or remove the record.")):  # fmt: skip
        path.write_text(GOOD + json.dumps({there: "Ho", other: "Hello."}))
        error = refused(path)
        assert (error.line, error.column) == (2, 0)
        assert error.reason == f"no field '{missing}'; found '{there}', '{other}'. {end}"
        with pytest.raises(RecordError) as caught:
            DataLoader().load_jsonl(path, [missing])
        assert str(caught.value) == str(error)


def test_a_misspelt_field_of_the_first_record_is_named_with_the_flag(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"promt": "Hi", "response": "Hello."}')
    records = DataLoader().load_records(path)
    with pytest.raises(
        DataError, match=r"no prompt field; found 'promt', 'response'\. Did you mean 'promt'\?\n.*--prompt"
    ):
        Responses.from_records(records, arm="a")
    with pytest.raises(
        DataError, match=r"no field 'respnse', which --response-field names.* Did you mean 'response'\?"
    ):
        Responses.from_records(records, arm="a", prompt_field="promt", response_field="respnse")


def test_unknown_fields_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "Hi", "response": "Hello.", "x": [1, {"y": null}], "10": 12345678901234567890123}')
    (row,) = Responses.from_records(DataLoader().load_records(path), arm="a")
    assert row.meta == {"x": [1, {"y": None}], "10": 12345678901234567890123}


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=5), st.booleans(), st.sampled_from(["", " ", " \t"]))
def test_the_column_is_that_of_the_value(row: dict[str, Any], ascii_only: bool, space: str) -> None:
    parts = [(json.dumps(key, ensure_ascii=ascii_only), json.dumps(value, ensure_ascii=ascii_only), key)
             for key, value in row.items()]  # fmt: skip
    line = space + "{" + ",".join(f"{space}{key}{space}:{space}{value}" for key, value, _ in parts) + "}"
    before = space + "{"
    for key, value, name in parts:
        before += f"{space}{key}{space}:{space}"
        assert value_column(line.encode(), name) == len(before.encode()) + 1
        before += value + ","
    assert value_column(line.encode(), "a longer name") == 0


@given(st.binary(max_size=30))
def test_no_line_is_too_strange_to_look_for_a_column(line: bytes) -> None:
    assert value_column(line, "a") >= 0
    assert value_column(b'{"a": ' + line, "a") >= 0


def test_of_a_pipe_and_of_a_file_that_is_gone_the_line_alone_is_named(tmp_path: Path) -> None:
    data = GOOD.encode() + b'{"prompt": "Ho", "response": 1}\n'
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[data])
    writer.start()
    error = refused(pipe)
    writer.join()
    assert (error.line, error.column) == (2, 0)
    (tmp_path / "a.jsonl").write_bytes(data)
    records = DataLoader().load_records(tmp_path / "a.jsonl")
    (tmp_path / "a.jsonl").unlink()
    with pytest.raises(RecordError) as caught:
        Responses.from_records(records, arm="a")
    assert (caught.value.line, caught.value.column) == (2, 0)


def test_a_row_that_was_handed_in_has_no_column() -> None:
    with pytest.raises(RecordError, match=r"^list a: row 1: field 'response' is 1, expected text"):
        Responses.from_records(Records([{"prompt": "Hi", "response": 1}], "list a", [1], "row"), arm="a")
