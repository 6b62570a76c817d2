"""The folder of a transfer matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from diptych._types import Json, Progress
from diptych.apps.soft_prompting.found import Found
from diptych.apps.soft_prompting.sequences import Asking
from diptych.apps.soft_prompting.transfer import Transfer, check_pairs, transfer
from diptych.apps.soft_prompting.trial import usable
from diptych.comparison.manifest import describe_manifest
from diptych.data.prompts import Prompt, Prompts
from diptych.utils.files import check_new_folder, new_folder, write_files, writing
from diptych.utils.text import csv_text, json_lines, json_text


def run_transfer(
    prompts: Mapping[str, Found],
    pairs: Sequence[tuple[str, str]],
    asked: Prompts,
    folder: Path,
    *,
    loading: Json,
    asking: Asking,
    progress: Progress,
) -> Json:
    """Try every prompt on every pair, and write ``transfer.json``, ``transfer.csv``, ``prompts.jsonl`` and a picture.

    Parameters
    ----------
    prompts : by name
    pairs : of names, ``hf/…``
    asked : prompts that are answered; those that any was made on are left out
    folder : that is made
    loading : how models are loaded
    asking : how they answer
    progress : where it says how far it is

    Returns
    -------
    dict
        what stands in ``transfer.json``

    Raises
    ------
    ConfigError, DataError, ModelError
        If models and prompts do not fit.
    RunError
        If the folder exists and is not empty, or cannot be written.
    """
    check_new_folder(folder)
    used = usable(asked, list(prompts.values()))
    check_pairs(list(prompts.values()), pairs, loading)
    found = transfer(prompts, pairs, used, options=loading, asking=asking, progress=progress)
    cells = [cell.as_json() for cell in found.cells]
    summary = {
        "schema": 1,
        "n_prompts": len(used),
        "n_left_out": len(asked) - len(used),
        "cells": cells,
        "specificity": {name: one.as_json() for name, one in found.specific.items()},
    }
    files: dict[str, str | bytes] = {
        "prompts.jsonl": json_lines(_rows(found, used)),
        "transfer.csv": csv_text(_table(cells)),
        "transfer.json": json_text(summary) + "\n",
        "manifest.json": json_text(_manifest(prompts, pairs, asked, asking)) + "\n",
    }
    if find_spec("plotly") is not None:
        from diptych.apps.soft_prompting.plots import draw_transfer

        files["transfer.html"] = draw_transfer(cells)
    with writing(folder), new_folder(folder) as place:
        write_files(place, files)
    return summary


def _table(cells: Sequence[Json]) -> list[list[object]]:
    plain = ("prompt", "pair", "form", "is_home", "none", "under")
    of_gain = ("mean", "low", "high", "p_value")
    head = [*plain, "gain", "gain_low", "gain_high", "p_value", "q_value"]
    rows = [
        [*(cell[name] for name in plain), *(cell["gain"][name] for name in of_gain), cell["q_value"]] for cell in cells
    ]
    return [list(head), *rows]


def _rows(found: Transfer, used: Sequence[Prompt]) -> list[Json]:
    ids = sorted({prompt.prompt_id for prompt in used})
    return [
        {"prompt": cell.prompt, "pair": cell.pair, "prompt_id": prompt_id, "gain": float(gain)}
        for cell, gains in zip(found.cells, found.gains, strict=True)
        for prompt_id, gain in zip(ids, gains, strict=True)
    ]


def _manifest(prompts: Mapping[str, Found], pairs: Sequence[tuple[str, str]], asked: Prompts, asking: Asking) -> Json:
    settings = {"draws": asking.draws, "max_tokens": asking.max_tokens, "seed": asking.seed}
    own = {"prompts": {name: one.digest for name, one in prompts.items()}, "pairs": [list(pair) for pair in pairs]}
    inputs = [{"source": asked.source, "sha256": asked.digest}]
    identity = {**own, "config": settings, "inputs": [asked.digest]}
    more = {"application": "softprompt transfer", **own}
    return describe_manifest(inputs, settings, identity, seeds={"answers": asking.seed}, more=more)
