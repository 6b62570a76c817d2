"""``diptych bench``: benchmarks that a user can run."""

from __future__ import annotations

import json as json_module
from typing import Annotated

import typer

from diptych.cli.console import errors_as_messages, progress_on_stderr, say
from diptych.errors import ConfigError

app = typer.Typer(help="Benchmarks: the kernels against their peers.", no_args_is_help=True)


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
