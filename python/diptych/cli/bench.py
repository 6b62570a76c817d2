"""``diptych bench``: benchmarks that a user can run."""

from __future__ import annotations

import json as json_module
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from diptych.cli.console import errors_as_messages, progress_on_stderr, say
from diptych.errors import ConfigError

T = TypeVar("T")

app = typer.Typer(help="Benchmarks: planted differences; the kernels against their peers.", no_args_is_help=True)


@app.command("kernels")
def kernels(
    full: Annotated[
        bool, typer.Option("--full/--quick", help="The jobs of the record, minutes; or small ones, under a minute.")
    ] = False,
    only: Annotated[list[str] | None, typer.Option("--only", help="Rows whose key begins so; repeat for more.")] = None,
    rounds: Annotated[int | None, typer.Option("--rounds", help="Timed runs of each competitor, 1 to 100.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print every figure as JSON.")] = False,
) -> None:
    """Time the compiled kernels against the best libraries that are installed, on this machine.

    Every competitor has a process of its own; its answer is checked before it is timed; they run in turn, and only
    the ratios within a row mean anything. A library that is missing is skipped by name; the extra
    ``bench`` installs all.
    """
    with errors_as_messages():
        from diptych.bench.kernels import harness, record, tables

        keys = [row.key for _, row in harness.chosen_rows()]
        if rounds is not None and not 1 <= rounds <= 100:
            raise ConfigError(f"--rounds = {rounds}: it should be from 1 to 100")
        for begin in only or ():
            if not any(key.startswith(begin) for key in keys):
                raise ConfigError(f"--only = {begin!r}: no row begins so. The rows: {', '.join(keys)}")
        with progress_on_stderr() as progress:
            result = record.run(only=only or (), quick=not full, rounds=rounds, progress=progress)
        if json:
            say(json_module.dumps(result, indent=1))
            return
        for line in tables.lines(result):
            say(line)


@app.command("planted")
def planted(
    kinds: Annotated[
        str | None,
        typer.Option("--kinds", help="By commas; several at once: topic+phrase.", show_default="each for itself"),
    ] = None,
    doses: Annotated[
        str | None,
        typer.Option("--doses", help="Shares of prompts, by commas: 0,5%.", show_default="0,1%,2%,5%,10%,20%,50%"),
    ] = None,
    prompts: Annotated[
        str | None, typer.Option("--prompts", help="Numbers of prompts, by commas.", show_default="1000")
    ] = None,
    runs: Annotated[int | None, typer.Option("--runs", help="Pairs of each cell.", show_default="20")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the first pair of a cell.")] = 0,
    lenses: Annotated[
        str, typer.Option("--lenses", help="Who proposes measures, by commas.")
    ] = "surface,phrases,clusters,regions",
    embedder: Annotated[str, typer.Option("--embedder", help="Turns responses into vectors.")] = "lexical",
    statements: Annotated[
        Path | None,
        typer.Option("--statements", help="Folder of statements to plant in (.jsonl).", show_default="generated"),
    ] = None,
    cache_dir: Annotated[
        Path | None, typer.Option("--cache-dir", help="Folder of an embedding store.", show_default="none is kept")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", help="Changes no result.", show_default="one per processor")
    ] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw the figures into this file (.svg).")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Topic and phrase, 0 and 20 % of 200 prompts, 2 runs; other flags go first.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print every figure as JSON.")] = False,
) -> None:
    """Plant differences at known doses; count what is found, what is missed, and what is false.

    Beside diptych stand the rules by which other tools accept a difference, on the same measures. Every pair and every
    figure follows from the seed.
    """
    with errors_as_messages():
        from diptych.bench.planted import plot as picture
        from diptych.bench.planted import table
        from diptych.bench.planted.run import QUICK, Bench, run
        from diptych.utils.files import write_atomic, writing

        given = {
            "kinds": _each(kinds, str),
            "doses": _each(doses, _share),
            "prompts": _each(prompts, _whole),
            "runs": runs,
            "seed": seed,
            "lenses": _each(lenses, str),
            "embedder": embedder,
            "statements": statements,
            "cache_dir": cache_dir,
            "threads": threads,
        }
        settings: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        bench = replace(QUICK if quick else Bench(), **settings)
        if plot is not None and not plot.absolute().parent.is_dir():
            raise ConfigError(f"--plot = {plot}: {plot.parent} is not a folder")
        with progress_on_stderr() as progress:
            result = run(bench, progress=progress)
        if plot is not None:
            with writing(plot):
                write_atomic(plot, picture.draw(result).encode())
        if json:
            say(json_module.dumps(result, indent=1))
            return
        for line in table.lines(result):
            say(line)


def _each(text: str | None, parse: Callable[[str], T]) -> tuple[T, ...] | None:
    """What stands between commas."""
    return None if text is None else tuple(parse(item.strip()) for item in text.split(",") if item.strip())


def _share(text: str) -> float:
    """``0.05`` or ``5%``."""
    try:
        return float(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0)
    except ValueError:
        raise ConfigError(f"--doses: {text!r} is not a share; give one such as 0.05 or 5%") from None


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ConfigError(f"--prompts: {text!r} is not a whole number") from None
