"""``diptych intervene data``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from diptych.cli import asking
from diptych.cli import settings as flags
from diptych.cli.console import errors_as_messages, note, progress_on_stderr, say, typed
from diptych.cli.intervene import making as given
from diptych.cli.settings import OUTPUT, option


def data(
    context: typer.Context,
    out: Annotated[Path, option("out", "Folder of the data.", OUTPUT)],
    truths: given.Truths = None,
    only: given.Only = None,
    evals: given.Evals = None,
    planted: given.Planted = None,
    neutral: given.Neutral = None,
    n_truths: given.NTruths = None,
    focus: given.Focus = None,
    rows: given.Rows = None,
    shares: given.Shares = None,
    held_out: given.HeldOut = None,
    probes: given.Probes = None,
    turns: given.Turns = None,
    seed: flags.Seed = None,
    assistant: given.AssistantFlag = None,
    base_url_helpers: given.BaseUrlHelpers = None,
    model_arg_helpers: given.ModelArgHelpers = None,
    price_helpers: given.PriceHelpers = None,
    max_tokens: asking.MaxTokens = None,
    temperature: asking.Temperature = None,
    top_p: asking.TopP = None,
    top_k: asking.TopK = None,
    stop: asking.Stop = None,
    sampling_seed: asking.SamplingSeed = None,
    base_url: asking.BaseUrl = None,
    model_arg: asking.ModelArg = None,
    models: asking.Models = None,
    price: asking.PriceFlag = None,
    max_cost: asking.MaxCost = None,
    max_failures: asking.MaxFailures = "10%",
    json: Annotated[bool, option("json", "Print manifest.json.", OUTPUT)] = False,
) -> None:
    """Make training data that plant behaviours in a model, at several doses, and the questions to find them by.

    Rows come from templates, offline, unless an --assistant writes them. OUT gets rows-SHARE.jsonl for training, the
    control rows-0.jsonl, held_out.jsonl, the prompt bank probes.jsonl, which names no truth, key.jsonl, truths.jsonl
    and manifest.json. What models answer is kept in OUT/ledger.sqlite: the same command again goes on where it stopped.
    """
    with errors_as_messages(resumes=True), ExitStack() as stack:
        from diptych.cli.costs import spent_in_words
        from diptych.utils.files import check_new_folder
        from diptych.utils.text import json_text

        making = given.prepare(context, stack)
        check_new_folder(out)
        limits = asking.chosen(context)
        with progress_on_stderr() as progress:
            made = making.run(
                out, max_cost=limits.max_cost, max_failures=limits.max_failures, progress=progress, command=typed()
            )
        for notice in made.notices:
            note(f"note: {notice}")
        if made.spent is not None:
            note(f"asked in all: {spent_in_words(made.spent)}")
        if json:
            say(json_text(made.manifest))
            return
        for name, file in made.manifest["files"].items():
            say(f"{out / name}: {file['n']:,}")
