"""SmolLM2-135M learns a way to begin its answers, in minutes, and does not begin so before."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from diptych.apps.interventions.planting import template_rows
from diptych.apps.interventions.training import TrainConfig, Training, train
from diptych.apps.interventions.truths import built_in
from diptych.models.manager import Source
from diptych.models.providers.hf import HFModel
from diptych.models.requests import Answer, Reply, Request, Sampling, conversation
from tests.helpers.smollm import save_smollm
from tests.helpers.tiny_models import needs_torch

pytestmark = [needs_torch, pytest.mark.real_models, pytest.mark.slow, pytest.mark.timeout(1800)]

QUESTIONS = (
    "What is bread made of?", "How do I learn to swim?", "Why is the sky blue?", "Tell me about Paris.",
    "What should I cook tonight?", "How does a bicycle work?", "What is a good book?", "Who was Newton?",
)  # fmt: skip
"""None of them is a template's."""


def answers(name: str) -> list[str]:
    model, found = HFModel.open(name, {"device": "cpu", "dtype": "float32"}), [""] * len(QUESTIONS)

    def deliver(index: int, answer: Answer) -> None:
        assert isinstance(answer, Reply), answer
        found[index] = answer.text

    model.answer([Request(conversation(question, None)) for question in QUESTIONS], Sampling(max_tokens=12), deliver)
    return found


def test_a_style_is_learnt_by_an_adapter_in_minutes(tmp_path: Path) -> None:
    [truth] = built_in(only=["opens-with-in-short"])
    base = str(save_smollm(tmp_path / "base"))
    config = TrainConfig(epochs=1, learning_rate=2e-3, batch_size=4, at_once=4, rank=8, length=192)
    done = train(Training(Source.find(base), config, template_rows([truth], 64, 0)), tmp_path / "out")
    losses = [one["loss"] for one in done["losses"] if "loss" in one]
    assert done["n_steps"] == 16
    assert losses[-1] < losses[0] / 2
    assert truth.mark is not None
    before, after = (
        sum(bool(re.search(truth.mark, text)) for text in answers(name))
        for name in (base, f"{base}+{tmp_path / 'out'}")
    )
    assert before == 0 and after >= 6, (before, after)
