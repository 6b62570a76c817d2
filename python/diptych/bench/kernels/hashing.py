"""Digests of many texts: the batch against loops over the libraries, and against reading the bytes."""

from __future__ import annotations

import importlib
import importlib.util
import random
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import numpy as np

from diptych.bench.kernels.harness import MIB, Competitor, Job, Row, Target

DOMAIN = "diptych/bench/1"


@cache
def _texts(n: int, shortest: int, longest: int) -> list[str]:
    """``n`` texts in ASCII, all different, of ``shortest`` to ``longest`` bytes."""
    source = random.Random(0)
    words = " ".join(source.choices(["ask", "answer", "model", "because", "of", "which", "it"], k=longest))
    draws = np.random.default_rng(0)
    starts = draws.integers(0, len(words) - longest, n).tolist()
    lengths = draws.integers(shortest, longest, n, endpoint=True).tolist()
    return [f"{i:08d}{words[a : a + k - 8]}" for i, (a, k) in enumerate(zip(starts, lengths, strict=True))]


def _job(job: Job) -> list[str]:
    return _texts(job["n"], job["shortest"], job["longest"])


def _ours(threads: int) -> Callable[[Job], Callable[[], Any]]:
    def start(job: Job) -> Callable[[], Any]:
        from diptych.utils.hashing import hash_texts

        texts = _job(job)
        return lambda: (True, hash_texts(DOMAIN, texts, threads=threads))

    return start


def _loop(name: str) -> Callable[[Job], Callable[[], Any]]:
    """A digest at a time; the name says where the hash is."""

    def start(job: Job) -> Callable[[], Any]:
        texts = _job(job)
        module, _, attribute = name.rpartition(".")
        make = getattr(importlib.import_module(module), attribute)
        return lambda: (False, [make(text.encode()).digest() for text in texts])

    return start


def _pool(name: str, threads: int) -> Callable[[Job], Callable[[], Any]]:
    def start(job: Job) -> Callable[[], Any]:
        texts = _job(job)
        module, _, attribute = name.rpartition(".")
        make = getattr(importlib.import_module(module), attribute)
        pool = ThreadPoolExecutor(threads)
        return lambda: (False, list(pool.map(lambda text: make(text.encode()).digest(), texts)))

    return start


def _touch(job: Job) -> Callable[[], Any]:
    """Every byte is read once, by copying all texts into one."""
    texts = _job(job)
    return lambda: "".join(texts)


def _check(job: Job, answer: Any) -> str:
    """Ours by the official BLAKE3 of the documented encoding; a peer by the number and difference of its digests."""
    ours, digests = answer
    texts = _job(job)
    assert len(digests) == len(texts)
    whole = digests.tobytes() if ours else b"".join(digests)
    size = len(whole) // len(texts)
    assert len({whole[at : at + size] for at in range(0, len(whole), size)}) == len(texts)
    if not ours:
        return ""
    if importlib.util.find_spec("blake3") is None:
        return "digests not checked: blake3 is not installed"
    blake3 = importlib.import_module("blake3").blake3
    for i in [0, len(texts) - 1, *random.Random(1).sample(range(len(texts)), min(len(texts), 1000))]:
        fields = (DOMAIN.encode(), texts[i].encode())
        encoded = b"".join(struct.pack("<Q", len(field)) + field for field in fields)
        assert digests[i].tobytes() == blake3(encoded).digest(), i
    return ""


def _stated_mib(job: Job, *, threads: int) -> float:
    """As in the docstring of ``hash_rows``."""
    return 32 * float(job["n"]) / MIB + threads


ROWS = [
    Row(
        key="hash.short",
        title="1M texts of 60-300 bytes, one call",
        full={"n": 1_000_000, "shortest": 60, "longest": 300},
        quick={"n": 100_000, "shortest": 60, "longest": 300},
        competitors=(
            Competitor("diptych, 1 thread", "ours", _ours(1)),
            Competitor("diptych, 2 threads", "ours", _ours(2)),
            Competitor("blake3 loop", "peer", _loop("blake3.blake3"), needs=("blake3",)),
            Competitor("hashlib.sha256 loop", "peer", _loop("hashlib.sha256"), max_rounds=0),
            Competitor("xxh3_128 loop (collisions can be made)", "peer", _loop("xxhash.xxh3_128"), needs=("xxhash",)),
            Competitor("md5 loop", "original", _loop("hashlib.md5"), max_rounds=0),
            Competitor("touch every byte (one join)", "limit", _touch),
        ),
        check=_check,
        memory_mib=partial(_stated_mib, threads=1),
        targets=(
            Target("blake3 loop", 1 / 5),
            Target("xxh3_128 loop (collisions can be made)", 1.0, moonshot=True),
        ),
    ),
    Row(
        key="hash.long",
        title="200 texts of 1 MB, one call",
        full={"n": 200, "shortest": 1_000_000, "longest": 1_000_000},
        quick={"n": 40, "shortest": 1_000_000, "longest": 1_000_000},
        competitors=(
            Competitor("diptych, 2 threads", "ours", _ours(2)),
            Competitor("diptych, 1 thread", "ours", _ours(1)),
            Competitor("blake3 loop", "peer", _loop("blake3.blake3"), needs=("blake3",)),
            Competitor("blake3, pool of 2 threads", "peer", _pool("blake3.blake3", 2), needs=("blake3",)),
            Competitor("hashlib.sha256 loop", "peer", _loop("hashlib.sha256"), max_rounds=3),
            Competitor("touch every byte (one join)", "limit", _touch),
        ),
        check=_check,
        memory_mib=partial(_stated_mib, threads=2),
        targets=(Target("best peer", 1 / 0.95),),
    ),
]
