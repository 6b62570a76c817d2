"""All that is measured, section by section."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from diptych._types import Json, Progress, Silent
from diptych.bench import machine
from diptych.bench.planted import fallen
from diptych.bench.stats.designs import DESIGNS, Design
from diptych.bench.stats.false_alarms import false_alarms, in_families, several_draws
from diptych.bench.stats.resamples import RESAMPLES, resamples
from diptych.bench.stats.simulated import coverage, family_wise
from diptych.bench.stats.uniformity import uniformity
from diptych.comparison.config import CompareConfig
from diptych.comparison.lenses import DEFAULT_LENSES
from diptych.comparison.prepare import read_arm
from diptych.utils.names import check_name

_LIBRARIES = ("numpy", "scipy", "scikit-learn")


@dataclass(frozen=True)
class Bench:
    """What is measured.

    Parameters
    ----------
    source : responses of one model, one to each prompt, as for ``aa``
    splits : comparisons of a model with itself, in each design
    deals : splits for the p-values of single measures
    runs : intervals of a shape, and families of a kind
    planted_runs : fresh pairs of each recorded cell that is looked at
    numbers : of resamples whose seconds and memory are taken
    planted : records of ``diptych bench planted``; those with another embedder are left out
    statements : folder of statements, for the records that were made with them
    lenses, embedder : of the comparisons
    seed, threads : no result depends on the threads
    """

    source: Any
    splits: int = 200
    deals: int = 1_000
    runs: int = 4_000
    planted_runs: int = 10
    numbers: Sequence[int] = RESAMPLES
    planted: Sequence[Path] = ()
    statements: Path | None = None
    lenses: tuple[str, ...] = DEFAULT_LENSES
    embedder: str = "lexical"
    seed: int = 0
    threads: int = 1


Section = Callable[[Bench, Progress], list[Json]]


def _design(design: Design) -> Section:
    def section(bench: Bench, progress: Progress) -> list[Json]:
        return [
            false_alarms(
                design,
                _corpus(design, bench),
                splits=bench.splits,
                seed=bench.seed,
                threads=bench.threads,
                progress=progress,
                lenses=design.lenses or bench.lenses,
                embedder=bench.embedder,
            )
        ]

    return section


def _corpus(design: Design, bench: Bench) -> Any:
    if design.family > 1:
        return in_families(design.family, seed=bench.seed)
    return bench.source if design.draws == 1 else several_draws(design.draws, seed=bench.seed)


def _uniformity(bench: Bench, progress: Progress) -> list[Json]:
    rows = read_arm(bench.source, "a", bench.threads, CompareConfig()).rows
    return uniformity(
        rows,
        splits=bench.deals,
        seed=bench.seed,
        threads=bench.threads,
        progress=progress,
        embedder=bench.embedder,
    )


def _planted(bench: Bench, progress: Progress) -> list[Json]:
    found = []
    for path in bench.planted:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["settings"]["embedder"] != bench.embedder:
            continue
        rows = fallen.again(
            record, runs=bench.planted_runs, statements=bench.statements, threads=bench.threads, progress=progress
        )
        found += [{"record": path.name, **row} for row in rows]
    return found


SECTIONS: Final[dict[str, Section]] = {
    **{design.key: _design(design) for design in DESIGNS},
    "uniformity": _uniformity,
    "coverage": lambda bench, progress: coverage(runs=bench.runs, seed=bench.seed, progress=progress),
    "family_wise": lambda bench, progress: family_wise(
        runs=bench.runs, seed=bench.seed, threads=bench.threads, progress=progress
    ),
    "resamples": lambda bench, progress: resamples(threads=bench.threads, progress=progress, numbers=bench.numbers),
    "planted": _planted,
}
"""Each gives a list of figures that say ``as_promised``."""


def measure(name: str, bench: Bench, *, progress: Progress | None = None) -> Json:
    """Measure one section.

    Parameters
    ----------
    name : one of ``SECTIONS``
    bench : what is measured
    progress : where it says how far it is

    Returns
    -------
    Json
        ``created``, ``took_s``, ``machine``, ``settings``, ``figures``

    Raises
    ------
    UnknownNameError
        If there is no such section; names the near ones.
    """
    section, began = SECTIONS[check_name("section", name, SECTIONS)], time.perf_counter()
    figures = section(bench, progress or Silent())
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "took_s": round(time.perf_counter() - began, 1),
        "machine": machine.describe(_LIBRARIES),
        "settings": {"seed": bench.seed, "lenses": list(bench.lenses), "embedder": bench.embedder},
        "figures": figures,
    }
