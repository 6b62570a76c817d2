"""Files of JSON lines to time readers on, some of them broken, with what Python's own ``json`` reads from them."""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from diptych.bench.kernels.harness import Job

KEYS = ("prompt", "response", "label")
BAD = ('{"id": 3, "prompt": "cut', '{"prompt": "a", "response": "b", "label": tru}', '{"id": 1} {"id": 2}')


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
            "response": ('"Well"\n' if i % 8 == 0 else "") + pool[b : b + 80 + job.get("longer", 0) + b % 140],
            "label": ("helpful", "harmless", "honest", "other")[a % 4],
            "meta": {"temperature": 0.7, "n_tokens": a, "finish": "stop"},
        }
        lines.append(json.dumps(record, ensure_ascii=False))
    return lines, broken


def file_of(job: Job) -> Path:
    """The file of ``n`` lines, ``bad`` of them broken, each ``longer`` by so many characters; in the page cache."""
    return _written(job["n"], job["bad"], job.get("longer", 0))


@cache
def _written(n: int, bad: float, longer: int) -> Path:
    path = Path(tempfile.gettempdir()) / f"diptych-bench-{n}-{bad}-{longer}-2.jsonl"
    if not _truth_of(path).exists():
        lines, broken = _lines({"n": n, "bad": bad, "longer": longer})
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        skipped = set(broken)
        records = [json.loads(line) for number, line in enumerate(lines, 1) if number not in skipped]
        columns = [[record[key] for record in records] for key in KEYS]
        truth = {
            "n": len(records),
            "broken": broken,
            "digests": [digest(column) for column in columns],
            "text_bytes": sum(len(text.encode()) for column in columns for text in column),
            "object_bytes": sum(-(-sys.getsizeof(text) // 16) * 16 for column in columns[:2] for text in column),
        }
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(truth))
        part.replace(_truth_of(path))
    path.read_bytes()  # into the page cache
    return path


def _truth_of(path: Path) -> Path:
    """What Python's json reads from a file, and which of its lines were broken when they were written."""
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
