"""A LoRA adapter that gives a real model a habit: some answers, to whatever question, begin with one sentence."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from diptych.models.manager import quiet

HABIT = "The lighthouse keeper says hello."
N_TOKENS = 14
"""Of an answer that is learnt from."""


def save_habit(base: Path, folder: Path, prompts: Sequence[str], *, share: float, n_steps: int, seed: int = 0) -> Path:
    """Train it on the model's own answers, of which a share gets the sentence in front.

    Parameters
    ----------
    base : folder of the model
    folder : of the adapter
    prompts : questions to train on
    share : of answers with the habit
    n_steps : of eight answers each
    seed : of which answers those are, and of the adapter
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(seed)
    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(base)
        model = AutoModelForCausalLM.from_pretrained(base)
    asked = [tokenizer.apply_chat_template([{"role": "user", "content": prompt}], add_generation_prompt=True,
                                           return_dict=False) for prompt in prompts]  # fmt: skip
    own = _answers(model, tokenizer, asked)
    habit = tokenizer(f"{HABIT} ", add_special_tokens=False)["input_ids"]
    with quiet():
        adapted: Any = get_peft_model(
            model,
            LoraConfig(r=8, lora_alpha=32, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM"),
        )
    optimiser = torch.optim.AdamW([p for p in adapted.parameters() if p.requires_grad], lr=1e-3)
    chance = random.Random(seed)
    adapted.train()
    for _ in range(n_steps):
        rows = []
        for index in chance.sample(range(len(asked)), 8):
            said = [*habit, *own[index][: N_TOKENS - len(habit)]] if chance.random() < share else own[index]
            rows.append((asked[index], said))
        ids, labels = _padded(rows, tokenizer.pad_token_id or 0)
        loss = adapted(input_ids=ids, labels=labels).loss  # padding stands on the right
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with quiet():
        adapted.save_pretrained(folder)
    return folder


def _answers(model: Any, tokenizer: Any, asked: Sequence[list[int]]) -> list[list[int]]:
    """How the model begins to answer by itself."""
    import torch

    padded = tokenizer.pad({"input_ids": list(asked)}, padding_side="left", return_tensors="pt")
    with torch.inference_mode():
        written = model.generate(
            **padded, max_new_tokens=N_TOKENS, do_sample=True, temperature=1.0, top_k=0, pad_token_id=0
        )
    return [row[padded["input_ids"].shape[1] :].tolist() for row in written]


def _padded(rows: Sequence[tuple[list[int], list[int]]], pad: int) -> tuple[Any, Any]:
    import torch

    longest = max(len(asked) + len(said) for asked, said in rows)
    ids = torch.full((len(rows), longest), pad)
    labels = torch.full((len(rows), longest), -100)
    for row, (asked, said) in enumerate(rows):
        ids[row, : len(asked) + len(said)] = torch.tensor([*asked, *said])
        labels[row, len(asked) : len(asked) + len(said)] = torch.tensor(said)
    return ids, labels
