"""Soft prompts on the disk: those of a training, and those of PEFT."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from diptych.errors import ConfigError, ModelError
from diptych.models.soft_prompts import ABOUT, START, SoftPrompt, read_tensors
from diptych.utils.extras import require_extra
from diptych.utils.files import new_folder, write_atomic, writing
from diptych.utils.text import json_text, parse_json

PEFT_CONFIG, PEFT_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_TENSOR = "prompt_embeddings"
"""What PEFT calls the vectors of a prompt."""


def find_soft_prompt(folder: str | Path) -> SoftPrompt:
    """The soft prompt of a folder: one that was saved, that of a training, or a prompt that PEFT tuned.

    Parameters
    ----------
    folder : where it lies

    Raises
    ------
    ModelError
        If there is none, or it is damaged.
    """
    place = Path(folder)
    if (place / "soft_prompt" / ABOUT).is_file():
        return SoftPrompt.load(place / "soft_prompt")
    if (place / PEFT_CONFIG).is_file():
        return import_peft(place)
    return SoftPrompt.load(place)


def export_peft(prompt: SoftPrompt, folder: str | Path, *, base: str) -> None:
    """Write a soft prompt as PEFT's prompt tuning does: ``PeftModel.from_pretrained(model, folder)`` reads it.

    Parameters
    ----------
    prompt : one that stands before everything and that both models read
    folder : that is made
    base : name of the model that it goes with, as the hub or the disk knows it

    Raises
    ------
    ConfigError
        If it stands elsewhere, or each model has its own: PEFT knows no such prompt.
    RunError
        If the folder exists and is not empty, or cannot be written.
    """
    require_extra("safetensors", extra="local")
    from safetensors.numpy import save

    if prompt.place != START or prompt.is_per_model:
        raise ConfigError(
            f"place = {prompt.place!r}, {len(prompt.vectors)} tables of vectors: PEFT puts one before everything. "
            f"Train with --place {START}, and without --per-model."
        )
    [vectors] = prompt.vectors
    config = {
        "peft_type": "PROMPT_TUNING",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "num_virtual_tokens": vectors.shape[0],
        "token_dim": vectors.shape[1],
        "num_transformer_submodules": 1,
        "prompt_tuning_init": "RANDOM",
        "inference_mode": True,
    }
    with writing(Path(folder)), new_folder(Path(folder)) as place:
        write_atomic(place / PEFT_CONFIG, (json_text(config) + "\n").encode())
        write_atomic(place / PEFT_WEIGHTS, save({_TENSOR: np.ascontiguousarray(vectors)}))


def import_peft(folder: str | Path) -> SoftPrompt:
    """A prompt that PEFT tuned, for causal language models; it stands before everything.

    Parameters
    ----------
    folder : with ``adapter_config.json`` and ``adapter_model.safetensors``

    Raises
    ------
    ModelError
        If it is no such prompt, or damaged.
    """
    place = Path(folder)
    try:
        config = parse_json((place / PEFT_CONFIG).read_bytes())
        kind, base = config["peft_type"], config.get("base_model_name_or_path") or "another model"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{place / PEFT_CONFIG} is damaged: {error}. Save it again.") from error
    if kind != "PROMPT_TUNING":
        raise ModelError(f"{place}: a PEFT adapter of type {kind}; only PROMPT_TUNING holds vectors of a prompt")
    found = read_tensors(place / PEFT_WEIGHTS)
    if _TENSOR not in found:
        raise ModelError(f"{place / PEFT_WEIGHTS} has no {_TENSOR}; found {', '.join(found) or 'nothing'}")
    return SoftPrompt((found[_TENSOR].astype(np.float32),), START, ({"name": str(base)},), {"made_by": "peft"})
