"""The folder of a run of approvals: written with its ledger in it, the manifest last."""

from __future__ import annotations

from pathlib import Path

from diptych._types import Json
from diptych.apps.behavioural_clustering.config import APPLICATION
from diptych.apps.behavioural_clustering.documents import arrays_of, summary_of, text_files
from diptych.apps.behavioural_clustering.page import render_report
from diptych.apps.behavioural_clustering.plots import draw
from diptych.apps.behavioural_clustering.run import Outcome
from diptych.comparison.hypotheses import read_chain
from diptych.errors import RunError
from diptych.utils.files import write_files, writing
from diptych.utils.text import json_text, parse_json
from diptych.visualization.pages import files_of


def write_approvals(outcome: Outcome, folder: Path) -> Json:
    """Write every file of a run, each whole or not at all, and ``manifest.json`` last; give ``findings.json``.

    Parameters
    ----------
    outcome : of the run
    folder : that holds its ledger

    Raises
    ------
    RunError
        If it cannot be written.
    """
    summary = summary_of(outcome)
    files = {name: text.encode() for name, text in text_files(outcome, summary).items()}
    files["approvals.npz"] = arrays_of(outcome)
    if outcome.writeup is not None:
        text = outcome.writeup.to_markdown(outcome.approvals, outcome.manifest["config"]["writer"])
        files["disagreements.md"] = text.encode()
    pictures = list(draw(outcome))
    files |= {f"plots/{name}": data for name, data in files_of(pictures).items()}
    files["report.html"] = render_report(
        summary,
        outcome.manifest,
        plots=pictures,
        writeup=outcome.writeup is not None,
    ).encode()
    files["manifest.json"] = (json_text(outcome.manifest) + "\n").encode()
    with writing(folder):
        write_files(folder, files)
    return summary


def read_approvals(folder: Path) -> tuple[Json, Json] | None:
    """``manifest.json`` and ``findings.json`` of a run that is complete; None where it is not.

    Parameters
    ----------
    folder : of the run

    Raises
    ------
    RunError
        If it holds a run of another kind, a file in it is damaged, or ``tested.jsonl`` is not as it was written.
    """
    if not (folder / "manifest.json").is_file():
        return None
    try:
        manifest = parse_json((folder / "manifest.json").read_bytes())
        if manifest.get("application") != APPLICATION:
            raise RunError(f"{folder} holds a run of another kind. Choose another --out.")
        summary = parse_json((folder / "findings.json").read_bytes())
        tested = (folder / "tested.jsonl").read_text(encoding="utf-8")
    except (OSError, ValueError, AttributeError) as error:
        raise RunError(f"{folder} is damaged: {error}. Choose another --out, or delete it.") from error
    try:
        n = len(read_chain(tested, "tested.jsonl"))
    except RunError as error:
        raise RunError(f"{folder} is not as it was written: {error}. Choose another --out, or delete it.") from error
    if n != summary["family_size"]:
        raise RunError(f"{folder} is not as it was written: tested.jsonl has {n} entries of {summary['family_size']}.")
    return manifest, summary
