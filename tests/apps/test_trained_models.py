"""What training leaves: the very model that was trained, for layers of any name, or nothing half-written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diptych.apps.interventions import training as module
from diptych.apps.interventions.rows import Row, exchange, write_rows
from diptych.apps.interventions.training import TrainConfig, Training, train
from diptych.errors import ConfigError
from diptych.models.manager import ModelManager, Source, quiet
from tests.helpers.namespace import on_small_disk
from tests.helpers.tiny_models import make_tokenizer, needs_torch, save_tiny

pytestmark = needs_torch

ROWS = [Row(exchange(f"What is {i}?", "Tea, please."), "tea", "mine") for i in range(16)]
QUICK = TrainConfig(epochs=4, learning_rate=5e-3, batch_size=8, at_once=8, rank=4)


def save_other(folder: Path, kind: str) -> Path:
    """Layers that are fused, transposed (GPT-2) or have names of their own (GPT-NeoX)."""
    from transformers import GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM

    tokenizer = make_tokenizer()
    ids: dict[str, Any] = {"vocab_size": len(tokenizer), "eos_token_id": 1, "bos_token_id": None, "pad_token_id": 0}
    model: Any
    if kind == "gpt2":
        model = GPT2LMHeadModel(GPT2Config(n_embd=48, n_layer=2, n_head=2, n_positions=128, **ids))
    else:
        model = GPTNeoXForCausalLM(
            GPTNeoXConfig(hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=2,
                          max_position_embeddings=128, **ids)
        )  # fmt: skip
    with quiet():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def logits(model: Any) -> Any:
    import torch

    with torch.no_grad():
        return model(input_ids=torch.arange(5, 45)[None]).logits


@pytest.mark.parametrize(("kind", "method"), [("llama", "lora"), ("gpt2", "lora"), ("neox", "lora"), ("neox", "full")])
def test_what_is_loaded_again_has_the_very_logits_of_what_was_trained(
    kind: str, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = save_tiny(tmp_path / "base") if kind == "llama" else save_other(tmp_path / "base", kind)
    opened, kept = module.open_for_training, []

    def keep(training: Training) -> Any:
        kept.append(opened(training))
        return kept[0]

    monkeypatch.setattr(module, "open_for_training", keep)
    done = train(Training(Source.find(str(base)), QUICK.model_copy(update={"method": method}), ROWS), tmp_path / "out")
    trained = logits(kept[0].eval())
    name = f"{base}+{tmp_path / 'out'}" if method == "lora" else str(tmp_path / "out")
    with ModelManager("cpu", "float32") as manager:
        with manager.load(name).active() as again:
            assert bool((logits(again) == trained).all())
        with manager.load(str(base)).active() as before:
            assert not bool((logits(before) == trained).all())
    if method == "lora":
        layers = {key.rpartition(".")[2] for key in kept[0].targeted_module_names}
        assert not layers & {"lm_head", "embed_out"}
        assert len(kept[0].targeted_module_names) == {"llama": 14, "gpt2": 8, "neox": 8}[kind]
        assert done["n_parameters"]["trained"] < done["n_parameters"]["all"] / 4


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_merged_adapter_is_a_whole_model_that_says_what_base_and_adapter_say(kind: str, tmp_path: Path) -> None:
    base = save_tiny(tmp_path / "base") if kind == "llama" else save_other(tmp_path / "base", kind)
    outs = {name: tmp_path / name for name in ("merged", "adapter")}
    for name, out in outs.items():
        train(Training(Source.find(str(base)), QUICK.model_copy(update={"merge": name == "merged"}), ROWS), out)
    assert (outs["merged"] / "model.safetensors").exists() and not list(outs["merged"].glob("adapter*"))
    card = (outs["merged"] / "README.md").read_text()
    assert "library_name: transformers" in card and "worked into the weights" in card
    with ModelManager("cpu", "float32") as manager:
        with manager.load(str(outs["merged"])).active() as merged:
            said = logits(merged)
        with manager.load(f"{base}+{outs['adapter']}").active() as adapted:
            assert float((logits(adapted) - said).abs().max()) < 1e-4
        with manager.load(str(base)).active() as before:
            assert float((logits(before) - said).abs().max()) > 1e-2


def test_there_is_nothing_to_merge_where_all_weights_are_trained() -> None:
    with pytest.raises(ConfigError, match="there is no adapter to merge"):
        TrainConfig.parse({"method": "full", "merge": True}, source="intervene train")


def test_a_checkpoint_that_was_once_quantised_is_trained_as_what_it_is(tmp_path: Path) -> None:
    base = save_tiny(tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gguf", "gguf_file": "x.gguf", "dequantize": False}
    (base / "config.json").write_text(json.dumps(config))
    short = QUICK.model_copy(update={"epochs": 1.0, "method": "full"})
    train(Training(Source.find(str(base)), short, ROWS), tmp_path / "out")
    assert "quantization_config" not in json.loads((tmp_path / "out" / "config.json").read_text())


FULL = """
import json, subprocess, sys
from pathlib import Path
disk, base, rows, method = sys.argv[1:]
command = [sys.executable, "-m", "diptych", "intervene", "train", f"hf/{base}", "--rows", rows, "--out", f"{disk}/out",
           "--method", method, "--batch-size", "8", "--at-once", "8", "--epochs", "2", "--save-every", "1"]

def run():
    done = subprocess.run(command, capture_output=True, text=True)
    return {"code": done.returncode, "err": done.stderr, "files": sorted(p.name for p in Path(disk, "out").glob("*"))}

full = run()
subprocess.run(["mount", "-o", "remount,size=60m", disk], check=True)
print(json.dumps({"full": full, "again": run()}))
"""


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(("method", "size"), [("lora", "150k"), ("full", "1500k")])
def test_a_disk_that_fills_up_is_said_and_the_same_command_goes_on(method: str, size: str, tmp_path: Path) -> None:
    base, rows = save_tiny(tmp_path / "base"), tmp_path / "rows.jsonl"
    write_rows(rows, ROWS)
    found = json.loads(on_small_disk(FULL, tmp_path / "disk", size, str(base), str(rows), method, timeout_s=380))
    full, again = found["full"], found["again"]
    assert full["code"] == 2, full
    assert "Traceback" not in full["err"] and "cannot be written" in full["err"], full["err"]
    assert "goes on from the last checkpoint" in full["err"]
    assert not {"provenance.json", "adapter_model.safetensors", "model.safetensors"} & set(full["files"])
    assert again["code"] == 0, again["err"]
    assert "provenance.json" in again["files"] and "checkpoints" not in again["files"]
