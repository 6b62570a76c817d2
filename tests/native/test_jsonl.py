"""``parse_jsonl`` against Python's own ``json``."""

from __future__ import annotations

import gzip
import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych import _core
from diptych.data.loaders import read_jsonl
from diptych.errors import ConfigError, RecordError

MAX = 1 << 20

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.one_of(
    st.integers(),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.sampled_from([0, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, -0.0, 1e-320, 10**400]),
    st.floats(allow_nan=False, allow_infinity=False),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, text),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(text, inner, max_size=4)),
    max_leaves=12,
)
objects = st.dictionaries(text, values, max_size=5)


def read(data: bytes, threads: int = 2) -> list[dict[str, Any]]:
    return _core.parse_jsonl(data, "f", "error", MAX, threads)[0]


def same(a: object, b: object) -> bool:
    """Equal in value and type all the way down; floats bit for bit, keys in order."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float) and isinstance(b, float):
        return struct.pack("<d", a) == struct.pack("<d", b)
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@settings(max_examples=200, deadline=None)
@given(records=st.lists(objects, max_size=5), ascii_only=st.booleans(), threads=st.sampled_from([1, 2, 4, 8]))
def test_what_python_writes_is_read_back_exactly(records: list[dict[str, Any]], ascii_only: bool, threads: int) -> None:
    data = "".join(json.dumps(record, ensure_ascii=ascii_only) + "\n" for record in records).encode()
    got, lines, rejects, _ = _core.parse_jsonl(data, "f", "error", MAX, threads)
    assert same(got, records)
    assert lines.dtype == np.int64
    assert lines.tolist() == list(range(1, len(records) + 1))
    assert rejects == ([], [], [], [])


@settings(max_examples=300, deadline=None)
@given(
    records=st.lists(objects, min_size=1, max_size=3),
    edits=st.lists(
        st.tuples(
            st.integers(0, 10**6),
            st.sampled_from(list(b'{}[]":,\\0123eE+-.untf \t\r\n\x00\x1f\x7f\x80\xc3\xed\xff')),
            st.integers(0, 2),
        ),
        max_size=4,
    ),
)
def test_the_accepted_lines_are_accepted_by_python_with_the_same_value(
    records: list[dict[str, Any]], edits: list[tuple[int, int, int]]
) -> None:
    data = bytearray("\n".join(json.dumps(record) for record in records).encode())
    for at, byte, kind in edits:
        at %= len(data)
        data[at : at + (kind > 0)] = bytes([byte] if kind < 2 else [])
        data = data or bytearray(b" ")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return
    got, lines, rejects, _ = _core.parse_jsonl(bytes(data), "f", "skip", MAX, 2)
    physical = bytes(data).split(b"\n")
    for record, line in zip(got, lines, strict=True):
        assert same(record, json.loads(physical[line - 1].decode()))
    assert lines.tolist() == sorted(set(lines.tolist()))
    blank = [i for i, line in enumerate(physical, 1) if not line.strip(b" \t\r")]
    assert sorted([*lines.tolist(), *rejects[0], *blank]) == list(range(1, len(physical) + 1))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_skipping_never_raises_except_for_another_encoding(data: bytes) -> None:
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        with pytest.raises(RecordError, match="expected UTF-8"):
            _core.parse_jsonl(data, "f", "skip", MAX, 2)
    else:
        _core.parse_jsonl(data, "f", "skip", MAX, 2)


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
@settings(max_examples=300, deadline=None)
def test_numbers_are_those_of_python(number: str) -> None:
    expected = json.loads(number)
    if isinstance(expected, float) and math.isinf(expected):
        with pytest.raises(RecordError, match="too large for a float"):
            read(f'{{"x":{number}}}'.encode())
    else:
        assert same(read(f'{{"x":{number}}}'.encode())[0]["x"], expected)


@pytest.mark.parametrize(
    "number", ["-0", "-0.0", "0e5", "1E5", "9007199254740993", "1.7976931348623157e308", "9" * 4300]
)
def test_numbers_at_the_edges_are_those_of_python(number: str) -> None:
    assert same(read(f'{{"x":{number}}}'.encode())[0]["x"], json.loads(number))


# (file, line, byte column, start of the reason); the last line of each that ends without "\n" is torn on purpose
PLANTED: list[tuple[bytes, int, int, str]] = [
    (b'{"a":1}\n{"a":x}\n', 2, 6, "not valid JSON: expected value"),
    (b'\xef\xbb\xbf{"a":x}\n', 1, 9, "not valid JSON: expected value"),
    (b'\xef\xbb\xbf{}\n{"a":x}\n', 2, 6, "not valid JSON: expected value"),
    (b'{}\r\n{}\r\n{"a":1,}\r\n', 3, 8, "not valid JSON: trailing comma"),
    (b'\n \t\n\r\n{"a" 1}\n', 4, 6, "not valid JSON: expected `:`"),
    (b'{"a":"\xc3\xa9","a":1}\n', 1, 11, 'the key "a" appears twice'),
    (b'{"a":{"b":1,"b":2}}\n', 1, 13, 'the key "b" appears twice'),
    (b'[{"a":1}]\n', 1, 1, "expected an object, found an array"),
    (b'{"a":1}\n  "text"\n', 2, 3, "expected an object, found a string"),
    (b'{"a":NaN}\n', 1, 6, "NaN is not JSON"),
    (b'{"a":[1, -Infinity]}\n', 1, 10, "-Infinity is not JSON"),
    (b'{"a":1e999}\n', 1, 6, "the number is too large for a float"),
    (b'{"a":1}{"a":2}\n', 1, 8, "more text after the value"),
    (b'{"a":"\\ud800"}\n', 1, 7, "a \\u escape is half of a surrogate pair"),
    (b'{"a":"ok\xff"}\n', 1, 9, "byte 0xFF is not UTF-8"),
    (b'{"a":"\x00"}\n', 1, 7, "control character U+0000 inside a string"),
    (b'{"a":' + b"[" * 128 + b"]" * 128 + b"}\n", 1, 133, "nested deeper than 128 levels"),
    (b'{"a":"first half\nsecond half"}\n', 1, 16, "the line ends inside a value"),
    (b'{"a":1}\n{"a":"cut o', 2, 11, "the file seems cut off"),
    (b'{"a":1}\r\r\n\xef\xbb\xbf{}\n', 2, 1, "a byte order mark inside the file"),
]


@pytest.mark.parametrize("packed", ["plain", "gzip", "zstd"])
@pytest.mark.parametrize(("data", "line", "column", "reason"), PLANTED)
def test_a_planted_error_is_found_at_its_line_and_byte(
    tmp_path: Path, packed: str, data: bytes, line: int, column: int, reason: str
) -> None:
    path = tmp_path / "planted"
    if packed == "zstd":
        pyarrow = pytest.importorskip("pyarrow")
        path.write_bytes(pyarrow.compress(data, codec="zstd", asbytes=True))
    else:
        path.write_bytes(gzip.compress(data) if packed == "gzip" else data)
    for threads in (1, 2, 4, 8):
        with pytest.raises(RecordError) as caught:
            _core.parse_jsonl(_core.read_file(str(path)), str(path), "error", MAX, threads)
        assert (caught.value.path, caught.value.line, caught.value.column) == (str(path), line, column)
        assert caught.value.reason.startswith(reason)
        assert len(caught.value.reason) <= 200
        with pytest.raises(RecordError) as streamed:
            read_jsonl(path, [], threads=threads)
        assert streamed.value.args == caught.value.args


def test_there_are_twenty_planted_errors_and_all_are_skipped_alike(tmp_path: Path) -> None:
    assert len(PLANTED) == 20
    for data, line, column, _ in PLANTED:
        (tmp_path / "planted").write_bytes(data)
        whole = list(zip(*_core.parse_jsonl(data, "f", "skip", MAX, 2)[2], strict=True))
        assert whole[0][:2] == (line, column)
        rejects = read_jsonl(tmp_path / "planted", [], on_bad_line="skip", max_bad=None).rejects
        assert [(bad.line, bad.column, bad.reason, bad.text) for bad in rejects] == whole
        physical = data.split(b"\n")
        assert [text for *_, text in whole] == [physical[number - 1].removesuffix(b"\r") for number, *_ in whole]


def test_skipping_keeps_the_good_lines_and_numbers_the_bad() -> None:
    data = b'{"a":1}\n\nbad\n{"a":2}\r\n[]\n{"a"'
    records, lines, rejects, counts = _core.parse_jsonl(data, "f", "skip", MAX, 2)
    assert records == [{"a": 1}, {"a": 2}]
    assert lines.tolist() == [1, 4]
    assert rejects[:2] == ([3, 5, 6], [1, 1, 4])
    assert rejects[2][2].startswith("the file seems cut off")
    assert rejects[3] == [b"bad", b"[]", b'{"a"']
    assert counts == (6, 1, False)


def test_hostile_text_reaches_a_message_only_escaped() -> None:
    data = '{"a":"\x1b]0;owned\x07\u202e\u200b\x9b","a'.encode()
    with pytest.raises(RecordError) as caught:
        read(data)
    assert caught.value.reason.isprintable()
    assert "\\u{1b}]0;owned" in caught.value.reason


@pytest.mark.parametrize(
    ("mark", "name"),
    [("utf-16-le", "UTF-16"), ("utf-16-be", "UTF-16"), ("utf-32-le", "UTF-32"), ("utf-32-be", "UTF-32")],
)
def test_other_encodings_are_refused_by_name(mark: str, name: str) -> None:
    with pytest.raises(RecordError, match=f"^f: the file is {name}, expected UTF-8; convert it"):
        _core.parse_jsonl("\ufeff{}\n".encode(mark), "f", "skip", MAX, 1)


def test_only_the_line_feed_ends_a_line() -> None:
    record = {"a": "x\u2028y\u0085z\u000bw\u001d"}
    assert read(
        json.dumps(record, ensure_ascii=False).replace("\x0b", "\\u000b").replace("\x1d", "\\u001d").encode()
    ) == [record]


def test_every_thread_count_gives_the_same_of_a_large_file() -> None:
    lines = [json.dumps({"i": i, "text": "x" * 200}).encode() if i % 97 else b"bad" for i in range(15_000)]
    data = b"\n".join(lines)
    assert len(data) > 3 << 20
    one = _core.parse_jsonl(data, "f", "skip", MAX, 1)
    assert len(one[0]) == sum(line != b"bad" for line in lines)
    for threads in (2, 4, 8):
        records, numbers, rejects, _ = _core.parse_jsonl(data, "f", "skip", MAX, threads)
        assert (records, rejects) == (one[0], one[2])
        np.testing.assert_array_equal(numbers, one[1])


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf", b" \t\r\n"])
def test_a_file_without_text_has_no_records(data: bytes) -> None:
    records, lines, rejects, counts = _core.parse_jsonl(data, "f", "error", MAX, 4)
    assert (records, lines.tolist(), rejects) == ([], [], ([], [], [], []))
    assert counts == (max(data.count(b"\n"), int(bool(data))), counts[0], data.startswith(b"\xef"))


def test_a_line_over_the_limit_is_refused() -> None:
    with pytest.raises(RecordError) as caught:
        _core.parse_jsonl(b'{"a": 1}\n', "f", "error", 7, 1)
    assert (
        str(caught.value)
        == "f:1: the line has 8 bytes, max_line_bytes is 7; raise the limit if so long a line is meant"
    )


def test_equal_keys_share_one_string() -> None:
    first, second = read(b'{"a long key": 1}\n{"a long key": 2}\n')
    assert next(iter(first)) is next(iter(second))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((b"", "f", "ignore", 1, 1), ConfigError, 'on_bad_line: got "ignore"; pass "error" or "skip"'),
        ((b"", "f", "skip", 0, 1), ConfigError, "max_line_bytes: got 0; pass 1 or more"),
        ((b"", "f", "skip", 1, 0), ConfigError, "threads: got 0; pass 1 or more"),
        (("", "f", "skip", 1, 1), TypeError, "data: expected bytes, got str"),
        ((bytearray(), "f", "skip", 1, 1), TypeError, "data: expected bytes, got bytearray"),
    ],
)
def test_wrong_arguments_are_refused(arguments: tuple[Any, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        _core.parse_jsonl(*arguments)
    assert message in str(caught.value)
