"""``diptych aa A``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli import asking
from diptych.cli import settings as flags
from diptych.cli.console import errors_as_messages, note, say
from diptych.cli.settings import INPUT, METHOD, OUTPUT, option
from diptych.utils.amounts import percent

if TYPE_CHECKING:
    from diptych.comparison.false_alarms import AAResult


def aa(
    context: typer.Context,
    a: Annotated[str, typer.Argument(help="Responses of one model: .jsonl, .json, .csv, .parquet (.gz, .zst).")],
    splits: Annotated[int, option("splits", "How many times.", METHOD, "100")] = 100,
    prompt_field: flags.PromptField = None,
    response_field: flags.ResponseField = None,
    on_bad_line: flags.OnBadLine = None,
    max_bad: flags.MaxBad = None,
    score_field: flags.ScoreField = None,
    likelihood_models: flags.LikelihoodModels = None,
    group_field: flags.GroupField = None,
    paired: Annotated[
        bool | None,
        option("paired/--unpaired", "Set draws against draws / split the prompts.", INPUT, "paired if all have draws"),
    ] = None,
    limit: flags.Limit = None,
    lenses: flags.Lenses = None,
    contrast_clusters: flags.ContrastClusters = None,
    embedder: flags.Embedder = None,
    embedder_arg: flags.EmbedderArg = None,
    embeddings: flags.Embeddings = None,
    embedding_field: flags.EmbeddingField = None,
    labeller: flags.Labeller = None,
    judge: flags.Judge = None,
    claim: flags.Claim = None,
    judge_pairs: flags.JudgePairs = None,
    judge_sentences: flags.JudgeSentences = None,
    alpha: flags.Alpha = None,
    fdr: flags.Fdr = None,
    resamples: flags.Resamples = None,
    discovery_fraction: flags.DiscoveryFraction = None,
    cross_fit: flags.CrossFit = None,
    seed: flags.Seed = None,
    config: flags.ConfigFile = None,
    threads: flags.Threads = None,
    cache_dir: flags.CacheDir = None,
    base_url: asking.BaseUrl = None,
    model_arg: asking.ModelArg = None,
    models: asking.Models = None,
    price: asking.PriceFlag = None,
    max_cost: asking.MaxCost = None,
    out: Annotated[
        Path | None,
        option("out", "Folder of the judge's answers, and of the result (aa.json).", OUTPUT, "runs/aa-A with a judge"),
    ] = None,
    json: Annotated[bool, option("json", "Print the result as JSON.", OUTPUT)] = False,
    dry_run: Annotated[bool, option("dry-run", "Read; then say what would be done.", OUTPUT)] = False,
) -> None:
    """Compare a model with itself, many times: how often would a difference be found where there is none?

    Each time its responses are split in two at random and compared, as `diptych compare` does it. Every flag is also a
    DIPTYCH_<FLAG> environment variable. A judge is asked anew in each split; its answers are kept, and the same command
    goes on where it stopped. Exit code 0, whatever the share of false alarms; 3 where --max-cost stopped it.
    """
    with errors_as_messages():
        from diptych.cli.aa_run import AARun
        from diptych.cli.arms import asked_readers
        from diptych.cli.costs import check_vectors_price
        from diptych.cli.runs import make_config
        from diptych.comparison.aa import ToSplit
        from diptych.utils.text import json_text

        choices = asking.chosen(context)
        given = choices.full_names(flags.given_settings(context))
        chosen = make_config(config, given, {key: flags.place_of(context, key) for key in given})
        check_vectors_price(chosen.embedder, chosen.embedder_args, max_cost)
        n_threads = flags.check_threads(threads)
        responses = ToSplit.read(a, chosen, n_threads)
        with asked_readers(context, choices, chosen) as readers:
            run = AARun(responses, chosen, splits, n_threads, cache_dir, readers, out)
            if dry_run:
                for line in run.describe():
                    say(line)
                return
            result = run.go()
        for line in [json_text(result.as_json())] if json else _lines(result):
            say(line)
        for notice in result.notices:
            note(f"note: {notice}")
        for warning in result.warnings:
            note(f"warning: {warning}")


def _lines(result: AAResult) -> Iterator[str]:
    from diptych.cli.runs import in_groups
    from diptych.comparison.report.format import probability

    share = result.false_alarms
    units = "prompts" if result.n_groups is None else "groups"
    dealt = "draws against draws, paired" if result.pairing == "paired" else f"{units} against {units}, unpaired"
    prompts = in_groups(result.n_prompts, result.n_groups, result.config.group_field)
    yield f"{result.source} against itself: {prompts}, {result.n_responses} responses; {dealt}"
    interval = f"95 % interval {100 * share.low:.1f} to {100 * share.high:.1f} %"
    yield f"{share.n_hits} of {share.n} splits with a finding: {100 * share.value:.1f} %, {interval}"
    yield f"wanted: at most {percent(result.config.alpha)}"
    yield ""
    yield "lens        measures a split   p ≤ 0.05   too small?"
    for check in result.lenses:
        measures = f"{check.n_tested / share.n:.1f}"
        small = f"{100 * check.n_small / check.n_tested:.1f} %" if check.n_tested else "–"
        verdict = f"p {probability(check.smallness.p_value).text}" if check.smallness else "–"
        yield f"{check.lens:<10}  {measures:>16}   {small:>8}   {verdict}"
    yield ""
    yield "too small?  one measure of each split (of regions, the strongest), one-sided Kolmogorov-Smirnov test:"
    yield "            that P(p ≤ x) is at most x for all x. p of counts may be greater than uniform, never smaller."
