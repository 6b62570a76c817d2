"""The folder of a trial: numbers, two comparisons, an analysis, and a page."""

from __future__ import annotations

from pathlib import Path

from diptych._types import Json
from diptych.apps.soft_prompting.page import render_trial
from diptych.apps.soft_prompting.trial_plots import draw_trial
from diptych.apps.soft_prompting.tried import Tried
from diptych.utils.files import new_folder, write_files, writing
from diptych.utils.text import json_lines, json_text
from diptych.visualization.pages import files_of


def write_trial(folder: Path, tried: Tried, summary: Json, manifest: Json) -> None:
    """Write it; the folder appears when all of it is whole.

    Parameters
    ----------
    folder : that is made
    tried : what came of it
    summary : in numbers
    manifest : models and inputs

    Raises
    ------
    RunError
        If it exists and is not empty, or cannot be written.
    """
    analysis = {name: one.as_json() for name, one in tried.analyses.items()}
    pictures = draw_trial(tried.conditions)
    files: dict[str, str | bytes] = {
        "report.html": render_trial(tried, summary, pictures),
        "prompts.jsonl": json_lines(_rows(tried)),
        "analysis.json": json_text({**analysis, "kinds": [kind.as_json() for kind in tried.kinds]}) + "\n",
        "summary.json": json_text(summary) + "\n",
        "manifest.json": json_text(manifest) + "\n",
    }
    with writing(folder), new_folder(folder) as place:
        for name, one in tried.conditions.items():
            one.compared.save(place / name)
        write_files(place, files | {f"plots/{name}": page for name, page in files_of(pictures).items()})


def _rows(tried: Tried) -> list[Json]:
    ids = sorted({prompt.prompt_id for prompt in tried.prompts})
    text = {prompt.prompt_id: prompt.text for prompt in tried.prompts}
    return [
        {
            "prompt_id": prompt_id,
            "prompt": text[prompt_id],
            **{
                name: {"kl_ab": float(one.kl[0][i]), "kl_ba": float(one.kl[1][i])}
                for name, one in tried.conditions.items()
            },
        }
        for i, prompt_id in enumerate(ids)
    ]
