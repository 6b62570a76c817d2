"""A model against itself: how often would a comparison cry wolf?"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar, Unpack

import numpy as np

from diptych._types import Progress, Silent
from diptych.comparison.config import LABELLERS, CompareConfig, CompareOptions
from diptych.comparison.false_alarms import AAResult, Split
from diptych.comparison.groups import unit_names
from diptych.comparison.lenses import Lenses
from diptych.comparison.measures import Readers
from diptych.comparison.pairing import Pairing, limit_prompts
from diptych.comparison.prepare import prepare, read_arm
from diptych.comparison.readers import readers_for
from diptych.comparison.run import analyse
from diptych.data import Response, Responses
from diptych.embeddings.service import EmbeddingService, store_for
from diptych.errors import ConfigError, DataError
from diptych.models.spending import Purse
from diptych.utils.hashing import derive_seed

MAX_SPLITS = 1_000_000

_T = TypeVar("_T")


def aa(
    source: Any,
    *,
    splits: int = 100,
    threads: int | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    ledger: str | os.PathLike[str] | None = None,
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
    ledger : file that keeps every answer of a judge; it is asked anew in every split, and by default nothing is kept
    progress : where it says how far it is
    **settings : as for ``compare``; names of arms and wishes for intervals have no meaning here

    Raises
    ------
    DataError
        If the input cannot be read or does not fit.
    ConfigError
        If a setting does not fit; a labeller does not, for names change no p-value.
    BudgetError, ModelError, LedgerError
        If a judge cannot be asked.

    Examples
    --------
    >>> rows = [{"prompt": f"Question {i}?", "response": "Yes. " * (i % 7)} for i in range(80)]
    >>> result = aa(rows, splits=3, lenses="surface", resamples=100)
    >>> result.pairing, result.false_alarms.n
    ('unpaired', 3)
    """
    config = CompareConfig.parse(dict(settings), source="aa")
    threads = threads or os.cpu_count() or 1
    responses = ToSplit.read(source, config, threads)
    with readers_for(config) as asked, asked.on_file(ledger, progress=progress) as readers:
        return calibrate(
            responses,
            config,
            splits=splits,
            threads=threads,
            cache_dir=cache_dir,
            progress=progress or Silent(),
            readers=readers,
        )


@dataclass(frozen=True)
class ToSplit:
    """Responses of one model, before they are split.

    Parameters
    ----------
    arm : in an order that no file decides
    units : name of the unit of each prompt
    by_draws : whether draws are set against draws
    """

    arm: Responses
    units: Mapping[str, str]
    by_draws: bool

    @classmethod
    def read(cls, source: Any, config: CompareConfig, threads: int) -> Self:
        """Read them.

        Parameters
        ----------
        source : as for ``aa``
        config : of every comparison
        threads : for parsing

        Raises
        ------
        DataError
            If the input cannot be read or does not fit.
        ConfigError
            If there is a labeller.
        """
        if config.labeller not in LABELLERS:
            raise ConfigError(
                f"labeller = {config.labeller!r}: diptych aa counts false alarms, and what clusters are called changes "
                "none. Leave it out; a judge is asked."
            )
        arm = read_arm(source, "a", threads, config)
        units = unit_names([arm], config.group_field)
        arm, by_draws = _to_split(arm, config, units)
        return cls(arm, units, by_draws)


def calibrate(
    responses: ToSplit,
    config: CompareConfig,
    *,
    splits: int,
    threads: int,
    cache_dir: str | os.PathLike[str] | None,
    progress: Progress,
    readers: Readers | None = None,
    purse: Purse | None = None,
) -> AAResult:
    """``aa`` with settings that were checked.

    Parameters
    ----------
    responses : to split
    config : of every comparison
    splits, threads, cache_dir, progress : as for ``aa``
    readers : with the judge, if there is one
    purse : pays for vectors, where an interface is asked for them

    Notes
    -----
    Given the responses, the splits are independent and each is one of the exchanges that the test considers, so the
    share of false alarms has a binomial distribution and may be compared with alpha.
    """
    if not 1 <= splits <= MAX_SPLITS:
        raise ConfigError(f"splits = {splits}: it should be from 1 to {MAX_SPLITS:,}")
    config = config.model_copy(update={"simultaneous": False, "equivalent_within": {}})  # change no p
    arm, units, by_draws = responses.arm, responses.units, responses.by_draws
    pairing: Pairing = "paired" if by_draws else "unpaired"
    settings = {"pairing": pairing, "limit": None, "name_a": None, "name_b": None}
    done, lenses = [], Lenses()
    with store_for(cache_dir) as store:
        service = EmbeddingService(store, config.embedder, options=config.embedder_args, progress=progress, purse=purse)
        if config.embeddings is None and config.embedding_field is None:
            service.get_embeddings([row.response for row in arm])
        progress.start("split", splits)
        for number in range(1, splits + 1):
            seed = derive_seed(config.seed, f"aa {number}")
            halves = _halves(arm, units, by_draws, seed)
            changed = config.model_copy(update={**settings, "seed": seed})
            done.append(_compare_halves(halves, changed, number, threads, store, lenses, readers))
            progress.advance()
        progress.finish()
    return AAResult(
        source=arm.source,
        pairing=pairing,
        n_prompts=len({row.prompt_id for row in arm}),
        n_groups=len({units[row.prompt_id] for row in arm}) if config.group_field is not None else None,
        n_responses=len(arm),
        config=config,
        splits=tuple(done),
        notices=(*arm.notices, *service.notices),
    )


def _compare_halves(
    halves: tuple[Responses, Responses],
    config: CompareConfig,
    number: int,
    threads: int,
    store: Path,
    lenses: Lenses,
    readers: Readers | None,
) -> Split:
    prepared = prepare(*halves, config=config, threads=threads)
    result = analyse(prepared, threads=threads, cache_dir=store, lenses=lenses, readers=readers, describes=False)
    p_values: dict[str, tuple[float, ...]] = {
        lens: tuple(finding.p_value for finding in result.tested if finding.lens == lens) for lens in config.lenses
    }
    return Split(number, config.seed, tuple(result.findings), p_values)


def _to_split(arm: Responses, config: CompareConfig, units: Mapping[str, str]) -> tuple[Responses, bool]:
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
    kept = limit_prompts(several if by_draws else set(prompts), config.limit, config.seed, units)
    rows = tuple(row for prompt_id, rows in prompts.items() if prompt_id in kept for row in rows)
    return replace(arm, rows=rows, notices=tuple(notices), rejects=()), by_draws


def _by_prompt(arm: Responses) -> dict[str, list[Response]]:
    prompts: dict[str, list[Response]] = defaultdict(list)
    for row in sorted(arm, key=lambda row: (row.prompt_id, row.draw)):
        prompts[row.prompt_id].append(row)
    return prompts


def _halves(arm: Responses, units: Mapping[str, str], by_draws: bool, seed: int) -> tuple[Responses, Responses]:
    """Draws of each prompt, or units with all their prompts and draws, dealt to two arms at random.

    What is dealt together is what the test exchanges: the arms of a whole unit. So draws of one number, which may have
    come of one conversation, stay on one side in all prompts of a group.
    """
    rng = np.random.Generator(np.random.Philox(key=derive_seed(seed, "halves")))
    members: dict[str, list[list[Response]]] = defaultdict(list)
    for prompt_id, rows in _by_prompt(arm).items():
        members[units[prompt_id]].append(rows)
    sides: tuple[list[Response], list[Response]] = ([], [])
    for prompts in members.values() if by_draws else ():
        for side, dealt in zip(sides, _deal_draws(prompts, rng), strict=True):
            side.extend(dealt)
    if not by_draws:
        for side, chosen in zip(sides, _deal(list(members.values()), rng), strict=True):
            side.extend(row for prompts in chosen for rows in prompts for row in rows)
    a, b = (replace(arm, rows=tuple(side), notices=()) for side in sides)
    return a, replace(b, rows=tuple(replace(row, arm="b") for row in b))


def _deal_draws(prompts: Sequence[Sequence[Response]], rng: np.random.Generator) -> tuple[list[Response], ...]:
    """One order of the draws' numbers cuts every prompt of a unit, so each has draws on both sides."""
    numbers = sorted({row.draw for rows in prompts for row in rows})
    order = {numbers[i]: place for place, i in enumerate(rng.permutation(len(numbers)).tolist())}
    more = int(rng.integers(2))
    sides: tuple[list[Response], list[Response]] = ([], [])
    for rows in prompts:
        for side, dealt in zip(sides, _cut(sorted(rows, key=lambda row: order[row.draw]), more), strict=True):
            side.extend(dealt)
    return sides


def _deal(items: Sequence[_T], rng: np.random.Generator) -> tuple[Sequence[_T], Sequence[_T]]:
    """Two halves at random; of an odd number, chance says which side has one more, so that they can be exchanged."""
    order = rng.permutation(len(items)).tolist()
    return _cut([items[i] for i in order], int(rng.integers(2)))


def _cut(items: Sequence[_T], more: int) -> tuple[Sequence[_T], Sequence[_T]]:
    """Two halves; of an odd number, the first has one more if ``more`` is 1."""
    middle = (len(items) + more) // 2
    return items[:middle], items[middle:]
