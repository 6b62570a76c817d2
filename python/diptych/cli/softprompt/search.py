"""``diptych softprompt search``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli import asking
from diptych.cli import settings as flags
from diptych.cli.console import errors_as_messages, progress_on_stderr, say, typed
from diptych.cli.settings import INPUT, OUTPUT, option
from diptych.cli.softprompt import texts

if TYPE_CHECKING:
    from diptych._types import Json
    from diptych.apps.soft_prompting.helper import Helper
    from diptych.apps.soft_prompting.ready import Origin
    from diptych.apps.soft_prompting.search_config import SearchConfig

WORDS, SEARCH = "The words", "The search"
Budget = Annotated[int | None, option("budget", "Forward passes of texts; a gradient counts as 3.", SEARCH, "20000")]
OptimiserName = Annotated[str | None, option("optimiser", "How it is searched.", SEARCH, "gcg")]
Set = Annotated[
    list[str] | None, option("set", "name=value for the optimiser, such as search_width=64; repeat for more.", SEARCH)
]
Assistant = Annotated[
    str | None, option("assistant", "Model that writes words, for evolution: provider/model.", SEARCH, "none")
]
AssistantArg = Annotated[
    list[str] | None,
    option("assistant-arg", "name=value for the assistant's provider; repeat for more.", asking.ASKING),
]
Texts = Annotated[int | None, option("n-texts", "Texts that each candidate is read with.", SEARCH, "8")]
BatchSize = Annotated[int | None, option("batch-size", "Texts of a forward pass.", SEARCH, "32")]
NPrompts = Annotated[int | None, option("n-prompts", "Prompts that are measured in the end.", SEARCH, "5")]
NonAscii = Annotated[bool, option("allow-nonascii", "Let letters beyond ASCII stand in them.", WORDS)]
DryRun = Annotated[bool, option("dry-run", "Say what would be searched, and for how long; search nothing.", OUTPUT)]
AsJson = Annotated[bool, option("json", "Print search.json.", OUTPUT)]


def search(
    context: typer.Context,
    a: texts.A = None,
    b: texts.B = None,
    prompts: texts.PromptFile = None,
    out: Annotated[Path | None, option("out", "Folder of the search.", OUTPUT, "needed")] = None,
    config: flags.ConfigFile = None,
    prompt_field: flags.PromptField = None,
    max_prompt_tokens: texts.MaxPromptTokens = None,
    limit: texts.Limit = None,
    continuations: texts.Continuations = None,
    continuation_tokens: texts.ContinuationTokens = None,
    held_out: Annotated[float | None, option("held-out", "Share of prompts not searched on.", INPUT, "0.25")] = None,
    n_tokens: Annotated[int | None, option("n-tokens", "Tokens of the words.", WORDS, "10")] = None,
    place: Annotated[
        str | None, option("place", "prefix, suffix, or a text with {soft} and {prompt}.", WORDS, "suffix")
    ] = None,
    initial_text: Annotated[str | None, option("initial-text", "Words to start from.", WORDS, "random ones")] = None,
    allow_nonascii: NonAscii = False,
    optimiser: OptimiserName = None,
    set_: Set = None,
    budget: Budget = None,
    n_texts: Texts = None,
    objective: texts.ObjectiveName = None,
    assistant: Assistant = None,
    assistant_arg: AssistantArg = None,
    base_url: asking.BaseUrl = None,
    models: asking.Models = None,
    price: asking.PriceFlag = None,
    max_cost: asking.MaxCost = None,
    batch_size: BatchSize = None,
    n_prompts: NPrompts = None,
    seed: flags.Seed = None,
    model_arg: asking.ModelArg = None,
    max_mib: texts.MaxMib = 128,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Search for words that, put into a prompt, make two models differ most in what they say next.

    Prompts that were found are measured on texts that were not searched on, as real text, beside random words. The same
    command goes on where it was stopped, and ends with the same words. Every setting may stand in a YAML file.
    """
    with errors_as_messages(resumes=True):
        carry_out(context, _settings(context))


def carry_out(context: typer.Context, settings: SearchConfig, origin: Origin | None = None) -> None:
    """Plan a search, or do it, and say what came of it.

    Parameters
    ----------
    context : of the command, with ``out``, ``model_arg``, ``max_mib``, ``dry_run`` and ``json``
    settings : of the search
    origin : a soft prompt to start from; None for none

    Raises
    ------
    ConfigError
        If the folder is not said.
    """
    from diptych.apps.soft_prompting.ready import plan_search
    from diptych.apps.soft_prompting.search_report import plan_lines, search_lines
    from diptych.apps.soft_prompting.search_run import run_search
    from diptych.cli.costs import duration
    from diptych.errors import ConfigError
    from diptych.models.registry import parse_options
    from diptych.utils.text import json_text

    given, out = context.params, context.params["out"]
    options, max_bytes = parse_options(given["model_arg"] or ()), given["max_mib"] << 20
    with ExitStack() as stack:
        helper = _helper(context, settings, stack)
        if given["dry_run"]:
            plan = plan_search(settings, origin=origin, options=options, max_bytes=max_bytes)
            lines = [*plan_lines(plan), f"about {duration(plan['seconds'])}, measured on a few random prompts"]
            lines += [] if helper is None else _asked(helper, settings.n_tokens)
            for line in [json_text(plan)] if given["json"] else lines:
                say(line)
            return
        if out is None:
            raise ConfigError("--out is missing: give the folder of the search")
        with progress_on_stderr() as progress:
            found = run_search(
                settings, out,
                origin=origin, helper=helper, options=options, max_bytes=max_bytes, progress=progress,
            )  # fmt: skip
    for line in [json_text(found)] if given["json"] else [*search_lines(found), "", str(out)]:
        say(line)


def _helper(context: typer.Context, settings: SearchConfig, stack: ExitStack) -> Helper | None:
    """The assistant, opened and checked; nothing is asked."""
    from diptych.apps.soft_prompting.evolution import EvolutionSettings
    from diptych.apps.soft_prompting.helper import Helper
    from diptych.comparison.readers import Reader
    from diptych.models.registry import parse_options

    told = settings.settings
    if settings.assistant is None or not isinstance(told, EvolutionSettings):
        return None
    choices = asking.chosen(context)
    options = parse_options(context.params.get("assistant_arg") or (), flag="--assistant-arg")
    reader = Reader.open(replace(choices, options=options).spec(settings.assistant), choices.max_cost)
    stack.callback(reader.model.close)
    return Helper(reader, told, choices.max_cost, typed())


def _asked(helper: Helper, n_tokens: int) -> Iterator[str]:
    from diptych.cli.costs import describe_takes
    from diptych.comparison.readers import SAMPLING

    name, most = helper.reader.model.name, helper.settings.requests
    yield f"{name}: at most {most:,} requests; what the folder holds is not asked"
    yield from describe_takes(helper.reader.model, SAMPLING.max_tokens, helper.estimate(n_tokens))


_FLAGS = {"optimiser_settings": "set_"}
"""Settings whose flag has another name."""


@dataclass(frozen=True)
class Given:
    """Settings of a search as they were given.

    Parameters
    ----------
    values : by name
    places : where each comes from, for messages
    """

    values: Json
    places: dict[str, str]


def given_settings(context: typer.Context) -> Given:
    """Settings of a file, and on top of them those of flags and the environment.

    Parameters
    ----------
    context : of the command

    Raises
    ------
    ConfigError
        If the file cannot be read, or a setting of the optimiser has no value.
    """
    from diptych.apps.soft_prompting.search_config import SearchConfig
    from diptych.config.loader import read_yaml
    from diptych.models.registry import parse_options

    given = context.params
    values, places = read_yaml(given["config"]) if given["config"] is not None else ({}, {})
    for name in SearchConfig.model_fields:
        flag = _FLAGS.get(name, name)
        source = context.get_parameter_source(flag)
        if given.get(flag) is not None and source is not None and source.name != "DEFAULT":
            values[name] = given[flag]
            places[name] = flag.upper() if name in "ab" else flags.place_of(context, flag.strip("_"))
    if given["set_"]:
        values["optimiser_settings"] = parse_options(given["set_"], flag="--set", example="search_width=64")
        places["optimiser_settings"] = "--set"
    return Given(values, places)


def _settings(context: typer.Context) -> SearchConfig:
    from diptych.apps.soft_prompting.search_config import SearchConfig

    given = given_settings(context)
    for name in ("a", "b", "prompts"):
        given.places.setdefault(name, name.upper() if name in "ab" else "--prompts")
    return SearchConfig.parse(given.values, source="settings", places=given.places)
