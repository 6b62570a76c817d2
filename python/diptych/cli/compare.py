"""``diptych compare A B``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Unpack

import typer

from diptych.cli import asking, asking_file
from diptych.cli import settings as flags
from diptych.cli.asking_flags import ArmsFlags, spelled_out
from diptych.cli.console import Exit, errors_as_messages, note, progress_on_stderr, say
from diptych.cli.settings import INPUT, OUTPUT, option


@spelled_out
def compare(
    context: typer.Context,
    a: Annotated[
        str,
        typer.Argument(
            help="Responses of the first model: .jsonl, .json, .csv, .parquet (.gz, .zst); or a model: provider/model."
        ),
    ],
    b: Annotated[str, typer.Argument(help="The same of the second model. What is a file is taken as one.")],
    more: Annotated[
        list[str] | None, typer.Argument(help="Files of more models: every pair is compared, as one family.")
    ] = None,
    name_a: flags.NameA = None,
    name_b: flags.NameB = None,
    name: Annotated[
        list[str] | None, option("name", "Of more than two: what to call each, in order.", INPUT, "model, or file")
    ] = None,
    versus: Annotated[
        str, option("versus", "Of more than two: 'each' pair, or each against the 'rest'.", INPUT, "each")
    ] = "each",
    prompt_field: flags.PromptField = None,
    response_field: flags.ResponseField = None,
    on_bad_line: flags.OnBadLine = None,
    max_bad: flags.MaxBad = None,
    score_field: flags.ScoreField = None,
    likelihood_models: flags.LikelihoodModels = None,
    group_field: flags.GroupField = None,
    paired: Annotated[
        bool | None,
        option(
            "paired/--unpaired",
            "Refuse files without common prompts / do not pair.",
            INPUT,
            "paired if prompts are common",
        ),
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
    simultaneous: flags.Simultaneous = None,
    equivalent_within: flags.EquivalentWithin = None,
    seed: flags.Seed = None,
    config: asking_file.ConfigFile = None,
    threads: flags.Threads = None,
    cache_dir: flags.CacheDir = None,
    prompts: Annotated[
        Path | None, option("prompts", "File of prompts for models.", asking.ASKING, "those of the other arm")
    ] = None,
    draws: asking.Draws = 1,
    batch: asking.Batch = False,
    max_failures: asking.MaxFailures = "10%",
    out: Annotated[Path | None, option("out", "Folder of the run.", OUTPUT, "runs/A-vs-B")] = None,
    fork: asking.Fork = False,
    json: Annotated[bool, option("json", "Print findings.json.", OUTPUT)] = False,
    fail_on_difference: Annotated[
        bool, option("fail-on-difference", "Exit with 100 when there are findings.", OUTPUT)
    ] = False,
    dry_run: Annotated[bool, option("dry-run", "Read, pair and split; then say what would be done.", OUTPUT)] = False,
    **shared: Unpack[ArmsFlags],
) -> None:
    """Say how the responses of two models differ, with statistics that hold.

    An arm that is a model (provider/model, or a name from --models) is asked the prompts first; every answer is kept in
    the run's folder, and the same command goes on where it stopped. Every flag is also a DIPTYCH_<FLAG> environment
    variable. Exit codes: 0 done, 1 error, 2 bad input, 3 stopped by --max-cost, 100 differences found (with
    --fail-on-difference), 130 interrupted.
    """
    with errors_as_messages():
        from diptych.cli.arms import asked_arms, asked_readers, with_likelihood_of_arms
        from diptych.cli.costs import check_vectors_price
        from diptych.cli.runs import describe_plan, make_config, print_findings, run_comparison
        from diptych.cli.several import Several
        from diptych.comparison.prepare import prepare

        choices = asking.chosen(context)
        given = with_likelihood_of_arms(flags.given_settings(context), a, b)
        given = choices.full_names(given)
        places = {key: flags.place_of(context, key) for key in given}
        chosen = make_config(config, given, places, besides=asking_file.AskSettings.model_fields)
        check_vectors_price(chosen.embedder, chosen.embedder_args, choices.max_cost)
        n_threads = flags.check_threads(threads)
        if more:
            with asked_readers(context, choices, chosen) as readers:
                several = Several([a, b, *more], name or [], versus, chosen, out, n_threads, cache_dir, readers)
                any_found = several.run(dry_run=dry_run, as_json=json)
            raise typer.Exit(Exit.DIFFERENCES if fail_on_difference and any_found else 0)
        with (
            asked_readers(context, choices, chosen) as readers,
            asked_arms(context, choices, chosen, readers) as asked,
            progress_on_stderr() as progress,
        ):
            if dry_run and asked is not None:
                for line in asked.plan():
                    say(line)
                return
            sources: tuple[Any, Any] = (a, b)
            ledger = None
            if asked is not None:
                ledger, out = asked.open(), asked.folder
                sources = asked.answered(ledger, progress)
            prepared = prepare(*sources, config=chosen, threads=n_threads, readers=readers)
            if dry_run:
                for line in describe_plan(prepared, out, cache_dir, readers):
                    say(line)
                return
            folder, documents = run_comparison(
                prepared,
                out,
                threads=n_threads,
                cache_dir=cache_dir,
                progress=progress,
                readers=readers,
                ledger=ledger,
                fork=fork,
            )
        print_findings(documents, folder, as_json=json)
        for notice in documents.findings["notices"]:
            note(f"note: {notice}")
    if fail_on_difference and documents.findings["findings"]:
        raise typer.Exit(Exit.DIFFERENCES)
