"""``diptych rerun RUN``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.console import Exit, errors_as_messages, note, progress_on_stderr, say
from diptych.cli.settings import OUTPUT, CacheDir, Threads, check_threads, option
from diptych.utils.text import parse_json

if TYPE_CHECKING:
    from diptych.comparison.rerun import Rerun


def rerun(
    run: Annotated[Path, typer.Argument(help="Folder of a compare or an approve, or the manifest.json in it.")],
    out: Annotated[Path | None, option("out", "Folder of the new run.", OUTPUT, "a temporary one")] = None,
    threads: Threads = None,
    cache_dir: CacheDir = None,
    json: Annotated[bool, option("json", "Print the same as JSON.", OUTPUT)] = False,
) -> None:
    """Make a run again from its manifest, and say of each file whether it comes out the same, bit for bit.

    Files of responses, prompts and statements are looked up from the current folder. No model is asked: what it
    answered is in the run's ledger, and vectors that an interface was asked for in --cache-dir. Exit codes: 0 all the
    same, 1 something differs, 2 bad input.
    """
    with errors_as_messages(), tempfile.TemporaryDirectory(prefix="diptych-") as temporary:
        from diptych.utils.text import json_text

        made_in = run.parent if run.is_file() else run
        make_again = _way_of(made_in)
        with progress_on_stderr() as progress:
            made = make_again(
                made_in,
                out or Path(temporary) / "run",
                threads=check_threads(threads),
                cache_dir=cache_dir,
                progress=progress,
            )
        if json:
            say(json_text({"same": made.is_same, "files": made.outcomes, "changed": list(made.changed)}))
        else:
            for name, outcome in made.outcomes.items():
                say(f"{outcome:<10} {name}")
        for changed in made.changed:
            note(f"note: {changed}")
    if not made.is_same:
        raise typer.Exit(Exit.ERROR)


def _way_of(run: Path) -> Callable[..., Rerun]:
    """How a run is made again: each application knows its own."""
    try:
        application = parse_json((run / "manifest.json").read_bytes()).get("application")
    except (OSError, ValueError, AttributeError):
        application = None  # which the comparison's way tells
    if application == "approve":
        from diptych.apps.behavioural_clustering.rerun import rerun as make_again
    else:
        from diptych.comparison.rerun import rerun as make_again
    return make_again
