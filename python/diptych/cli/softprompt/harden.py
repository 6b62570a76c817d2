"""``diptych softprompt harden``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diptych.cli import asking
from diptych.cli import settings as flags
from diptych.cli.console import errors_as_messages
from diptych.cli.settings import OUTPUT, option
from diptych.cli.softprompt import search as words
from diptych.cli.softprompt import texts


def harden(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a training.")],
    out: Annotated[Path | None, option("out", "Folder of the search.", OUTPUT, "needed")] = None,
    config: flags.ConfigFile = None,
    allow_nonascii: words.NonAscii = False,
    optimiser: words.OptimiserName = None,
    set_: words.Set = None,
    budget: words.Budget = None,
    n_texts: words.Texts = None,
    batch_size: words.BatchSize = None,
    n_prompts: words.NPrompts = None,
    seed: flags.Seed = None,
    model_arg: asking.ModelArg = None,
    max_mib: texts.MaxMib = 128,
    dry_run: words.DryRun = False,
    json: words.AsJson = False,
) -> None:
    """Turn a trained soft prompt into words: the tokens nearest to its vectors, made better by a search.

    Models, texts and place are those of the training; vectors that stood before everything become words before the
    user's turn. It says how much is lost from vectors to tokens, and measures words as real text on prompts that were
    neither trained nor searched on. The same command goes on where it stopped.
    """
    with errors_as_messages(resumes=True):
        from diptych.apps.soft_prompting.harden import hardening

        given = words.given_settings(context)
        found = hardening(run, given.values, given.places)
        words.carry_out(context, found.config, found.origin)
