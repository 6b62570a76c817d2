"""The table of one arm: nothing is lost on the way to a file and back, nothing wrong gets in."""

from __future__ import annotations

import datetime
import decimal
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.data import DataLoader, Records, Response, Responses
from diptych.data.responses import prompt_digests
from diptych.errors import DataError, RecordError
from tests.helpers.records import records

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
META = st.dictionaries(TEXT.map(lambda key: f"x{key}"), st.none() | st.integers(-(2**53), 2**53) | TEXT, max_size=3)
ROWS = st.lists(
    st.builds(
        Response,
        prompt_id=TEXT.filter(bool), prompt=TEXT, response=TEXT, arm=st.just("a"), draw=st.integers(0, 9),
        system=st.none() | TEXT, finish_reason=st.none() | TEXT, meta=META,
    ),
    min_size=1, max_size=6, unique_by=lambda row: (row.prompt_id, row.draw),
)  # fmt: skip


def of(rows: list[dict[str, Any]], **fields: str) -> Responses:
    return Responses.from_records(Records(rows, "list", range(1, len(rows) + 1), "row"), arm="a", **fields)


@given(ROWS)
def test_any_text_survives_the_way_to_json_lines_and_back(tmp_path: Path, rows: list[Response]) -> None:
    path = tmp_path / "responses.jsonl"
    path.write_bytes(Responses(tuple(rows), "made up").to_jsonl().encode())
    back = Responses.from_records(DataLoader().load_records(path), arm="a")
    assert [row.prompt_id for row in back] == [row.prompt_id for row in rows]
    for found, row in zip(back, rows, strict=True):
        assert (found.prompt, found.response, found.draw) == (row.prompt, row.response, row.draw)
        assert (found.system, found.finish_reason) == (row.system, row.finish_reason)
        assert found.meta["meta"] == dict(row.meta)


@pytest.mark.parametrize("prompt", ["prompt", "instruction", "question", "input"])
@pytest.mark.parametrize("response", ["response", "output", "completion", "text"])
def test_fields_are_recognised_by_the_names_people_use(prompt: str, response: str) -> None:
    row = of([{"other": 1, prompt: "Hi", response: "Hello."}])[0]
    assert (row.prompt, row.response, dict(row.meta)) == ("Hi", "Hello.", {"other": 1})


def test_named_fields_go_before_recognised_ones_which_are_kept() -> None:
    row = of([{"prompt": "P", "q": "Q", "response": "R", "r": "S"}], prompt_field="q", response_field="r")[0]
    assert (row.prompt, row.response, dict(row.meta)) == ("Q", "S", {"prompt": "P", "response": "R"})


def test_prompts_without_ids_get_digests_of_their_text_and_equal_prompts_equal_ones() -> None:
    table = of(records(3))
    assert [row.prompt_id for row in table] == prompt_digests([row.prompt for row in table])
    assert not table.has_ids
    assert len({row.prompt_id for row in table}) == 3


def test_whole_numbers_are_ids_too_and_the_text_of_draws_counts() -> None:
    rows = of([{"prompt_id": 7, "draw": str(draw), "prompt": "?", "response": "."} for draw in (0, 1)])
    assert [(row.prompt_id, row.draw) for row in rows] == [("7", 0), ("7", 1)]


def test_the_model_is_known_when_all_records_name_one() -> None:
    assert of([{**row, "generator": "m"} for row in records(3)]).model == "m"
    assert of([{**row, "generator": f"m{i}"} for i, row in enumerate(records(3))]).model is None
    for other in ("", 7, None, ["m"], {"name": "m"}):
        rows = [{**row, "generator": "m" if i else other} for i, row in enumerate(records(3))]
        assert of(rows).model is None
        assert of(rows[:1]).model is None
        assert of(rows[::-1]).model is None


@pytest.mark.parametrize("as_text", [False, True])
def test_a_draw_is_a_whole_number_of_63_bits(as_text: bool) -> None:
    for draw in (0, 2**53 + 1, 2**63 - 1):
        assert of([{"prompt": "?", "response": ".", "draw": str(draw) if as_text else draw}])[0].draw == draw
    for draw in (-1, 2**63, 2**70, 10**4000):
        with pytest.raises(
            RecordError, match="field 'draw' is .*, expected a whole number from 0 to 9223372036854775807"
        ):
            of([{"prompt": "?", "response": ".", "draw": str(draw) if as_text else draw}])
    with pytest.raises(RecordError, match="field 'draw' is '999"):
        of([{"prompt": "?", "response": ".", "draw": "9" * 5000}])


def test_by_prompt_text_forgets_ids_and_finds_the_duplicates_they_hid() -> None:
    rows = of(records(3, prompt_id="p{i}"))
    assert [row.prompt_id for row in rows.by_prompt_text()] == prompt_digests([row.prompt for row in rows])
    hidden = of([{"prompt_id": f"p{i}", "prompt": "same", "response": "."} for i in range(2)])
    with pytest.raises(DataError, match="'same', draw 0 stands twice, at row 1 and row 2"):
        hidden.by_prompt_text()


def test_no_rows_is_an_error() -> None:
    with pytest.raises(DataError, match="list has no rows"):
        of([])


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (decimal.Decimal("0.50"), "0.50"),
        ({"at": datetime.datetime(2026, 1, 2, 3)}, {"at": "2026-01-02 03:00:00"}),
        ([1, {"deep": [None, True, "x"]}], [1, {"deep": [None, True, "x"]}]),
    ],
)
def test_what_is_not_json_becomes_text_so_that_a_run_can_be_written(value: Any, kept: Any) -> None:
    row = of([{"prompt": "?", "response": ".", "when": value}])[0]
    assert row.meta["when"] == kept
    assert json.loads(json.dumps(row.as_json()))["meta"] == {"when": kept}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "row 1: field 'x' holds NaN or an infinity; remove it, or give null"),
        ([float("inf")], "row 1: field 'x' holds NaN or an infinity"),
        ({"deep": "\ud800"}, "row 1: field 'x' holds half of a surrogate pair"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        of([{"prompt": "?", "response": ".", "x": value}])


def test_meta_cannot_be_changed() -> None:
    row = of([{"prompt": "?", "response": ".", "x": 1}])[0]
    with pytest.raises(TypeError):
        row.meta["x"] = 2  # type: ignore[index]


@pytest.mark.parametrize("name", ["system", "finish_reason"])
def test_optional_texts_may_be_null_or_absent_but_nothing_else(name: str) -> None:
    rows = of(
        [
            {"prompt": "1", "response": ".", name: "x"},
            {"prompt": "2", "response": ".", name: None},
            {"prompt": "3", "response": "."},
        ]
    )
    assert [getattr(row, name) for row in rows] == ["x", None, None]
    with pytest.raises(RecordError, match=f"field '{name}' is a list"):
        of([{"prompt": "1", "response": ".", name: ["x"]}])
