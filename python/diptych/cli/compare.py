"""``diptych compare A B``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from diptych.cli.console import Exit, errors_as_messages, note, progress_on_stderr, say
from diptych.errors import ConfigError

_INPUT = "Input"
_METHOD = "Method"
_OUTPUT = "Output"


def _option(flag: str, text: str, panel: str, default: str | bool = False, *, short: str = "") -> Any:
    """An option that is also ``DIPTYCH_<FLAG>`` in the environment."""
    names = [f"--{flag}", *([short] if short else [])]
    variable = "DIPTYCH_" + flag.upper().replace("-", "_")
    return typer.Option(
        *names, help=text, rich_help_panel=panel, envvar=variable, show_envvar=False, show_default=default
    )


_PARAMETER = {"score_fields": "score_field", "pairing": "paired"}
"""Settings whose flag has another name."""


def _place(context: typer.Context, setting: str) -> str:
    """The flag or the variable that gave a setting, for messages."""
    parameter = _PARAMETER.get(setting, setting)
    source = context.get_parameter_source(parameter)
    if source is not None and source.name == "ENVIRONMENT":
        return f"DIPTYCH_{parameter.upper()}"
    return f"--{parameter.replace('_', '-')}"


def _threads(given: int | None) -> int:
    if given is not None and given < 1:
        raise ConfigError(f"--threads = {given}: it should be at least 1")
    return given or os.cpu_count() or 1


def compare(
    context: typer.Context,
    a: Annotated[str, typer.Argument(help="Responses of the first model: .jsonl, .json, .csv, .parquet (.gz, .zst).")],
    b: Annotated[str, typer.Argument(help="Responses of the second model.")],
    name_a: Annotated[str | None, _option("name-a", "What to call A.", _INPUT, "its model, or its file")] = None,
    name_b: Annotated[str | None, _option("name-b", "What to call B.", _INPUT, "its model, or its file")] = None,
    prompt_field: Annotated[
        str | None, _option("prompt-field", "Field that holds the prompt.", _INPUT, "recognised")
    ] = None,
    response_field: Annotated[
        str | None, _option("response-field", "Field that holds the response.", _INPUT, "recognised")
    ] = None,
    on_bad_line: Annotated[
        str | None, _option("on-bad-line", "'skip' leaves out lines that are not JSON objects.", _INPUT, "error")
    ] = None,
    max_bad: Annotated[
        str | None, _option("max-bad", "Lines of a file that may be left out: 5, or 0.1%.", _INPUT, "0.1%")
    ] = None,
    score_field: Annotated[
        list[str] | None,
        _option("score-field", "Numeric field to test as a measure; repeat for more.", _INPUT),
    ] = None,
    paired: Annotated[
        bool | None,
        typer.Option(
            "--paired/--unpaired",
            help="Refuse files without common prompts / do not pair.",
            rich_help_panel=_INPUT,
            envvar="DIPTYCH_PAIRED",
            show_envvar=False,
            show_default="paired if prompts are common",
        ),
    ] = None,
    limit: Annotated[int | None, _option("limit", "Use at most so many prompts.", _INPUT, "all")] = None,
    lenses: Annotated[
        str | None, _option("lenses", "Who proposes measures, by commas.", _METHOD, "surface,phrases,clusters,regions")
    ] = None,
    embedder: Annotated[str | None, _option("embedder", "Turns responses into vectors.", _METHOD, "lexical")] = None,
    labeller: Annotated[str | None, _option("labeller", "Names clusters.", _METHOD, "keywords")] = None,
    alpha: Annotated[float | None, _option("alpha", "False discovery rate.", _METHOD, "0.05")] = None,
    resamples: Annotated[
        int | None, _option("resamples", "Resamples of the test.", _METHOD, "as many as the family asks for")
    ] = None,
    discovery_fraction: Annotated[
        float | None, _option("discovery-fraction", "Share of prompts in the first half.", _METHOD, "0.5")
    ] = None,
    cross_fit: Annotated[
        bool | None,
        typer.Option(
            "--cross-fit/--no-cross-fit",
            help="Let the halves change places / look at the first half only.",
            rich_help_panel=_METHOD,
            envvar="DIPTYCH_CROSS_FIT",
            show_envvar=False,
            show_default="cross-fit",
        ),
    ] = None,
    seed: Annotated[int | None, _option("seed", "Seed of everything random.", _METHOD, "0")] = None,
    config: Annotated[
        Path | None, _option("config", "YAML file of settings; flags go before it.", _METHOD, short="-c")
    ] = None,
    threads: Annotated[
        int | None, _option("threads", "Threads to use; changes no result.", _METHOD, "one per processor")
    ] = None,
    cache_dir: Annotated[Path | None, _option("cache-dir", "Keep embeddings here.", _METHOD, "not kept")] = None,
    out: Annotated[Path | None, _option("out", "Folder of the run.", _OUTPUT, "runs/A-vs-B")] = None,
    json: Annotated[bool, _option("json", "Print findings.json.", _OUTPUT)] = False,
    fail_on_difference: Annotated[
        bool, _option("fail-on-difference", "Exit with 100 when there are findings.", _OUTPUT)
    ] = False,
    dry_run: Annotated[bool, _option("dry-run", "Read, pair and split; then say what would be done.", _OUTPUT)] = False,
) -> None:
    """Say how the responses of two models differ, with statistics that hold.

    Every flag is also a DIPTYCH_<FLAG> environment variable. Exit codes: 0 done, 1 error, 2 bad input,
    100 differences found (with --fail-on-difference), 130 interrupted.
    """
    settings = {
        "name_a": name_a,
        "name_b": name_b,
        "prompt_field": prompt_field,
        "response_field": response_field,
        "on_bad_line": on_bad_line,
        "max_bad": max_bad,
        "score_fields": score_field or None,
        "pairing": None if paired is None else ("paired" if paired else "unpaired"),
        "limit": limit,
        "lenses": None if lenses is None else [name.strip() for name in lenses.split(",") if name.strip()],
        "embedder": embedder,
        "labeller": labeller,
        "alpha": alpha,
        "resamples": resamples,
        "discovery_fraction": discovery_fraction,
        "cross_fit": cross_fit,
        "seed": seed,
    }
    with errors_as_messages():
        from diptych.cli.runs import describe_plan, make_config, print_findings, run_comparison
        from diptych.comparison.run import prepare

        given = {key: value for key, value in settings.items() if value is not None}
        chosen = make_config(config, given, {key: _place(context, key) for key in given})
        n_threads = _threads(threads)
        prepared = prepare(a, b, config=chosen, threads=n_threads)
        if dry_run:
            for line in describe_plan(prepared, out):
                say(line)
            return
        with progress_on_stderr() as progress:
            folder, documents = run_comparison(prepared, out, threads=n_threads, cache_dir=cache_dir, progress=progress)
        print_findings(documents, folder, as_json=json)
        for notice in documents.findings["notices"]:
            note(f"note: {notice}")
    if fail_on_difference and documents.findings["findings"]:
        raise typer.Exit(Exit.DIFFERENCES)
