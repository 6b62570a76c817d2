"""The folder of a training: begun, gone on with, whole."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from diptych._types import Json
from diptych.apps.interventions.model_card import model_card
from diptych.errors import RunError
from diptych.utils.files import write_atomic, writing
from diptych.utils.text import json_text, parse_json

CHECKPOINTS = "checkpoints"
WHOLE = "whole"
"""Lies in a checkpoint that was written to its end."""
_PROVENANCE, _IDENTITY = "provenance.json", "training.json"
GOES_ON = "The same command goes on from the last checkpoint that is whole."


def begin(folder: Path, identity: Json) -> Json | None:
    """Make the folder, or find what is there.

    Parameters
    ----------
    folder : of the training
    identity : of the training

    Returns
    -------
    dict or None
        ``provenance.json`` where it is done already

    Raises
    ------
    RunError
        If something else lies there, or it cannot be written.
    """
    place = folder / _IDENTITY
    try:
        known = parse_json(place.read_bytes())
    except FileNotFoundError:
        if folder.is_dir() and any(folder.iterdir()):
            raise RunError(f"{folder} exists and holds no training. Give another --out.") from None
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_atomic(place, (json_text(identity) + "\n").encode())
        return None
    except (OSError, ValueError) as error:
        raise RunError(f"{place} is damaged: {error}. Remove {folder}, or give another --out.") from error
    if different := [name for name in identity if known.get(name) != identity[name]]:
        raise RunError(f"{folder} holds a training with other {', '.join(different)}. Give another --out.")
    done = folder / _PROVENANCE
    return parse_json(done.read_bytes()) if done.is_file() else None


def last_checkpoint(folder: Path) -> str | None:
    """The last that was written to its end, or None.

    Parameters
    ----------
    folder : of the training
    """
    whole = [path.parent for path in (folder / CHECKPOINTS).glob(f"checkpoint-*/{WHOLE}")]
    last = max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
    return None if last is None else str(last)


def write_trained(folder: Path, model: Any, tokenizer: Any, provenance: Json, *, base: str) -> None:
    """Write the weights, the model card and, last, ``provenance.json``; then let go of the checkpoints.

    Parameters
    ----------
    folder : of the training
    model : torch model, or PEFT adapter on one
    tokenizer : that goes with a whole model; None for an adapter
    provenance : of the training
    base : name of the model before
    """
    made = folder / "made"
    shutil.rmtree(made, ignore_errors=True)
    if tokenizer is None:
        model.save_pretrained(made, save_embedding_layers=False)
    else:
        model.save_pretrained(made)
        tokenizer.save_pretrained(made)
    write_atomic(made / "README.md", model_card(provenance, base).encode())
    for path in sorted(made.iterdir()):
        path.replace(folder / path.name)
    made.rmdir()
    write_atomic(folder / _PROVENANCE, (json_text(provenance) + "\n").encode())
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
