"""A model against itself: how often would a comparison cry wolf?"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, Unpack

import numpy as np

from diptych._types import Progress, Silent
from diptych.comparison.config import CompareConfig, CompareOptions
from diptych.comparison.false_alarms import AAResult, Split
from diptych.comparison.lenses import Lenses
from diptych.comparison.pairing import Pairing, limit_prompts
from diptych.comparison.prepare import prepare, read_arm
from diptych.comparison.run import analyse
from diptych.data import Response, Responses
from diptych.embeddings.service import EmbeddingService
from diptych.errors import ConfigError, DataError
from diptych.utils.hashing import derive_seed

MAX_SPLITS = 1_000_000

_T = TypeVar("_T")


def aa(
    source: Any,
    *,
    splits: int = 100,
    threads: int | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    **settings: Unpack[CompareOptions],
) -> AAResult:
    """Compare a model with itself, many times: every finding is a false alarm.

    Parameters
    ----------
    source : as for ``compare``
    splits : how many comparisons, each of a new random split
    threads : by default one per processor; the result is the same for every value
    cache_dir : folder of the embedding store; by default nothing is kept when it is over
    progress : where it says how far it is
    **settings : as for ``compare``; names of arms have no meaning here

    Raises
    ------
    DataError
        If the input cannot be read or does not fit.
    ConfigError
        If a setting does not fit.

    Examples
    --------
    >>> rows = [{"prompt": f"Question {i}?", "response": "Yes. " * (i % 7)} for i in range(80)]
    >>> result = aa(rows, splits=3, lenses="surface", resamples=100)
    >>> result.pairing, result.false_alarms.n
    ('unpaired', 3)
    """
    config = CompareConfig.parse(dict(settings), source="aa")
    return calibrate(
        source,
        config,
        splits=splits,
        threads=threads or os.cpu_count() or 1,
        cache_dir=cache_dir,
        progress=progress or Silent(),
    )


def calibrate(
    source: Any,
    config: CompareConfig,
    *,
    splits: int,
    threads: int,
    cache_dir: str | os.PathLike[str] | None,
    progress: Progress,
) -> AAResult:
    """``aa`` with settings that were checked.

    Parameters
    ----------
    source : as for ``aa``
    config : of every comparison
    splits, threads, cache_dir, progress : as for ``aa``

    Notes
    -----
    Given the responses, the splits are independent and each is one of the exchanges that the test considers, so the
    share of false alarms has a binomial distribution and may be compared with alpha.
    """
    if not 1 <= splits <= MAX_SPLITS:
        raise ConfigError(f"splits = {splits}: it should be from 1 to {MAX_SPLITS:,}")
    arm = read_arm(source, "a", threads, config)
    arm, by_draws = _to_split(arm, config)
    done, lenses = [], Lenses()
    with _store(cache_dir) as store:
        EmbeddingService(store, config.embedder, progress=progress).get_embeddings([row.response for row in arm])
        progress.start("split", splits)
        for number in range(1, splits + 1):
            done.append(_compare_halves(arm, by_draws, config, number, threads, store, lenses))
            progress.advance()
        progress.finish()
    return AAResult(
        source=arm.source,
        pairing="paired" if by_draws else "unpaired",
        n_prompts=len({row.prompt_id for row in arm}),
        n_responses=len(arm),
        config=config,
        splits=tuple(done),
        notices=arm.notices,
    )


@contextmanager
def _store(cache_dir: str | os.PathLike[str] | None) -> Iterator[Path]:
    """The folder of embeddings, so that each text is embedded once for all splits."""
    if cache_dir is not None:
        yield Path(cache_dir)
        return
    with tempfile.TemporaryDirectory(prefix="diptych-") as folder:
        yield Path(folder)


def _compare_halves(
    arm: Responses, by_draws: bool, config: CompareConfig, number: int, threads: int, store: Path, lenses: Lenses
) -> Split:
    seed = derive_seed(config.seed, f"aa {number}")
    a, b = _halves(arm, by_draws, seed)
    pairing: Pairing = "paired" if by_draws else "unpaired"
    changed = {"seed": seed, "pairing": pairing, "limit": None, "name_a": None, "name_b": None}
    prepared = prepare(a, b, config=config.model_copy(update=changed), threads=threads)
    result = analyse(prepared, threads=threads, cache_dir=store, lenses=lenses)
    p_values: dict[str, tuple[float, ...]] = {
        lens: tuple(finding.p_value for finding in result.tested if finding.lens == lens) for lens in config.lenses
    }
    return Split(number, seed, tuple(result.findings), p_values)


def _to_split(arm: Responses, config: CompareConfig) -> tuple[Responses, bool]:
    """The rows to split, in an order that no file decides; and whether draws are set against draws."""
    prompts = _by_prompt(arm)
    several = {prompt_id for prompt_id, rows in prompts.items() if len(rows) > 1}
    by_draws = config.pairing == "paired" or (config.pairing == "auto" and len(several) == len(prompts))
    if by_draws and not several:
        raise DataError(
            f"{arm.source} has one response to each prompt, so there are no draws to set against draws.\n"
            "Leave out --paired to split the prompts, or give several answers to each, numbered in a field 'draw'."
        )
    notices = list(arm.notices)
    if by_draws and len(several) < len(prompts):
        notices.append(f"{len(prompts) - len(several)} prompts have one response only and were left out")
    kept = limit_prompts(several if by_draws else set(prompts), config.limit, config.seed)
    rows = tuple(row for prompt_id, rows in prompts.items() if prompt_id in kept for row in rows)
    return replace(arm, rows=rows, notices=tuple(notices), rejects=()), by_draws


def _by_prompt(arm: Responses) -> dict[str, list[Response]]:
    prompts: dict[str, list[Response]] = defaultdict(list)
    for row in sorted(arm, key=lambda row: (row.prompt_id, row.draw)):
        prompts[row.prompt_id].append(row)
    return prompts


def _halves(arm: Responses, by_draws: bool, seed: int) -> tuple[Responses, Responses]:
    """Draws of each prompt, or prompts with all their draws, dealt to two arms at random."""
    rng = np.random.Generator(np.random.Philox(key=derive_seed(seed, "halves")))
    prompts = list(_by_prompt(arm).values())
    sides: tuple[list[Response], list[Response]] = ([], [])
    for rows in prompts if by_draws else ():
        for side, dealt in zip(sides, _deal(rows, rng), strict=True):
            side.extend(dealt)
    if not by_draws:
        for side, chosen in zip(sides, _deal(prompts, rng), strict=True):
            side.extend(row for rows in chosen for row in rows)
    a, b = (replace(arm, rows=tuple(side), notices=()) for side in sides)
    return a, replace(b, rows=tuple(replace(row, arm="b") for row in b))


def _deal(items: Sequence[_T], rng: np.random.Generator) -> tuple[list[_T], list[_T]]:
    """Two halves at random; of an odd number, chance says which side has one more, so that they can be exchanged."""
    order = rng.permutation(len(items)).tolist()
    cut = (len(items) + int(rng.integers(2))) // 2
    return [items[i] for i in order[:cut]], [items[i] for i in order[cut:]]
