"""What scoring leaves on the disk: every number, the summary, and the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from diptych._types import Json
from diptych.apps.contrastive_decoding.page import render_scores
from diptych.apps.contrastive_decoding.plots import draw
from diptych.apps.contrastive_decoding.scoring import ScoredText
from diptych.apps.contrastive_decoding.terms import by_likelier, compare_terms
from diptych.utils.files import new_folder, write_files, writing
from diptych.utils.text import json_lines, json_text
from diptych.visualization.pages import files_of


def write_scores(folder: Path, texts: Sequence[ScoredText], summary: Json, manifest: Json, *, a: str, b: str) -> None:
    """Write ``scores.jsonl``, ``summary.json``, ``scores.html``, ``manifest.json``; the folder appears when whole.

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
    pictures = list(draw(texts))
    terms = compare_terms(*([one.response.response for one in side] for side in by_likelier(texts)))
    files = {
        "scores.jsonl": json_lines(text.as_json() for text in texts),
        "summary.json": json_text(summary) + "\n",
        "scores.html": render_scores(texts, summary, a=a, b=b, terms=terms, pictures=pictures),
        "manifest.json": json_text(manifest) + "\n",
    }
    plots = {f"plots/{name}": content for name, content in files_of(pictures).items()}
    with writing(folder), new_folder(folder) as place:
        write_files(place, {**files, **plots})
