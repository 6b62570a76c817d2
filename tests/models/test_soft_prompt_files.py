"""Soft prompts of PEFT: what we write it reads, with the same scores; what it tuned we read; other adapters are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.errors import ConfigError, ModelError
from diptych.models.manager import ModelManager, quiet
from diptych.models.prompted import PromptedModel, Row
from diptych.models.soft_prompt_files import PEFT_CONFIG, PEFT_WEIGHTS, export_peft, find_soft_prompt, import_peft
from diptych.models.soft_prompts import SoftPrompt
from diptych.models.templates import Around
from tests.helpers.tiny_models import needs_torch, save_adapter, save_tiny

pytestmark = needs_torch


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / "base")


def prompt(place: str = "start") -> SoftPrompt:
    return SoftPrompt((np.random.default_rng(0).normal(0, 0.3, (5, 96)).astype(np.float32),), place)


def peft_scores(base: Path, folder: Path, ids: list[int]) -> Any:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    with quiet(), torch.no_grad():
        model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder).eval()
        return model(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long)).logits[0]


def test_what_is_exported_gives_the_same_scores_in_peft(base: Path, tmp_path: Path) -> None:
    import torch

    soft = prompt()
    export_peft(soft, tmp_path / "peft", base=str(base))
    ids = [7, 8, 9, 10]
    model = PromptedModel(ModelManager("cpu", "float32").load(str(base)))
    states = model.states([Row(Around((), ()), tuple(ids))], torch.from_numpy(soft.vectors[0]))
    ours = model.parts.head(states).detach()
    theirs = peft_scores(base, tmp_path / "peft", ids)[4 : 4 + len(ids)]
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    again = find_soft_prompt(tmp_path / "peft")
    assert again.place == "start" and (again.vectors[0] == soft.vectors[0]).all()


def test_what_peft_saved_is_read(base: Path, tmp_path: Path) -> None:
    from peft import PromptTuningConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    with quiet():
        model = get_peft_model(
            AutoModelForCausalLM.from_pretrained(base), PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)
        )
        model.save_pretrained(tmp_path)
    own = model.prompt_encoder["default"].embedding.weight.detach().numpy()
    assert (import_peft(tmp_path).vectors[0] == own).all()


def test_a_place_that_peft_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="place = 'prefix'.*--place start"):
        export_peft(prompt("prefix"), tmp_path / "peft", base="base")
    assert not (tmp_path / "peft").exists()


def test_other_adapters_and_damaged_files_are_refused(base: Path, tmp_path: Path) -> None:
    save_adapter(base, tmp_path / "lora")
    with pytest.raises(ModelError, match="of type LORA; only PROMPT_TUNING"):
        find_soft_prompt(tmp_path / "lora")
    export_peft(prompt(), tmp_path / "peft", base="base")
    (tmp_path / "peft" / PEFT_WEIGHTS).write_bytes(b"x")
    with pytest.raises(ModelError, match=f"{PEFT_WEIGHTS} is damaged"):
        find_soft_prompt(tmp_path / "peft")
    (tmp_path / "peft" / PEFT_CONFIG).write_text(json.dumps({"a": 1}))
    with pytest.raises(ModelError, match=f"{PEFT_CONFIG} is damaged"):
        find_soft_prompt(tmp_path / "peft")
