"""``diptych contrast explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Unpack

import typer

from diptych.cli import asking, asking_file
from diptych.cli import settings as flags
from diptych.cli.asking_flags import ArmsFlags, spelled_out
from diptych.cli.console import Exit, errors_as_messages
from diptych.cli.contrast import flags as contrast_flags
from diptych.cli.contrast.flags import CONTRAST
from diptych.cli.settings import METHOD, OUTPUT, option

CHECKS = "Checks of what was found"


@spelled_out
def explain(
    context: typer.Context,
    a: Annotated[str, typer.Argument(help="hf/<id or folder>: the model before; or a file of its natural answers.")],
    b: Annotated[str, typer.Argument(help="hf/…, or hf/base+adapter: the model after; or a file of its answers.")],
    texts_a: Annotated[
        Path | None, option("texts-a", "Texts that speak for A, in place of a contrast.", CONTRAST, "made, or none")
    ] = None,
    texts_b: Annotated[
        Path | None, option("texts-b", "Texts that speak for B, in place of a contrast.", CONTRAST, "made, or none")
    ] = None,
    contrast_prompts: Annotated[
        Path | None, option("contrast-prompts", "File of prompts for the contrast.", CONTRAST, "the same prompts")
    ] = None,
    contrast_draws: Annotated[
        int, option("contrast-draws", "Texts of the contrast to each prompt.", CONTRAST, "1", least=1)
    ] = 1,
    contrast_limit: Annotated[
        int | None, option("contrast-limit", "Contrast at most so many prompts.", CONTRAST, "all", least=1)
    ] = None,
    rule: contrast_flags.Rule = None,
    weight: contrast_flags.Weight = None,
    plausibility: Annotated[
        float | None, option("plausibility", "Least share of the likeliest token's probability.", CONTRAST, "0.001")
    ] = None,
    nucleus: contrast_flags.Nucleus = None,
    gating: contrast_flags.Gating = None,
    contrast_clusters: flags.ContrastClusters = None,
    name_a: flags.NameA = None,
    name_b: flags.NameB = None,
    prompt_field: flags.PromptField = None,
    response_field: flags.ResponseField = None,
    group_field: flags.GroupField = None,
    limit: flags.Limit = None,
    lenses: Annotated[
        str | None,
        option("lenses", "Other lenses, besides that of the contrast, by commas.", METHOD, "none; claims for --claim"),
    ] = None,
    embedder: flags.Embedder = None,
    embedder_arg: flags.EmbedderArg = None,
    labeller: flags.Labeller = None,
    judge: flags.Judge = None,
    claim: flags.Claim = None,
    assistant: Annotated[
        str | None, option("assistant", "Model that helps to check what was found.", CHECKS, "none")
    ] = None,
    rephrase: Annotated[
        int, option("rephrase", "Prompts that the assistant says in other words, for a second test.", CHECKS, "0")
    ] = 0,
    written: Annotated[
        int, option("written", "Texts that the assistant writes to each description.", CHECKS, "0", least=0)
    ] = 0,
    alpha: flags.Alpha = None,
    fdr: flags.Fdr = None,
    resamples: flags.Resamples = None,
    seed: flags.Seed = None,
    config: asking_file.ConfigFile = None,
    threads: flags.Threads = None,
    cache_dir: flags.CacheDir = None,
    prompts: Annotated[
        Path | None, option("prompts", "File of prompts for models.", asking.ASKING, "those of the other arm")
    ] = None,
    draws: asking.Draws = 1,
    max_failures: asking.MaxFailures = "10%",
    out: Annotated[Path | None, option("out", "Folder of the run.", OUTPUT, "runs/A-vs-B")] = None,
    fork: asking.Fork = False,
    json: Annotated[bool, option("json", "Print proposed.json.", OUTPUT)] = False,
    fail_on_difference: Annotated[
        bool, option("fail-on-difference", "Exit with 100 when there are findings.", OUTPUT)
    ] = False,
    dry_run: Annotated[bool, option("dry-run", "Say what would be asked; ask nothing.", OUTPUT)] = False,
    **shared: Unpack[ArmsFlags],
) -> None:
    """Say what a contrast of two models brings out, and how often each does it by itself.

    Texts that one model likes and the other does not propose kinds, phrases and names of kinds; these are then looked
    for in natural answers of both, by the test of diptych compare. Two models of hf/… are contrasted and asked; with
    --texts-a and --texts-b, such texts are read; with files alone, one half of the answers proposes for the other.
    The same command goes on where it stopped.
    """
    with errors_as_messages(resumes=True):
        from diptych.cli.contrast.explaining import explain_pair

        any_found = explain_pair(context)
    if fail_on_difference and any_found:
        raise typer.Exit(Exit.DIFFERENCES)
