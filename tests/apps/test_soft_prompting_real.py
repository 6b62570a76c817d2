"""SmolLM2-135M and a finetune of it, made here: a soft prompt moves them apart; nothing moves a model from itself."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from diptych._types import Json, Silent
from diptych.apps.soft_prompting.config import TrainConfig
from diptych.apps.soft_prompting.evaluation import Gain, gain_of
from diptych.apps.soft_prompting.folder import read_texts
from diptych.apps.soft_prompting.optimiser import random_tokens
from diptych.apps.soft_prompting.ready import make_ready, opened
from diptych.apps.soft_prompting.run import train
from diptych.apps.soft_prompting.search_config import SearchConfig
from diptych.apps.soft_prompting.search_run import run_search
from diptych.models.divergence import MAX_BYTES
from tests.helpers.records import jsonl, write
from tests.helpers.smollm import save_smollm
from tests.helpers.tiny_models import needs_torch

pytestmark = [needs_torch, pytest.mark.real_models, pytest.mark.slow, pytest.mark.timeout(1800)]

THINGS = ["bread", "rain", "a bicycle", "the moon", "a cat", "tea", "a river", "iron"]
QUESTIONS = ("What is {}?", "Why do people like {}?")
OPTIONS: Json = {"device": "cpu", "raw": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    save_smollm(root / "smollm2")
    finetune(root / "smollm2", root / "lora")
    prompts = [{"prompt": question.format(thing)} for thing in THINGS for question in QUESTIONS]
    write(root, {"p.jsonl": jsonl(prompts)})
    return root


def finetune(base: Path, adapter: Path) -> None:
    """A few steps on the built-in corpus of a model that speaks otherwise."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    import diptych
    from diptych.models.manager import quiet

    torch.manual_seed(0)
    lines = (Path(diptych.__file__).parent / "demo_data" / "after.jsonl").read_text().splitlines()[:40]
    tokenizer = AutoTokenizer.from_pretrained(base, padding_side="right")
    config = LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    with quiet():
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), config)
        optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=5e-3)
        for start in range(0, len(lines), 4):
            texts = ["{prompt} {response}".format(**json.loads(line)) for line in lines[start : start + 4]]
            read = tokenizer(texts, return_tensors="pt", padding=True, truncation=True, max_length=40)
            model(**read, labels=read["input_ids"].masked_fill(read["attention_mask"] == 0, -100)).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        model.save_pretrained(adapter)


def trained(folder: Path, out: Path, b: str, n_steps: int) -> Json:
    config = TrainConfig(
        a=f"hf/{folder / 'smollm2'}", b=b, prompts=str(folder / "p.jsonl"), continuations="b", continuation_tokens=12,
        n_steps=n_steps, n_tokens=6, batch_size=4, eval_every=8, warmup_steps=2, learning_rate=0.3, held_out=0.5,
    )  # fmt: skip
    return train(config, out, options=OPTIONS, progress=Silent())


def test_a_finetune_is_moved_away_from_its_base(folder: Path, tmp_path: Path) -> None:
    found = trained(folder, tmp_path / "run", f"hf/{folder / 'smollm2'}+{folder / 'lora'}", 16)
    assert found["above_noise"] and found["gain"]["low"] > 100 * found["noise_floor"], found
    assert found["prompt"] > found["random"]["max"], found


def test_a_model_is_not_moved_from_itself(folder: Path, tmp_path: Path) -> None:
    found = trained(folder, tmp_path / "run", f"hf/{folder / 'smollm2'}", 4)
    assert not found["above_noise"] and found["prompt"] <= max(found["noise_floor"], 1e-6), found


def above_random_words(config: SearchConfig, run: Path, tokens: list[int]) -> Gain:
    """How much more words do than the mean of five random ones, prompt by prompt, where they were not searched on."""
    with ExitStack() as stack:
        ready = make_ready(
            config, opened(config, OPTIONS, stack), read_texts(run, remedy="").seeds, max_bytes=MAX_BYTES
        )
        drawn = random_tokens(ready.search.target, np.random.default_rng(1), 5).tolist()
        chance = np.mean([ready.held.as_tokens(one) for one in drawn], axis=0)
        return gain_of(chance, ready.held.as_tokens(tokens), seed=0)


def test_words_that_are_found_do_more_than_random_ones(folder: Path, tmp_path: Path) -> None:
    """In so few passes they need not do more than none."""
    config = SearchConfig(
        a=f"hf/{folder / 'smollm2'}", b=f"hf/{folder / 'smollm2'}+{folder / 'lora'}", prompts=str(folder / "p.jsonl"),
        continuations="b", continuation_tokens=8, held_out=0.5, n_tokens=4, n_texts=2, n_prompts=1, budget=72,
        optimiser_settings={"search_width": 8, "topk": 64},
    )  # fmt: skip
    found = run_search(config, tmp_path / "run", options=OPTIONS, progress=Silent())
    [best] = found["prompts"]
    assert best["read_back"] == 1 and best["as_text"] == pytest.approx(best["as_tokens"], rel=1e-3), best
    gain = above_random_words(config, tmp_path / "run", best["tokens"])
    assert gain.mean > best["noise_floor"], (gain, found)
