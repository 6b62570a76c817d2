"""An experiment: soft prompts for several pairs, one after the other, each in a folder of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from diptych._types import Json, Progress
from diptych.apps.soft_prompting.curve import train_each
from diptych.apps.soft_prompting.registry import Run
from diptych.apps.soft_prompting.trainings import find_trainings
from diptych.errors import ConfigError, DataError, LedgerError, MissingExtraError, ModelError, RunError
from diptych.models.divergence import MAX_BYTES
from diptych.utils.files import write_files, writing
from diptych.utils.text import json_text

SUMMARY = "experiment.json"


def run_experiment(
    runs: Sequence[Run], folder: Path, *, options: Json | None = None, max_bytes: int = MAX_BYTES, progress: Progress
) -> Json:
    """Train on each pair, or go on where it stopped; one that cannot be trained on does not keep the others from it.

    Parameters
    ----------
    runs : from ``read_runs``
    folder : of all; each run has its own below it
    options, max_bytes, progress : as for ``train``

    Returns
    -------
    dict
        ``trainings``, as ``find_trainings`` gives them, and ``failed``, runs with the reason; it stands in
        ``experiment.json``

    Raises
    ------
    LedgerError
        If another process is at one of them.
    ConfigError, DataError, ModelError, RunError
        If no run can be trained on: why the last cannot.
    """
    failed: list[Json] = []
    for number, run in enumerate(runs, start=1):
        progress.say(f"{number} of {len(runs)}: {run.name}: {run.config.a} against {run.config.b}")
        try:
            train_each(
                run.config, run.counts, folder / run.name, options=options, max_bytes=max_bytes, progress=progress
            )
        except (LedgerError, MissingExtraError):
            raise
        except (ConfigError, DataError, ModelError, RunError) as error:
            if len(failed) == len(runs) - 1:
                raise
            progress.say(f"{run.name} failed: {error}")
            failed.append({"name": run.name, "a": run.config.a, "b": run.config.b, "reason": str(error)})
    summary: Json = {"schema": 1, "trainings": find_trainings(folder), "failed": failed}
    with writing(folder):
        write_files(folder, {SUMMARY: json_text(summary) + "\n"})
    return summary
