"""``diptych plan``: what a comparison could find, before anything is spent."""

from __future__ import annotations

import json as json_module
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych._types import Json
from diptych.cli import asking
from diptych.cli.console import errors_as_messages, say
from diptych.cli.settings import METHOD, OUTPUT, PromptField, Threads, check_threads, option
from diptych.errors import ConfigError

if TYPE_CHECKING:
    from diptych.comparison.folder import Documents
    from diptych.stats.planning import Design, Model

_ASKED, _NOW = "What is asked", "What is known"
_POWERS = (0.8, 0.9)
_DRAWS = (1, 2, 4, 8)


def plan(
    context: typer.Context,
    model: Annotated[
        list[str] | None, typer.Argument(help="Models that would be asked: what do they cost? provider/model.")
    ] = None,
    n_prompts: Annotated[
        int | None,
        option(
            "n-prompts",
            "Prompts that both arms answer, or each its own; groups, if the pilot's are.",
            _ASKED,
            "those of --prompts, or 500",
            least=1,
        ),
    ] = None,
    prompts: Annotated[Path | None, option("prompts", "File of prompts, for number and price.", _ASKED)] = None,
    prompt_field: PromptField = None,
    draws: Annotated[int, option("draws", "Responses to each prompt by each arm.", _ASKED, True, least=1)] = 1,
    unpaired: Annotated[bool, option("unpaired", "Each arm answers prompts of its own, as many.", _ASKED)] = False,
    change: Annotated[
        float | None, option("change", "A change that you want to find: how many prompts does it take?", _ASKED)
    ] = None,
    share: Annotated[float, option("share", "A behaviour that so large a share has now.", _NOW, True)] = 0.1,
    spread: Annotated[
        float | None,
        option(
            "spread",
            "Instead of a share a number, with this standard deviation: within a prompt; unpaired, over prompts.",
            _NOW,
        ),
    ] = None,
    pilot: Annotated[
        Path | None, option("pilot", "Folder of a paired run: take the spread of --measure from it.", _NOW)
    ] = None,
    measure: Annotated[str | None, option("measure", "A measure of the pilot: surface.words.", _NOW)] = None,
    system: asking.System = None,
    max_tokens: asking.MaxTokens = None,
    base_url: asking.BaseUrl = None,
    model_arg: asking.ModelArg = None,
    models: asking.Models = None,
    price: asking.PriceFlag = None,
    measures: Annotated[int, option("measures", "Hypotheses that are tested with it.", METHOD, True, least=1)] = 250,
    alpha: Annotated[float, option("alpha", "False discovery rate.", METHOD, True)] = 0.05,
    runs: Annotated[int, option("runs", "Simulated runs for each answer.", METHOD, True, least=20)] = 400,
    seed: Annotated[int, option("seed", "Of the simulation.", METHOD, True, least=0)] = 0,
    threads: Threads = None,
    json: Annotated[bool, option("json", "Print the same as JSON.", OUTPUT)] = False,
) -> None:
    """Say the smallest change that a comparison would find, what it takes to find a wanted one, and what models cost.

    Requests, tokens, price and time of models are said before anything is sent. The rest is found by simulation with
    the very test that compare uses, for a change that is the only one among all measures.
    Every flag is also a DIPTYCH_<FLAG> environment variable.
    """
    with errors_as_messages():
        from diptych.cli.plan_cost import planned_asking
        from diptych.comparison.folder import read_run
        from diptych.stats.multiplicity import resamples_for
        from diptych.stats.planning import Design

        _refuse(alpha, draws, unpaired=unpaired, pilot=pilot, measure=measure)
        design = Design(
            level=alpha / measures,
            n_resamples=resamples_for(measures, alpha),
            runs=runs,
            seed=seed,
            threads=check_threads(threads),
        )
        number, lines, asked = planned_asking(context, model or [])
        documents = None if pilot is None else read_run(pilot)
        made = partial(_model, share, spread, unpaired, documents, measure)
        result: Json = {
            "level": design.level,
            "pairing": "unpaired" if unpaired else "paired",
            "prompts": number,
            "draws": draws,
            **asked,
            **_groups(documents),
        }
        result["smallest_change"] = _smallest(made(draws), number, design)
        if change is not None:
            options = (1,) if unpaired or pilot is not None else _DRAWS
            result |= {"change": change, "prompts_needed": [_needed(made(k), k, change, design) for k in options]}
        if json:
            say(json_module.dumps(result, indent=1))
            return
        for line in lines:
            say(line)
        is_share = spread is None and pilot is None
        for line in _lines(result, measures, alpha, is_share=is_share):
            say(line)


def _refuse(alpha: float, draws: int, *, unpaired: bool, pilot: Path | None, measure: str | None) -> None:
    """Flags that do not go together, before any work."""
    if not 0.0 < alpha < 1.0:
        raise ConfigError(f"--alpha = {alpha}: it should be between 0 and 1")
    if (pilot is None) != (measure is None):
        raise ConfigError("--pilot and --measure go together: a run's folder, and the id of one of its measures")
    if pilot is not None and draws > 1:
        raise ConfigError("--draws with --pilot: the pilot's prompts were answered as often as they were; leave it out")
    if unpaired and pilot is not None:
        raise ConfigError("--unpaired with --pilot: a pilot tells the spread of paired differences; give --spread")
    if unpaired and draws > 1:
        raise ConfigError("--unpaired with --draws: another draw says little of other prompts; give more --n-prompts")


def _model(
    share: float, spread: float | None, unpaired: bool, pilot: Documents | None, measure: str | None, draws: int
) -> Model:
    """How the measure would come out."""
    from diptych.stats.planning import Numbers, Pilot, Shares, UnpairedNumbers, UnpairedShares

    if unpaired:
        return UnpairedShares(share) if spread is None else UnpairedNumbers(spread)
    if pilot is not None and measure is not None:
        from diptych.comparison.pilot import paired_differences

        return Pilot(paired_differences(pilot, measure))
    return Shares(share, draws=draws) if spread is None else Numbers(spread, draws)


def _groups(pilot: Documents | None) -> Json:
    """The field of the pilot's groups, where they are what is counted in place of prompts."""
    from diptych.comparison.pilot import pilot_groups

    field = None if pilot is None else pilot_groups(pilot)
    return {} if field is None else {"group_field": field}


def _smallest(model: Model, prompts: int, design: Design) -> dict[str, float | None]:
    """By power; None where no change would be found."""
    from diptych.stats.planning import smallest_change

    changes = {f"{power}": smallest_change(model, prompts, replace(design, power=power)) for power in _POWERS}
    return {power: None if math.isnan(change) else change for power, change in changes.items()}


def _needed(model: Model, draws: int, change: float, design: Design) -> Json:
    from diptych.stats.planning import prompts_needed

    if not 0.0 < change <= model.largest:
        raise ConfigError(f"--change = {change}: it should be above 0 and at most {model.largest:g}")
    needed = {f"{power}": prompts_needed(model, change, replace(design, power=power)) for power in _POWERS}
    return {"draws": draws, **needed}


def _lines(result: Json, measures: int, alpha: float, *, is_share: bool) -> Iterator[str]:
    def amount(value: float | None) -> str:
        if value is None:
            return "no change, however large"
        return f"{100 * value:.1f} points" if is_share else f"{value:.3g}"

    units, by = (
        ("prompts", "to each by each arm") if result["pairing"] == "paired" else ("prompts in each arm", "to each")
    )
    if "group_field" in result:
        units = f"groups of prompts by {result['group_field']!r}"

    def prompts(value: int | None) -> str:
        return "more than 20,000" if value is None else f"{value:,}"

    rate, level = f"{100 * alpha:g} %", f"{result['level']:.2g}"
    yield f"one true difference among {measures} measures, false discovery rate {rate}: p <= {level}"
    small = result["smallest_change"]
    answers = "1 response" if result["draws"] == 1 else f"{result['draws']} responses"
    yield f"{result['prompts']:,} {units}, {answers} {by}, find"
    for power in _POWERS:
        yield f"  with {100 * power:.0f} % power  {amount(small[str(power)])}"
    if "change" in result:
        yield f"to find {amount(result['change'])}, {units} for 80 % and 90 % power:"
        for row in result["prompts_needed"]:
            draws = "1 draw " if row["draws"] == 1 else f"{row['draws']} draws"
            yield f"  {draws}  {prompts(row['0.8']):>18}  {prompts(row['0.9']):>18}"
