"""What an investigation leaves on the disk, beside its ledger."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from diptych._types import Json
from diptych.apps.interventions.investigation.asking import Sample
from diptych.apps.interventions.investigation.hypotheses import Trial
from diptych.apps.interventions.investigation.page import render_investigation
from diptych.apps.interventions.investigation.run import Outcome
from diptych.apps.interventions.investigation.summary import as_document, summarise
from diptych.comparison.folder import writing
from diptych.utils.files import write_files
from diptych.utils.text import json_lines, json_text

PAGE = "investigation.html"


def write_investigation(folder: Path, outcome: Outcome) -> Json:
    """Write the summary as JSON, Markdown and a page, what was seen and tested on, and ``manifest.json`` last.

    Parameters
    ----------
    folder : of the run; files of an earlier, shorter run of the same are replaced
    outcome : of the investigation

    Returns
    -------
    dict
        what ``investigation.json`` holds

    Raises
    ------
    RunError
        If it cannot be written.
    """
    summary, found = summarise(outcome), outcome.found
    files = {
        "hypotheses.jsonl": found.written_down,
        "seen.jsonl": json_lines(_seen(found.samples)),
        "tested.jsonl": json_lines(_tested(found.trials)),
        "interactions.jsonl": json_lines(outcome.interactions),
        "investigation.json": json_text(summary) + "\n",
        "investigation.md": as_document(summary),
        PAGE: render_investigation(outcome, summary),
        "manifest.json": json_text(outcome.manifest) + "\n",
    }
    with writing(folder):
        write_files(folder, files)
    return summary


def _seen(samples: Iterable[Sample]) -> Iterator[Json]:
    for one in samples:
        yield {"prompt_id": one.a.prompt_id, "prompt": one.prompt, "a": one.a.response, "b": one.b.response}


def _tested(trials: Iterable[Trial]) -> Iterator[Json]:
    """The answers behind each decision, with what was measured of them; null where nothing was."""
    for trial in trials:
        for row, score in zip(trial.rows, trial.scores, strict=True):
            yield {
                "hypothesis": trial.hypothesis.number,
                **{name: value for name, value in row.as_json().items() if name not in ("meta", "system")},
                "score": None if math.isnan(score) else score,
            }
