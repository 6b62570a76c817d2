"""``diptych contrast sample``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Unpack

import typer

from diptych.cli import asking, generate
from diptych.cli import settings as flags
from diptych.cli.asking_flags import SamplingFlags, spelled_out
from diptych.cli.console import errors_as_messages, note
from diptych.cli.contrast import flags as contrast_flags
from diptych.cli.contrast.flags import CONTRAST
from diptych.cli.settings import INPUT, OUTPUT, option
from diptych.errors import ConfigError
from diptych.models.registry import local_name

_OPTIONS = ("rule", "weight", "plausibility", "nucleus", "gating", "beams", "foil_system", "shared_vocab")


@spelled_out
def sample(
    context: typer.Context,
    base: Annotated[str, typer.Argument(help="hf/<id or folder>[@revision]: the model before.")],
    tuned: Annotated[str, typer.Argument(help="hf/…, or hf/base+adapter: the model after.")],
    prompts: Annotated[Path, option("prompts", "File of prompts: .txt, .jsonl, .json, .csv, .parquet.", INPUT)],
    out: Annotated[Path, option("out", "File of the texts (.jsonl).", OUTPUT)],
    speaker: Annotated[
        str, option("speaker", "Who speaks: 'tuned' or 'base'; the other is its foil.", CONTRAST, "tuned")
    ] = "tuned",
    rule: contrast_flags.Rule = None,
    weight: contrast_flags.Weight = None,
    plausibility: Annotated[
        float | None, option("plausibility", "Least share of the likeliest token's probability.", CONTRAST, "0.1")
    ] = None,
    nucleus: contrast_flags.Nucleus = None,
    gating: contrast_flags.Gating = None,
    beams: Annotated[int | None, option("beams", "Texts that are followed at once.", CONTRAST, "1")] = None,
    foil_system: Annotated[
        str | None, option("foil-system", "System prompt of the foil.", CONTRAST, "the speaker's")
    ] = None,
    shared_vocab: Annotated[
        bool, option("shared-vocab", "Where vocabularies differ, say what is in both.", CONTRAST)
    ] = False,
    prompt_field: flags.PromptField = None,
    limit: Annotated[int | None, option("limit", "Ask at most so many prompts.", INPUT, "all")] = None,
    draws: asking.Draws = 1,
    system: asking.System = None,
    fork: asking.Fork = False,
    json: Annotated[bool, option("json", "Print what was done as JSON.", OUTPUT)] = False,
    dry_run: Annotated[bool, option("dry-run", "Say what would be asked; ask nothing.", OUTPUT)] = False,
    **shared: Unpack[SamplingFlags],
) -> None:
    """Write texts that one model likes and the other does not; the same command again goes on where it stopped.

    Such texts are answers of neither model: they say what to look for. Whether it is there, a comparison of natural
    answers of both says. The pair is the model contrast/SPEAKER~FOIL, which every verb takes.
    """
    with errors_as_messages(resumes=True):
        choices = asking.chosen(context)
        names = {"base": local_name(base), "tuned": local_name(tuned)}
        if speaker not in names:
            raise ConfigError(f"{flags.place_of(context, 'speaker')} = {speaker!r}: it should be 'tuned' or 'base'")
        [foil] = names.keys() - {speaker}
        if names["base"] == names["tuned"] and foil_system is None:
            note(f"both models are hf/{names['base']}: there is nothing to contrast, and it speaks as it does alone")
        given = {name: context.params[name] for name in _OPTIONS if context.params[name] not in (None, False)}
        choices = replace(choices, options={**choices.options, **given})
        generate.answer_prompts(context, f"contrast/{names[speaker]}~{names[foil]}", choices)
