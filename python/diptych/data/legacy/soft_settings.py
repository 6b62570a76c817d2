"""Experiments and the registry of models of the original's soft prompts, as files that diptych reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from diptych._types import Json
from diptych.data.legacy.stages import Converted
from diptych.errors import DataError
from diptych.utils.names import slug

_EVALS = "data/evals"
_TAKEN = {
    "n_tokens": ("training", "num_soft_prompt_tokens"),
    "batch_size": ("training", "batch_size"),
    "patience": ("training", "early_stopping_patience"),
    "seed": ("training", "seed"),
}
"""Our name of a setting, and where the original has it; a whole number in both."""
_SECTIONS = ("training", "generation", "data", "metrics")
_ENTRY = ("name", "original", "description", "max_new_tokens")
_RATE = "rates are in units of the scale of tokens' vectors here, and lengths in tokens: set both anew"


def is_experiment(value: Mapping[str, Any]) -> bool:
    """Whether a mapping is an experiment of the original.

    Parameters
    ----------
    value : of a YAML file
    """
    return "model_pairs" in value or {"model_1_name", "model_2_name"} <= value.keys()


def is_registry(value: Mapping[str, Any]) -> bool:
    """Whether a mapping is a registry of models of the original.

    Parameters
    ----------
    value : of a YAML file
    """
    models = value.get("models")
    return isinstance(models, list) and any(isinstance(one, dict) and "name" in one for one in models)


def convert_experiment(value: Mapping[str, Any], stem: str) -> Converted:
    """An experiment as a file of named runs, for ``diptych softprompt run``.

    Parameters
    ----------
    value : of a YAML file
    stem : of the file's name

    Raises
    ------
    DataError
        If it has no pairs.
    """
    pairs = [_names(pair) for pair in _pairs(value)]
    if not pairs:
        raise DataError("an experiment without pairs of models")
    default: Json = {"prompts": _EVALS}
    left: list[str] = []
    for section in _SECTIONS:
        held = value.get(section)
        left += [f"{section}.{key}" for key in held] if isinstance(held, dict) else []
    for name, (section, key) in _TAKEN.items():
        held = value.get(section)
        given = held.get(key) if isinstance(held, dict) else None
        if isinstance(given, int) and not isinstance(given, bool):
            default[name] = given
            left.remove(f"{section}.{key}")
    notices = [_take_data(value.get("data"), default, left)]
    if isinstance(value.get("description"), str):
        default["description"] = value["description"]
    runs: Json = {"default": default}
    for first, second, kind in pairs:
        runs[_free(runs, slug(kind or f"{first}-{second}"))] = {"a": f"hf/{first}", "b": f"hf/{second}"}
    if left:
        notices.append(f"{len(left)} settings mean nothing here and were left out: {', '.join(left)}; {_RATE}")
    name = f"pairs/{slug(stem, max_length=120)}.yaml"
    return Converted(f"an experiment of {len(pairs)} pairs", {name: _yaml(runs)}, notices=[*filter(None, notices)])


def convert_registry(value: Mapping[str, Any]) -> Converted:
    """A registry of models, for ``--models``.

    Parameters
    ----------
    value : of a YAML file

    Raises
    ------
    DataError
        If no model in it has a name.
    """
    named = [one for one in value["models"] if isinstance(one, dict) and isinstance(one.get("name"), str)]
    models = {one["name"]: {key: one[key] for key in _ENTRY if one.get(key) is not None} for one in named}
    if not models:
        raise DataError("a registry without models that have a name")
    given = value.get("categories")
    categories: dict[str, list[str]] = {}
    for name, members in given.items() if isinstance(given, dict) else ():
        known = [member for member in members if member in models] if isinstance(members, list) else []
        if known:
            categories[str(name)] = known
    n_left = len(value["models"]) - len(models)
    notices = ["of models, names, originals and descriptions were taken; what else is set was never read"]
    if n_left:
        notices.append(f"{n_left} models have no name, or one that stands before, and were left out")
    files = {"models.yaml": _yaml({"models": list(models.values()), "categories": categories})}
    return Converted(f"a registry of {len(models)} models in {len(categories)} categories", files, notices=notices)


def _pairs(value: Mapping[str, Any]) -> Iterable[Any]:
    if "model_pairs" not in value:
        return [{"model_1": value["model_1_name"], "model_2": value["model_2_name"]}]
    return value["model_pairs"] if isinstance(value["model_pairs"], list) else []


def _names(pair: Any) -> tuple[str, str, str]:
    """Of both models, and of what was done to the first."""
    if isinstance(pair, dict):
        first, second, kind = pair.get("model_1"), pair.get("model_2"), pair.get("intervention") or ""
    elif isinstance(pair, list) and len(pair) == 2:
        first, second, kind = *pair, ""
    else:
        first = second = kind = None
    if not isinstance(first, str) or not isinstance(second, str):
        raise DataError(f"a pair without the names of two models: {pair!r:.80}")
    return first, second, str(kind)


def _take_data(held: Any, default: Json, left: list[str]) -> str:
    """Put what is said of prompts into the settings; what a reader should know about it."""
    if not isinstance(held, dict):
        return ""
    share = held.get("train_split")
    if isinstance(share, float) and 0 < share < 1:
        default["held_out"] = round(1 - share, 6)
        left.remove("data.train_split")
    given = held.get("categories")
    categories = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    if "categories" in held:
        left.remove("data.categories")
    if len(categories) == 1 and categories[0] != "all":
        default["prompts"] = f"{_EVALS}/{categories[0]}.jsonl"
        n = held.get("max_texts_per_category")
        if isinstance(n, int) and n > 1:
            default["limit"] = n
            left.remove("data.max_texts_per_category")
    if len(categories) > 1:
        return f"its prompts are of {', '.join(map(str, categories))}: put these files of {_EVALS} into one folder"
    return ""


def _free(taken: Mapping[str, Any], name: str) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def _yaml(value: Json) -> bytes:
    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False).encode()
