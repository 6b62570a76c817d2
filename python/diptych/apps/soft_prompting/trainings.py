"""Trainings that lie below a folder: what each is for, how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from diptych._types import Json
from diptych.apps.soft_prompting import folder as files
from diptych.errors import RunError
from diptych.stats.multiplicity import holm
from diptych.utils.text import json_text, parse_json

_TAKEN = ("objective", "n_held_out", "none", "initial", "prompt", "noise_floor", "gain", "above_noise")
_HEADS = ("training", "tokens", "without", "with", "gain [95 %]", "p", "p of all", "")


def find_trainings(folder: Path) -> list[Json]:
    """What is known of each training in a folder and those below it, in the order of their names.

    Parameters
    ----------
    folder : that is searched

    Returns
    -------
    list of dict
        ``name``, of its folder; ``a``, ``b``, ``n_tokens``, ``n_steps``, ``n_done``, ``created``, and ``state``:
        ``done``, ``begun`` or ``damaged``, with the ``reason``. Of those that are done, what is in their summaries, and
        ``p_all``, the p-value of the gain corrected for all of them (Holm)

    Raises
    ------
    RunError
        If there is no such folder, or no training in it.
    """
    if not folder.is_dir():
        raise RunError(f"{folder}: no such folder. Give one in which there are trainings.")
    manifests = sorted(folder.rglob(files.MANIFEST), key=lambda path: path.parent)
    found = [row for path in manifests if (row := _describe(path, folder)) is not None]
    if not found:
        raise RunError(f"{folder}: no training of a soft prompt lies in this folder or below it")
    done = [row for row in found if row["state"] == "done"]
    corrected = holm(np.array([row["gain"]["p_value"] for row in done]))
    for row, p_all in zip(done, corrected.tolist(), strict=True):
        row["p_all"] = p_all
    return found


def _describe(path: Path, root: Path) -> Json | None:
    """A training; None for a folder of something else."""
    place = path.parent
    name = "." if place == root else place.relative_to(root).as_posix()
    try:
        manifest = parse_json(path.read_bytes())
        if manifest.get("application") != files.APPLICATION:
            return None
        settings = manifest["config"]
        row = {"name": name, **{key: settings[key] for key in ("a", "b", "n_tokens", "n_steps")}}
        row["created"] = manifest["created"]
        summary = files.read_object(place / files.SUMMARY)
        if summary is None:
            kept = files.read_object(place / files.CHECKPOINT) or {"n_done": 0}
            return {**row, "n_done": int(kept["n_done"]), "state": "begun"}
        row |= {"n_done": summary["n_steps"], "state": "done", **{key: summary[key] for key in _TAKEN}}
        _cells({**row, "p_all": float(row["gain"]["p_value"])})
        json_text(row)
        return row
    except (RunError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return {"name": name, "state": "damaged", "reason": f"{error}" if isinstance(error, RunError) else f"{error!r}"}


def training_lines(rows: Sequence[Json]) -> list[str]:
    """A table of trainings.

    Parameters
    ----------
    rows : from ``find_trainings``
    """
    table = [_HEADS, *(_cells(row) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(_HEADS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


def _cells(row: Json) -> tuple[str, ...]:
    if row["state"] == "damaged":
        return row["name"], "", "", "", "", "", "", f"damaged: {row['reason']}"
    tokens = str(row["n_tokens"])
    if row["state"] == "begun":
        return row["name"], tokens, "", "", "", "", "", f"{row['n_done']} of {row['n_steps']} steps"
    gain: dict[str, Any] = row["gain"]
    verdict = "above" if row["above_noise"] else "not above"
    return (
        row["name"], tokens, f"{row['none']:.4g}", f"{row['prompt']:.4g}",
        f"{gain['mean']:.4g} [{gain['low']:.4g}, {gain['high']:.4g}]", f"{gain['p_value']:.3g}",
        f"{row['p_all']:.3g}", f"{verdict} the noise",
    )  # fmt: skip
