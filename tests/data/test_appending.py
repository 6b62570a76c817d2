"""A run that was stopped goes on after its last whole line."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.data.appending import append_jsonl
from diptych.data.loaders import DataLoader, read_jsonl
from diptych.errors import RecordError, RunError, TruncatedTail

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
WHOLE = '{"a": 1}\n{"a": "é"}\n'.encode()


@pytest.mark.parametrize("tail", [b'{"a"', b"{", b'{"a": "\xc3', b'{"a": 1,', b'{"a": "' + b"x" * 200_000])
def test_a_torn_tail_is_named_and_cut_at_its_byte(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(WHOLE + tail)
    for read in (lambda: read_jsonl(path, ["a"]), lambda: DataLoader().load_records(path)):
        with pytest.raises(TruncatedTail) as caught:
            read()
        assert (caught.value.line, caught.value.column) == (3, len(tail))
    with pytest.warns(UserWarning, match=f"cut {len(tail)} bytes at byte {len(WHOLE)}"), append_jsonl(path) as lines:
        lines.write({"a": 2})
    assert path.read_bytes() == WHOLE + b'{"a": 2}\n'


def test_a_malformed_line_is_no_torn_tail(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for data in (b'{"a": tru}\n', b'{"a": 1\n', b'{"a": 1} 2'):
        path.write_bytes(data)
        with pytest.raises(RecordError) as caught:
            read_jsonl(path, ["a"])
        assert not isinstance(caught.value, TruncatedTail)


@pytest.mark.parametrize("cut", range(len(WHOLE) + 1))
def test_wherever_a_writer_was_stopped_whole_lines_stay(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(WHOLE[:cut])
    whole = [line for line in WHOLE.split(b"\n")[:-1] if WHOLE.index(line) + len(line) <= cut]
    torn = WHOLE[:cut].count(b"\n") == len(whole) and not WHOLE[:cut].endswith(b"\n") and cut > 0
    if torn:
        with pytest.warns(UserWarning, match="cut"), append_jsonl(path):
            pass
    else:
        with append_jsonl(path):
            pass
    assert path.read_bytes() == b"".join(line + b"\n" for line in whole)


def test_a_compressed_file_is_refused_and_left(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    data = gzip.compress(WHOLE)
    path.write_bytes(data)
    with pytest.raises(RunError, match="is compressed"), append_jsonl(path):
        pass
    assert path.read_bytes() == data


def test_what_was_written_before_a_failure_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with pytest.raises(ZeroDivisionError), append_jsonl(path) as lines:
        lines.write({"a": 1})
        raise ZeroDivisionError
    assert path.read_bytes() == b'{"a": 1}\n'
    with append_jsonl(path) as lines, pytest.raises(ValueError, match="JSON compliant"):
        lines.write({"a": float("nan")})
    assert path.read_bytes() == b'{"a": 1}\n'


@settings(max_examples=200, deadline=None)
@given(records=st.lists(st.tuples(TEXT, st.floats(allow_nan=False, allow_infinity=False)), max_size=50))
def test_what_is_written_is_read_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, records: list[tuple[str, float]]
) -> None:
    path = tmp_path_factory.mktemp("round") / "a.jsonl"
    rows: list[dict[str, Any]] = [{"text": text, "number": number} for text, number in records]
    with append_jsonl(path) as lines:
        for row in rows:
            lines.write(row)
    read = read_jsonl(path, ["text", "number"])
    assert read.columns["text"] == [text for text, _ in records]
    assert [struct.pack("<d", n) for n in read.columns["number"]] == [struct.pack("<d", n) for _, n in records]
    assert [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]] == rows
