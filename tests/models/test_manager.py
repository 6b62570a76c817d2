"""Models in memory: shared, adapted, let go of; and weights that are not opened."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import diptych
from diptych.errors import ConfigError, ModelError
from diptych.models.checkpoints import find_checkpoint
from diptych.models.manager import Loaded
from diptych.models.providers.hf import HFModel
from tests.helpers.tiny_models import needs_torch, save_adapter, save_tiny

pytestmark = [needs_torch, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, ``base`` and ``other``, and an adapter."""
    root = tmp_path_factory.mktemp("models")
    save_tiny(root / "base")
    save_tiny(root / "other", seed=3, template=None)
    save_adapter(root / "base", root / "adapter")
    save_adapter(root / "base", root / "second", seed=2)
    return root


def logits(loaded: Loaded) -> Any:
    import torch

    with loaded.active() as model, torch.inference_mode():
        return model(torch.arange(5, 60)[None]).logits.clone()


def test_a_model_is_loaded_once_and_gone_when_all_let_go(folder: Path) -> None:
    with diptych.ModelManager("cpu") as manager:
        first, second = manager.load(str(folder / "base")), manager.load(str(folder / "base"))
        assert first.shares_weights(second)
        manager.release(first)
        assert manager.load(str(folder / "base")).shares_weights(second)
        manager.release(second)
        manager.release(second)
        assert not manager.load(str(folder / "base")).shares_weights(second)


def test_an_adapter_goes_on_and_off_and_the_base_is_bit_for_bit_what_it_was(folder: Path) -> None:
    import torch

    with diptych.ModelManager("cpu") as manager:
        base = manager.load(str(folder / "base"))
        before = logits(base)
        adapted = manager.load(f"{folder}/base+{folder}/adapter")
        second = manager.load(f"{folder}/base+{folder}/second")
        assert base.shares_weights(adapted) and base.shares_weights(second)
        on, other = logits(adapted), logits(second)
        assert torch.equal(logits(base), before)
        assert not torch.equal(on, before) and not torch.equal(on, other)
        assert torch.equal(logits(adapted), on)
    with diptych.ModelManager("cpu") as manager:
        alone = manager.load(f"{folder}/base+{folder}/second")
        assert torch.equal(logits(alone), other)


def test_a_pair_says_whether_its_tokens_fit(folder: Path) -> None:
    base = str(folder / "base")
    with diptych.ModelPairManager(base, f"+{folder}/adapter", manager=diptych.ModelManager("cpu")) as pair:
        fit = pair.fit()
        assert fit.shared_weights and fit.vocabularies.same and fit.same_template
        assert not fit.vocabularies.only_a and fit.n_outputs == (100, 100)
    with diptych.ModelPairManager(base, str(folder / "other"), manager=diptych.ModelManager("cpu")) as pair:
        assert not pair.fit().shared_weights and not pair.fit().same_template
    with pytest.raises(ConfigError, match="belongs to the tuned"):
        diptych.ModelPairManager(f"{base}+{folder}/adapter", base)


def test_an_adapter_that_does_not_fit_is_refused_and_the_base_stays_whole(folder: Path, tmp_path: Path) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    small = tmp_path / "small"
    shutil.copytree(folder / "base", small)
    LlamaForCausalLM(
        LlamaConfig(vocab_size=100, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2)
    ).save_pretrained(small)
    with diptych.ModelManager("cpu") as manager:
        base = manager.load(str(small))
        before = logits(base)
        with pytest.raises(
            ModelError, match=r"hf/small\+adapter: the adapter does not fit: .*size mismatch.*\[4, 96\].*\[4, 32\]"
        ):
            manager.load(f"{small}+{folder}/adapter")
        assert torch.equal(logits(base), before)
        fitting = manager.load(f"{small}+{save_adapter(small, tmp_path / 'fitting')}")
        on = logits(fitting)
        with pytest.raises(ModelError, match="size mismatch"):
            manager.load(f"{small}+{folder}/adapter")
        assert torch.equal(logits(base), before) and torch.equal(logits(fitting), on)
        assert not torch.equal(on, before)


class Malice:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.sentinel),))


def test_pickled_weights_are_not_opened_and_the_command_shown_converts_honest_ones(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from safetensors.torch import load_file

    model = tmp_path / "model"
    shutil.copytree(folder / "base", model)
    honest = load_file(model / "model.safetensors")
    (model / "model.safetensors").unlink()
    sentinel = tmp_path / "sentinel"
    torch.save({**honest, "x": Malice(sentinel)}, model / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin: pickled weights.*not opened") as refused:
        HFModel.open(str(model), {"device": "cpu"})
    shown = shlex.split(str(refused.value).splitlines()[-1])
    monkeypatch.chdir(tmp_path)
    convert = [str(Path(os.sys.executable)), *shown[1:]]  # type: ignore[attr-defined]
    assert subprocess.run(convert, capture_output=True, check=False).returncode != 0
    assert not sentinel.exists()
    torch.save(honest, model / "pytorch_model.bin")
    done = subprocess.run(convert, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    before = logits(diptych.ModelManager("cpu").load(str(folder / "base")))
    assert torch.equal(logits(diptych.ModelManager("cpu").load("model-safe")), before)


def test_what_is_no_model_is_refused_in_words(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"it has no config\.json"):
        find_checkpoint(str(tmp_path / "empty"))
    shutil.copytree(folder / "base", tmp_path / "none", ignore=shutil.ignore_patterns("*.safetensors"))
    with pytest.raises(ModelError, match="no weights are in there"):
        find_checkpoint(str(tmp_path / "none"))
    with pytest.raises(ModelError, match="no such folder"):
        find_checkpoint("a/b/c")
    damaged = tmp_path / "damaged"
    shutil.copytree(folder / "base", damaged)
    weights = damaged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match="hf/damaged cannot be loaded"):
        diptych.ModelManager("cpu").load(str(damaged))


def test_code_that_comes_with_a_model_is_not_run(folder: Path, tmp_path: Path) -> None:
    coded = tmp_path / "coded"
    shutil.copytree(folder / "base", coded)
    config = (coded / "config.json").read_text()
    maps = '"auto_map": {"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"}, "model_type": "unheard_of"'
    (coded / "config.json").write_text(re.sub(r'"model_type": "llama"', maps, config))
    (coded / "code.py").write_text(f"import os\nos.mkdir({str(tmp_path / 'sentinel')!r})\n")
    with pytest.raises(ModelError, match="hf/coded cannot be loaded"):
        diptych.ModelManager("cpu").load(str(coded))
    assert not (tmp_path / "sentinel").exists()
