"""JSON lines to three columns, broken lines skipped and numbered: against loops over parsers, and duckdb."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from diptych.bench.kernels.harness import MIB, Competitor, Job, Row, Target
from diptych.bench.kernels.lines import KEYS, digest, file_of, truth_of

FULL: Job = {"n": 1_000_000, "bad": 0.01}
QUICK: Job = {"n": 50_000, "bad": 0.01}
KILOBYTES: Job = {"n": 200_000, "bad": 0.0, "longer": 700}
QUICK_KILOBYTES: Job = {**KILOBYTES, "n": 20_000}
"""Lines of 1 kB."""
MIN_MB_PER_S = 150
MAX_LINE_BYTES = 1 << 20


def _ours(threads: int) -> Callable[[Job], Callable[[], Any]]:
    def start(job: Job) -> Callable[[], Any]:
        from diptych.data.loaders import read_jsonl

        path = file_of(job)

        def call() -> Any:
            read = read_jsonl(
                path, KEYS, on_bad_line="skip", max_bad=None, max_line_bytes=MAX_LINE_BYTES, threads=threads
            )
            return list(read.columns.values()), [bad.line for bad in read.rejects]

        return call

    return start


def _ours_kilobytes(job: Job) -> Callable[[], Any]:
    call = _ours(1)(job)
    return lambda: (*call(), file_of(job))


def _ours_text(threads: int) -> Callable[[Job], Callable[[], Any]]:
    def start(job: Job) -> Callable[[], Any]:
        from diptych.data.loaders import iterate_jsonl_text

        path = file_of(job)
        options: Any = {"on_bad_line": "skip", "max_bad": None, "max_line_bytes": MAX_LINE_BYTES, "threads": threads}
        return lambda: list(iterate_jsonl_text(path, KEYS, **options))

    return start


def _loop(make: Callable[[], Callable[[bytes], Any]]) -> Callable[[Job], Callable[[], Any]]:
    """A line at a time; ``make`` gives a parser to three values."""

    def start(job: Job) -> Callable[[], Any]:
        path = file_of(job)
        parse = make()

        def call() -> Any:
            prompts, responses, labels, broken = [], [], [], []
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    try:
                        prompt, response, label = parse(line)
                    except (ValueError, KeyError):
                        broken.append(number)
                    else:
                        prompts.append(prompt)
                        responses.append(response)
                        labels.append(label)
            return [prompts, responses, labels], broken

        return call

    return start


def _json(loads: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def parse(line: bytes) -> tuple[Any, Any, Any]:
        record = loads(line)
        return record["prompt"], record["response"], record["label"]

    return parse


def _msgspec() -> Callable[[bytes], Any]:
    msgspec = importlib.import_module("msgspec")
    record = msgspec.defstruct("Record", [(key, str) for key in KEYS])
    decode = msgspec.json.Decoder(record).decode

    def parse(line: bytes) -> tuple[Any, Any, Any]:
        found = decode(line)
        return found.prompt, found.response, found.label

    return parse


def _simdjson() -> Callable[[bytes], Any]:
    parser = importlib.import_module("simdjson").Parser()

    def parse(line: bytes) -> tuple[Any, Any, Any]:
        record = parser.parse(line)
        return record["prompt"], record["response"], record["label"]

    return parse


def _duckdb(*, lists: bool) -> Callable[[Job], Callable[[], Any]]:
    def start(job: Job) -> Callable[[], Any]:
        path = file_of(job)
        connection = importlib.import_module("duckdb").connect(config={"threads": 2})
        columns = ", ".join(f"{key}: 'VARCHAR'" for key in KEYS)
        query = (
            f"SELECT {', '.join(KEYS)} FROM read_json('{path}', format='newline_delimited', ignore_errors=true, "
            f"columns={{{columns}}}) WHERE prompt IS NOT NULL AND response IS NOT NULL"
        )

        def to_lists() -> Any:
            rows = connection.execute(query).fetchall()
            return [list(column) for column in zip(*rows, strict=True)], None

        def to_table() -> Any:
            connection.execute("CREATE OR REPLACE TEMP TABLE found AS " + query)
            return connection

        return to_lists if lists else to_table

    return start


def _read(job: Job) -> Callable[[], Any]:
    path = file_of(job)
    return lambda: len(path.read_bytes())


def _strings(job: Job) -> Callable[[], Any]:
    columns, _ = _loop(_orjson)(job)()
    encoded = [[text.encode() for text in column] for column in columns]
    return lambda: [[text.decode() for text in column] for column in encoded]


def _windows_bytes(job: Job) -> float:
    """What reading with two threads takes at most, whatever the length of the file."""
    fields = len(KEYS) * MIB * int(job["n"]) / file_of(job).stat().st_size
    return 5 * (2 * MIB + 24 * fields)


def _lists_mib(job: Job) -> float:
    """Labels are few objects; a list grows by an eighth ahead of its values."""
    result = int(truth_of(job)["object_bytes"]) + (9 * len(KEYS) + 16) * int(job["n"])
    return (_windows_bytes(job) + result) / MIB


def _columns_mib(job: Job) -> float:
    result = int(truth_of(job)["text_bytes"]) + 8 * (len(KEYS) + 1) * int(job["n"])
    return (2 * _windows_bytes(job) + result) / MIB


def _check_lists(job: Job, answer: Any) -> None:
    """By what Python's json wrote, and the lines that were broken then."""
    columns, broken = answer
    truth = truth_of(job)
    if broken is None:  # without numbers, order and count are all that can be compared
        assert abs(len(columns[0]) - truth["n"]) <= len(truth["broken"])
    else:
        assert broken == truth["broken"]
        assert [digest(column) for column in columns] == truth["digests"]


def _check_kilobytes(job: Job, answer: Any) -> str | None:
    """As ``_check_lists``; of our own answer, how fast and how long under the interpreter's lock."""
    _check_lists(job, answer[:2])
    if len(answer) == 2:
        return None
    path, rates, shares = answer[2], [], {}
    for text in (True, False, False, False):
        shares[text], took_s = _lock_share(path, text=text)
        rates.append(path.stat().st_size / 1e6 / took_s)
    rate = sorted(rates[1:])[1]
    verdict = "met" if rate >= MIN_MB_PER_S else "NOT MET"
    return (
        f"{rate:.0f} MB/s of 1 kB lines, at least {MIN_MB_PER_S}: {verdict}; the interpreter's lock is held for "
        f"{shares[False]:.0%} of a read to lists, for {shares[True]:.1%} of one to text columns"
    )


def _lock_share(path: Path, *, text: bool) -> tuple[float, float]:
    """The share of a read by one thread in which it holds the interpreter's lock, and the seconds it took."""
    from diptych import _native

    reader = _native.JsonlReader(str(path), list(KEYS), text, "skip", MAX_LINE_BYTES, 1)
    start = time.perf_counter()
    while reader.read() is not None:
        pass
    took_s = time.perf_counter() - start
    return 1 - reader.unlocked_s / took_s, took_s


def _check_text(job: Job, answer: Any) -> None:
    truth = truth_of(job)
    if not isinstance(answer, list):
        (found,) = answer.execute("SELECT count(*) FROM found").fetchone()
        assert abs(found - truth["n"]) <= len(truth["broken"])
        return
    assert [bad.line for piece in answer for bad in piece.rejects] == truth["broken"]
    for key, expected in zip(KEYS, truth["digests"], strict=True):
        texts = []
        for piece in answer:
            offsets, data = piece.columns[key].offsets.tolist(), piece.columns[key].data.tobytes()
            texts += [data[a:b].decode() for a, b in pairwise(offsets)]
        assert digest(texts) == expected


def _orjson() -> Callable[[bytes], Any]:
    return _json(importlib.import_module("orjson").loads)


ROWS = [
    Row(
        key="jsonl.lists",
        title="1M lines, three keys to lists, 1 % broken lines skipped and numbered",
        full=FULL,
        quick=QUICK,
        competitors=(
            Competitor("diptych, 2 threads", "ours", _ours(2)),
            Competitor("diptych, 1 thread", "ours", _ours(1), max_rounds=0),
            Competitor("msgspec Struct loop", "peer", _loop(_msgspec), needs=("msgspec",)),
            Competitor("pysimdjson loop", "peer", _loop(_simdjson), needs=("simdjson",), max_rounds=1),
            Competitor(
                "duckdb, 2 threads (numbers no lines)", "peer", _duckdb(lists=True), needs=("duckdb",), max_rounds=0
            ),
            Competitor("json.loads loop", "original", _loop(lambda: _json(json.loads)), max_rounds=0),
            Competitor("read the file", "limit", _read, max_rounds=3),
            Competitor("make the str objects", "limit", _strings, max_rounds=1),
        ),
        check=_check_lists,
        memory_mib=_lists_mib,
        targets=(Target("best peer", 1 / 1.2), Target("best peer", 1 / 2, moonshot=True)),
    ),
    Row(
        key="jsonl.columns",
        title="the same to offsets and bytes, no Python objects",
        full=FULL,
        quick=QUICK,
        competitors=(
            Competitor("diptych, 2 threads", "ours", _ours_text(2)),
            Competitor("diptych, 1 thread", "ours", _ours_text(1)),
            Competitor("duckdb, 2 threads (numbers no lines)", "peer", _duckdb(lists=False), needs=("duckdb",)),
            Competitor("read the file", "limit", _read),
        ),
        check=_check_text,
        memory_mib=_columns_mib,
        targets=(Target("best peer", 1 / 1.2), Target("best peer", 1 / 2, moonshot=True)),
    ),
    Row(
        key="jsonl.kilobytes",
        title="200,000 lines of 1 kB, three keys to lists, one thread",
        full=KILOBYTES,
        quick=QUICK_KILOBYTES,
        competitors=(
            Competitor("diptych, 1 thread", "ours", _ours_kilobytes),
            Competitor("msgspec Struct loop", "peer", _loop(_msgspec), needs=("msgspec",)),
            Competitor("pysimdjson loop", "peer", _loop(_simdjson), needs=("simdjson",), max_rounds=1),
            Competitor("read the file", "limit", _read, max_rounds=3),
        ),
        check=_check_kilobytes,
        memory_mib=_lists_mib,
        targets=(Target("best peer", 1 / 1.2),),
    ),
]
