"""``diptych report RUN``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diptych.cli.console import errors_as_messages, say


def report(run: Annotated[Path, typer.Argument(help="Folder of a run.")]) -> None:
    """Build report.html of a run again, from its files."""
    with errors_as_messages():
        from diptych.comparison.arms_folder import holds_arms, rewrite_arms
        from diptych.comparison.folder import rewrite_report

        say(str(rewrite_arms(run) if holds_arms(run) else rewrite_report(run)))
