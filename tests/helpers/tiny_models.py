"""Language models of a few hundred thousand random weights, with a tokenizer of characters, made on the spot."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from diptych.models.manager import quiet

LIBRARIES = ("torch", "transformers", "peft", "accelerate", "sentence_transformers")
MISSING = [name for name in LIBRARIES if find_spec(name) is None]
needs_torch = pytest.mark.local
"""Skipped by ``tests/conftest.py`` where one of these is missing."""

TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
LETTERS = [chr(code) for code in range(32, 127)]
MARKS = ["<pad>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]


def make_tokenizer(*, template: str | None = TEMPLATE, pad: bool = True) -> Any:
    """One token a printable ASCII character, and the marks of the template."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: number for number, token in enumerate([*MARKS, *LETTERS])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    backend.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token="<|end|>",
        additional_special_tokens=MARKS[2:],
        **({"pad_token": "<pad>"} if pad else {}),
    )
    tokenizer.chat_template = template
    return tokenizer


def save_tiny(
    folder: Path, *, seed: int = 0, template: str | None = TEMPLATE, pad: bool = True, width: int = 96
) -> Path:
    """A Llama of two layers; its answers are noise that depends on the prompt, and some end by themselves."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = make_tokenizer(template=template, pad=pad)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=2 * width, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, eos_token_id=1, bos_token_id=None, pad_token_id=0,
        initializer_range=0.3,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with quiet():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_adapter(base: Path, folder: Path, *, seed: int = 1) -> Path:
    """A LoRA adapter on it that changes what it says."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    with quiet():
        adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
        adapted.save_pretrained(folder)
    return folder


def reordered(folder: Path) -> Path:
    """The same tokens under other numbers, but for one that is replaced by another."""
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    vocabulary = content["model"]["vocab"]
    letters = [token for token in vocabulary if len(token) == 1]
    numbers = [vocabulary[token] for token in letters]
    vocabulary |= dict(zip(letters, [numbers[-1], *numbers[:-1]], strict=True))
    vocabulary["é"] = vocabulary.pop("e")
    path.write_text(json.dumps(content))
    return folder


def save_deep(folder: Path, n_tokens: int, *, seed: int = 0) -> None:
    """A Llama of eight layers, 7 million weights and the vocabulary's, for benchmarks."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=n_tokens, hidden_size=288, intermediate_size=768, num_hidden_layers=8, num_attention_heads=6,
        num_key_value_heads=2, max_position_embeddings=1024, eos_token_id=1, bos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    with quiet():
        LlamaForCausalLM(config).save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
