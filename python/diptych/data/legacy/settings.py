"""Named runs of the original's ``config.yaml``, as settings of ``diptych approve``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diptych._types import Json
from diptych.data.legacy.stages import model_name
from diptych.errors import DataError

_TAKEN = {
    "limit": ("data_settings", "n_statements"),
    "task": ("prompt_settings", "awareness_task"),
    "temperature": ("model_settings", "temperature"),
    "max_tokens": ("model_settings", "get_model_approval_max_tokens"),
    "n_clusters": ("clustering_settings", "n_clusters"),
    "seed": ("random_state",),
}
"""Our name of a setting, and where the original has it."""


_TRANSLATED = (
    "model_settings.models",
    "data_settings.datasets",
    "embedding_settings.client",
    "embedding_settings.embedding_model",
    "prompt_settings.approval_prompt_template",
)
"""Those that are taken in another form."""
_EVALS = "data/evals"
_MAX_CHARS = 149
"""The original left out statements of 150 characters and more, and had no setting for it."""


def is_settings(value: Mapping[str, Any]) -> bool:
    """Whether a mapping is a ``config.yaml`` of the original."""
    default = value.get("default")
    return isinstance(default, dict) and any(str(key).endswith("_settings") for key in default)


def read_runs(value: Mapping[str, Any]) -> tuple[Json, list[str]]:
    """The settings of each run, with ``default`` beneath them.

    Parameters
    ----------
    value : of the file

    Returns
    -------
    runs, left : settings by run under our names; and the names of the original's settings that were left out

    Raises
    ------
    DataError
        If a run is no mapping.

    Examples
    --------
    >>> runs, left = read_runs({"default": {"random_state": 1}, "mine": {"data_settings": {"n_statements": 5}}})
    >>> runs["mine"]
    {'limit': 5, 'seed': 1, 'max_chars': 149}
    """
    default = value.get("default") or {}
    runs: Json = {}
    left: set[str] = set()
    for name, own in value.items():
        if not isinstance(own, dict):
            raise DataError(f"run {name!r} is {type(own).__name__}, expected settings")
        whole = _over(default, own)
        runs["default" if name == "default" else str(name)] = _translated(whole)
        left |= set(_leaves(whole)) - {".".join(place) for place in _TAKEN.values()} - set(_TRANSLATED)
    return runs, sorted(left)


def _over(default: Mapping[str, Any], own: Mapping[str, Any]) -> Json:
    merged = dict(default)
    for key, value in own.items():
        below = merged.get(key)
        merged[key] = _over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _translated(whole: Mapping[str, Any]) -> Json:
    run: Json = {}
    for name, place in _TAKEN.items():
        value: Any = whole
        for key in place:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            run[name] = value
    models = (whole.get("model_settings") or {}).get("models")
    if isinstance(models, list):
        pairs = [pair if isinstance(pair, list) and len(pair) == 2 else ("", pair) for pair in models]
        run["models"] = [model_name(*pair) for pair in pairs]
    embedder = (whole.get("embedding_settings") or {}).get("embedding_model")
    if embedder:
        run["embedder"] = f"openai/{embedder}"
    datasets = (whole.get("data_settings") or {}).get("datasets")
    if isinstance(datasets, list) and datasets:
        run["statements"] = [_EVALS if name == "all" else f"{_EVALS}/{name}" for name in datasets]
    question = (whole.get("prompt_settings") or {}).get("approval_prompt_template")
    if isinstance(question, str) and "{statement}" in question:
        run["question"] = question
    return {**run, "max_chars": _MAX_CHARS}


def _leaves(value: Mapping[str, Any], above: str = "") -> list[str]:
    found: list[str] = []
    for key, below in value.items():
        found += _leaves(below, f"{above}{key}.") if isinstance(below, dict) else [f"{above}{key}"]
    return found
