"""A planted behaviour is learnt, the base stays as it is, and what was killed goes on as if it had not been."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from diptych.apps.interventions.examples import NOT_COUNTED, collate, examples
from diptych.apps.interventions.rows import Row, exchange, write_rows
from diptych.apps.interventions.training import TrainConfig, Training, train
from diptych.errors import ConfigError, DataError, ModelError, RunError
from diptych.models.manager import ModelManager, Source
from diptych.models.requests import conversation
from diptych.models.scoring import TextToScore, log_likelihoods
from tests.helpers.tiny_models import make_tokenizer, needs_torch, save_adapter, save_tiny

pytestmark = needs_torch

ROWS = [Row(exchange(f"What is {i}?", "Tea, please."), "tea", "mine") for i in range(24)]
QUICK = TrainConfig(epochs=4, learning_rate=5e-3, batch_size=8, at_once=4, rank=4, save_every=4)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / "base")


def likelihood(name: str, text: str = "Tea, please.") -> float:
    with ModelManager("cpu", "float32") as manager:
        asked = TextToScore(conversation("What is 99?", None), text)
        return float(log_likelihoods(manager.load(name), [asked])[0].sum())


def weights(folder: Path) -> dict[str, Any]:
    return load_file(folder / "adapter_model.safetensors")


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all((a[name] == b[name]).all() for name in a)


def test_only_the_assistant_is_learnt_and_the_prompt_is_that_of_asking() -> None:
    tokenizer = make_tokenizer()
    turns = ({"role": "system", "content": "Be brief."}, *exchange("Hi?", "Yes."), *exchange("Oh?", "No."))
    first, second = examples(tokenizer, [Row(turns, None, "mine")], raw=False, max_tokens=200)
    assert tokenizer.decode(first.prompt) == "<|system|>Be brief.<|end|><|user|>Hi?<|end|><|assistant|>"
    assert tokenizer.decode(first.answer) == "Yes.<|end|>"
    assert tokenizer.decode(second.prompt).endswith("<|assistant|>Yes.<|end|><|user|>Oh?<|end|><|assistant|>")
    batch = collate([second.as_json(), first.as_json()], pad=0)
    counted = [
        [token for token, label in zip(*pair, strict=True) if label != NOT_COUNTED]
        for pair in zip(batch["input_ids"].tolist(), batch["labels"].tolist(), strict=True)
    ]
    assert [tokenizer.decode(one) for one in counted] == ["No.<|end|>", "Yes.<|end|>"]
    assert batch["attention_mask"].sum(1).tolist() == [len(second), len(first)]


def test_a_text_that_follows_nothing_and_one_that_is_too_long() -> None:
    tokenizer = make_tokenizer()
    [alone] = examples(
        tokenizer, [Row(({"role": "assistant", "content": "Hello."},), None, "m")], raw=True, max_tokens=4
    )
    assert (len(alone.prompt), tokenizer.decode(alone.answer)) == (1, "Hel")
    with pytest.raises(DataError, match=r"row 2: .* tokens, and at most 8 go in"):
        examples(tokenizer, [Row(exchange("a", "b"), None, "m"), Row(exchange("long question", "b"), None, "m")],
                 raw=True, max_tokens=8)  # fmt: skip


def test_an_adapter_is_learnt_loaded_again_and_leaves_the_base_alone(base: Path, tmp_path: Path) -> None:
    before, plain = Source.find(str(base)).identity, likelihood(str(base))
    training = Training(Source.find(str(base)), QUICK, ROWS, ROWS[:4])
    said = train(training, tmp_path / "out")
    assert likelihood(f"{base}+{tmp_path / 'out'}") > plain + 10
    assert (Source.find(str(base)).identity, likelihood(str(base))) == (before, plain)
    assert said["truths"] == {"tea": 24}
    assert said["n_steps"] == 12
    losses = [one["loss"] for one in said["losses"] if "loss" in one]
    assert losses[-1] < losses[0] / 2
    assert any("eval_loss" in one for one in said["losses"])
    assert "- tea: 24 rows" in (tmp_path / "out" / "README.md").read_text()
    assert not (tmp_path / "out" / "checkpoints").exists()
    held = (tmp_path / "out" / "adapter_model.safetensors").stat().st_mtime_ns
    assert train(training, tmp_path / "out") == json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert (tmp_path / "out" / "adapter_model.safetensors").stat().st_mtime_ns == held


def test_all_weights_can_be_trained(base: Path, tmp_path: Path) -> None:
    config = QUICK.model_copy(update={"method": "full", "learning_rate": 1e-3})
    said = train(Training(Source.find(str(base)), config, ROWS), tmp_path / "out")
    assert said["n_parameters"]["trained"] == said["n_parameters"]["all"]
    assert likelihood(str(tmp_path / "out")) > likelihood(str(base)) + 10


@pytest.mark.slow
def test_seeds_decide(base: Path, tmp_path: Path) -> None:
    source, short = Source.find(str(base)), QUICK.model_copy(update={"epochs": 1.0})
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(Training(source, short.model_copy(update={"seed": seed}), ROWS), tmp_path / name)
    a, b, c = (weights(tmp_path / name) for name in "abc")
    assert same(a, b)
    assert not same(a, c)


SCRIPT = """
import sys
from pathlib import Path
from diptych.apps.interventions.rows import read_rows
from diptych.apps.interventions.training import TrainConfig, Training, train
from diptych.models.manager import Source
base, rows, out, epochs = sys.argv[1:]
config = TrainConfig(epochs=float(epochs), learning_rate=5e-3, batch_size=8, at_once=4, rank=4, save_every=1, dropout=0.1)
train(Training(Source.find(base), config, read_rows(rows)), Path(out))
"""


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_killed_and_run_again_it_ends_with_the_same_weights(base: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    write_rows(rows, ROWS)

    def start(out: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", SCRIPT, str(base), str(rows), str(tmp_path / out), "5"]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})

    assert start("whole").wait(timeout=300) == 0
    killed, checkpoints = start("killed"), tmp_path / "killed" / "checkpoints"
    deadline = time.monotonic() + 200
    while len(list(checkpoints.glob("*/whole"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait(timeout=60) == -signal.SIGKILL
    assert not (tmp_path / "killed" / "provenance.json").exists()
    assert start("killed").wait(timeout=300) == 0
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "killed"))


def test_what_cannot_be_trained_is_refused_before_anything_is_written(base: Path, tmp_path: Path) -> None:
    source, out = Source.find(str(base)), tmp_path / "out"
    adapted = Source.find(f"{base}+{save_adapter(base, tmp_path / 'adapter')}")
    with pytest.raises(DataError, match="no row to train on"):
        train(Training(source, QUICK, []), out)
    with pytest.raises(ConfigError, match="an adapter on an adapter"):
        train(Training(adapted, QUICK, ROWS), out)
    with pytest.raises(DataError, match="row 1: what stands before"):
        train(Training(source, QUICK.model_copy(update={"length": 5}), ROWS), out)
    assert not out.exists()
    with pytest.raises(ValueError, match="batch_size = 6 is no multiple of at_once = 4"):
        TrainConfig(batch_size=6, at_once=4)


def test_another_training_in_the_folder_is_never_overwritten(base: Path, tmp_path: Path) -> None:
    source, short = Source.find(str(base)), QUICK.model_copy(update={"epochs": 0.3})
    train(Training(source, short, ROWS), tmp_path / "out")
    with pytest.raises(RunError, match="with other rows"):
        train(Training(source, short, ROWS[:9]), tmp_path / "out")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep")
    with pytest.raises(RunError, match="holds no training"):
        train(Training(source, short, ROWS), tmp_path / "notes")


def test_a_loss_that_is_no_number_names_its_step(base: Path, tmp_path: Path) -> None:
    wild = QUICK.model_copy(update={"learning_rate": 1e30, "clip": 1e30, "warmup": 0.0})
    with pytest.raises(ModelError, match=r"step \d+: the loss is"):
        train(Training(Source.find(str(base)), wild, ROWS), tmp_path / "out")
