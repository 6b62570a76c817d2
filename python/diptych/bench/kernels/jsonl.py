"""JSON lines to three columns, broken lines skipped and numbered: against loops over parsers, and duckdb."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import random
import tempfile
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from diptych.bench.kernels.harness import Competitor, Job, Row, Target

KEYS = ("prompt", "response", "label")
BAD = ('{"id": 3, "prompt": "cut', '{"prompt": "a", "response": "b", "label": tru}', '{"id": 1} {"id": 2}')
FULL: Job = {"n": 1_000_000, "bad": 0.01}
QUICK: Job = {"n": 100_000, "bad": 0.01}
MAX_LINE_BYTES = 1 << 20


def _lines(job: Job) -> tuple[list[str], list[int]]:
    """The lines, and the numbers of those that are broken."""
    source = random.Random(0)
    words = [
        "the",
        "of",
        "a",
        "model",
        "said",
        "that",
        "because",
        "it",
        "was",
        "quoted",
        "longer",
        "others’",
        "answers",
    ]
    pool = " ".join(source.choices(words, k=4000))
    lines, broken = [], []
    for i in range(job["n"]):
        if source.random() < job["bad"]:
            broken.append(i + 1)
            lines.append(BAD[i % len(BAD)])
            continue
        a, b = source.randrange(20_000), source.randrange(20_000)
        record = {
            "id": i,
            "model": f"model-{i % 3}",
            "prompt": f"{i} {pool[a : a + 40 + a % 60]}",
            "response": ('"Well"\n' if i % 8 == 0 else "") + pool[b : b + 80 + b % 140],
            "label": ("helpful", "harmless", "honest", "other")[a % 4],
            "meta": {"temperature": 0.7, "n_tokens": a, "finish": "stop"},
        }
        lines.append(json.dumps(record, ensure_ascii=False))
    return lines, broken


@cache
def _file(n: int, bad: float) -> Path:
    path = Path(tempfile.gettempdir()) / f"diptych-bench-{n}-{bad}-1.jsonl"
    if not _truth_of(path).exists():
        lines, broken = _lines({"n": n, "bad": bad})
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        skipped = set(broken)
        records = [json.loads(line) for number, line in enumerate(lines, 1) if number not in skipped]
        digests = [_digest([record[key] for record in records]) for key in KEYS]
        truth = {"n": len(records), "broken": broken, "digests": digests}
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(truth))
        part.replace(_truth_of(path))
    path.read_bytes()  # into the page cache
    return path


def _truth_of(path: Path) -> Path:
    """What Python's json reads from a file, and which of its lines were broken when they were written."""
    return path.with_suffix(".truth")


def _digest(texts: list[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _ours(threads: int) -> Callable[[Job], Callable[[], Any]]:
    def start(job: Job) -> Callable[[], Any]:
        from diptych.data.loaders import read_jsonl

        path = _file(job["n"], job["bad"])

        def call() -> Any:
            read = read_jsonl(
                path, KEYS, on_bad_line="skip", max_bad=None, max_line_bytes=MAX_LINE_BYTES, threads=threads
            )
            return list(read.columns.values()), [bad.line for bad in read.rejects]

        return call

    return start


def _ours_text(threads: int) -> Callable[[Job], Callable[[], Any]]:
    def start(job: Job) -> Callable[[], Any]:
        from diptych.data.loaders import iterate_jsonl_text

        path = _file(job["n"], job["bad"])
        options: Any = {"on_bad_line": "skip", "max_bad": None, "max_line_bytes": MAX_LINE_BYTES, "threads": threads}
        return lambda: list(iterate_jsonl_text(path, KEYS, **options))

    return start


def _loop(make: Callable[[], Callable[[bytes], Any]]) -> Callable[[Job], Callable[[], Any]]:
    """A line at a time; ``make`` gives a parser to three values."""

    def start(job: Job) -> Callable[[], Any]:
        path = _file(job["n"], job["bad"])
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
        path = _file(job["n"], job["bad"])
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
    path = _file(job["n"], job["bad"])
    return lambda: len(path.read_bytes())


def _strings(job: Job) -> Callable[[], Any]:
    columns, _ = _loop(_orjson)(job)()
    encoded = [[text.encode() for text in column] for column in columns]
    return lambda: [[text.decode() for text in column] for column in encoded]


def _truth(job: Job) -> dict[str, Any]:
    return json.loads(_truth_of(_file(job["n"], job["bad"])).read_text())  # type: ignore[no-any-return]


def _check_lists(job: Job, answer: Any) -> None:
    """By what Python's json read when the file was written, and the lines that were broken then."""
    columns, broken = answer
    truth = _truth(job)
    if broken is None:  # without numbers, order and count are all that can be compared
        assert abs(len(columns[0]) - truth["n"]) <= len(truth["broken"])
    else:
        assert broken == truth["broken"]
        assert [_digest(column) for column in columns] == truth["digests"]


def _check_text(job: Job, answer: Any) -> None:
    truth = _truth(job)
    if not isinstance(answer, list):
        (found,) = answer.execute("SELECT count(*) FROM found").fetchone()
        assert abs(found - truth["n"]) <= len(truth["broken"])
        return
    assert [bad.line for piece in answer for bad in piece.rejects] == truth["broken"]
    for key, digest in zip(KEYS, truth["digests"], strict=True):
        texts = []
        for piece in answer:
            offsets, data = piece.columns[key].offsets.tolist(), piece.columns[key].data.tobytes()
            texts += [data[a:b].decode() for a, b in pairwise(offsets)]
        assert _digest(texts) == digest


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
            Competitor("diptych, 1 thread", "ours", _ours(1)),
            Competitor("msgspec Struct loop", "peer", _loop(_msgspec), needs=("msgspec",)),
            Competitor("pysimdjson loop", "peer", _loop(_simdjson), needs=("simdjson",)),
            Competitor("orjson loop", "peer", _loop(_orjson), needs=("orjson",), max_rounds=3),
            Competitor("duckdb, 2 threads (numbers no lines)", "peer", _duckdb(lists=True), needs=("duckdb",)),
            Competitor("json.loads loop", "original", _loop(lambda: _json(json.loads)), max_rounds=2),
            Competitor("read the file", "limit", _read),
            Competitor("make the str objects", "limit", _strings),
        ),
        check=_check_lists,
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
        targets=(Target("best peer", 1 / 1.2), Target("best peer", 1 / 2, moonshot=True)),
    ),
]
