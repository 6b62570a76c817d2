"""Rows of the benchmark whose competitors do not live to be timed."""

from __future__ import annotations

import os
from collections.abc import Callable

from diptych.bench.kernels.harness import Competitor, Job, Row


def _lives_for(n_runs: int, end: Callable[[], object]) -> Callable[[Job], Callable[[], int]]:
    def start(_job: Job) -> Callable[[], int]:
        done = 0

        def call() -> int:
            nonlocal done
            if done == n_runs:
                end()
            done += 1
            return done

        return call

    return start


def _raise() -> None:
    raise ValueError("of no use")


def _check(_job: Job, answer: int) -> str:
    return f"run {answer}"


ROWS = [
    Row(
        key="rows.dying",
        title="how many runs each survives",
        full={},
        quick={},
        competitors=(
            Competitor("lives", "ours", _lives_for(100, _raise)),
            Competitor("dies when it is timed", "peer", _lives_for(2, lambda: os._exit(7))),
            Competitor("dies when it is checked", "peer", _lives_for(0, lambda: os._exit(7))),
            Competitor("raises when it is timed", "peer", _lives_for(1, _raise)),
            Competitor("lives, and is run once", "original", _lives_for(1, _raise), max_rounds=0),
            Competitor("lives, and is timed twice", "limit", _lives_for(3, _raise), max_rounds=2),
        ),
        check=_check,
    )
]
