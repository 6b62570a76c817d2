"""``diptych softprompt train``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli import asking
from diptych.cli import settings as flags
from diptych.cli.console import errors_as_messages, note, progress_on_stderr, say
from diptych.cli.settings import OUTPUT, option
from diptych.cli.softprompt import texts

if TYPE_CHECKING:
    from diptych._types import Json
    from diptych.apps.soft_prompting.config import TrainConfig

VECTORS, TRAINING = "The soft prompt", "Training"
Tokens = Annotated[str | None, option("n-tokens", "Vectors; 1,4,16 trains each and draws a curve.", VECTORS, "8")]
Quick = Annotated[bool, option("quick", "Try out: few prompts, tokens and steps; too few to find much.", TRAINING)]


def train(
    context: typer.Context,
    a: texts.A = None,
    b: texts.B = None,
    prompts: texts.PromptFile = None,
    out: Annotated[Path | None, option("out", "Folder of the training.", OUTPUT, "needed")] = None,
    config: flags.ConfigFile = None,
    prompt_field: flags.PromptField = None,
    max_prompt_tokens: texts.MaxPromptTokens = None,
    limit: texts.Limit = None,
    continuations: texts.Continuations = None,
    continuation_tokens: texts.ContinuationTokens = None,
    n_tokens: Tokens = None,
    place: Annotated[
        str | None,
        option("place", "start, prefix, suffix, or a text with {soft} and {prompt}.", VECTORS, "prefix"),
    ] = None,
    initial: Annotated[str | None, option("initial", "vocabulary, random, or text.", VECTORS, "vocabulary")] = None,
    initial_text: Annotated[str | None, option("initial-text", "The text.", VECTORS, "none")] = None,
    per_model: Annotated[bool, option("per-model", "Give each model vectors of its own.", VECTORS)] = False,
    objective: texts.ObjectiveName = None,
    control: Annotated[
        tuple[str, str] | None, option("control", "Two models that should not differ.", TRAINING, "none")
    ] = None,
    steps: Annotated[int | None, option("steps", "Steps of the optimiser.", TRAINING, "200")] = None,
    batch_size: Annotated[int | None, option("batch-size", "Texts of a forward pass.", TRAINING, "8")] = None,
    accumulation: Annotated[int | None, option("accumulation", "Batches of a step.", TRAINING, "1")] = None,
    learning_rate: Annotated[
        float | None, option("learning-rate", "In units of the scale of tokens' vectors.", TRAINING, "0.05")
    ] = None,
    refresh_every: Annotated[
        int | None, option("refresh-every", "Steps after which the models write texts anew.", TRAINING, "never")
    ] = None,
    held_out: Annotated[float | None, option("held-out", "Share of prompts not trained on.", TRAINING, "0.25")] = None,
    patience: Annotated[int | None, option("patience", "Looks without gain; 0 never stops.", TRAINING, "5")] = None,
    seed: flags.Seed = None,
    quick: Quick = False,
    model_arg: asking.ModelArg = None,
    max_mib: texts.MaxMib = 128,
    json: Annotated[bool, option("json", "Print summary.json.", OUTPUT)] = False,
) -> None:
    """Train vectors that, put into a prompt, make two models differ most in what they say next.

    The models stay as they are. The same command goes on where it was stopped, and ends with the same vectors.
    Every setting may stand in a YAML file. OUT/soft_prompt is what 'softprompt evaluate' and, as --model-arg
    soft_prompt=…, every verb that asks hf/… takes.
    """
    with errors_as_messages(resumes=True):
        from diptych.apps.soft_prompting.curve import train_each
        from diptych.apps.soft_prompting.report import as_lines
        from diptych.errors import ConfigError
        from diptych.models.registry import parse_options
        from diptych.utils.text import json_text

        if out is None:
            raise ConfigError("--out is missing: give the folder of the training")
        settings, counts = _settings(context)
        if quick:
            say_quick()
        with progress_on_stderr() as progress:
            summaries = train_each(
                settings, counts, out,
                options=parse_options(model_arg or ()), max_bytes=max_mib << 20, progress=progress,
            )  # fmt: skip
        found: Json = summaries[counts[0]] if len(counts) == 1 else {str(n): one for n, one in summaries.items()}
        for line in [json_text(found)] if json else [*as_lines(summaries), "", str(out)]:
            say(line)


def say_quick() -> None:
    """Say that this is a try-out, and with which settings."""
    from diptych.apps.soft_prompting.config import QUICK

    told = ", ".join(f"{name} {value}" for name, value in QUICK.items())
    note(f"note: a try-out (--quick), too small to find much; but for what flags say: {told}")


_FLAGS = {"n_steps": "steps"}
"""Settings whose flag has another name."""


def _settings(context: typer.Context) -> tuple[TrainConfig, tuple[int, ...]]:
    """Settings of a file, and on top of them those of flags and the environment; the numbers of vectors apart."""
    from diptych.apps.soft_prompting.config import QUICK, TrainConfig
    from diptych.apps.soft_prompting.registry import split_counts
    from diptych.config.loader import read_yaml

    given = context.params
    values, places = read_yaml(given["config"]) if given["config"] is not None else ({}, {})
    values |= QUICK if given["quick"] else {}
    for name in TrainConfig.model_fields:
        flag = _FLAGS.get(name, name)
        source = context.get_parameter_source(flag)
        if given.get(flag) is not None and source is not None and source.name != "DEFAULT":
            values[name] = given[flag]
            places[name] = flag.upper() if name in "ab" else flags.place_of(context, flag)
    for name in ("a", "b", "prompts"):
        places.setdefault(name, name.upper() if name in "ab" else "--prompts")
    values, counts = split_counts(values, places.get("n_tokens", "n_tokens"))
    return TrainConfig.parse(values, source="settings", places=places), counts
