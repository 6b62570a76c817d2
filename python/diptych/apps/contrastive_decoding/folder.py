"""What scoring leaves on the disk: every number, the summary, and the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from diptych._types import Json
from diptych.apps.contrastive_decoding.page import render_scores
from diptych.apps.contrastive_decoding.scoring import ScoredText
from diptych.comparison.folder import writing
from diptych.utils.files import new_folder, write_atomic
from diptych.utils.text import json_line, json_text


def write_scores(folder: Path, texts: Sequence[ScoredText], summary: Json, manifest: Json, *, a: str, b: str) -> None:
    """Write ``scores.jsonl``, ``summary.json``, ``scores.html`` and ``manifest.json``; the folder appears when whole.

    Parameters
    ----------
    folder : that is made
    texts, summary : scored, and in a few lines
    manifest : models and inputs
    a, b : names of the models

    Raises
    ------
    RunError
        If it exists and is not empty, or cannot be written.
    """
    files = {
        "scores.jsonl": "".join(json_line(text.as_json()) for text in texts),
        "summary.json": json_text(summary) + "\n",
        "scores.html": render_scores(texts, summary, a=a, b=b),
        "manifest.json": json_text(manifest) + "\n",
    }
    with writing(folder), new_folder(folder) as place:
        for name, text in files.items():
            write_atomic(place / name, text.encode())
