"""The folder of a trial: numbers, two comparisons, an analysis, and a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from diptych._types import Json
from diptych.apps.soft_prompting.analysis import Analysis
from diptych.apps.soft_prompting.conditions import Condition
from diptych.apps.soft_prompting.differing import Kind
from diptych.comparison.folder import writing
from diptych.data.prompts import Prompt
from diptych.utils.files import new_folder, write_files
from diptych.utils.text import json_line, json_text

WITH, WITHOUT = "with", "without"


@dataclass(frozen=True)
class Tried:
    """All that came of a trial.

    Parameters
    ----------
    prompts : that were answered
    conditions, analyses : with the prompt and without
    kinds : of difference under it
    decode : the text of some tokens
    """

    prompts: Sequence[Prompt]
    conditions: Mapping[str, Condition]
    analyses: Mapping[str, Analysis]
    kinds: Sequence[Kind]
    decode: Callable[[Sequence[int]], str]


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
    files = {
        "prompts.jsonl": "".join(map(json_line, _rows(tried))),
        "analysis.json": json_text({**analysis, "kinds": [kind.as_json() for kind in tried.kinds]}) + "\n",
        "summary.json": json_text(summary) + "\n",
        "manifest.json": json_text(manifest) + "\n",
    }
    with writing(folder), new_folder(folder) as place:
        for name, one in tried.conditions.items():
            one.compared.save(place / name)
        write_files(place, files)


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
