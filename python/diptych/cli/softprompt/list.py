"""``diptych softprompt list``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diptych.cli.console import errors_as_messages, say
from diptych.cli.settings import OUTPUT, option


def list_(
    folder: Annotated[Path, typer.Argument(help="Of one training, or of many: it is searched to its leaves.")],
    json: Annotated[bool, option("json", "Print the same as JSON.", OUTPUT)] = False,
) -> None:
    """Say how far the trainings in a folder are, and what came of those that are done; only reads.

    The p-value of each gain stands beside the one that is corrected for all of them (Holm).
    """
    with errors_as_messages():
        from diptych.apps.soft_prompting.trainings import find_trainings, training_lines
        from diptych.utils.text import json_text

        found = find_trainings(folder)
        for line in [json_text({"schema": 1, "trainings": found})] if json else training_lines(found):
            say(line)
