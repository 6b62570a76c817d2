"""``JsonlReader`` against Python's own ``json``, and what is built on it in ``data.loaders``."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych import _core
from diptych.data.loaders import DataLoader, iterate_jsonl, iterate_jsonl_text, read_jsonl
from diptych.data.rejects import BadLine
from diptych.errors import ConfigError, RecordError
from tests.native.test_jsonl import objects, same, values


@settings(max_examples=150, deadline=None)
@given(
    records=st.lists(st.tuples(values, objects, values), min_size=1, max_size=6),
    ascii_only=st.booleans(),
    threads=st.sampled_from([1, 2, 4]),
)
def test_wanted_fields_are_read_back_exactly(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[tuple[Any, dict[str, Any], Any]],
    ascii_only: bool,
    threads: int,
) -> None:
    path = tmp_path_factory.mktemp("reader") / "a.jsonl"
    rows = [{"first": a, **others, "last": b} for a, others, b in records]
    path.write_text("".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows), encoding="utf-8")
    read = read_jsonl(path, ["last", "first"], threads=threads)
    assert same(read.columns, {key: [row[key] for row in rows] for key in ("last", "first")})
    assert read.lines.tolist() == list(range(1, len(rows) + 1))
    assert DataLoader(threads=threads).load_jsonl(path, ["first", "first"]) == [{"first": row["first"]} for row in rows]


def test_bad_lines_are_skipped_by_number_with_their_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    lines = ['{"a": "x"}', "", "nonsense", '{"b": 1}', '{"a": "y", "a": "y"}', '{"a": "z"', '{"a": "é", "b": [1, {}]}']
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    read = read_jsonl(path, ["a"], on_bad_line="skip", max_bad=None)
    assert read.columns == {"a": ["x", "é"]}
    assert read.lines.tolist() == [1, 7]
    assert [(bad.line, bad.column) for bad in read.rejects] == [(3, 2), (4, 0), (5, 12), (6, 9)]
    assert read.rejects[1] == BadLine(4, 0, "no field 'a'; found 'b'; add it, or ask for another", b'{"b": 1}')
    assert (read.n_lines, read.n_blank) == (7, 1)
    with pytest.raises(RecordError, match=r"a\.jsonl\.gz:3:2: "):
        read_jsonl(path, ["a"])


def test_a_refusal_is_that_of_whole_objects(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    bad = [
        '{"a": 01}',
        '{"a": NaN}',
        '{"a": "\\ud800"}',
        '{"a": 1} 2',
        "[1]",
        '{"b": 1e999, "a": 1}',
        '{"b": "\t", "a": 1}',
    ]
    data = "\n".join(bad).encode()
    path.write_bytes(data)
    whole = list(zip(*_core.parse_jsonl(data, "f", "skip", 1 << 20, 1)[2], strict=True))
    assert len(whole) == len(bad)
    rejects = read_jsonl(path, ["a"], on_bad_line="skip", max_bad=None).rejects
    assert [(bad.line, bad.column, bad.reason, bad.text) for bad in rejects] == whole


def test_windows_join_and_short_values_are_shared(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    n = 60_000
    path.write_text("".join(f'{{"i": {i}, "label": "l{i % 3}", "text": "{"t" * (i % 200)}"}}\n' for i in range(n)))
    pieces = list(iterate_jsonl(path, ["i", "label"]))
    assert len(pieces) > 1
    assert [i for piece in pieces for i in piece.columns["i"]] == list(range(n))
    assert len({id(label) for piece in pieces for label in piece.columns["label"]}) == 3
    assert same(read_jsonl(path, ["i"], threads=3).columns, read_jsonl(path, ["i"]).columns)


def test_texts_come_as_offsets_and_bytes_and_nothing_else_does(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": "é", "b": ""}\n{"a": 1, "b": ""}\n{"a": "x\\n", "b": "z"}', encoding="utf-8")
    (piece,) = iterate_jsonl_text(path, ["b", "a"], on_bad_line="skip", max_bad=None)
    assert list(piece.columns) == ["b", "a"]
    assert piece.columns["a"].offsets.tolist() == [0, 2, 4]
    assert piece.columns["a"].data.tobytes().decode() == "éx\n"
    assert piece.columns["b"].offsets.tolist() == [0, 0, 1]
    reason = "field 'a': expected a string, found a number; write it as a string or leave the line out"
    assert list(piece.rejects) == [BadLine(2, 7, reason, b'{"a": 1, "b": ""}')]


def test_settings_and_files_are_checked(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.jsonl"):
        read_jsonl(tmp_path / "none.jsonl", ["a"])
    with pytest.raises(IsADirectoryError):
        read_jsonl(tmp_path, ["a"])
    (tmp_path / "a.jsonl").write_text("")
    assert read_jsonl(tmp_path / "a.jsonl", ["a"]).columns == {"a": []}
    with pytest.raises(ConfigError, match="threads: got 0"):
        read_jsonl(tmp_path / "a.jsonl", ["a"], threads=0)
    (tmp_path / "b.jsonl").write_bytes(b"\xff\xfe{")
    with pytest.raises(RecordError, match="UTF-16"):
        read_jsonl(tmp_path / "b.jsonl", ["a"])
