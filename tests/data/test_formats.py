"""The same records load equal from every format, plain or compressed."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.data.loaders import DataLoader
from diptych.data.parsing import parse_array, parse_csv
from diptych.errors import DataError, MissingExtraError, RecordError
from tests.helpers.records import array, csv, jsonl, records, write

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ROWS = records(5, answer='Zeile\n„{i}“, 漢 😀 \u2028 "x", \\ \t')
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8
)
OBJECTS = st.lists(st.dictionaries(TEXT, VALUES, min_size=1, max_size=4), min_size=1, max_size=6)


def parquet(rows: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), out)
    return out.getvalue()


FORMATS = {"jsonl": jsonl, "json": array, "csv": csv, "parquet": parquet}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_records(tmp_path: Path, name: str, compressed: bool) -> None:
    data = FORMATS[name](ROWS)
    path = tmp_path / f"a.{name}{'.gz' if compressed else ''}"
    path.write_bytes(gzip.compress(data) if compressed else data)
    assert list(DataLoader().load_records(path).rows) == ROWS


@pytest.mark.parametrize("name", ["jsonl", "json", "csv"])
def test_a_byte_order_mark_is_not_part_of_the_first_field(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"a.{name}"
    path.write_bytes(b"\xef\xbb\xbf" + FORMATS[name](ROWS))
    assert list(DataLoader().load_records(path).rows) == ROWS


@pytest.mark.parametrize("start", ["\ufeff", ""])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("n_rows", [1, 5])
@pytest.mark.parametrize("name", ["jsonl", "json", "csv"])
def test_another_encoding_is_refused_by_name_in_every_format(
    tmp_path: Path, name: str, n_rows: int, encoding: str, start: str
) -> None:
    """A single record too: Python's json would read it."""
    path = tmp_path / f"a.{name}.gz"
    path.write_bytes(gzip.compress((start + FORMATS[name](ROWS[:n_rows]).decode()).encode(encoding)))
    said = encoding.upper()[:6] if start else encoding.upper().replace("-", "").replace("UTF", "UTF-")
    for read in (DataLoader().load_records, DataLoader().load_jsonl):
        with pytest.raises(RecordError) as caught:
            read(path)
        assert str(caught.value) == (
            f"{path}: the file is {said}, expected UTF-8; convert it, for example with: iconv -f {said} -t UTF-8"
        )


def test_an_array_is_recognised_by_its_content_whatever_its_name(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": b" \n" + array(ROWS), "b.json": jsonl(ROWS)})
    assert list(DataLoader().load_records(tmp_path / "a.jsonl").rows) == ROWS
    assert list(DataLoader().load_records(tmp_path / "b.json").rows) == ROWS


@given(OBJECTS)
def test_lines_and_array_of_the_same_objects_load_equal(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    write(tmp_path, {"a.jsonl": jsonl(rows), "a.json": array(rows)})
    lines, items = (DataLoader().load_records(tmp_path / name).rows for name in ("a.jsonl", "a.json"))
    assert list(lines) == list(items) == rows
    assert [list(map(type, row.values())) for row in lines] == [list(map(type, row.values())) for row in items]


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6))
def test_csv_brings_back_any_text(pairs: list[tuple[str, str]]) -> None:
    rows = [{"prompt": prompt, "response": response} for prompt, response in pairs]
    assert list(parse_csv(csv(rows), "a.csv").rows) == rows


def test_places_are_physical_lines_even_after_blank_lines_and_newlines_in_cells() -> None:
    data = b'prompt,response\r\n1?,"two\r\nlines"\r\n\r\n2?,No.\r\n3?,"No.\n\n"\r\n4?,No.\r\n'
    assert list(parse_csv(data, "a.csv").places) == [2, 5, 6, 9]


def test_places_in_json_lines_are_physical_lines(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": b'\n{"a": 1}\n\n\r\n{"a": 2}\n'})
    found = DataLoader().load_records(tmp_path / "a.jsonl")
    assert [found.place(i) for i in range(2)] == ["line 2", "line 5"]


@pytest.mark.parametrize("number", [b"1e400", b"-1e999"])
def test_a_number_too_great_for_a_double_is_refused_not_made_infinite(number: bytes) -> None:
    with pytest.raises(RecordError, match=r"does not fit a double"):
        parse_array(b'[{"a": ' + number + b"}]", "a.json")


@pytest.mark.parametrize("constant", [b"NaN", b"Infinity", b"-Infinity"])
def test_a_constant_is_found_outside_of_strings_only(constant: bytes) -> None:
    assert parse_array(b'[{"a": "' + constant + b'"}]', "a.json").rows == [{"a": constant.decode()}]
    with pytest.raises(RecordError) as caught:
        parse_array('[{"é NaN \\" NaN": 1,\n "ü": '.encode() + constant + b"}]", "a.json")
    assert (caught.value.line, caught.value.column) == (2, 8)


def test_json_nested_too_deep_is_an_error_not_a_crash() -> None:
    with pytest.raises(RecordError, match="nested too deep"):
        parse_array(b"[" * 200_000, "a.json")


def test_a_bad_line_may_be_skipped_on_request(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": b'{"a": 1}\nnonsense\n{"a": 3}\n'})
    found = DataLoader().load_records(tmp_path / "a.jsonl", on_bad_line="skip", max_bad=1)
    assert (list(found.rows), list(found.places)) == ([{"a": 1}, {"a": 3}], [1, 3])


def test_load_jsonl_keeps_the_keys_asked_for_and_names_the_line_that_lacks_one(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": b'{"a": 1, "b": 2}\n\n{"a": 3, "c": 4}\n'})
    assert DataLoader().load_jsonl(tmp_path / "a.jsonl", ["a"]) == [{"a": 1}, {"a": 3}]
    with pytest.raises(RecordError, match=r"a\.jsonl:3: no field 'b'; found 'a', 'c'\. Add it"):
        DataLoader().load_jsonl(tmp_path / "a.jsonl", ["a", "b"])


def test_the_number_of_threads_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": jsonl(records(3000))})
    one, many = (DataLoader(threads=n).load_records(tmp_path / "a.jsonl") for n in (1, 4))
    assert (list(one.rows), list(one.places)) == (list(many.rows), list(many.places))


def test_parquet_without_its_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"a.parquet": parquet(ROWS)})
    monkeypatch.setattr("diptych.utils.extras.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'diptych\[parquet\]'"):
        DataLoader().load_records(tmp_path / "a.parquet")


def test_an_empty_parquet_file_is_refused(tmp_path: Path) -> None:
    table = pyarrow.table({"prompt": pyarrow.array([], pyarrow.string())})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match="has no rows"):
        DataLoader().load_records(tmp_path / "a.parquet")
