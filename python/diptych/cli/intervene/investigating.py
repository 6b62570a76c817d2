"""What ``diptych intervene investigate`` does with its flags."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import typer

from diptych.apps.interventions.investigation.config import InvestigationConfig
from diptych.apps.interventions.investigation.folder import PAGE, write_investigation
from diptych.apps.interventions.investigation.instructions import Told
from diptych.apps.interventions.investigation.run import Inquiry
from diptych.apps.interventions.investigation.sides import Side
from diptych.apps.interventions.investigation.summary import as_lines
from diptych.cli import asking
from diptych.cli import settings as flags
from diptych.cli.console import Exit, note, progress_on_stderr, say, typed
from diptych.cli.costs import describe_takes, spent_in_words
from diptych.comparison.readers import Reader
from diptych.config.loader import read_yaml
from diptych.data.prompts import load_prompts
from diptych.errors import ConfigError
from diptych.models.prices import Budget
from diptych.utils.hashing import derive_seed
from diptych.utils.text import json_text

_BESIDES = {
    "a": "base", "b": "tuned", "assistant": "assistant", "system_a": "system", "system_b": "system",
}  # fmt: skip
"""What may stand in the file of settings besides them, and the role of the assistant: by flags."""
_WANTED = {
    "a": "which model was there before? Give BASE and TUNED: provider/model.",
    "b": "which model came after? Give TUNED, the second: provider/model.",
    "assistant": "who looks for differences? Give --assistant PROVIDER/MODEL.",
}


def investigate_pair(context: typer.Context) -> None:
    """Look, test, write what came of it.

    Parameters
    ----------
    context : of the verb, with its flags
    """
    given = context.params
    out = given["out"] or Path("runs") / "investigation"
    with ExitStack() as stack:
        inquiry = _prepare(context, stack)
        if inquiry.is_control:
            note(f"both models are {inquiry.a.model.name}: a control, in which nothing can differ")
        if given["dry_run"]:
            for line in _plan(inquiry, given["budget"], out):
                say(line)
            return
        with progress_on_stderr() as progress:
            outcome = inquiry.run(
                out, budget=given["budget"], max_cost=given["max_cost"], progress=progress, command=typed()
            )
    summary = write_investigation(out, outcome)
    note(f"asked in all: {spent_in_words(outcome.spent)}")
    for notice in summary["notices"]:
        note(f"note: {notice}")
    for line in [json_text(summary)] if given["json"] else [*as_lines(summary), "", f"report: {out / PAGE}"]:
        say(line)
    if outcome.found.by_budget:
        raise typer.Exit(Exit.BUDGET)


def _prepare(context: typer.Context, stack: ExitStack) -> Inquiry:
    """Everything opened and checked; nothing is asked."""
    given = context.params
    choices = asking.chosen(context)
    config, besides = _config(context, choices)
    prompts = None
    if given["prompts"] is not None:
        prompts = load_prompts(given["prompts"], prompt_field=given["prompt_field"])
    for flag in _BESIDES:
        given[flag] = given[flag] if given[flag] is not None else besides.get(_BESIDES[flag])
    for flag, missing in _WANTED.items():
        if given[flag] is None:
            raise ConfigError(missing)
    a, b = (_side(arm, choices, config, given, stack) for arm in ("a", "b"))
    helpers = choices.of_helpers(given)
    names = [given["assistant"], *(given["judge"] or [given["assistant"]])]
    opened = {name: _helper(helpers, name, stack) for name in dict.fromkeys(names)}
    assistant, *judges = (opened[name] for name in names)
    told = Told.load(given["instructions"])
    if "role" in besides:
        told = told.model_copy(update={"role": besides["role"]})
    inquiry = Inquiry(a, b, assistant, tuple(judges), config, told, prompts)
    inquiry.check()
    return inquiry


def _side(arm: str, choices: asking.Choices, config: InvestigationConfig, given: Any, stack: ExitStack) -> Side:
    """One of the models; the second draws with numbers of its own, so that a control is two samples."""
    own = choices.of_arm(arm, given)
    spec = own.spec(given[arm])
    Budget(spec.price, choices.max_cost)
    model = spec.open()
    stack.callback(model.close)
    sampling = config.sampling
    if arm == "b":
        sampling = sampling.model_copy(update={"seed": derive_seed(sampling.seed, "second arm") % 2**31})
    system = given[f"system_{arm}"]
    return Side(model, spec.price, sampling, system if system is not None else spec.system)


def _helper(choices: asking.Choices, name: str, stack: ExitStack) -> Reader:
    reader = Reader.open(choices.spec(name), choices.max_cost)
    stack.callback(reader.model.close)
    return reader


def _config(context: typer.Context, choices: asking.Choices) -> tuple[InvestigationConfig, dict[str, str]]:
    """Settings of the file, with flags before them, and the names of helpers that stand there."""
    given = context.params
    values, places = read_yaml(given["config"]) if given["config"] is not None else ({}, {})
    besides = {name: str(values.pop(name)) for name in (*_BESIDES.values(), "role") if name in values}
    for name in InvestigationConfig.model_fields:
        if given.get(name) not in (None, [], ()):
            values[name], places[name] = given[name], flags.place_of(context, name)
    drawn = choices.sampling.model_dump(mode="json", exclude_unset=True)
    if drawn:
        values["sampling"] = {**(values.get("sampling") or {}), **drawn}
    return InvestigationConfig.parse(values, source="intervene investigate", places=places), besides


def _plan(inquiry: Inquiry, budget: int | None, out: Path) -> Iterator[str]:
    config, n = inquiry.config, len(inquiry.bank)
    yield (
        f"{config.rounds} rounds; in each at most {config.per_round} prompts to look at and {config.hypotheses} "
        f"hypotheses, each tested on {config.test_prompts} prompts; {n} prompts in the file"
    )
    for role, asked, max_tokens, most in inquiry.most(budget):
        yield f"{asked.model.name}, {role}: at most {most.n_requests:,} requests; what the ledger holds is not asked"
        yield from describe_takes(asked.model, max_tokens, most)
    yield f"would write {out}"
