"""``diptych approve MODEL… --statements F``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

import typer

from diptych._types import Json
from diptych.cli import asking
from diptych.cli import settings as flags
from diptych.cli.asking_flags import AskingFlags, spelled_out
from diptych.cli.console import errors_as_messages, note, progress_on_stderr, say, typed
from diptych.cli.costs import check_vectors_price, describe_embedding, describe_readers, dollars, spent_in_words
from diptych.cli.settings import INPUT, METHOD, OUTPUT, option
from diptych.errors import ConfigError
from diptych.utils.files import as_written

if TYPE_CHECKING:
    from diptych.apps.behavioural_clustering.asking import Asked
    from diptych.apps.behavioural_clustering.config import ApproveConfig
    from diptych.apps.behavioural_clustering.run import ApproveRun
    from diptych.comparison.readers import Reader
    from diptych.models.prices import Estimate

_NAMES = {
    "models": "models_asked",
    "sections": "section",
    "n_clusters": "clusters",
    "embedder_args": "embedder_arg",
}
"""Settings whose flag has another name in the signature."""
_OF_HELPERS = ("base_url_helpers", "model_arg_helpers", "price_helpers")


@spelled_out
def approve(
    context: typer.Context,
    models_asked: Annotated[
        list[str] | None, typer.Argument(metavar="MODEL...", help="provider/model[@revision], or names from --models.")
    ] = None,
    statements: Annotated[
        list[str] | None, option("statements", "File or folder of statements; repeat for more.", INPUT)
    ] = None,
    catalogue: Annotated[
        str | None, option("catalogue", "JSON file of system messages, {section: {label: text}}.", INPUT, "built-in")
    ] = None,
    section: Annotated[list[str] | None, option("section", "Of the catalogue; repeat for more.", INPUT, "all")] = None,
    task: Annotated[str | None, option("task", "Stands for <X> in the messages.", INPUT, "judge a text")] = None,
    question: Annotated[str | None, option("question", "What is asked, with {statement}.", INPUT, "approval")] = None,
    max_chars: Annotated[int | None, option("max-chars", "Leave out longer statements.", INPUT, "none")] = None,
    limit: Annotated[int | None, option("limit", "Use at most so many statements.", INPUT, "all")] = None,
    config: flags.ConfigFile = None,
    run: Annotated[str | None, option("run", "Run of the YAML file.", INPUT, "default")] = None,
    draws: asking.Draws = 1,
    base_url_helpers: Annotated[
        str | None, option("base-url-helpers", "--base-url of reader, writer, labeller and judge.", asking.ASKING)
    ] = None,
    model_arg_helpers: Annotated[
        list[str] | None, option("model-arg-helpers", "--model-arg of these; repeat for more.", asking.ASKING)
    ] = None,
    price_helpers: Annotated[str | None, option("price-helpers", "--price of these.", asking.ASKING, "listed")] = None,
    max_failures: asking.MaxFailures = "10%",
    batch: asking.Batch = False,
    reader: Annotated[str | None, option("reader", "Model that reads unclear answers.", METHOD, "nobody")] = None,
    writer: Annotated[str | None, option("writer", "Model that writes up disagreements.", METHOD, "nobody")] = None,
    labeller: flags.Labeller = None,
    judge: Annotated[
        str | None, option("judge", "Model that judges the names of the labeller.", METHOD, "the labeller")
    ] = None,
    embedder: flags.Embedder = None,
    embedder_arg: flags.EmbedderArg = None,
    clusters: Annotated[int | None, option("clusters", "Clusters of statements.", METHOD, "by their number")] = None,
    seed: flags.Seed = None,
    alpha: flags.Alpha = None,
    fdr: flags.Fdr = None,
    threads: flags.Threads = None,
    cache_dir: flags.CacheDir = None,
    out: Annotated[Path | None, option("out", "Folder of the run.", OUTPUT, "runs/approvals")] = None,
    fork: asking.Fork = False,
    json: Annotated[bool, option("json", "Print findings.json.", OUTPUT)] = False,
    dry_run: Annotated[bool, option("dry-run", "Say what would be asked and cost; ask nothing.", OUTPUT)] = False,
    **shared: Unpack[AskingFlags],
) -> None:
    """Ask models whether they approve of statements, under personas and framings; compare them cluster by cluster.

    Every persona is a system prompt from a catalogue, whose sections are free. Answers are kept in the run's folder the
    moment they come; the same command again goes on, and answers of runs beside it are not asked again. Every flag is
    also a DIPTYCH_<FLAG> environment variable, and every setting may stand in a YAML file of named runs.
    """
    with errors_as_messages(resumes=True), ExitStack() as stack:
        from diptych.apps.behavioural_clustering.run import ApproveRun

        settings, choices = _settings(context), asking.chosen(context)
        check_vectors_price(settings.embedder, settings.embedder_args, choices.max_cost)
        asked = [_open(name, choices, stack, settings) for name in settings.models]
        helpers = _open_helpers(context, settings, choices, stack)
        n_threads = flags.check_threads(threads)
        prepared = ApproveRun.prepare(settings, asked, helpers=helpers, threads=n_threads)
        folder = out if out is not None and not fork else _free(prepared, out)
        if dry_run:
            _plan(prepared, folder, cache_dir)
            return
        summary = _run(prepared, folder, choices, cache_dir=cache_dir, threads=n_threads)
        with as_written(folder):
            _print(summary, folder, as_json=json)


def _settings(context: typer.Context) -> ApproveConfig:
    from diptych.apps.behavioural_clustering.config import ApproveConfig, parse_config, read_named_run

    given = context.params
    if given["run"] is not None and given["config"] is None:
        raise ConfigError(f"--run {given['run']}: give the YAML file of runs with --config")
    values, places = read_named_run(given["config"], given["run"]) if given["config"] is not None else ({}, {})
    for name in ApproveConfig.model_fields:
        flag = _NAMES.get(name, name)
        source = context.get_parameter_source(flag)
        if given[flag] not in (None, [], ()) and source is not None and source.name != "DEFAULT":
            values[name] = given[flag]
            places[name] = "MODEL" if name == "models" else flags.place_of(context, flag)
    return parse_config(values, places)


def _open(name: str, choices: asking.Choices, stack: ExitStack, settings: ApproveConfig) -> Asked:
    """A model, open, and its price; it must take the sampling of the run."""
    from diptych.apps.behavioural_clustering.asking import Asked
    from diptych.models.prices import Budget

    spec = choices.spec(name)
    Budget(spec.price, choices.max_cost)
    model = spec.open()
    stack.callback(model.close)
    model.check(settings.sampling)
    return Asked(model, spec.price)


def _open_helpers(
    context: typer.Context, settings: ApproveConfig, choices: asking.Choices, stack: ExitStack
) -> dict[str, Reader]:
    """By role; a model of several roles is opened once."""
    from diptych.comparison.readers import Reader

    useless = next((name for name in _OF_HELPERS if context.params[name]), None)
    if useless is not None and not settings.helpers:
        raise ConfigError(
            f"{flags.place_of(context, useless)}: no model helps. Name one, such as --reader PROVIDER/MODEL"
        )
    choices = choices.of_helpers(context.params)
    opened: dict[str, Reader] = {}
    for name in settings.helpers.values():
        spec = choices.spec(name)
        if choices.max_cost is not None and spec.price is None:
            raise ConfigError(
                f"--max-cost cannot be kept: the price of {spec.name} is unknown.\n"
                "Give it with --price-helpers IN,OUT, in US dollars for a million tokens."
            )
        if name not in opened:
            opened[name] = Reader.open(spec, choices.max_cost)
            stack.callback(opened[name].model.close)
    return {role: opened[name] for role, name in settings.helpers.items()}


def _free(prepared: ApproveRun, out: Path | None) -> Path:
    """``runs/approvals``, or the folder that was wanted; with a number where another run lies."""
    from diptych.apps.behavioural_clustering.asking import LEDGER_CONFIG
    from diptych.comparison.folder import LEDGER, free_place, identity_in
    from diptych.models.ledger import read_config

    identity = prepared.manifest()["identity"]

    def is_ours(folder: Path) -> bool:
        if (folder / "manifest.json").exists():
            return bool(identity_in(folder) == identity)
        return read_config(folder / LEDGER) == LEDGER_CONFIG

    return free_place(out or Path("runs") / "approvals", is_ours)


def _plan(prepared: ApproveRun, folder: Path, cache_dir: Path | None) -> None:
    from diptych.apps.behavioural_clustering.expected import expected_helpers
    from diptych.comparison.folder import LEDGER
    from diptych.models.prices import sum_estimates

    config, personas, n = prepared.config, prepared.catalogue.personas, len(prepared.statements)
    say(f"{n} statements, {len(prepared.models)} models, {len(personas)} personas; draws: {config.draws}")
    say("personas: " + "; ".join(f"{one.section}: {one.label}" for one in personas))
    totals: dict[str, list[Estimate]] = {}
    for generation, missing in prepared.elicitation.missing(folder / LEDGER):
        totals.setdefault(generation.model.name, []).append(missing)
    for name, estimates in totals.items():
        left = sum_estimates(estimates)
        price = "unknown" if left.max_usd is None else f"at most about {dollars(left.max_usd)}"
        say(f"{name}: {left.n_requests} of {n * len(personas) * config.draws} requests to ask")
        say(f"  tokens: about {left.input_tokens:,} in, at most {left.max_output_tokens:,} out; price: {price}")
    for line in describe_readers(expected_helpers(prepared)):
        say(line)
    for line in describe_embedding(config.embedder, config.embedder_args, prepared.statements.texts, cache_dir):
        say(line)
    for notice in prepared.statements.notices:
        note(f"note: {notice}")
    say(f"would write {folder}")


def _run(prepared: ApproveRun, folder: Path, choices: asking.Choices, *, cache_dir: Path | None, threads: int) -> Json:
    from diptych.apps.behavioural_clustering.folder import read_approvals, write_approvals
    from diptych.cli.runs import refuse_other_run

    there = read_approvals(folder)
    if there is not None:
        refuse_other_run(folder, there[0], prepared.manifest())
        note(f"{folder} already holds this very run; nothing was asked again")
        return there[1]
    with progress_on_stderr() as progress:
        outcome = prepared.run(
            folder,
            cache_dir=cache_dir,
            threads=threads,
            progress=progress,
            max_cost=choices.max_cost,
            max_failures=choices.max_failures,
            command=typed(),
        )
    note(f"asked in all: {spent_in_words(outcome.spent)}")
    return write_approvals(outcome, folder)


def _print(summary: Json, folder: Path, *, as_json: bool) -> None:
    from diptych.apps.behavioural_clustering.summary import lines_of
    from diptych.utils.text import json_text

    for notice in summary["notices"]:
        note(f"note: {notice}")
    if as_json:
        say(json_text(summary))
        return
    for line in lines_of(summary):
        say(line)
    say(f"report: {folder / 'report.html'}")
