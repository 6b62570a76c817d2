"""The planted-difference benchmark: cells of kinds, doses and numbers of prompts, each run many times."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from diptych._types import Json, Progress, Silent
from diptych.bench import machine
from diptych.bench.planted.plants import KINDS, Source, parse_kinds, plant
from diptych.bench.planted.rules import RULES, Compared, by_diptych
from diptych.bench.planted.scoring import Score, score_claims
from diptych.bench.planted.sources import Generated, Statements
from diptych.bench.planted.summary import summarise
from diptych.comparison.config import CompareConfig
from diptych.comparison.lenses import DEFAULT_LENSES, Lenses
from diptych.comparison.prepare import prepare
from diptych.comparison.result import Result
from diptych.comparison.run import analyse
from diptych.embeddings.service import EmbeddingService, store_for
from diptych.errors import ConfigError

DOSES: Final = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
MIN_PROMPTS, MAX_PROMPTS = 20, 12_000
_WITHOUT_SCANS = {"phrases": "log_odds"}
"""A scan reports the strongest of many, corrected for that; rules without a correction get measures that were chosen
otherwise, so that they are not blamed for the choice."""
_LIBRARIES = ("numpy", "scipy", "scikit-learn")


def _in_range(name: str, values: Sequence[float], low: float, high: float) -> None:
    for value in values:
        if not low <= value <= high:
            raise ConfigError(f"--{name} = {value}: it should be from {low} to {high}")


@dataclass(frozen=True)
class Bench:
    """What is run.

    Parameters
    ----------
    kinds : of each cell, one of ``KINDS`` or several joined by ``+``
    doses : shares of prompts, 0 to 1; each kind of a cell is planted at this dose, independently
    prompts : numbers of prompts
    runs : pairs of a cell; run ``r`` has the seed ``seed + r``, the same in every cell
    seed : of the first run
    lenses, embedder : of the comparison
    statements : folder of statements to plant in, in place of the package's generator
    cache_dir : folder of an embedding store
    threads : no result depends on it

    Raises
    ------
    UnknownNameError
        If there is no such kind.
    ConfigError
        If a number is out of range, or a cell would occur twice.
    """

    kinds: tuple[str, ...] = KINDS
    doses: tuple[float, ...] = DOSES
    prompts: tuple[int, ...] = (1000,)
    runs: int = 20
    seed: int = 0
    lenses: tuple[str, ...] = DEFAULT_LENSES
    embedder: str = "lexical"
    statements: Path | None = None
    cache_dir: Path | None = None
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)

    def __post_init__(self) -> None:
        """Check what can be checked before any work."""
        _in_range("runs", [self.runs], 1, 100_000)
        _in_range("seed", [self.seed], 0, 2**31)
        _in_range("prompts", self.prompts, MIN_PROMPTS, MAX_PROMPTS)
        _in_range("doses", self.doses, 0.0, 1.0)
        _in_range("threads", [self.threads], 1, 10_000)
        CompareConfig.parse({"lenses": self.lenses, "embedder": self.embedder}, source="bench planted")
        kinds = [parse_kinds(kind) for kind in self.kinds]
        for name, given in (("kinds", kinds), ("doses", self.doses), ("prompts", self.prompts)):
            if not given or len(set(given)) < len(given):
                raise ConfigError(f"--{name}: name at least one, each once")

    @property
    def cells(self) -> Iterator[tuple[tuple[str, ...], float, int]]:
        """Kinds, dose and number of prompts of each cell; dose 0 is one cell without a kind."""
        for n_prompts in self.prompts:
            if 0.0 in self.doses:
                yield (), 0.0, n_prompts
            for kind in self.kinds:
                for dose in filter(None, self.doses):
                    yield parse_kinds(kind), dose, n_prompts


QUICK: Final = Bench(kinds=("topic", "phrase"), doses=(0.0, 0.2), prompts=(200,), runs=2)


def run(bench: Bench, *, progress: Progress | None = None) -> Json:
    """Run every cell.

    Parameters
    ----------
    bench : what is run
    progress : where it says how far it is

    Returns
    -------
    Json
        ``created``, ``took_s``, ``machine``, ``settings``, and ``cells``: each with its kinds, dose, number of prompts,
        seconds, and of each rule what ``summarise`` gives
    """
    progress, started = progress or Silent(), time.perf_counter()
    source = Statements(bench.statements) if bench.statements is not None else Generated()
    progress.start("planted", len(list(bench.cells)) * bench.runs)
    with store_for(bench.cache_dir) as store:
        cells = [_cell(replace(bench, cache_dir=store), source, *cell, progress) for cell in bench.cells]
    progress.finish()
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "took_s": round(time.perf_counter() - started, 1),
        "machine": machine.describe(_LIBRARIES),
        "settings": {
            "source": source.name,
            "runs": bench.runs,
            "seed": bench.seed,
            "lenses": list(bench.lenses),
            "embedder": bench.embedder,
        },
        "cells": cells,
    }


def _cell(
    bench: Bench, source: Source, kinds: tuple[str, ...], dose: float, n_prompts: int, progress: Progress
) -> Json:
    began = time.perf_counter()
    scores: dict[str, list[Score]] = {rule: [] for rule in RULES}
    for r in range(bench.runs):
        for rule, score in run_once(bench, source, dict.fromkeys(kinds, dose), n_prompts, bench.seed + r).items():
            scores[rule].append(score)
        progress.advance()
    return {
        "kinds": list(kinds),
        "dose": dose,
        "n_prompts": n_prompts,
        "took_s": round(time.perf_counter() - began, 1),
        "rules": [summarise(rule, of_rule) for rule, of_rule in scores.items()],
    }


def run_once(bench: Bench, source: Source, doses: dict[str, float], n_prompts: int, seed: int) -> dict[str, Score]:
    """Plant, compare, and score every rule: by its name.

    Parameters
    ----------
    bench : lenses, embedder, store, threads
    source : of the answers
    doses : of each kind, the share of prompts
    n_prompts : how many
    seed : of the pair and of the comparison
    """
    pair = plant(source.base(n_prompts, seed), doses, seed)

    texts = Lenses()  # both comparisons measure the same texts

    def compared(lenses: Sequence[str], resamples: int | None = None) -> Result:
        named = {"name_a": "a", "name_b": "b", "seed": seed, "lenses": lenses, "embedder": bench.embedder}
        config = CompareConfig.parse({**named, "resamples": resamples}, source="bench planted")
        prepared = prepare(pair.rows("a"), pair.rows("b"), config=config, threads=bench.threads)
        return analyse(prepared, threads=bench.threads, cache_dir=bench.cache_dir, lenses=texts)

    ours = compared(bench.lenses)
    theirs = compared([_WITHOUT_SCANS.get(lens, lens) for lens in bench.lenses if lens != "regions"], resamples=100)
    table = ours.table
    index = {prompt_id: i for i, prompt_id in enumerate(pair.prompt_ids)}
    unit = np.array([index[prompt_id] for prompt_id in table.units])
    planted = {kind: mask[unit] for kind, mask in pair.planted.items() if mask.any()}
    vectors = EmbeddingService(bench.cache_dir, bench.embedder).get_embeddings([row.response for row in table.rows])
    results = {name: ours if rule is by_diptych else theirs for name, rule in RULES.items()}
    claims = {name: rule(Compared(results[name], vectors, seed)) for name, rule in RULES.items()}
    return {name: score_claims(claimed, table, planted) for name, claimed in claims.items()}
