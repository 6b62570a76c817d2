"""``diptych import FILE|FOLDER… --out DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diptych.cli.console import errors_as_messages, note, progress_on_stderr, say
from diptych.cli.settings import OUTPUT, option

_SHOWN = 20


def import_(
    paths: Annotated[list[Path], typer.Argument(help="Files of the original research code, or folders of them.")],
    out: Annotated[Path, option("out", "New folder to write.", OUTPUT)],
    cache_dir: Annotated[Path | None, option("cache-dir", "Store of embeddings.", OUTPUT, "OUT/vectors")] = None,
    json: Annotated[bool, option("json", "Print summary.json.", OUTPUT)] = False,
) -> None:
    """Bring along what an old run left: responses, approvals, prompts, settings, tables, arrays, embeddings.

    Nothing that a file holds is run: stages are read as plain data, and a file that asks for more is named and left.
    OUT holds responses/ (for diptych compare), approvals/, catalogue.json, settings.yaml, runs.jsonl, prompts/ and
    instructions/ (for diptych contrast prompts), truths/ and rows/ (for diptych intervene data), investigations/ (for
    diptych intervene investigate -c), pairs/ (for diptych softprompt run), models.yaml (for --models), hypotheses/ and
    the texts that were judged by them, tables/, arrays/, the store vectors/, and summary.json: what was taken, what was
    left, and why. P-values of the original are not taken.
    """
    with errors_as_messages():
        from diptych.data.legacy.survey import survey
        from diptych.embeddings.importing import write_import
        from diptych.utils.text import json_text

        found = survey(paths)
        with progress_on_stderr() as progress:
            summary = write_import(found, out, cache_dir=cache_dir, progress=progress)
        for notice in summary["notices"]:
            note(f"note: {notice}")
        for entry in summary["left"][:_SHOWN]:
            note(f"left: {entry['source']}: {entry['reason']}")
        if len(summary["left"]) > _SHOWN:
            note(f"left: {len(summary['left']) - _SHOWN} more; {out / 'summary.json'} names them")
        if json:
            say(json_text(summary))
            return
        for entry in summary["taken"]:
            say(f"{entry['source']}: {entry['what']}")
        n_files = sum(len(entry["files"]) for entry in summary["taken"])
        say(f"{out}: {n_files} files, {summary['n_vectors']:,} new vectors; {len(summary['left'])} files were left")
