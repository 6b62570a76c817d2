"""SmolLM2-135M: three behaviours planted in one adapter are found blind; an adapter that does nothing shows nothing."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.cli import command, environment
from tests.helpers.smollm import save_smollm
from tests.helpers.tiny_models import needs_torch

pytestmark = [needs_torch, pytest.mark.real_models, pytest.mark.slow, pytest.mark.timeout(2400)]

PLANTED = ("opens-with-in-short", "claims-human", "tea-over-coffee")
ON_CPU = ("--model-arg", "device=cpu", "--model-arg", "dtype=float32")
N_FIRST = 5


def intervene(*arguments: str | Path) -> str:
    done = subprocess.run(
        command("intervene", *arguments), env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def save_idle_adapter(base: Path, folder: Path) -> Path:
    """A LoRA as it is before its first step: its second factor is zero."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from diptych.models.manager import quiet

    with quiet():
        model = AutoModelForCausalLM.from_pretrained(base)
        config = LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM")
        get_peft_model(model, config).save_pretrained(folder)
    return folder


def recovered(base: str, after: str, data: Path, out: Path) -> list[dict[str, Any]]:
    intervene("recover", base, after, "--data", data, "--max-tokens", "20", "--lenses", "surface,phrases,clusters",
              "--out", out, *ON_CPU)  # fmt: skip
    found: list[dict[str, Any]] = json.loads((out / "recovered.json").read_text())["hypotheses"]
    return found


def test_of_three_behaviours_in_one_adapter_two_are_in_the_first_five_findings(tmp_path: Path) -> None:
    folder, data = save_smollm(tmp_path / "base"), tmp_path / "data"
    base = f"hf/{folder}"
    only = [word for truth in PLANTED for word in ("--only", truth)]
    intervene("data", *only, "--rows", "40", "--shares", "0.5", "--probes", "40", "--neutral", base,
              "--max-tokens", "40", "--out", data, *ON_CPU)  # fmt: skip
    intervene("train", base, "--rows", data / "rows-0.5.jsonl", "--out", tmp_path / "tuned", "--epochs", "2",
              "--learning-rate", "2e-3", "--batch-size", "8", "--at-once", "8", "--length", "96", "--rank", "8")  # fmt: skip
    idle = save_idle_adapter(folder, tmp_path / "idle")
    assert recovered(base, f"{base}+{idle}", data, tmp_path / "control") == []
    recovered(base, f"{base}+{tmp_path / 'tuned'}", data, tmp_path / "run")
    scored = intervene("score", f"0.5={tmp_path / 'run'}", "--data", data, "--out", tmp_path / "scores", "--json")
    [run] = json.loads(scored)["runs"]
    ranks = {one["truth"]: one["rank"] for one in run["truths"]}
    assert set(ranks) == set(PLANTED)
    assert sum(rank is not None and rank <= N_FIRST for rank in ranks.values()) >= 2, run
