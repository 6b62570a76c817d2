"""Interventions without training: as much change as was asked for, where it was, and the base as it was."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from diptych.apps.interventions.changed_folder import change
from diptych.apps.interventions.kinds import KINDS
from diptych.apps.interventions.perturbing import add_noise, round_weights
from diptych.apps.interventions.weights import weight_changes
from diptych.cli.app import app
from diptych.errors import ConfigError, ModelError
from diptych.models.manager import ModelManager, Source, quiet
from diptych.models.merging import load_merged
from diptych.models.registry import Registry, find_model
from diptych.models.requests import conversation
from diptych.models.scoring import TextToScore, log_likelihoods
from tests.helpers.cli import run_cli
from tests.helpers.namespace import on_small_disk
from tests.helpers.records import jsonl, write
from tests.helpers.tiny_models import needs_torch, save_adapter, save_tiny

pytestmark = needs_torch


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / "base")


def others() -> dict[str, Any]:
    """Architectures whose layers have other names and shapes: fused, transposed, tied, with biases."""
    from transformers import GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM

    small: dict[str, Any] = {"vocab_size": 50, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    return {
        "gpt2": GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=24, n_layer=2, n_head=2, n_positions=32)),
        "neox": GPTNeoXForCausalLM(GPTNeoXConfig(**small, intermediate_size=48, max_position_embeddings=32)),
    }


def copied(model: Any) -> dict[str, Any]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def said(source: str) -> float:
    with ModelManager("cpu", "float32") as manager:
        texts = [TextToScore(conversation("What is tea?", None), "It is a drink.")]
        return float(log_likelihoods(manager.load(source), texts)[0].sum())


@pytest.mark.parametrize("kind", ["llama", "gpt2", "neox"])
def test_noise_has_the_size_that_was_asked_for_on_every_matrix_and_on_nothing_else(kind: str, base: Path) -> None:
    model = load_merged(Source.find(str(base))) if kind == "llama" else others()[kind]
    before = copied(model)
    add_noise(model, 0.05, seed=3)
    after = copied(model)
    found = weight_changes(before, after).differences
    matrices = [one for one in found if len(one.shape) >= 2]
    assert len(matrices) >= 9 and len(found) > len(matrices)
    for one in found:
        assert one.relative_norm == pytest.approx(0.05 if len(one.shape) >= 2 else 0.0, rel=1e-5), one.name
    changes = [(after[one.name] - before[one.name]).flatten()[:500] for one in matrices]
    worst = max(
        abs(float(np.corrcoef(a, b)[0, 1])) for i, a in enumerate(changes) for b in changes[:i] if a.shape == b.shape
    )
    assert worst < 5 / math.sqrt(500)  # no two matrices get the same numbers


def test_the_seed_alone_decides_on_the_noise(base: Path) -> None:
    found = []
    for seed in (0, 0, 1):
        model = load_merged(Source.find(str(base)))
        add_noise(model, 0.05, seed)
        found.append(copied(model))
    name = "model.layers.0.mlp.up_proj.weight"
    assert bool((found[0][name] == found[1][name]).all())
    assert not bool((found[0][name] == found[2][name]).any())


def rounded(row: np.ndarray, bits: int, group: int) -> np.ndarray:
    """The slow twin: one group of one row at a time."""
    parts = []
    for start in range(0, len(row), group):
        part = row[start : start + group]
        scale = np.abs(part).max() / np.float32(2 ** (bits - 1) - 1)
        parts.append(np.round(part / scale) * scale if scale else part)
    return np.concatenate(parts)


@pytest.mark.parametrize(("bits", "group"), [(8, 64), (4, 32), (4, 7), (2, 1000)])
@pytest.mark.parametrize("kind", ["llama", "gpt2", "neox"])
def test_rounding_is_that_of_its_slow_twin_and_leaves_the_vocabulary(
    kind: str, bits: int, group: int, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diptych.apps.interventions.perturbing._ROWS", 1000)  # several parts
    model = load_merged(Source.find(str(base))) if kind == "llama" else others()[kind]
    before, names = copied(model), {id(weight): name for name, weight in model.named_parameters()}
    kept = {names[id(model.get_input_embeddings().weight)], names[id(model.get_output_embeddings().weight)]}
    round_weights(model, bits, group)
    for name, weight in copied(model).items():
        if name in kept or weight.ndim < 2:
            assert bool((weight == before[name]).all()), name
            continue
        twin = np.stack([rounded(row, bits, group) for row in before[name].numpy()])
        np.testing.assert_allclose(weight.numpy(), twin, rtol=1e-6, atol=1e-7, err_msg=name)
        assert len(np.unique(np.abs(weight.numpy()[0, :group]))) <= 2 ** (bits - 1)


def test_more_bits_change_less(base: Path) -> None:
    sizes = []
    for bits in (8, 6, 4, 2):
        model = load_merged(Source.find(str(base)))
        before = copied(model)
        round_weights(model, bits, 32)
        sizes.append(max(one.relative_norm for one in weight_changes(before, copied(model)).differences))
    assert sizes == sorted(sizes) and sizes[0] < 0.01 < 0.3 < sizes[-1]


def test_every_kind_names_a_model_that_can_be_asked_and_leaves_the_base(base: Path, tmp_path: Path) -> None:
    before, plain = Source.find(str(base)).identity, said(str(base))
    other = save_tiny(tmp_path / "other", seed=5)
    adapted = f"hf/{base}+{save_adapter(base, tmp_path / 'lora')}"
    asked: dict[str, dict[str, Any]] = {
        "noise": {"size": 0.3}, "rounding": {"bits": 2}, "system-prompt": {"system": "- Be: \"brief\"\n#"},
        "mixture": {"other": f"hf/{other}", "weight": 0.25}, "checkpoint": {"other": adapted}, "nothing": {},
    }  # fmt: skip
    assert asked.keys() == KINDS.keys()
    found = {}
    for kind, values in asked.items():
        made = change(f"hf/{base}", kind, values, tmp_path / kind)
        assert made == json.loads((tmp_path / kind / "provenance.json").read_text())
        card = (tmp_path / kind / "README.md").read_text()
        assert f"base_model: {base}\n" in card and made["after"] in card
        assert all(f"- {name}: " in card for name in values)
        registry = Registry.load(tmp_path / kind / "models.yaml")
        assert registry.entry("before").model == registry.entry("after").original == f"hf/{base}"
        spec = find_model("after", registry=registry, options={"device": "cpu"})
        assert spec.name == made["after"]
        assert spec.system == values.get("system")
        with spec.open().load().active() as model:  # type: ignore[attr-defined]
            found[kind] = copied(model) if kind == "mixture" else {}
    assert (Source.find(str(base)).identity, said(str(base))) == (before, plain)
    assert said(f"{base}+{tmp_path / 'nothing' / 'adapter'}") == plain
    for kind in ("noise", "rounding"):
        assert abs(said(str(tmp_path / kind / "model")) - plain) > 0.1
    a, b = (dict(load_merged(Source.find(str(place))).named_parameters()) for place in (base, other))
    for name, weight in found["mixture"].items():
        assert bool((weight - (a[name] + 0.25 * (b[name] - a[name]))).abs().max() < 1e-6)


def test_an_adapter_is_part_of_the_weights_that_are_changed(base: Path, tmp_path: Path) -> None:
    adapted = f"{base}+{save_adapter(base, tmp_path / 'lora')}"
    change(f"hf/{adapted}", "noise", {"size": 1e-9}, tmp_path / "out")
    assert said(str(tmp_path / "out" / "model")) == pytest.approx(said(adapted), rel=1e-3)
    with pytest.raises(ConfigError, match="an adapter on an adapter"):
        change(f"hf/{adapted}", "nothing", {}, tmp_path / "other")


def test_what_was_once_quantised_is_written_as_what_it_is(base: Path, tmp_path: Path) -> None:
    """A checkpoint of floats may name the quantisation that it was read from, and then cannot be saved as it is."""
    old = save_tiny(tmp_path / "old")
    config = json.loads((old / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gguf", "gguf_file": "x.gguf", "dequantize": False}
    (old / "config.json").write_text(json.dumps(config))
    change(f"hf/{old}", "noise", {"size": 0.01}, tmp_path / "out")
    assert "quantization_config" not in json.loads((tmp_path / "out/model/config.json").read_text())
    assert math.isfinite(said(str(tmp_path / "out" / "model")))


BAD = [
    ("noises hf/base", "unknown kind 'noises'. Did you mean 'noise'?"),
    ("noise openai/x", "this takes models whose weights are here; give hf/…"),
    ("noise mix/a~0.5~b", "mix/a~0.5~b: this takes no mixture, which is made when it is asked. Give one of the models"),
    ("noise hf/nowhere", "not on this machine"),
    ("noise hf/base --size 0", "--size = 0.0: it should be greater than 0"),
    ("rounding hf/base --size 1", "--size: unknown setting 'size'. Known: bits, group."),
    ("rounding hf/base --bits 1", "--bits = 1: it should be greater than or equal to 2"),
    ("system-prompt hf/base", "--system: it is missing"),
    ("mixture hf/base --other hf/base --weight nan", "--weight = nan: it should be a finite number"),
    ("checkpoint hf/base --other hf/nowhere", "not on this machine"),
    ("nothing base", "this takes models whose weights are here"),
]


@pytest.mark.parametrize(("words", "message"), BAD)
def test_bad_input_is_a_message_and_leaves_no_folder(words: str, message: str, base: Path, tmp_path: Path) -> None:
    kind, *rest = words.replace("hf/base", f"hf/{base}").split()
    done = CliRunner().invoke(app, ["intervene", "change", kind, *rest, "--out", str(tmp_path / "out")])
    assert done.exit_code == (1 if "not on this machine" in message else 2), done.output
    assert message in done.stderr, done.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_before_and_after_are_compared_by_these_names(base: Path, tmp_path: Path) -> None:
    write(tmp_path, {"p.jsonl": jsonl([{"prompt": f"Question {i}?"} for i in range(40)])})
    ask = ("--prompts", "p.jsonl", "--max-tokens", "20", "--model-arg", "device=cpu", "--models", "c/models.yaml")
    made = run_cli("intervene", "change", "noise", f"hf/{base}", "--size", "0.5", "--out", "c", cwd=tmp_path,
                   timeout_s=60)  # fmt: skip
    assert "diptych compare before after --models c/models.yaml" in made.out, made.err
    done = run_cli("compare", "before", "after", *ask, "--out", "run", cwd=tmp_path, timeout_s=120)
    assert done.code == 0, done.err
    assert "40 prompts, paired" in done.out


FULL = """
import subprocess, sys
from pathlib import Path
disk, base = sys.argv[1:]
done = subprocess.run([sys.executable, "-m", "diptych", "intervene", "change", "noise", f"hf/{base}", "--out",
                       f"{disk}/out"], capture_output=True, text=True)
print(done.returncode, sorted(path.name for path in Path(disk).rglob("*")), done.stderr)
"""


@pytest.mark.slow
def test_a_full_disk_is_a_message_and_leaves_nothing(base: Path, tmp_path: Path) -> None:
    said = on_small_disk(FULL, tmp_path / "disk", "200k", str(base), timeout_s=100)
    assert said.startswith("2 [] "), said
    assert "cannot be written" in said and "Free some space" in said and "Traceback" not in said


def test_a_quantisation_that_cannot_be_is_a_message(base: Path) -> None:
    for given in ({"quant_method": "torchao", "quant_type": "int9"}, {"quant_method": "hqq", "nbits": 4}):
        with pytest.raises(ModelError, match="hf/base cannot be loaded"), quiet():
            ModelManager("cpu", "float32", quantization=given).load(str(base))
