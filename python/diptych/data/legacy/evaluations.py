"""The original's ``evaluation_config.yaml``, of its automated evaluator, as settings of investigations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from diptych._types import Json
from diptych.errors import DataError
from diptych.utils.names import slug

_TAKEN = {"num_iterations": "rounds", "num_test_prompts": "per_round", "initial_focus_areas": "focus"}
"""The original's name of a setting, and ours."""
_OF_MODELS = {"temperature": "temperature", "top_p": "top_p", "max_new_tokens": "max_tokens"}
_TRANSLATED = {"models_to_evaluate", "assistant_model", "assistant_system_prompt"}
_TRANSLATED_OF_MODELS = {"name", "system_prompt", "do_sample"}
_MOST_PROMPTS = 50
"""That an investigation asks for at once."""


def is_evaluation(value: Mapping[str, Any]) -> bool:
    """Whether a mapping is an ``evaluation_config.yaml`` of the original."""
    evaluation = value.get("evaluation")
    return isinstance(evaluation, dict) and "models_to_evaluate" in evaluation


def read_evaluations(value: Mapping[str, Any]) -> tuple[dict[str, Json], list[str]]:
    """An investigation for each model that was to be evaluated, against its original.

    Parameters
    ----------
    value : of the file

    Returns
    -------
    investigations, left : settings under our names, by a name for a file; and the settings that were left out

    Raises
    ------
    DataError
        If a model has no name, or no original; says which.

    Examples
    --------
    >>> found, left = read_evaluations({
    ...     "models": [{"name": "org/tuned", "original": "org/base"}],
    ...     "evaluation": {"models_to_evaluate": [{"name": "org/tuned", "do_sample": False}], "num_iterations": 5,
    ...                    "assistant_model": "gpt-4", "num_clusters": 5},
    ... })
    >>> found["org_tuned"]["tuned"], found["org_tuned"]["assistant"], found["org_tuned"]["sampling"], left
    ('hf/org/tuned', 'openai/gpt-4', {'temperature': 0.0}, ['num_clusters'])
    """
    evaluation, originals = value["evaluation"], dict(_originals(value.get("models") or []))
    shared = _shared(evaluation)
    found: dict[str, Json] = {}
    left = evaluation.keys() - _TAKEN.keys() - _TRANSLATED
    for number, model in enumerate(_listed(evaluation["models_to_evaluate"], "models_to_evaluate"), start=1):
        name = model.get("name")
        if not isinstance(name, str) or not name:
            raise DataError(f"models_to_evaluate, entry {number}: it has no name")
        if name not in originals:
            raise DataError(f"models_to_evaluate, entry {number}: {name!r} has no original under 'models'")
        left |= {f"models_to_evaluate.{key}" for key in model.keys() - _OF_MODELS.keys() - _TRANSLATED_OF_MODELS}
        own = {"base": f"hf/{originals[name]}", "tuned": f"hf/{name}", **shared, "sampling": _sampling(model)}
        if model.get("system_prompt"):
            own["system"] = str(model["system_prompt"])
        found[_free(slug(name, max_length=80), found)] = own
    if not found:
        raise DataError("models_to_evaluate is empty: there is nothing to investigate")
    return found, sorted(left)


def _listed(value: Any, what: str) -> Sequence[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise DataError(f"{what}: expected a list of models with their settings")
    return value


def _originals(models: Any) -> Iterator[tuple[str, str]]:
    for model in _listed(models, "models"):
        if isinstance(model.get("name"), str) and isinstance(model.get("original"), str):
            yield model["name"], model["original"]


def _shared(evaluation: Mapping[str, Any]) -> Json:
    shared: Json = {ours: evaluation[theirs] for theirs, ours in _TAKEN.items() if evaluation.get(theirs) is not None}
    if isinstance(shared.get("per_round"), int):
        shared["per_round"] = min(shared["per_round"], _MOST_PROMPTS)
    if assistant := evaluation.get("assistant_model"):
        provider = "anthropic" if str(assistant).startswith("claude") else "openai"
        shared["assistant"] = str(assistant) if "/" in str(assistant) else f"{provider}/{assistant}"
    if role := evaluation.get("assistant_system_prompt"):
        shared["role"] = str(role)
    return shared


def _sampling(model: Mapping[str, Any]) -> Json:
    """How answers are drawn; without sampling, at temperature 0."""
    drawn = {ours: model[theirs] for theirs, ours in _OF_MODELS.items() if model.get(theirs) is not None}
    if model.get("do_sample") is False:
        drawn = {"temperature": 0.0, **{name: value for name, value in drawn.items() if name == "max_tokens"}}
    return drawn


def _free(name: str, taken: Mapping[str, Any]) -> str:
    number = 1
    while (free := name if number == 1 else f"{name}-{number}") in taken:
        number += 1
    return free
