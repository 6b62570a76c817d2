"""What the models of a plan would be asked, and what that takes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple

import typer

from diptych._types import Json
from diptych.cli.asking import Choices, chosen
from diptych.cli.costs import describe, dollars, duration, most_seconds
from diptych.cli.settings import place_of
from diptych.comparison.generated import Generation
from diptych.data.prompts import Prompts, load_prompts
from diptych.errors import ConfigError, DataError
from diptych.models.prices import Estimate

_USUAL = 500


class PlannedAsking(NamedTuple):
    """The size of a plan.

    Parameters
    ----------
    n_prompts : that are asked
    lines : about the models, for people
    asked : the same for scripts; empty without models
    """

    n_prompts: int
    lines: list[str]
    asked: Json


def planned_asking(context: typer.Context, models: Sequence[str]) -> PlannedAsking:
    """How many prompts there are, and what each model takes; sends nothing.

    Parameters
    ----------
    context : of the verb, with its flags
    models : their names

    Raises
    ------
    ConfigError
        If a flag or a name does not fit, or models are to be asked nothing in particular.
    DataError
        If the prompts cannot be read.
    """
    path, number = context.params["prompts"], context.params["n_prompts"]
    if path is None:
        if models:
            raise ConfigError("what models cost depends on the prompts: give --prompts FILE")
        return PlannedAsking(number or _USUAL, [], {})
    if number is not None:
        raise ConfigError(f"{place_of(context, 'n_prompts')} with --prompts: the file says how many there are")
    if path.name.isdecimal() and not path.exists():
        raise DataError(f"{place_of(context, 'prompts')} = {path}: no such file of prompts. For a number: --n-prompts")
    prompts = load_prompts(path, prompt_field=context.params["prompt_field"])
    if not models:
        return PlannedAsking(len(prompts), [], {})
    choices = chosen(context)
    found = [_model(choices, name, prompts, context.params["system"]) for name in models]
    lines = [line for _, told in found for line in told]
    asked = [one for one, _ in found]
    if len(asked) > 1:
        lines.append(_in_all(asked))
    return PlannedAsking(len(prompts), lines, {"asking": asked})


def _model(choices: Choices, name: str, prompts: Prompts, system: str | None) -> tuple[Json, list[str]]:
    generation = choices.generation(choices.spec(name), prompts, system=system, limit=None)
    with closing(generation.model):
        missing = generation.missing(None)
        return _numbers(generation, missing), list(describe(generation, missing))


def _numbers(generation: Generation, missing: Estimate) -> Json:
    return {
        "model": generation.model.name,
        "requests": missing.n_requests,
        "input_tokens": missing.input_tokens,
        "max_output_tokens": missing.max_output_tokens,
        "max_usd": missing.max_usd,
        "max_seconds": most_seconds(generation.model, generation.sampling.max_tokens, missing),
    }


def _in_all(asked: Sequence[Json]) -> str:
    prices = [one["max_usd"] for one in asked]
    usd = None if None in prices else sum(prices)
    price = "unknown" if usd is None else f"at most about {dollars(usd)}"
    time = duration(sum(one["max_seconds"] for one in asked))
    return f"in all: {sum(one['requests'] for one in asked):,} requests; price {price}; at most about {time}"
