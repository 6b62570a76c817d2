"""What an investigation leaves on the disk, beside its ledger, and what of it is read back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from diptych._types import Json
from diptych.apps.interventions.blind_run import BlindRun, Measured
from diptych.apps.interventions.investigation.asking import Sample
from diptych.apps.interventions.investigation.hypotheses import Trial
from diptych.apps.interventions.investigation.page import render_investigation
from diptych.apps.interventions.investigation.run import Outcome
from diptych.apps.interventions.investigation.summary import as_document, summarise
from diptych.apps.interventions.recovery import NAMES
from diptych.comparison.hypotheses import read_chain
from diptych.errors import RunError
from diptych.utils.files import write_files, writing
from diptych.utils.text import json_lines, json_text, parse_json

PAGE = "investigation.html"
SUMMARY = "investigation.json"
_WRITTEN_DOWN, _TESTED = "hypotheses.jsonl", "tested.jsonl"


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
        _WRITTEN_DOWN: found.written_down,
        "seen.jsonl": json_lines(_seen(found.samples)),
        _TESTED: json_lines(_tested(found.trials)),
        "interactions.jsonl": json_lines(outcome.interactions),
        SUMMARY: json_text(summary) + "\n",
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


def read_investigation(folder: Path) -> BlindRun:
    """What an investigation found, as truths are held against it.

    Each hypothesis is one by itself: no two share a prompt, so that which tell of the same answers cannot be seen. They
    stand in the order of their statistics, as findings of a comparison do.

    Parameters
    ----------
    folder : of the investigation, which is over

    Raises
    ------
    RunError
        If it is not as it was written.
    """
    try:
        summary = parse_json((folder / SUMMARY).read_bytes())
        written = read_chain((folder / _WRITTEN_DOWN).read_text(encoding="utf-8"), _WRITTEN_DOWN)
        lines = (folder / _TESTED).read_text(encoding="utf-8").split("\n")
        kinds = {one["id"]: one["kind"] for one in written}
        return _as_blind_run(summary, kinds, [parse_json(line) for line in lines if line])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RunError) as error:
        said = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise RunError(f"{folder} is damaged: {said}. The same intervene investigate again writes it anew.") from error


def _as_blind_run(summary: Json, kinds: Mapping[str, str], rows: Sequence[Json]) -> BlindRun:
    tested = [one for one in summary["hypotheses"] if one["outcome"] != "not tested"]
    tested.sort(key=lambda one: (-abs(one["statistic"]), one["number"]))
    measured = [_measured(one, kinds[one["measure"]], rows) for one in tested]
    found = [said for one, said in zip(tested, measured, strict=True) if one["outcome"] == "found"]
    return BlindRun(
        kind="investigation",
        responses=tuple(str(row["response"]) for row in rows),
        is_after=np.array([row["arm"] == NAMES[1] for row in rows], dtype=np.bool_),
        hypotheses=tuple((said,) for said in found),
        n_findings=len(found),
    )


def _measured(one: Json, kind: str, rows: Sequence[Json]) -> Measured:
    """A hypothesis, with the answers that it was tested on."""
    number = one["number"]
    values = [row["score"] if row["hypothesis"] == number and row["score"] is not None else math.nan for row in rows]
    there = [row for row, value in zip(rows, values, strict=True) if not math.isnan(value)]
    of_both = set.intersection(*({row["prompt_id"] for row in there if row["arm"] == arm} for arm in NAMES))
    if len(of_both) != one["n_prompts"]:
        raise ValueError(
            f"hypothesis {number} was tested on {one['n_prompts']} prompts, of which {len(of_both)} are in {_TESTED}"
        )
    return Measured(str(one["statement"]), np.array(values, np.float64), kind == "indicator", one["effect"] > 0)
