"""``diptych demo``."""

from __future__ import annotations

import os
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from diptych.cli.console import errors_as_messages, note, progress_on_stderr, say


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the two runs.")] = Path("runs/demo"),
) -> None:
    """Compare two pairs of built-in corpora: one with planted differences, one with none. Offline, no key."""
    with errors_as_messages(), as_file(files("diptych") / "demo_data") as data:
        for title, second in (("Four differences were planted", "after"), ("Nothing was planted", "control")):
            say(f"{title}: before.jsonl against {second}.jsonl")
            say()
            _compare(data / "before.jsonl", data / f"{second}.jsonl", out / f"before-vs-{second}")
            say()
        say(f"What was planted, and what follows from it: {data / 'PLANTED.md'}")


def _compare(a: Path, b: Path, folder: Path) -> None:
    from diptych.cli.runs import print_findings, run_comparison
    from diptych.comparison.config import CompareConfig
    from diptych.comparison.prepare import prepare

    threads = os.cpu_count() or 1
    prepared = prepare(a, b, config=CompareConfig(), threads=threads)
    with progress_on_stderr() as progress:
        folder, documents = run_comparison(prepared, folder, threads=threads, cache_dir=None, progress=progress)
    print_findings(documents, folder, as_json=False)
    for notice in documents.findings["notices"]:
        note(f"note: {notice}")
