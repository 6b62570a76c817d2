"""Competitors on one job: each in a process of its own, checked before it is timed, run in turn A B C A B C.

A module of rows (``bench/kernels/<kernel>.py``) lists ``ROWS``. A row is one job with its competitors: ours, the peers,
the way the original went, and what the machine allows at best. Only ratios within one row mean anything.

Timed runs have the machine to themselves. What is not timed, set-up, warm-up and check, goes ``AT_ONCE`` at a time.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

Kind = Literal["ours", "peer", "original", "limit"]
Job = Mapping[str, Any]
Start = Callable[[Job], Callable[[], Any]]
T = TypeVar("T")

KERNELS = tuple(
    f"diptych.bench.kernels.{name}"
    for name in ("store", "hashing", "jsonl", "matching", "permutation", "kmeans", "analysis")
)
"""The modules of rows, in the order in which they run."""
MIN_ROUNDS = 5
AT_ONCE = 2
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
    max_rounds : fewer rounds, for what takes long and is far from what matters; printed as n=. At 0 the run that is
        checked is the one that is timed, without a warm-up before it: only for what takes seconds and many times more
        than a target allows, so that a cold start decides nothing
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
        measured peak of the first "ours" is held to it, of its warm-up too
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

    def take(self, answer: Mapping[str, Any], *, counts: bool = True) -> None:
        """One run that ``counts``, or a warm-up; an error, and nothing before it counts either."""
        if "error" in answer:
            self.walls, self.cpus, self.extra_mib, self.skipped = [], [], 0.0, answer["error"]
            return
        self.said = answer.get("said") or self.said
        self.extra_mib = max(self.extra_mib, answer["extra_mib"])  # most in the first: later ones find what it freed
        if counts:
            self.walls.append(answer["wall_s"])
            self.cpus.append(answer["cpu_s"])

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


def once_a_job(make: Callable[[Job], T]) -> Callable[[Job], T]:
    """``make``, which is asked again for the job that it was last asked for: the start and the check need one data."""
    kept: list[tuple[Job, T]] = []

    @functools.wraps(make)
    def ask(job: Job) -> T:
        if not kept or kept[0][0] != job:
            kept[:] = [(job, make(job))]
        return kept[0][1]

    return ask


def load_rows(module: str) -> list[Row]:
    """``ROWS`` of a module."""
    return list(importlib.import_module(module).ROWS)


def chosen_rows(only: Sequence[str] = ()) -> Iterator[tuple[str, Row]]:
    """Every row with its module; with ``only``, those whose key begins with one of its entries."""
    for module in KERNELS:
        for row in load_rows(module):
            if not only or row.key.startswith(tuple(only)):
                yield module, row


def run_row(module: str, row: Row, *, quick: bool, rounds: int) -> list[Timing]:
    """Warm up and check every competitor, then time them in turn.

    Parameters
    ----------
    module : where each competitor's process finds the row again
    row : what is run
    quick : the small job
    rounds : timed runs of each competitor that asks for no fewer

    Returns
    -------
    list of Timing
        One a competitor. One that lacks a library, raises, dies or gives a wrong answer is skipped with the reason.
    """
    timings = [Timing(c.name, c.kind) for c in row.competitors]
    running: list[tuple[Competitor, Timing, _Worker]] = []
    for i, (competitor, timing) in enumerate(zip(row.competitors, timings, strict=True)):
        missing = [name for name in competitor.needs if importlib.util.find_spec(name) is None]
        if missing:
            timing.skipped = f"{', '.join(missing)} is not installed"
        else:
            running.append((competitor, timing, _Worker(module, row.key, i, quick=quick)))
    try:
        _warm_up(running)
        for turn in range(rounds):
            for competitor, timing, worker in running:
                if turn < _rounds_of(competitor, rounds) and not timing.skipped:
                    answer = worker.run(check=False)
                    timing.take(answer)
    finally:
        for _, _, worker in running:
            worker.close()
    return timings


def _warm_up(running: Sequence[tuple[Competitor, Timing, _Worker]]) -> None:
    """Run and check each once: together what is timed later, alone what this run is the measurement of."""

    def one(competitor: Competitor, timing: Timing, worker: _Worker) -> None:
        timing.take(worker.run(check=True), counts=competitor.max_rounds == 0)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda entry: one(*entry), (entry for entry in running if entry[0].max_rounds != 0)))
    for entry in running:
        if entry[0].max_rounds == 0:
            one(*entry)


def _rounds_of(competitor: Competitor, rounds: int) -> int:
    return rounds if competitor.max_rounds is None else min(rounds, competitor.max_rounds)


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

    def __init__(self, module: str, key: str, index: int, *, quick: bool) -> None:
        size = "quick" if quick else "full"
        arguments = [sys.executable, "-m", "diptych.bench.kernels.worker", module, key, str(index), size]
        self._process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, *, check: bool) -> dict[str, Any]:
        """Seconds, MiB and what the check said; or an ``error``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write("check\n" if check else "run\n")
            self._process.stdin.flush()
            if line := self._process.stdout.readline():
                return dict(json.loads(line))
        return {"error": f"its process ended with {self._process.wait()}"}

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
