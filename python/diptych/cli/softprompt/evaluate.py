"""``diptych softprompt evaluate``."""

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

SoftPromptFolder = Annotated[
    Path, typer.Argument(metavar="PROMPT", help="Folder of a training, a search, a soft prompt, or one made by PEFT.")
]
Unrelated = Annotated[
    list[str] | None,
    option("unrelated", "A,B: two models that the prompt was not made for; repeat for more.", METHOD),
]


def evaluate(
    prompt: SoftPromptFolder,
    a: Annotated[str, typer.Argument(help="hf/…: the first model.")],
    b: Annotated[str, typer.Argument(help="hf/…: the second.")],
    prompts: Annotated[Path, option("prompts", "File of prompts that are answered.", INPUT)],
    out: Annotated[Path, option("out", "Folder that is made.", OUTPUT)],
    prompt_field: flags.PromptField = None,
    which: Annotated[int, option("which", "Which prompt of a search, from 1.", INPUT, "1, the best", least=1)] = 1,
    baselines: Annotated[
        bool, option("baselines", "Set it beside what simpler ways find for as many forward passes.", METHOD)
    ] = False,
    budget: Annotated[
        int | None, option("budget", "Forward passes of baselines.", METHOD, "as many as it took", least=1)
    ] = None,
    unrelated: Unrelated = None,
    draws: asking.Draws = 1,
    max_tokens: Annotated[int, option("max-tokens", "Longest answer.", asking.ASKING, "64", least=1)] = 64,
    model_arg: asking.ModelArg = None,
    max_mib: texts.MaxMib = 128,
    seed: Annotated[int, option("seed", "Seed of answers and tests.", METHOD, "0", least=0)] = 0,
    threads: flags.Threads = None,
    json: Annotated[bool, option("json", "Print summary.json.", OUTPUT)] = False,
) -> None:
    """Say how far two models are from each other under a soft prompt, and which differences in their answers it brings.

    Both answer prompts that it was not trained on, with it and without. OUT gets the divergence of whole answers,
    prompt by prompt, and the folders of two comparisons: with, and without.
    """
    with errors_as_messages():
        from diptych.apps.soft_prompting.baselines import ground_of
        from diptych.apps.soft_prompting.folder import read_seeds
        from diptych.apps.soft_prompting.found import find
        from diptych.apps.soft_prompting.report import trial_lines
        from diptych.apps.soft_prompting.sequences import Asking
        from diptych.apps.soft_prompting.trial import TrialOptions, try_prompt
        from diptych.data.prompts import load_prompts
        from diptych.errors import ConfigError
        from diptych.models.registry import open_local, parse_options
        from diptych.utils.text import json_text

        if budget is not None and not baselines:
            raise ConfigError("--budget is what --baselines may spend: give both, or neither")
        loading = parse_options(model_arg or ())
        models = open_local(a, loading), open_local(b, loading)
        how = Asking(draws, max_tokens, models[0].options.batch_size, max_mib << 20, seed)
        found = find(prompt, which=which)
        ground = ground_of(found, read_seeds(prompt), budget) if baselines else None
        pairs = as_pairs(unrelated or (), "--unrelated")
        options = TrialOptions(how, ground, pairs, loading, flags.check_threads(threads))
        with progress_on_stderr() as progress:
            summary = try_prompt(
                found, models, load_prompts(prompts, prompt_field=prompt_field), out,
                options=options, progress=progress,
            )  # fmt: skip
        for line in [json_text(summary)] if json else [*trial_lines(summary), "", str(out)]:
            say(line)
