"""Competitors on one job: each in a process of its own, checked before it is timed, run in turn A B C A B C.

A file of rows (``bench/kernels/<kernel>.py``) lists ``ROWS``. A row is one job with its competitors: ours, the peers,
the way the original went, and what the machine allows at best. Only ratios within one row mean anything.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["ours", "peer", "original", "limit"]
Job = Mapping[str, Any]
Start = Callable[[Job], Callable[[], Any]]

KERNELS = ("store", "hashing", "jsonl", "matching", "permutation", "kmeans", "analysis")
"""The files of rows, in the order in which they run."""
MIN_ROUNDS = 5
MIB = 1 << 20


@dataclass(frozen=True)
class Competitor:
    """One way to do the job.

    Parameters
    ----------
    name : as printed
    kind : whose way it is; a limit does less than the job and is not ranked
    start : untimed set-up of the job; gives the call that is timed, whose answer is checked
    needs : modules; where one is missing the competitor is skipped by name
    max_rounds : fewer rounds, for what takes long; printed as n=
    """

    name: str
    kind: Kind
    start: Start
    needs: tuple[str, ...] = ()
    max_rounds: int | None = None


@dataclass(frozen=True)
class Target:
    """Ours must take at most ``ratio`` times what ``against`` takes: a competitor's name, or ``"best peer"``."""

    against: str
    ratio: float
    moonshot: bool = False


@dataclass(frozen=True)
class Row:
    """One job.

    Parameters
    ----------
    key : ``kernel.job``
    title : what is done, with its sizes, for the full job
    full, quick : the job's parameters
    competitors : in the order in which they take turns
    check : raises AssertionError where an answer is wrong, by an oracle that is none of the competitors; may give a
        line to print, such as what else was measured
    targets : what ours must reach; the first of several competitors of kind "ours" is held to them
    memory_mib : the peak memory that the docstring of what is timed states, result included, for this job; the
        measured peak of the first "ours" is held to it
    """

    key: str
    title: str
    full: Job
    quick: Job
    competitors: Sequence[Competitor]
    check: Callable[[Job, Any], str | None]
    targets: Sequence[Target] = ()
    memory_mib: Callable[[Job], float] | None = None

    def job(self, *, quick: bool) -> Job:
        """The parameters of the small job, or of the full one."""
        return self.quick if quick else self.full


@dataclass
class Timing:
    """What one competitor took; seconds and MiB."""

    name: str
    kind: Kind
    walls: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)
    extra_mib: float = 0.0
    skipped: str = ""
    said: str = ""

    @property
    def median(self) -> float:
        """Of the wall times."""
        return statistics.median(self.walls)

    def as_json(self) -> dict[str, Any]:
        """As in a record; seconds and MiB."""
        return {
            "name": self.name,
            "kind": self.kind,
            "skipped": self.skipped,
            "said": self.said,
            "wall_s": self.walls,
            "cpu_s": self.cpus,
            "extra_mib": self.extra_mib,
        }


def load_rows(kernel: str) -> list[Row]:
    """``ROWS`` of one file of rows."""
    return list(importlib.import_module(f"diptych.bench.kernels.{kernel}").ROWS)


def chosen_rows(only: Sequence[str] = ()) -> Iterator[tuple[str, Row]]:
    """Every row with its kernel; with ``only``, those whose key begins with one of its entries."""
    for kernel in KERNELS:
        for row in load_rows(kernel):
            if not only or row.key.startswith(tuple(only)):
                yield kernel, row


def run_row(kernel: str, row: Row, *, quick: bool, rounds: int) -> list[Timing]:
    """Warm up and check every competitor, then time them in turn."""
    timings = [Timing(c.name, c.kind) for c in row.competitors]
    workers: dict[int, _Worker] = {}
    for i, competitor in enumerate(row.competitors):
        missing = [module for module in competitor.needs if importlib.util.find_spec(module) is None]
        if missing:
            timings[i].skipped = f"{', '.join(missing)} is not installed"
        else:
            workers[i] = _Worker(kernel, row.key, i, quick=quick)
    try:
        for i, worker in list(workers.items()):
            answer = worker.run(check=True)
            if "error" in answer:
                timings[i].skipped = answer["error"]
                workers.pop(i).close()
            timings[i].said = answer.get("said") or ""
        for turn in range(rounds):
            for i, worker in workers.items():
                if turn < (row.competitors[i].max_rounds or rounds):
                    answer = worker.run(check=False)
                    timings[i].walls.append(answer["wall_s"])
                    timings[i].cpus.append(answer["cpu_s"])
                    timings[i].extra_mib = max(timings[i].extra_mib, answer["extra_mib"])
    finally:
        for worker in workers.values():
            worker.close()
    return timings


def verdicts(row: Row, timings: Sequence[Timing]) -> list[tuple[Target, float | None]]:
    """Each target, and the ratio that ours reached; None where the other side is missing."""
    timed = [timing for timing in timings if timing.walls]
    ours = next((timing for timing in timed if timing.kind == "ours"), None)
    found = []
    for target in row.targets:
        peers = [t for t in timed if (t.kind == "peer" if target.against == "best peer" else t.name == target.against)]
        other = min((timing.median for timing in peers), default=None)
        found.append((target, ours.median / other if ours is not None and other is not None else None))
    return found


class _Worker:
    """A competitor in its own process, which runs when it is told to."""

    def __init__(self, kernel: str, key: str, index: int, *, quick: bool) -> None:
        size = "quick" if quick else "full"
        arguments = [sys.executable, "-m", "diptych.bench.kernels.worker", kernel, key, str(index), size]
        self._process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, *, check: bool) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write("check\n" if check else "run\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return {"error": "its process ended"}
        line = self._process.stdout.readline()
        return json.loads(line) if line else {"error": "its process ended"}

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
