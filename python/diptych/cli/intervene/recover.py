"""``diptych intervene recover``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Unpack

import typer

from diptych.cli import asking
from diptych.cli import settings as flags
from diptych.cli.asking_flags import ArmsFlags, spelled_out
from diptych.cli.console import errors_as_messages
from diptych.cli.settings import INPUT, METHOD, OUTPUT, option


@spelled_out
def recover(
    context: typer.Context,
    a: Annotated[str, typer.Argument(metavar="BASE", help="The model before, provider/model; or a file of answers.")],
    b: Annotated[str, typer.Argument(metavar="TUNED", help="The model after, such as hf/base+adapter; or a file.")],
    data: Annotated[
        Path | None, option("data", "Folder of intervene data: its prompt bank is asked.", INPUT, "none")
    ] = None,
    prompts: Annotated[
        Path | None, option("prompts", "File of prompts: questions, or statements of evaluations.", INPUT, "of --data")
    ] = None,
    prompt_field: flags.PromptField = None,
    limit: flags.Limit = None,
    lenses: Annotated[
        str | None,
        option("lenses", "Who proposes, by commas.", METHOD, "as compare; likelihood too, of two hf/…"),
    ] = None,
    embedder: flags.Embedder = None,
    embedder_arg: flags.EmbedderArg = None,
    labeller: flags.Labeller = None,
    judge: flags.Judge = None,
    claim: flags.Claim = None,
    judge_pairs: flags.JudgePairs = None,
    judge_sentences: flags.JudgeSentences = None,
    alpha: flags.Alpha = None,
    fdr: flags.Fdr = None,
    resamples: flags.Resamples = None,
    seed: flags.Seed = None,
    threads: flags.Threads = None,
    cache_dir: flags.CacheDir = None,
    draws: asking.Draws = 1,
    max_failures: asking.MaxFailures = "10%",
    out: Annotated[Path | None, option("out", "Folder of the run.", OUTPUT, "runs/A-vs-B")] = None,
    fork: asking.Fork = False,
    json: Annotated[bool, option("json", "Print recovered.json.", OUTPUT)] = False,
    dry_run: Annotated[bool, option("dry-run", "Say what would be asked; ask nothing.", OUTPUT)] = False,
    **shared: Unpack[ArmsFlags],
) -> None:
    """Ask the model before and the model after, and say how they differ, without knowing what was changed.

    A comparison as of diptych compare, in which the models are called A and B: no name of a model, a truth or a file
    reaches who proposes or judges. Findings that tell of the same answers become one hypothesis; OUT gets
    recovered.json and recovered.md besides the run. The same model twice is a control: what is found is a false alarm.
    The same command goes on where it stopped.
    """
    with errors_as_messages(resumes=True):
        from diptych.cli.intervene.recovering import recover_pair

        recover_pair(context)
