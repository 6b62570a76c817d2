"""Files of JSON lines to time readers on, some of them broken, written by Python's own ``json``, and what they hold."""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from diptych.bench.kernels.harness import Job

KEYS = ("prompt", "response", "label")
WORDS = ("the", "of", "a", "model", "said", "that", "because", "it", "was", "quoted", "longer", "others’", "answers")
BAD = ('{"id": 3, "prompt": "cut', '{"prompt": "a", "response": "b", "label": tru}', '{"id": 1} {"id": 2}')


def _records(job: Job) -> Iterator[dict[str, Any] | None]:
    """What each line holds, None where it is broken."""
    source = random.Random(0)
    pool = " ".join(source.choices(WORDS, k=4000))
    for i in range(job["n"]):
        if source.random() < job["bad"]:
            yield None
            continue
        a, b = source.randrange(20_000), source.randrange(20_000)
        yield {
            "id": i,
            "model": f"model-{i % 3}",
            "prompt": f"{i} {pool[a : a + 40 + a % 60]}",
            "response": ('"Well"\n' if i % 8 == 0 else "") + pool[b : b + 80 + job.get("longer", 0) + b % 140],
            "label": ("helpful", "harmless", "honest", "other")[a % 4],
            "meta": {"temperature": 0.7, "n_tokens": a, "finish": "stop"},
        }


def file_of(job: Job) -> Path:
    """The file of ``n`` lines, ``bad`` of them broken, each ``longer`` by so many characters; in the page cache."""
    return _written(job["n"], job["bad"], job.get("longer", 0))


@cache
def _written(n: int, bad: float, longer: int) -> Path:
    path = Path(tempfile.gettempdir()) / f"diptych-bench-{n}-{bad}-{longer}-2.jsonl"
    if not _truth_of(path).exists():
        _write(path, list(_records({"n": n, "bad": bad, "longer": longer})))
    path.read_bytes()  # into the page cache
    return path


def _write(path: Path, records: list[dict[str, Any] | None]) -> None:
    encode = json.JSONEncoder(ensure_ascii=False).encode
    lines = [BAD[i % len(BAD)] if record is None else encode(record) for i, record in enumerate(records)]
    assert all(json.loads(lines[i]) == record for i, record in enumerate(records[:1000]) if record is not None)
    good = [record for record in records if record is not None]
    columns = [[record[key] for record in good] for key in KEYS]
    truth = {
        "n": len(good),
        "broken": [number for number, record in enumerate(records, 1) if record is None],
        "digests": [digest(column) for column in columns],
        "text_bytes": sum(len(text.encode()) for column in columns for text in column),
        "object_bytes": sum(-(-sys.getsizeof(text) // 16) * 16 for column in columns[:2] for text in column),
    }
    # Competitors may write it at the same time: each appears whole, and all are the same.
    for place, text in ((path, "\n".join(lines) + "\n"), (_truth_of(path), json.dumps(truth))):
        part = place.with_suffix(f".{os.getpid()}")
        part.write_text(text, encoding="utf-8")
        part.replace(place)


def _truth_of(path: Path) -> Path:
    """What was written to a file, and which of its lines were broken then."""
    return path.with_suffix(".truth")


def digest(texts: list[str]) -> str:
    """Of a column of texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def truth_of(job: Job) -> dict[str, Any]:
    """What is in the file.

    Returns
    -------
    dict
        ``n`` good lines; ``broken``, the numbers of the others; ``digests`` of the three columns; ``text_bytes``, the
        UTF-8 of all texts; ``object_bytes``, what the ``str`` objects of prompts and responses take.
    """
    truth: dict[str, Any] = json.loads(_truth_of(file_of(job)).read_text())
    return truth
