"""Lines that are left out: counted, kept in a file, and an error when there are too many."""

from __future__ import annotations

import base64
import gc
import gzip
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.data.loaders import DataLoader, iterate_jsonl, iterate_jsonl_text, read_jsonl
from diptych.data.rejects import BadLine
from diptych.errors import ConfigError, DataError, RecordError, TooManyBadLines
from diptych.utils.amounts import number_or_share

GOOD = b'{"a": "x"}\n'
HOSTILE = "\x1b]0;owned\x07\u202e\x9b\u200b"
READERS: dict[str, Callable[..., Any]] = {
    "read_jsonl": lambda path, **options: read_jsonl(path, ["a"], **options),
    "iterate_jsonl": lambda path, **options: list(iterate_jsonl(path, ["a"], **options)),
    "iterate_jsonl_text": lambda path, **options: list(iterate_jsonl_text(path, ["a"], **options)),
    "load_records": lambda path, **options: DataLoader().load_records(path, **options),
}
each_reader = pytest.mark.parametrize("read", READERS.values(), ids=READERS)


def kept(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@each_reader
def test_every_refused_line_is_kept_with_its_place_reason_and_text(tmp_path: Path, read: Callable[..., Any]) -> None:
    bad = [b"nonsense", f'{{"a": "{HOSTILE}'.encode(), b'{"a": "\xff\xfe"}', b"[1, 2]\r"]
    path, rejects = tmp_path / "a.jsonl", tmp_path / "rejects.jsonl"
    path.write_bytes(b"\n" + b"".join(GOOD + line + b"\n" for line in bad))
    rejects.write_text("of an earlier reading")
    read(path, on_bad_line="skip", max_bad=4, rejects=rejects)
    found = kept(rejects)
    assert [(line["line"], line["column"]) for line in found] == [(3, 2), (5, 8), (7, 8), (9, 1)]
    assert {line["path"] for line in found} == {str(path)}
    assert [line["reason"].split()[:2] for line in found] == [
        ["not", "valid"], ["control", "character"], ["byte", "0xFF"], ["expected", "an"],
    ]  # fmt: skip
    texts = [line["text"].encode() if "text" in line else base64.b64decode(line["base64"]) for line in found]
    assert texts == [line.removesuffix(b"\r") for line in bad]
    assert rejects.read_text(encoding="utf-8").replace("\n", "").isprintable()
    assert read_jsonl(rejects, ["path", "line", "column", "reason"]).n_lines == 4
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.jsonl", "rejects.jsonl"]


def test_a_line_that_is_too_long_is_named_but_not_kept(tmp_path: Path) -> None:
    path, rejects = tmp_path / "a.jsonl", tmp_path / "rejects.jsonl"
    path.write_bytes(GOOD + b'{"a": "' + b"x" * (3 << 20) + b'"}\n' + GOOD)
    read_jsonl(path, ["a"], on_bad_line="skip", max_bad=1, max_line_bytes=1 << 20, rejects=rejects)
    (line,) = kept(rejects)
    assert (line["line"], line["text"]) == (2, None)
    assert line["reason"].startswith("the line has 3145737 bytes")


@each_reader
def test_where_nothing_is_bad_the_file_of_rejects_is_empty(tmp_path: Path, read: Callable[..., Any]) -> None:
    (tmp_path / "a.jsonl").write_bytes(GOOD)
    (tmp_path / "r").write_text("of an earlier reading")
    read(tmp_path / "a.jsonl", on_bad_line="skip", rejects=tmp_path / "r")
    assert (tmp_path / "r").read_bytes() == b""


@each_reader
def test_a_reading_that_fails_leaves_the_rejects_of_before(tmp_path: Path, read: Callable[..., Any]) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"bad\n" + GOOD * 400_000)[:-9])
    (tmp_path / "r").write_text("before")
    with pytest.raises(RecordError, match="cut short"):
        read(tmp_path / "a.jsonl.gz", on_bad_line="skip", max_bad=None, rejects=tmp_path / "r")
    assert (tmp_path / "r").read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_reading_that_is_given_up_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"bad\n" + GOOD * 400_000)
    pieces = iterate_jsonl(tmp_path / "a.jsonl", ["a"], on_bad_line="skip", rejects=tmp_path / "r")
    assert next(pieces).rejects[0].line == 1
    pieces.close()  # type: ignore[attr-defined]
    assert [file.name for file in tmp_path.iterdir()] == ["a.jsonl"]


@each_reader
@pytest.mark.parametrize(
    ("n_good", "n_bad", "max_bad", "allowed"),
    [
        (1, 0, 0, True), (1, 1, 0, False), (9, 3, 3, True), (9, 4, 3, False), (0, 3, 1.0, True), (1, 3, 0.0, False),
        (7, 3, 0.3, True), (6, 3, 0.3, False), (999, 1, "0.1%", True), (998, 1, "0.1%", False), (1, 9, None, True),
        (9, 2, "2", True), (9, 3, "2", False),
    ],
)  # fmt: skip
def test_so_many_bad_lines_and_no_more_are_tolerated(
    tmp_path: Path, read: Callable[..., Any], n_good: int, n_bad: int, max_bad: Any, allowed: bool
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"bad\n\n" * n_bad + GOOD * n_good)
    if allowed:
        read(path, on_bad_line="skip", max_bad=max_bad)
        return
    with pytest.raises(TooManyBadLines) as caught:
        read(path, on_bad_line="skip", max_bad=max_bad, rejects=tmp_path / "r")
    error = caught.value
    assert (error.path, error.n_bad, error.n_lines) == (str(path), n_bad, n_good + n_bad)
    assert [place[:2] for place in error.first] == [(1 + 2 * i, 1) for i in range(min(3, n_bad))]
    assert [line["line"] for line in kept(tmp_path / "r")] == [1 + 2 * i for i in range(n_bad)]


@each_reader
def test_one_line_in_a_thousand_is_tolerated_unless_more_is_asked_for(tmp_path: Path, read: Callable[..., Any]) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"bad\n" + GOOD * 999)
    read(tmp_path / "a.jsonl", on_bad_line="skip")
    (tmp_path / "a.jsonl").write_bytes(b"bad\n" + GOOD * 998)
    with pytest.raises(TooManyBadLines):
        read(tmp_path / "a.jsonl", on_bad_line="skip")


def test_the_error_names_counts_limit_first_lines_and_remedy(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD + b'{"a": 1,}\n{"b": 1}\n' + b"bad\n" * 7)
    with pytest.raises(DataError) as caught:
        read_jsonl(path, ["a"], on_bad_line="skip", max_bad=0.5)
    assert str(caught.value) == (
        f"{path}: 9 of 10 lines cannot be used, max_bad allows 50 % of them. Mend them, or raise the limit.\n"
        'First: line 2, column 9: not valid JSON: trailing comma; mend the line or delete it. Near: {"a": 1,}; '
        "line 3: no field 'a'; found 'b'; add it, or ask for another; "
        "line 4, column 1: not valid JSON: expected value; mend the line or delete it. Near: bad"
    )
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), type(again)) == (str(caught.value), TooManyBadLines)
    with pytest.raises(TooManyBadLines, match=r"9 of 10 lines cannot be used, max_bad allows 5\. "):
        read_jsonl(path, ["a"], on_bad_line="skip", max_bad=5)


@given(
    st.lists(st.sampled_from([GOOD, b"\n", b" \t\r\n", b"bad\n", b"[1]\r\n", b'{"b": 1}\n', b"\xff\n"]), max_size=30),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.booleans(),
)
def test_records_and_rejects_and_blank_lines_are_all_lines(
    tmp_path: Path, lines: list[bytes], mark: bytes, packed: bool
) -> None:
    data = mark + b"".join(lines)
    (tmp_path / "a.jsonl").write_bytes(gzip.compress(data) if packed else data)
    read = read_jsonl(tmp_path / "a.jsonl", ["a"], on_bad_line="skip", max_bad=None, threads=2)
    n_lines = max(len(lines), 1) if data else 0
    assert len(read.lines) + len(read.rejects) + read.n_blank == read.n_lines == n_lines
    assert (len(read.lines), len(read.columns["a"])) == (lines.count(GOOD),) * 2
    assert read.byte_order_mark == bool(mark)


def test_bad_lines_are_a_sequence(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"bad\n" + GOOD + b"[]\n1\n")
    rejects = read_jsonl(path, ["a"], on_bad_line="skip", max_bad=None).rejects
    assert (len(rejects), [bad.line for bad in rejects]) == (3, [1, 3, 4])
    assert [rejects[i].text for i in (0, 1, -1)] == [b"bad", b"[]", b"1"]
    assert list(rejects[1:]) == list(rejects)[1:]
    assert BadLine(4, 1, rejects[2].reason, b"1") in rejects
    assert repr(rejects[2:]) == f"BadLines([{rejects[2]!r}])"
    with pytest.raises(IndexError):
        rejects[3]


def test_no_round_of_the_garbage_collector_goes_through_what_was_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes((GOOD * 9 + b"bad\n") * 60_000)
    rounds: list[int] = []
    gc.collect()
    gc.callbacks.append(lambda phase, info: rounds.append(info["generation"]) if phase == "stop" else None)
    try:
        read = read_jsonl(path, ["a"], on_bad_line="skip", max_bad=0.2)
    finally:
        gc.callbacks.pop()
    assert (len(read.rejects), rounds[:1]) == (60_000, [0])
    assert len(rounds) < 5
    assert max(rounds) == 0


@pytest.mark.parametrize("value", [-1, 1.5, -0.1, float("nan"), True, "many", "101%", "-1", "", "%", [1], "nan"])
def test_a_limit_that_is_none_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(ConfigError, match=r"max_bad = .*: give a number such as 5, or a share such as"):
        number_or_share(value, "max_bad")
    (tmp_path / "a.jsonl").write_bytes(GOOD)
    with pytest.raises(ConfigError, match="max_bad"):
        read_jsonl(tmp_path / "a.jsonl", ["a"], on_bad_line="skip", max_bad=value)


@each_reader
def test_rejects_never_replace_what_is_read_and_need_lines_that_are_skipped(
    tmp_path: Path, read: Callable[..., Any]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD)
    (tmp_path / "link").symlink_to(path)
    for rejects in (path, tmp_path / "link"):
        with pytest.raises(ConfigError, match="is the file that is read"):
            read(path, on_bad_line="skip", rejects=rejects)
    with pytest.raises(ConfigError, match="on_bad_line='skip'"):
        read(path, rejects=tmp_path / "r")
    assert path.read_bytes() == GOOD


def test_what_was_left_out_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD + b"\nbad\n" + GOOD)
    records = DataLoader().load_records(path, on_bad_line="skip", max_bad=1)
    assert records.notices == (
        f"{path}: a byte order mark at its start was dropped",
        f"{path}: 1 of 3 lines cannot be used and were left out",
    )
    assert [(bad.line, bad.text) for bad in records.rejects] == [(3, b"bad")]
    with pytest.warns(UserWarning, match="byte order mark"), pytest.warns(UserWarning, match="1 of 3 lines"):
        assert DataLoader().load_jsonl(path, on_bad_line="skip", max_bad=1) == [{"a": "x"}] * 2
    path.write_bytes(b"\xef\xbb\xbf" + GOOD)
    for keys in (None, ["a"]):
        with pytest.warns(UserWarning, match="a byte order mark at its start was dropped"):
            assert DataLoader().load_jsonl(path, keys) == [{"a": "x"}]
    for text in (b'\xef\xbb\xbf[{"a": "x"}]', b"\xef\xbb\xbfa\nx\n"):
        name = tmp_path / ("a.csv" if b"[" not in text else "a.json")
        name.write_bytes(text)
        assert DataLoader().load_records(name).notices == (f"{name}: a byte order mark at its start was dropped",)
