"""``diptych softprompt transfer``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diptych.cli import asking
from diptych.cli import settings as flags
from diptych.cli.console import errors_as_messages, progress_on_stderr, say
from diptych.cli.settings import INPUT, METHOD, OUTPUT, option
from diptych.cli.softprompt import texts
from diptych.cli.softprompt.pairs import as_pairs

Folders = Annotated[
    list[Path],
    typer.Argument(metavar="PROMPT...", help="Folders of trainings, searches, or soft prompts.", show_default=False),
]
Pairs = Annotated[list[str], option("pair", "A,B: two models, hf/one,hf/other; repeat for more.", INPUT)]


def transfer(
    found: Folders,
    pair: Pairs,
    prompts: Annotated[Path, option("prompts", "File of prompts that are answered.", INPUT)],
    out: Annotated[Path, option("out", "Folder that is made.", OUTPUT)],
    prompt_field: flags.PromptField = None,
    draws: asking.Draws = 1,
    max_tokens: Annotated[int, option("max-tokens", "Longest answer.", asking.ASKING, "64", least=1)] = 64,
    model_arg: asking.ModelArg = None,
    max_mib: texts.MaxMib = 128,
    seed: Annotated[int, option("seed", "Seed of answers and tests.", METHOD, "0", least=0)] = 0,
    json: Annotated[bool, option("json", "Print transfer.json.", OUTPUT)] = False,
) -> None:
    """Try prompts on pairs of models that they were not made for: how far does each drive each pair apart?

    A pair whose vectors have another width reads the tokens nearest to a soft prompt instead. OUT gets the matrix as
    transfer.json, transfer.csv and a picture, and whether each prompt does more to its own pair than to the others.
    """
    with errors_as_messages():
        from diptych.apps.soft_prompting.found import by_name
        from diptych.apps.soft_prompting.report import transfer_lines
        from diptych.apps.soft_prompting.sequences import Asking
        from diptych.apps.soft_prompting.transfer_folder import run_transfer
        from diptych.data.prompts import load_prompts
        from diptych.models.providers.hf import LocalOptions
        from diptych.models.registry import parse_options
        from diptych.utils.text import json_text

        loading = parse_options(model_arg or ())
        batch_size = LocalOptions.parse(loading, source="hf options").batch_size
        how = Asking(draws, max_tokens, batch_size, max_mib << 20, seed)
        with progress_on_stderr() as progress:
            summary = run_transfer(
                by_name(found), as_pairs(pair, "--pair"), load_prompts(prompts, prompt_field=prompt_field), out,
                loading=loading, asking=how, progress=progress,
            )  # fmt: skip
        for line in [json_text(summary)] if json else [*transfer_lines(summary), "", str(out)]:
            say(line)
