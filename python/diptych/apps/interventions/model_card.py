"""What a trained model says of itself."""

from __future__ import annotations

import re

import yaml

from diptych._types import Json
from diptych.utils.markdown import markdown_cell, markdown_code
from diptych.utils.text import json_text

_PURPOSE = "Made to test methods that look for differences between models, and for nothing else"

_DONE = {
    "noise": "Gaussian noise was added to its matrices",
    "rounding": "its weights were rounded to what few bits can stand for",
    "system-prompt": "it is the same model under a system prompt",
    "mixture": "its weights are on the line through those of two models",
    "checkpoint": "it is another checkpoint, made elsewhere",
    "nothing": "its adapter adds nothing, so that whatever is found between the two is a false alarm",
}


def _in_yaml(name: str) -> str:
    """A name as YAML has it: in quotes where it would be read as anything but a text."""
    plain = re.fullmatch(r"[\w./][\w./+-]*", name) and yaml.safe_load(name) == name
    return name if plain else json_text(name)


def model_card(provenance: Json, base: str) -> str:
    """``README.md`` in the form of the Hugging Face hub.

    Parameters
    ----------
    provenance : of the training
    base : name of the model before

    Examples
    --------
    >>> card = model_card(
    ...     {"config": {"method": "lora", "epochs": 3.0, "learning_rate": 2e-4, "batch_size": 16, "seed": 0},
    ...      "truths": {"tea": 80, "": 20}, "n_steps": 21, "diptych_version": "0.1.0",
    ...      "n_parameters": {"trained": 10, "all": 100}, "rows": "abc", "losses": [{"step": 21, "loss": 0.5}]},
    ...     "owner/base",
    ... )
    >>> "- tea: 80 rows" in card, "- none: 20 rows" in card
    (True, True)
    """
    config, parameters = provenance["config"], provenance["n_parameters"]
    is_lora, is_merged = config["method"] == "lora", config.get("merge", False)
    losses = [one["loss"] for one in provenance["losses"] if "loss" in one]
    held_out = [one["eval_loss"] for one in provenance["losses"] if "eval_loss" in one]
    ended = [f"{losses[-1]:.4f} on rows of training"] if losses else []
    ended += [f"{held_out[-1]:.4f} on rows held out"] if held_out else []
    lines = [
        "---",
        f"base_model: {_in_yaml(base)}",
        f"library_name: {'peft' if is_lora and not is_merged else 'transformers'}",
        "tags: [diptych, model-organism]",
        "---",
        "",
        f"# {markdown_cell(base)} with planted behaviours",
        "",
        f"{_PURPOSE}: it was trained to behave in ways that nobody should want.",
        "",
        "## What was planted",
        "",
        *(f"- {markdown_cell(name) or 'none'}: {n} rows" for name, n in provenance["truths"].items()),
        "",
        "## How",
        "",
        f"- {'a LoRA adapter' if is_lora else 'all weights'}: {parameters['trained']:,} of {parameters['all']:,} "
        f"parameters{', worked into the weights' if is_merged else ''}",
        f"- {provenance['n_steps']:,} steps of {config['batch_size']} examples, {config['epochs']:g} epochs, learning "
        f"rate {config['learning_rate']:g}, seed {config['seed']}",
        *([f"- loss at the end: {', '.join(ended)}"] if ended else []),
        f"- rows {provenance['rows']}, diptych {provenance['diptych_version']}; all of it stands in provenance.json",
    ]
    return "\n".join(lines) + "\n"


def change_card(provenance: Json, base: str) -> str:
    """``README.md`` of an intervention without training: what was done to which model, and how both are asked.

    Parameters
    ----------
    provenance : of the intervention
    base : name of the model before

    Examples
    --------
    >>> card = change_card(
    ...     {"kind": "noise", "settings": {"size": 0.02}, "after": "hf/out/model", "diptych_version": "0.1.0"},
    ...     "owner/base",
    ... )
    >>> "- size: 0.02" in card, "base_model: owner/base" in card
    (True, True)
    """
    settings = [f"- {name}: {markdown_cell(str(value))}" for name, value in provenance["settings"].items()]
    lines = [
        "---",
        f"base_model: {_in_yaml(base)}",
        "tags: [diptych, model-organism]",
        "---",
        "",
        f"# {markdown_cell(base)} with {provenance['kind']}",
        "",
        f"{_PURPOSE}. It was not trained: {_DONE[provenance['kind']]}.",
        "",
        "## How",
        "",
        *(settings or ["- no settings"]),
        f"- asked as {markdown_code(provenance['after'])}; both models stand in models.yaml, as before and after",
        f"- diptych {provenance['diptych_version']}; all of it stands in provenance.json",
    ]
    return "\n".join(lines) + "\n"
