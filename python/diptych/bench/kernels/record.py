"""A run of the benchmarks as one JSON object: every row, the machine, and whether each target was met."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Sequence
from typing import Any

from diptych._types import Json, Progress
from diptych.bench import machine
from diptych.bench.kernels import harness
from diptych.bench.kernels.harness import Row, Timing

QUICK_ROUNDS = 3
SLACK, SLACK_MIB = 1.25, 8.0
"""A stated peak may be missed by a quarter and by what an allocator keeps."""

_PEERS = ("numpy", "scipy", "scikit-learn", "lmdb", "duckdb", "msgspec", "orjson", "pysimdjson", "blake3", "xxhash",
          "faiss-cpu", "numba", "lapx")  # fmt: skip


def run(*, only: Sequence[str], quick: bool, rounds: int | None, progress: Progress) -> Json:
    """Run the rows and give their figures.

    Parameters
    ----------
    only : beginnings of the keys of the rows wanted; empty for all
    quick : the small jobs, three rounds, instead of the full ones, five
    rounds : timed runs of each competitor after its warm-up
    progress : advanced once a row

    Returns
    -------
    Json
        ``rows`` with timings in seconds and MiB, ``machine``, ``quick``, ``rounds``, ``created``; ``took_s``, of a row
        and of all, with everything that is not timed.
    """
    chosen = list(harness.chosen_rows(only))
    n = rounds or (QUICK_ROUNDS if quick else harness.MIN_ROUNDS)
    load, start = os.getloadavg()[0], time.monotonic()
    found = []
    progress.start("bench", len(chosen))
    for module, row in chosen:
        began = time.monotonic()
        timings = harness.run_row(module, row, quick=quick, rounds=n)
        found.append({**_as_json(row, timings, quick), "took_s": time.monotonic() - began})
        progress.advance()
    progress.finish()
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {**machine.describe(_PEERS), "load_at_start": load},
        "quick": quick,
        "rounds": n,
        "took_s": time.monotonic() - start,
        "rows": found,
    }


def _as_json(row: Row, timings: list[Timing], quick: bool) -> Json:
    return {
        "key": row.key,
        "title": row.title,
        "job": {key: value for key, value in row.job(quick=quick).items() if _is_plain(value)},
        "timings": [timing.as_json() for timing in timings],
        "targets": [
            {"against": target.against, "ratio": target.ratio, "moonshot": target.moonshot, "reached": reached}
            for target, reached in harness.verdicts(row, timings)
        ],
        "memory": _memory(row, timings, quick),
    }


def _memory(row: Row, timings: list[Timing], quick: bool) -> Json | None:
    """The stated peak and the measured one, where one is stated."""
    ours = next((timing for timing in timings if timing.kind == "ours" and timing.walls), None)
    if row.memory_mib is None or ours is None:
        return None
    stated = row.memory_mib(row.job(quick=quick))
    return {
        "stated_mib": stated,
        "measured_mib": ours.extra_mib,
        "met": ours.extra_mib <= SLACK * stated + SLACK_MIB,
    }


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool | list | tuple)
