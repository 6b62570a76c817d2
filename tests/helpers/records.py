"""Small inputs whose comparison is quick and has a known answer."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

Record = dict[str, Any]


def records(n: int = 24, *, answer: str = "Yes, {i} it is.", first: int = 0, **fields: Any) -> list[Record]:
    """``n`` records with prompts ``Question i?``; every text may use ``{i}``."""
    return [
        {"prompt": f"Question {i}?", "response": answer.format(i=i), **{k: _filled(v, i) for k, v in fields.items()}}
        for i in range(first, first + n)
    ]


def random_words(n: int, *, n_words: int, seed: int) -> list[Record]:
    """Answers without any pattern: words drawn from sixty."""
    words = [a + b + c for a, b, c in product(("ba", "do", "ki", "mu", "re"), ("la", "no", "ti"), "nrst")]
    rng = np.random.default_rng(seed)
    return [{"prompt": f"Question {i}?", "response": " ".join(rng.choice(words, n_words))} for i in range(n)]


def _filled(value: Any, i: int) -> Any:
    return value.format(i=i) if isinstance(value, str) else value


def jsonl(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def array(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A JSON array, one item a line."""
    return ("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n").encode()


def csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """CSV with a header."""
    import csv as csv_module
    import io

    out = io.StringIO(newline="")
    writer = csv_module.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by name; a name that ends in ``/`` is a folder, one in ``.gz`` is compressed unless it is already."""
    for name, data in files.items():
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") and data[:2] != b"\x1f\x8b" else data)


def write_pair(folder: Path, *, a: str = "Yes.", b: str = "No, and let me say why not: {i}.", n: int = 24) -> None:
    """``a.jsonl`` and ``b.jsonl``, which differ in nearly everything."""
    write(folder, {"a.jsonl": jsonl(records(n, answer=a)), "b.jsonl": jsonl(records(n, answer=b))})
