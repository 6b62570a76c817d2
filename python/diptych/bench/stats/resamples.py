"""Seconds and memory of a test by its number of resamples: each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

import numpy as np

from diptych._types import FloatMatrix, Json, Progress
from diptych.bench.kernels.worker import timed
from diptych.stats.permutation import paired_test

PROMPTS = MEASURES = 1_000
SHARE = 0.05
"""Of prompts in which a measure differs."""
RESAMPLES = (10_000, 100_000, 1_000_000)
KINDS = ("indicators", "numbers")
_SLACK_MIB = 16.0
"""What an allocator may keep."""


def resamples(*, threads: int, progress: Progress, numbers: Sequence[int] = RESAMPLES) -> list[Json]:
    """Test 1,000 sparse measures of 1,000 prompts.

    Parameters
    ----------
    threads : of the test
    progress : advanced once a number of resamples and kind
    numbers : of resamples, rising

    Returns
    -------
    list of Json
        Each with ``kind``, ``n_resamples``, ``wall_s``, ``extra_mib``, the peak of memory beside the data, and
        ``as_promised``: that it is not above that of the fewest resamples
    """
    progress.start("resamples", len(KINDS) * len(numbers))
    found: list[Json] = []
    for kind in KINDS:
        first: float | None = None
        for number in numbers:
            figures = _in_a_process(kind, number, threads)
            first = figures["extra_mib"] if first is None else first
            as_promised = figures["extra_mib"] <= first + _SLACK_MIB
            found.append({"kind": kind, "n_resamples": number, **figures, "as_promised": as_promised})
            progress.advance()
    progress.finish()
    return found


def _in_a_process(kind: str, number: int, threads: int) -> Json:
    command = [sys.executable, "-m", "diptych.bench.stats.resamples", kind, str(number), str(threads)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    figures: Json = json.loads(done.stdout)
    return figures


def sparse_differences(kind: str, shape: tuple[int, int], *, seed: int = 0) -> FloatMatrix:
    """Differences of which one in twenty is not 0: -1 and 1, or normal.

    Parameters
    ----------
    kind : one of ``KINDS``
    shape : prompts, measures
    seed : of their values
    """
    rng = np.random.default_rng(seed)
    values = rng.choice([-1.0, 1.0], shape) if kind == "indicators" else rng.normal(size=shape)
    return np.asarray(values * (rng.random(shape) < SHARE))


def main(arguments: Sequence[str]) -> None:
    """Test once and print seconds and MiB as JSON.

    Parameters
    ----------
    arguments : kind, number of resamples, threads
    """
    kind, number, threads = arguments[0], int(arguments[1]), int(arguments[2])
    differences = sparse_differences(kind, (PROMPTS, MEASURES))
    no_shortcut = np.zeros(MEASURES, dtype=np.bool_)

    def test(n_resamples: int) -> None:
        paired_test(differences, indicator=no_shortcut, n_resamples=n_resamples, seed=0, threads=threads)

    test(1_000)  # imports, and the pages that the allocator keeps
    figures = timed(lambda: test(number))
    sys.stdout.write(json.dumps({"wall_s": figures["wall_s"], "extra_mib": figures["extra_mib"]}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
