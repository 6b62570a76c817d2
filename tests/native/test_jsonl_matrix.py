"""Files about which readers disagree, each with the one outcome that is pinned here; and what streams in bounded memory."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diptych import _core
from diptych.data.loaders import iterate_jsonl, iterate_jsonl_text, read_jsonl
from diptych.errors import RecordError
from tests.native.test_files import ZSTD_FRAME
from tests.native.test_jsonl import same

GOOD = b'{"a": 1}\n'
# name: (bytes of the file, values of "a" or line, byte column and start of the reason)
MATRIX: dict[str, tuple[bytes, list[Any] | tuple[int, int, str]]] = {
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, [1]),
    "byte order mark twice": (b"\xef\xbb\xbf\xef\xbb\xbf" + GOOD, (1, 4, "a byte order mark inside")),
    "CRLF": (b'{"a": 1}\r\n{"a": 2}\r\n', [1, 2]),
    "blank lines": (b'\n{"a": 1}\n \t\n\r\n{"a": 2}\n', [1, 2]),
    "no final line end": (b'{"a": 1}\n{"a": 2}', [1, 2]),
    "malformed line 2": (GOOD + b'{"a": tru}\n' + GOOD, (2, 10, "not valid JSON")),
    "null line": (b"null\n", (1, 1, "expected an object, found null")),
    "array line": (b"[1]\n", (1, 1, "expected an object, found an array")),
    "text line": (b'"a"\n', (1, 1, "expected an object, found a string")),
    "number line": (b"1\n", (1, 1, "expected an object, found a number")),
    "boolean line": (b"true\n", (1, 1, "expected an object, found a boolean")),
    "two objects on a line": (b'{"a": 1} {"a": 2}\n', (1, 10, "more text after the value")),
    "lone CR as line end": (b'{"a": 1}\r{"a": 2}\n', (1, 10, "more text after the value")),
    "repeated key": (b'{"a": 1, "a": 2}\n', (1, 10, 'the key "a" appears twice')),
    "repeated key, escaped": (b'{"a": 1, "\\u0061": 2}\n', (1, 10, 'the key "a" appears twice')),
    "NaN": (b'{"a": NaN}\n', (1, 7, "NaN is not JSON")),
    "Infinity": (b'{"a": Infinity}\n', (1, 7, "Infinity is not JSON")),
    "-Infinity": (b'{"a": -Infinity}\n', (1, 7, "-Infinity is not JSON")),
    "1e400": (b'{"a": 1e400}\n', (1, 7, "the number is too large for a float")),
    "1e-400": (b'{"a": 1e-400}\n', [0.0]),
    "30-digit integer": (b'{"a": 123456789012345678901234567890}\n', [123456789012345678901234567890]),
    "2^53 + 1": (b'{"a": 9007199254740993}\n', [2**53 + 1]),
    "2^63": (b'{"a": 9223372036854775808}\n', [2**63]),
    "2^64": (b'{"a": 18446744073709551616}\n', [2**64]),
    "5,000-digit integer": (b'{"a": ' + b"9" * 5000 + b"}\n", (1, 7, "the integer has 5000 digits")),
    "minus zero": (b'{"a": -0.0}\n', [-0.0]),
    "not UTF-8": (b'{"a": "caf\xe9"}\n', (1, 11, "byte 0xE9 is not UTF-8")),
    "overlong UTF-8": (b'{"a": "\xc0\xaf"}\n', (1, 8, "byte 0xC0 is not UTF-8")),
    "surrogate as UTF-8": (b'{"a": "\xed\xa0\x80"}\n', (1, 8, "byte 0xED is not UTF-8")),
    "lone surrogate": (b'{"a": "\\ud800"}\n', (1, 8, "a \\u escape is half of a surrogate pair")),
    "surrogate pair": (b'{"a": "\\ud83d\\ude00"}\n', ["\U0001f600"]),
    "NUL in a string": (b'{"a": "\x00"}\n', (1, 8, "control character U+0000")),
    "escaped NUL": (b'{"a": "\\u0000"}\n', ["\0"]),
    "line end in a string": (b'{"a": "x\ny"}\n', (1, 8, "the line ends inside a value")),
    "U+2028 and U+0085": ('{"a": "x\u2028y\u0085z"}\n'.encode(), ["x\u2028y\u0085z"]),
    "mixed types in a column": (b'{"a": 1}\n{"a": "x"}\n{"a": null}\n', [1, "x", None]),
    "trailing comma": (b'{"a": 1,}\n', (1, 9, "not valid JSON: trailing comma")),
    "comment": (b'{"a": 1} // one\n', (1, 10, "more text after the value")),
    "2,000 levels": (b'{"a": ' + b"[" * 2000 + b"]" * 2000 + b"}\n", (1, 134, "nested deeper than 128 levels")),
    "2 MB line": (b'{"a": "' + b"x" * (2 << 20) + b'"}\n', (1, 0, "the line has 2097161 bytes, max_line_bytes is")),
    "gzip": (gzip.compress(GOOD), [1]),
    "gzip of two members": (gzip.compress(GOOD) * 2, [1, 1]),
    "gzip cut short": (gzip.compress(GOOD)[:-3], (0, 0, "the gzip stream is cut short")),
    "gzip and other data": (gzip.compress(GOOD) + b"{}", (0, 0, "2 bytes of other data follow")),
    "zstandard of two frames": (ZSTD_FRAME * 2, (1, 2, "not valid JSON")),
    "zstandard cut short": (ZSTD_FRAME[:-3], (0, 0, "the zstandard stream is cut short")),
    "zstandard and other data": (ZSTD_FRAME + b"{}", (0, 0, "2 bytes of other data follow")),
    "UTF-16": ('\ufeff{"a": 1}\n'.encode("utf-16-le"), (0, 0, "the file is UTF-16")),
    "torn last line": (GOOD + b'{"a": "x', (2, 8, "the file seems cut off")),
    "empty file": (b"", []),
}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", MATRIX)
def test_each_file_has_one_outcome(tmp_path: Path, name: str, threads: int) -> None:
    data, outcome = MATRIX[name]
    path = tmp_path / "a.jsonl"
    path.write_bytes(data)
    if isinstance(outcome, list):
        assert same(read_jsonl(path, ["a"], max_line_bytes=1 << 20, threads=threads).columns, {"a": outcome})
        return
    with pytest.raises(RecordError) as caught:
        read_jsonl(path, ["a"], max_line_bytes=1 << 20, threads=threads)
    assert (caught.value.path, caught.value.line, caught.value.column) == (str(path), *outcome[:2])
    assert caught.value.reason.startswith(outcome[2])


def _mutated(source: random.Random, records: list[bytes]) -> bytes:
    line = bytearray(source.choice(records))
    for _ in range(source.choice((0, 0, 1, 1, 2, 3))):
        at = source.randrange(len(line) + 1)
        piece = source.choice((b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"0", b"-", b"e9", b".", b"\\u", b" ", b"\t",
                               b"NaN", b"\xff", b"\xc3", b"tru", b"null", b'"a":1,', b"\r", b"1e400"))  # fmt: skip
        line[at : at + source.randrange(3)] = piece
    return bytes(line).replace(b"\n", b" ")


def _check_documents(tmp_path: Path, n: int) -> None:
    """Whatever is accepted of ``n`` lines, good and spoilt, Python's json accepts with an equal value; and all are counted."""
    source = random.Random(0)
    scalars: list[Any] = [0, -1, 2**53 + 1, 2**70, 0.1, -0.0, 1e300, True, None, "", "é\u2028😀", 'q"\\/\n', "x" * 90]
    value: Callable[[int], Any] = lambda depth: (  # noqa: E731 - recursion in one expression
        source.choice(scalars)
        if depth == 0 or source.random() < 0.5
        else [value(depth - 1) for _ in range(source.randrange(4))]
        if source.random() < 0.5
        else {source.choice("abcdé"): value(depth - 1) for _ in range(source.randrange(4))}
    )
    objects = [{"a": value(2), **{key: value(2) for key in source.sample("bcdefg", 3)}} for _ in range(2000)]
    records = [json.dumps(o, ensure_ascii=source.random() < 0.5).encode() for o in objects]
    lines = [_mutated(source, records) for _ in range(n)]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join([b"{}", *lines]) + b"\n")
    read = read_jsonl(path, ["a"], on_bad_line="skip", max_bad=None, threads=2)
    whole, numbers, rejects, _ = _core.parse_jsonl(path.read_bytes(), "f", "skip", 1 << 20, 2)
    for record, number in zip(whole, numbers.tolist(), strict=True):
        assert same(record, json.loads(lines[number - 2]) if number > 1 else {})
    assert n // 4 < len(whole) < n - n // 4
    blanks = sum(not line.strip(b" \t\r") for line in lines)
    assert len(whole) + len(rejects[0]) + blanks == n + 1
    with_a = {number: record["a"] for record, number in zip(whole, numbers.tolist(), strict=True) if "a" in record}
    assert read.lines.tolist() == list(with_a)
    assert same(read.columns["a"], list(with_a.values()))
    assert len(read.lines) + len(read.rejects) + blanks == n + 1


def test_what_is_accepted_python_accepts_with_an_equal_value(tmp_path: Path) -> None:
    _check_documents(tmp_path, 20_000)


@pytest.mark.slow
def test_what_is_accepted_of_100_000_documents_python_accepts_with_an_equal_value(tmp_path: Path) -> None:
    _check_documents(tmp_path, 100_000)


def test_lines_of_changing_shape_are_not_taken_for_those_before(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = ['{"a": 1, "b": {"c": 2}, "c": 3}', '{"a": 1, "b": {"c": 2}, "c": 3}', '{"b": {"c": 2, "a": 1}, "a": 3}']
    bad = ['{"a": 1, "b": 2, "c": 2, "c": 3}', '{"a": 1, "b": {"c": 2, "c": 3}}', '{"a": 1, "b": {"c": 2}, "a": 3}']
    for wrong in bad:
        for line in good:
            path.write_text(f"{line}\n{wrong}\n{line}\n")
            read = read_jsonl(path, ["a"], on_bad_line="skip", max_bad=None)
            assert (read.lines.tolist(), [reject.line for reject in read.rejects]) == ([1, 3], [2])
            assert "appears twice" in read.rejects[0].reason


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_a_line_over_the_limit_is_counted_and_passed(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "a.jsonl"
    for n in (1 << 20, (1 << 20) + 1, 5 << 20):
        line = b'{"a": "' + b"x" * (n - 9) + b'"}'
        path.write_bytes(GOOD + line + end + (GOOD if end else b""))
        read = read_jsonl(path, ["a"], on_bad_line="skip", max_bad=None, max_line_bytes=1 << 20)
        if n == 1 << 20:
            assert [reject.line for reject in read.rejects] == []
        else:
            assert read.lines.tolist() == ([1, 3] if end else [1])
            assert [(reject.line, reject.column) for reject in read.rejects] == [(2, 0)]
            assert read.rejects[0].reason.startswith(f"the line has {n} bytes, max_line_bytes is {1 << 20}")


def _peak_mib(path: Path, code: str) -> float:
    script = (
        "import sys\nfrom diptych.data.loaders import iterate_jsonl\n"
        f"def peak():\n    return next(int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('VmHWM')) / 1024\n"
        f"{code}\nprint(peak())"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    return float(done.stdout)


READ = "n = sum(len(p.lines) for p in iterate_jsonl(sys.argv[1], ['a'], threads=2))\nassert n > 0"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from /proc")
def test_a_file_streams_in_bounded_memory_plain_or_compressed(tmp_path: Path) -> None:
    block = b"".join(
        b'{"i": %d, "a": "%s"}\n' % (i, random.Random(i).randbytes(400).hex().encode()) for i in range(5000)
    )
    plain, packed, long = tmp_path / "a.jsonl", tmp_path / "a.jsonl.gz", tmp_path / "long.jsonl"
    plain.write_bytes(block * 60)
    packed.write_bytes(gzip.compress(block, 1) * 60)
    assert plain.stat().st_size > 230 << 20
    with long.open("wb") as file:
        file.write(b'{"a": "')
        file.truncate(256 << 20)
    refused = "try:\n    list(iterate_jsonl(sys.argv[1], ['a']))\n    sys.exit(1)\nexcept ValueError as e:\n    assert 'max_line_bytes' in str(e)"
    assert _peak_mib(plain, READ) < 120
    assert _peak_mib(packed, READ) < 120
    assert _peak_mib(long, refused) < 200


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from /proc")
def test_two_gigabytes_stream_in_200_mb(tmp_path: Path) -> None:
    block = b"".join(
        b'{"i": %d, "a": "%s"}\n' % (i, random.Random(i).randbytes(400).hex().encode()) for i in range(25_000)
    )
    plain, packed = tmp_path / "a.jsonl", tmp_path / "a.jsonl.gz"
    member = gzip.compress(block, 1)
    with plain.open("wb") as file, packed.open("wb") as squeezed:
        for _ in range(1 + (2 << 30) // len(block)):
            file.write(block)
            squeezed.write(member)
    assert plain.stat().st_size > 2 << 30
    for path in (plain, packed):
        assert _peak_mib(path, READ) < 190, path.name


def test_texts_and_lists_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"a": "é" * (i % 70) + "\n" * (i % 2)}) + "\n" for i in range(9000)))
    lists = [text for piece in iterate_jsonl(path, ["a"], threads=2) for text in piece.columns["a"]]
    texts = [
        piece.columns["a"].data[a:b].tobytes().decode()
        for piece in iterate_jsonl_text(path, ["a"], threads=3)
        for a, b in zip(piece.columns["a"].offsets[:-1].tolist(), piece.columns["a"].offsets[1:].tolist(), strict=True)
    ]
    assert lists == texts
