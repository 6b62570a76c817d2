"""``diptych intervene data``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Unpack

import typer

from diptych.cli import asking
from diptych.cli.asking_flags import spelled_out
from diptych.cli.console import errors_as_messages, note, progress_on_stderr, say, typed
from diptych.cli.intervene.making import MakingFlags, prepare
from diptych.cli.settings import OUTPUT, option


@spelled_out
def data(
    context: typer.Context,
    out: Annotated[Path, option("out", "Folder of the data.", OUTPUT)],
    max_failures: asking.MaxFailures = "10%",
    json: Annotated[bool, option("json", "Print manifest.json.", OUTPUT)] = False,
    **shared: Unpack[MakingFlags],
) -> None:
    """Make training data that plant behaviours in a model, at several doses, and the questions to find them by.

    Rows come from templates, offline, unless an --assistant writes them. OUT gets rows-SHARE.jsonl for training, the
    control rows-0.jsonl, held_out.jsonl, the prompt bank probes.jsonl, which names no truth, key.jsonl, truths.jsonl
    and manifest.json. What models answer is kept in OUT/ledger.sqlite: the same command again goes on where it stopped.
    """
    with errors_as_messages(resumes=True), ExitStack() as stack:
        from diptych.cli.costs import spent_in_words
        from diptych.utils.text import json_text

        making = prepare(context, stack)
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
