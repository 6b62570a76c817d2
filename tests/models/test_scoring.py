"""Log-likelihoods of given texts, against one forward pass for each token."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

import diptych
from diptych.errors import DataError
from diptych.models.requests import Message
from diptych.models.scoring import TextToScore, log_likelihoods
from tests.helpers.tiny_models import needs_torch, save_tiny

pytestmark = needs_torch


def said(prompt: str, text: str) -> TextToScore:
    return TextToScore((Message("user", prompt),), text)


def test_batched_log_likelihoods_are_those_of_one_token_at_a_time(tmp_path: Path) -> None:
    import torch

    rng = random.Random(0)
    texts = [
        said("why" * rng.randint(1, 9), "".join(rng.choices("abc <|end|>", k=rng.randint(0, 30)))) for _ in range(20)
    ]
    loaded = diptych.ModelManager("cpu").load(str(save_tiny(tmp_path / "tiny")))
    found = log_likelihoods(loaded, texts, batch_size=7)
    for one, scores in zip(texts, found, strict=True):
        prompt = f"<|user|>{one.messages[0].content}<|end|><|assistant|>"
        tokens = loaded.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        after = loaded.tokenizer(one.text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        reference = []
        for token in after:
            with loaded.active() as model, torch.inference_mode():
                shares = model(torch.tensor([tokens])).logits[0, -1].double().log_softmax(-1)
            reference.append(float(shares[token]))
            tokens = [*tokens, token]
        assert len(scores) == len(one.text)
        np.testing.assert_allclose(scores, reference, atol=1e-4)
    assert found[0].dtype == np.float64


def test_the_shares_of_all_next_tokens_are_one(tmp_path: Path) -> None:
    loaded = diptych.ModelManager("cpu").load(str(save_tiny(tmp_path / "tiny")))
    letters = [token for token in loaded.tokenizer.get_vocab() if len(token) == 1]
    scores = log_likelihoods(loaded, [said("why", letter) for letter in letters], batch_size=32)
    assert 0.5 < sum(np.exp(one.sum()) for one in scores) <= 1.0


def test_what_cannot_be_scored_is_refused(tmp_path: Path) -> None:
    loaded = diptych.ModelManager("cpu").load(str(save_tiny(tmp_path / "tiny")))
    with pytest.raises(DataError, match="text 1: 604 tokens with its prompt; 512 go in"):
        log_likelihoods(loaded, [said("a", "b"), said("a", "b" * 600)])
    with pytest.raises(DataError, match="nothing comes before it"):
        log_likelihoods(loaded, [TextToScore((Message("user", ""),), "b")], raw=True)
