"""``diptych softprompt run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli import asking
from diptych.cli.console import Exit, errors_as_messages, note, progress_on_stderr, say
from diptych.cli.settings import INPUT, OUTPUT, option
from diptych.cli.softprompt import texts
from diptych.cli.softprompt.train import Quick, say_quick

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from diptych.apps.soft_prompting.registry import Run

FileOfRuns = Annotated[Path, typer.Argument(metavar="FILE", help="YAML file: names, with settings under each.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Of the runs that are wanted; else all.")]


def run(
    file: FileOfRuns,
    names: Names = None,
    out: Annotated[Path | None, option("out", "Folder of all; each run has its own in it.", OUTPUT, "needed")] = None,
    models: Annotated[str | None, option("models", "YAML file of models and categories.", INPUT, "by FILE")] = None,
    quick: Quick = False,
    model_arg: asking.ModelArg = None,
    max_mib: texts.MaxMib = 128,
    dry_run: Annotated[bool, option("dry-run", "Say what would be trained; load nothing.", OUTPUT)] = False,
    json: Annotated[bool, option("json", "Print experiment.json.", OUTPUT)] = False,
) -> None:
    """Train soft prompts for several pairs of models, one after the other, and set what came of them side by side.

    FILE holds runs: a name, and under it settings of 'softprompt train', on top of those under 'default'. A run is for
    the pair a and b, or for a category of a file of models: each model of it with the one it was made from. The same
    command goes on where it was stopped. A pair that cannot be trained on is named, and the others go on.
    """
    with errors_as_messages(resumes=True):
        from diptych.apps.soft_prompting.config import QUICK
        from diptych.apps.soft_prompting.experiment import run_experiment
        from diptych.apps.soft_prompting.registry import read_runs
        from diptych.apps.soft_prompting.trainings import training_lines
        from diptych.errors import ConfigError
        from diptych.models.registry import parse_options
        from diptych.utils.text import json_text

        runs = read_runs(file, names or (), models=models, over=QUICK if quick else None)
        if quick:
            say_quick()
        if dry_run:
            for line in _plan(runs):
                say(line)
            return
        if out is None:
            raise ConfigError("--out is missing: give the folder of all runs")
        with progress_on_stderr() as progress:
            found = run_experiment(
                runs, out, options=parse_options(model_arg or ()), max_bytes=max_mib << 20, progress=progress
            )
        for line in [json_text(found)] if json else [*training_lines(found["trainings"]), "", str(out)]:
            say(line)
        for one in found["failed"]:
            note(f"{one['name']} failed: {one['reason']}")
        if found["failed"]:
            raise typer.Exit(Exit.ERROR)


def _plan(runs: Sequence[Run]) -> Iterator[str]:
    for one in runs:
        config, counts = one.config, ", ".join(map(str, one.counts))
        yield f"{one.name}: {config.a} against {config.b}"
        yield f"  {counts} vectors, at most {config.n_steps} steps each, prompts of {config.prompts}"
