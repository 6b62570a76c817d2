"""What ``diptych contrast explain`` checks of what it found, with an assistant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import typer

from diptych._types import FloatVector, Json, Progress
from diptych.apps.contrastive_decoding.explaining import log_ratios
from diptych.apps.contrastive_decoding.rephrasing import AT_A_TIME, check_by_rephrasing, rephrase
from diptych.apps.contrastive_decoding.writing import Described, check_by_writing, describe
from diptych.cli.arms import Asking
from diptych.cli.console import note
from diptych.cli.runs import Check
from diptych.cli.settings import check_threads, place_of
from diptych.comparison.lenses.contrasting import MAX_KINDS, MAX_PHRASES
from diptych.comparison.measures import Readers
from diptych.comparison.prepare import Prepared
from diptych.comparison.proposed import LENSES, verdict
from diptych.comparison.result import Result
from diptych.data import Response
from diptych.data.prompts import Prompts
from diptych.errors import ConfigError, DataError
from diptych.models.ledger import Ledger
from diptych.models.providers.hf import HFModel
from diptych.utils.hashing import derive_seed, hex_digests

_CHARACTERS = 200.0
"""Of a prompt, about."""
MAX_OTHERS = 30
"""Descriptions of what was not found, that texts are written to: the least p is one in one more."""


def check_flags(context: typer.Context, *, contrasted: bool) -> None:
    """Refuse checks without an assistant, and those that there are no models for.

    Parameters
    ----------
    context : of the verb, with its flags
    contrasted : whether both models are here

    Raises
    ------
    ConfigError
        Says what is missing.
    """
    given = context.params
    wanted = [name for name in ("rephrase", "written") if given[name]]
    if wanted and given["assistant"] is None:
        raise ConfigError(f"{place_of(context, wanted[0])}: it takes a model that helps; give --assistant")
    if given["assistant"] is not None and not wanted:
        raise ConfigError("--assistant: say what it should check: --rephrase N, --written N, or both")
    if wanted and not contrasted:
        raise ConfigError(f"{place_of(context, wanted[0])}: it asks both models anew, or scores by them; give hf/…")


def questions(context: typer.Context) -> tuple[tuple[int, float], ...]:
    """What the assistant is asked at most: how many questions, and characters of each.

    Parameters
    ----------
    context : of the verb, with its flags
    """
    n_written, n_rephrased = context.params["written"], context.params["rephrase"]
    n_described = MAX_PHRASES + 2 * MAX_KINDS
    return (
        (n_described if n_written else 0, n_written * _CHARACTERS),
        (math.ceil(n_rephrased / AT_A_TIME), AT_A_TIME * _CHARACTERS),
    )


def checks_of(
    context: typer.Context, asked: Asking, ledger: Ledger, prepared: Prepared, progress: Progress
) -> Check | None:
    """What is done with a result; None where no check was asked for.

    Parameters
    ----------
    context : of the verb, with its flags
    asked : the models
    ledger : of the run
    prepared : of the run
    progress : where it says how far it is
    """
    given = context.params
    if given["assistant"] is None:
        return None

    def check(result: Result, readers: Readers) -> Json:
        found, others = _described(result)
        done: Json = {}
        if given["written"] and found:
            done["written"] = _by_writing(asked, result, readers, (found, others), given["written"], progress)
        if given["rephrase"] and found:
            threads = check_threads(given["threads"])
            ids = [one.id for one in found]
            try:
                done["rephrased"] = _by_rephrasing(
                    asked, ledger, prepared, ids, readers, given["rephrase"], progress, threads
                )
            except DataError as error:  # the comparison stands without this check
                note(f"not tested on rephrased prompts: {error}")
                done["notes"] = [f"Not tested on rephrased prompts: {error}."]
        return done

    return check


def _described(result: Result) -> tuple[list[Described], list[Described]]:
    """What was confirmed, and what was not found."""
    found: list[Described] = []
    others: list[Described] = []
    for measure, tested in zip(result.measures, result.tested, strict=True):
        if measure.lens not in LENSES:
            continue
        proposed = measure.definition["proposed"]
        gap = proposed["share_b"] - proposed["share_a"]
        said = verdict(tested.effect, gap, is_found=tested.q_value <= result.alpha)
        if said != "the other way":
            (found if said == "confirmed" else others).append(describe(measure, tested.effect))
    return found, others[:MAX_OTHERS]


def _by_writing(
    asked: Asking,
    result: Result,
    readers: Readers,
    described: tuple[Sequence[Described], Sequence[Described]],
    n_texts: int,
    progress: Progress,
) -> Json:
    a, b = models_of(asked)
    seed = int(result.manifest["config"]["seed"])
    prompts = list({row.prompt_id: row for row in result.table.rows}.values())
    assert readers.assistant is not None, "flags were checked"

    def scores(rows: Sequence[Response]) -> FloatVector:
        return log_ratios(rows, a, b, progress=progress)

    chosen = _by_lot(prompts, [row.prompt_id for row in prompts], seed)[:n_texts]
    return check_by_writing(readers.assistant, *described, chosen, scores, seed=derive_seed(seed, "written"))


def _by_rephrasing(
    asked: Asking,
    ledger: Ledger,
    prepared: Prepared,
    ids: Sequence[str],
    readers: Readers,
    n_prompts: int,
    progress: Progress,
    threads: int,
) -> Json:
    assert readers.assistant is not None, "flags were checked"
    generations, choices, seed = asked.arms.generations, asked.choices, prepared.config.seed
    prompts = generations["a"].asked
    chosen = _by_lot(prompts, [prompt.prompt_id for prompt in prompts], seed)[:n_prompts]

    def answers(said: Prompts) -> tuple[Any, Any]:
        found = []
        for arm, generation in generations.items():
            own = {prompt.prompt_id: prompt for prompt in generation.asked}
            rows = tuple(replace(own[prompt.prompt_id], text=prompt.text) for prompt in said.rows)
            again = replace(generation, prompts=replace(said, rows=rows), limit=None)
            again.announce(ledger, f"{arm}, rephrased")
            found.append(again.run(ledger, arm=arm, progress=progress, max_failures=choices.max_failures))
        return found[0], found[1]

    said = rephrase(readers.assistant, chosen, seed=seed)
    return check_by_rephrasing(prepared, ids, said, answers, readers, threads=threads)


def models_of(asked: Asking) -> tuple[HFModel, HFModel]:
    """Both arms, where they are models of this machine.

    Parameters
    ----------
    asked : the arms
    """
    a, b = (asked.arms.generations[arm].model for arm in "ab")
    assert isinstance(a, HFModel) and isinstance(b, HFModel), "only these are contrasted"
    return a, b


def _by_lot(rows: Sequence[Any], names: Sequence[str], seed: int) -> list[Any]:
    digests = hex_digests("diptych/checked/1", [[str(seed)] * len(names), list(names)])
    return [rows[i] for i in sorted(range(len(rows)), key=lambda i: digests[i])]
