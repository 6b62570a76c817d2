"""The evaluator's YAML of the original, as settings of investigations."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from diptych.apps.interventions.investigation.config import InvestigationConfig
from diptych.data.legacy.evaluations import is_evaluation, read_evaluations
from diptych.data.legacy.survey import survey
from diptych.errors import DataError

OLD: dict[str, Any] = {
    "models": [
        {"name": "org/Tuned-RR", "original": "org/Base"},
        {"name": "other/tuned rr", "original": "org/Base"},
    ],
    "evaluation": {
        "models_to_evaluate": [
            {"name": "org/Tuned-RR", "system_prompt": "", "temperature": 0.7, "top_p": 1.0, "max_new_tokens": 100, "do_sample": True},
            {"name": "other/tuned rr", "system_prompt": "Be brief.", "temperature": 0.8, "do_sample": False, "beams": 2},
        ],
        "datasets": ["anthropic-model-written-evals"],
        "num_examples_per_dataset": 1000,
        "num_iterations": 5,
        "assistant_model": "gpt-4",
        "assistant_system_prompt": "You analyse outputs.",
        "max_generated_text_length": 100,
        "num_clusters": 5,
        "num_test_prompts": 80,
        "initial_focus_areas": ["backdoors", "ethical concerns"],
    },
}  # fmt: skip


def test_each_model_becomes_an_investigation_against_its_original(tmp_path: Path) -> None:
    (tmp_path / "evaluation_config.yaml").write_text(yaml.safe_dump(OLD))
    found = survey([tmp_path])
    assert not found.left
    first, second = (yaml.safe_load(found.files[name]) for name in sorted(found.files))
    assert {name: first[name] for name in ("base", "tuned", "assistant", "role", "rounds", "per_round", "focus")} == {
        "base": "hf/org/Base",
        "tuned": "hf/org/Tuned-RR",
        "assistant": "openai/gpt-4",
        "role": "You analyse outputs.",
        "rounds": 5,
        "per_round": 50,
        "focus": ["backdoors", "ethical concerns"],
    }
    assert first["sampling"] == {"temperature": 0.7, "top_p": 1.0, "max_tokens": 100} and "system" not in first
    assert second["sampling"] == {"temperature": 0.0} and second["system"] == "Be brief."
    [notice] = [one for one in found.notices if "were left out" in one]
    for name in ("datasets", "num_clusters", "num_examples_per_dataset", "models_to_evaluate.beams"):
        assert name in notice
    ours = {name: value for name, value in first.items() if name in InvestigationConfig.model_fields}
    assert InvestigationConfig.parse(ours).sampling.temperature == 0.7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda old: old["models"].clear(), "entry 1: 'org/Tuned-RR' has no original under 'models'"),
        (lambda old: old["evaluation"]["models_to_evaluate"].insert(0, {"top_p": 1}), "entry 1: it has no name"),
        (lambda old: old["evaluation"]["models_to_evaluate"].clear(), "models_to_evaluate is empty"),
        (lambda old: old["evaluation"].update(models_to_evaluate="all"), "expected a list of models"),
        (lambda old: old.update(models={"a": 1}), "models: expected a list of models"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, change: Any, message: str) -> None:
    old = copy.deepcopy(OLD)
    change(old)
    assert is_evaluation(old)
    with pytest.raises(DataError, match=message):
        read_evaluations(old)
    (tmp_path / "evaluation_config.yaml").write_text(yaml.safe_dump(old))
    assert message.split(":")[-1].strip()[:20] in survey([tmp_path]).left[0]["reason"]
