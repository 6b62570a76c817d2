"""What mining leaves on the disk, beside the ledger where models wrote the texts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diptych._types import Json
from diptych.apps.contrastive_decoding.mining.page import render_mined
from diptych.apps.contrastive_decoding.mining.run import Mined
from diptych.apps.contrastive_decoding.mining.summary import summarise_mined, token_rows
from diptych.apps.contrastive_decoding.plots import draw
from diptych.comparison.folder import LEDGER
from diptych.utils.files import new_folder, write_files, writing
from diptych.utils.text import csv_text, json_lines, json_text
from diptych.visualization.pages import files_of

PAGE = "mine.html"


def write_mined(folder: Path, mined: Mined, manifest: Json) -> Json:
    """Write ``tokens.csv``, ``ranked.jsonl``, every number in ``mine.jsonl``, the page, and ``manifest.json`` last.

    Parameters
    ----------
    folder : of the run; it is made unless the models' ledger is in it
    mined : what came of it
    manifest : models and inputs

    Returns
    -------
    dict
        what ``summary.json`` holds

    Raises
    ------
    RunError
        If it holds something else, or cannot be written.
    """
    summary = summarise_mined(mined)
    scored = [one.scored for one in mined.ranked]
    pictures = list(draw(scored))
    files = {
        "mine.jsonl": json_lines({**one.as_json(), "written_by": one.response.arm} for one in scored),
        "tokens.csv": csv_text(token_rows(mined)),
        "ranked.jsonl": json_lines(one.as_json() for one in mined.ranked),
        "summary.json": json_text(summary) + "\n",
        PAGE: render_mined(mined, summary, pictures),
    }
    plots = {f"plots/{name}": content for name, content in files_of(pictures).items()}
    with writing(folder), _place(folder) as place:
        write_files(place, {**files, **plots, "manifest.json": json_text(manifest) + "\n"})
    return summary


@contextmanager
def _place(folder: Path) -> Iterator[Path]:
    """The folder, where a ledger was written into it before; else a new one."""
    if (folder / LEDGER).exists():
        yield folder
        return
    with new_folder(folder) as place:
        yield place
