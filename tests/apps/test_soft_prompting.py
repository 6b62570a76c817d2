"""Training a soft prompt: what it gains, that it goes on bit for bit, and what it refuses."""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych._types import Json, Silent
from diptych.apps.soft_prompting.config import TrainConfig
from diptych.apps.soft_prompting.objective import Measure, pair_up
from diptych.apps.soft_prompting.run import train
from diptych.apps.soft_prompting.seeds import Seed
from diptych.apps.soft_prompting.training import Trainer
from diptych.errors import ConfigError, DataError, LedgerError, ModelError, RunError
from diptych.models.lock import Lock
from diptych.models.registry import open_local
from diptych.models.requests import conversation
from diptych.models.soft_prompt_files import find_soft_prompt
from diptych.models.soft_prompts import SoftPrompt
from tests.helpers.records import jsonl, write
from tests.helpers.tiny_models import needs_torch, save_adapter, save_tiny

pytestmark = [needs_torch, pytest.mark.timeout(120)]

N_PROMPTS = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    save_tiny(root / "base")
    save_adapter(root / "base", root / "adapter")
    rows = [{"prompt": f"Question {i}?", "response": f"It is {i * i}." + " So." * (i % 3)} for i in range(N_PROMPTS)]
    write(root, {"t.jsonl": jsonl(rows), "p.txt": "\n".join(row["prompt"] for row in rows).encode()})
    return root


def settings(folder: Path, **more: Any) -> TrainConfig:
    usual: Json = {
        "a": f"hf/{folder / 'base'}", "b": f"hf/{folder / 'base'}+{folder / 'adapter'}",
        "prompts": str(folder / "t.jsonl"), "continuations": "given", "continuation_tokens": 10, "n_tokens": 4,
        "n_steps": 12, "batch_size": 4, "eval_every": 4, "save_every": 3, "warmup_steps": 2,
    }  # fmt: skip
    return TrainConfig.parse({**usual, **more})


def run(folder: Path, out: Path, progress: Any = None, **more: Any) -> Json:
    return train(settings(folder, **more), out, options={"device": "cpu"}, progress=progress or Silent())


def test_training_moves_two_models_apart_on_prompts_it_has_not_seen(folder: Path, tmp_path: Path) -> None:
    found = run(folder, tmp_path / "run", n_steps=40, eval_every=10, held_out=0.5)
    assert found["prompt"] > found["none"] + 0.02 and found["prompt"] > found["random"]["max"]
    assert found["above_noise"] and found["gain"]["low"] > 100 * found["noise_floor"]
    prompt = SoftPrompt.load(tmp_path / "run" / "soft_prompt")
    assert prompt.vectors[0].shape == (4, 96) and len(prompt.details["trained_on"]) == N_PROMPTS // 2
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert kinds.count("step") == 40 and kinds.count("look") == 5


def test_a_model_is_not_moved_from_itself(folder: Path, tmp_path: Path) -> None:
    found = run(folder, tmp_path / "run", b=f"hf/{folder / 'base'}", n_steps=20)
    assert not found["above_noise"] and found["prompt"] <= max(1e-6, found["noise_floor"])


class Killed(Exception):  # noqa: N818 - what happened
    """The process ends here."""


class Axe(Silent):
    """Ends a training after some steps, wherever it is."""

    def __init__(self, after: int) -> None:
        self.left = after

    def advance(self, steps: int = 1) -> None:
        self.left -= steps
        if self.left < 0:
            raise Killed


@pytest.mark.parametrize(
    ("per_model", "moments"),
    [(False, (0, 4)), (True, (8,)), pytest.param(False, range(12), marks=pytest.mark.slow)],
)
def test_killed_after_any_step_it_ends_with_the_same_vectors(
    folder: Path, tmp_path: Path, per_model: bool, moments: Sequence[int]
) -> None:
    run(folder, tmp_path / "whole", per_model=per_model)
    whole = (tmp_path / "whole" / "soft_prompt" / "soft_prompt.safetensors").read_bytes()
    for after in moments:
        out = tmp_path / f"cut-{after}"
        with pytest.raises(Killed):
            run(folder, out, Axe(after), per_model=per_model)
        assert not (out / "soft_prompt").exists()
        run(folder, out, per_model=per_model)
        assert (out / "soft_prompt" / "soft_prompt.safetensors").read_bytes() == whole
        names = ["history.jsonl", "summary.json"]
        assert [(out / n).read_bytes() for n in names] == [(tmp_path / "whole" / n).read_bytes() for n in names]


def test_texts_are_written_anew_under_the_vectors_and_after_a_kill_the_same(folder: Path, tmp_path: Path) -> None:
    """Twelve steps, new texts after the fifth and the tenth; killed between them, between checkpoints, and at one."""
    more: Json = {"continuations": "both", "prompts": str(folder / "p.txt"), "refresh_every": 5}
    run(folder, tmp_path / "whole", **more)
    whole = SoftPrompt.load(tmp_path / "whole" / "soft_prompt")
    kept = SoftPrompt.load(_trained(folder, tmp_path / "kept", {**more, "refresh_every": 0}) / "soft_prompt")
    steps = [_steps(tmp_path / name) for name in ("whole", "kept")]
    assert steps[0][:5] == steps[1][:5] and all(a != b for a, b in zip(steps[0][5:], steps[1][5:], strict=True))
    n_texts = 2 * (N_PROMPTS - 4)
    assert whole.details["spent"] == kept.details["spent"] + 2 * n_texts
    for after in (6, 7, 9):
        out = tmp_path / f"cut-{after}"
        with pytest.raises(Killed):
            run(folder, out, Axe(after), **more)
        run(folder, out, **more)
        assert (SoftPrompt.load(out / "soft_prompt").vectors[0] == whole.vectors[0]).all()
        assert _steps(out) == steps[0]
    with pytest.raises(ConfigError, match="continuations: given takes those of the file"):
        run(folder, tmp_path / "x", refresh_every=5)


def _trained(folder: Path, out: Path, more: Json) -> Path:
    run(folder, out, **more)
    return out


def _steps(out: Path) -> list[float]:
    rows = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    return [row["divergence"] for row in rows if row["kind"] == "step"]


def test_accumulated_batches_are_one_large_batch(folder: Path, tmp_path: Path) -> None:
    """Four texts at once, or twice two of them; the order of texts is by batch, so all twelve are in every step."""
    large = run(folder, tmp_path / "large", batch_size=12, n_steps=3)
    small = run(folder, tmp_path / "small", batch_size=4, accumulation=3, n_steps=3)
    assert large["prompt"] == pytest.approx(small["prompt"], rel=1e-4)


@pytest.mark.parametrize("place", ["start", "suffix", "Please {soft}. {prompt}"])
def test_every_place_can_be_trained(folder: Path, tmp_path: Path, place: str) -> None:
    run(folder, tmp_path / "run", place=place, n_steps=2)
    prompt = SoftPrompt.load(tmp_path / "run" / "soft_prompt")
    assert prompt.place == place and (tmp_path / "run" / "peft").exists() == (place == "start")
    if place == "start":
        assert (find_soft_prompt(tmp_path / "run" / "peft").vectors[0] == prompt.vectors[0]).all()


def test_one_training_at_a_time(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(folder, tmp_path / "run", Axe(0), n_steps=1)
    assert not (tmp_path / "run" / "training.lock").exists()
    lock = Lock(tmp_path / "run" / "training.lock", "x")
    with pytest.raises(LedgerError, match="run is in use: process"):
        run(folder, tmp_path / "run", n_steps=1)
    lock.release()


def test_want_of_memory_is_told_with_what_to_do(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: Any) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Trainer, "advance", no_memory)
    with pytest.raises(ModelError, match="no memory for 4 texts at once. Give --batch-size 2 and --accumulation 2"):
        run(folder, tmp_path / "run")


def test_candidates_of_tokens_have_gradients_in_every_token(folder: Path) -> None:
    """What a search for words needs: each text under words of its own, as mixtures of all tokens."""
    import torch

    first, second = (open_local(name, {"device": "cpu"}) for name in (settings(folder).a, settings(folder).b))
    rows = [Seed(str(i), conversation("Why?", None), (40 + i, 41, 42)) for i in range(3)]
    pair = pair_up((first, second), rows, place="suffix", n_vectors=2)
    tables = [model.embed(torch.arange(model.n_vocabulary)) for model in pair.models]
    tokens = torch.tensor([[7, 8], [9, 10], [11, 12]])
    mixture = torch.nn.functional.one_hot(tokens, len(tables[0])).float().requires_grad_()
    under = (mixture @ tables[0], mixture @ tables[1])
    pair.divergence(range(3), under, Measure()).sum().backward()
    assert mixture.grad is not None and mixture.grad.abs().amax(dim=-1).min() > 0
    with torch.no_grad():
        each = [float(pair.divergence([i], (tables[0][tokens[i]], tables[1][tokens[i]]), Measure())) for i in range(3)]
        together = pair.divergence(range(3), under, Measure()).tolist()
    assert together == pytest.approx(each, rel=1e-4)


def test_continuations_are_written_by_the_models(folder: Path, tmp_path: Path) -> None:
    for who, n in (("a", 1), ("both", 2)):
        run(folder, tmp_path / who, prompts=str(folder / "p.txt"), continuations=who, n_steps=1)
        seeds = (tmp_path / who / "seeds.jsonl").read_text().splitlines()
        manifest = json.loads((tmp_path / who / "manifest.json").read_text())
        assert len(seeds) == manifest["seeds_file"]["n_texts"] <= n * N_PROMPTS
        assert manifest["seeds_file"]["n_held_out"] == 4


def test_vectors_begin_as_the_settings_say(folder: Path, tmp_path: Path) -> None:
    found = {}
    for initial, more in (("vocabulary", {}), ("random", {}), ("text", {"initial_text": "abc"})):
        run(folder, tmp_path / initial, initial=initial, n_steps=1, learning_rate=1e-9, norm_weight=0.0, **more)
        found[initial] = SoftPrompt.load(tmp_path / initial / "soft_prompt").vectors[0]
    text = found["text"]
    assert np.allclose(text[0], text[3], atol=1e-6) and not np.allclose(text[0], text[1], atol=1e-3)
    assert len({one.tobytes() for one in found.values()}) == 3


def test_a_control_pair_counts_against_the_divergence(folder: Path, tmp_path: Path) -> None:
    """With the pair itself as its control, nothing can be gained."""
    pair = [f"hf/{folder / 'base'}", f"hf/{folder / 'base'}+{folder / 'adapter'}"]
    run(folder, tmp_path / "run", control=pair, n_steps=3)
    steps = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert all(abs(step["divergence"]) < 1e-6 for step in steps)


def test_vectors_stay_near_those_of_tokens_if_it_costs_enough(folder: Path, tmp_path: Path) -> None:
    """Both costs are measured by what they are to hold down."""
    lengths = {}
    for weight in (0.0, 10.0):
        run(folder, tmp_path / f"n{weight}", norm_weight=weight, n_steps=15, learning_rate=0.5, patience=0)
        lengths[weight] = np.linalg.norm(
            SoftPrompt.load(tmp_path / f"n{weight}" / "soft_prompt").vectors[0], axis=1
        ).mean()
    assert lengths[10.0] < lengths[0.0]
    run(folder, tmp_path / "nearest", nearest_weight=1.0, n_steps=2)


def test_training_stops_when_nothing_is_gained(folder: Path, tmp_path: Path) -> None:
    found = run(folder, tmp_path / "run", b=f"hf/{folder / 'base'}", n_steps=40, eval_every=1, patience=3)
    assert found["stopped_early"] and found["n_steps"] < 40


def test_another_training_in_the_folder_is_refused_with_what_differs(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "run", n_steps=2)
    with pytest.raises(RunError, match="holds another training: seed was 0 and is 1"):
        run(folder, tmp_path / "run", n_steps=2, seed=1)
    other = tmp_path / "other"
    save_tiny(other, seed=9)
    with pytest.raises(RunError, match="holds another training: .*other"):
        run(folder, tmp_path / "run", n_steps=2, b=f"hf/{other}")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x.txt").write_text("x")
    with pytest.raises(RunError, match="holds no training that can go on"):
        run(folder, tmp_path / "mine", n_steps=2)


def test_a_full_disk_is_said_and_the_same_command_goes_on(folder: Path, tmp_path: Path) -> None:
    """No file may be longer than a thousand bytes, which vectors are: not at the first step, not in the middle."""
    run(folder, tmp_path / "whole")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    for name, begun in (("new", False), ("cut", True)):
        if begun:
            with pytest.raises(Killed):
                run(folder, tmp_path / name, Axe(5))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, usual[1]))
        try:
            with pytest.raises(RunError, match=f"{name} cannot be written: File too large. Free some space"):
                run(folder, tmp_path / name)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        assert (tmp_path / name).exists() == begun
        run(folder, tmp_path / name)
        vectors = [tmp_path / one / "soft_prompt" / "soft_prompt.safetensors" for one in (name, "whole")]
        assert vectors[0].read_bytes() == vectors[1].read_bytes()


def test_a_damaged_checkpoint_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(folder, tmp_path / "run", Axe(7))
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    (tmp_path / "run" / "checkpoint.json").write_text("{")
    with pytest.raises(RunError, match=r"checkpoint\.json is damaged"):
        run(folder, tmp_path / "run")
    [tensors] = (tmp_path / "copy").glob("checkpoint-*.safetensors")
    tensors.write_bytes(tensors.read_bytes()[:100])
    with pytest.raises(Exception, match=r"checkpoint-6\.safetensors is damaged"):
        run(folder, tmp_path / "copy")


def test_models_that_do_not_fit_are_refused_with_what_differs(folder: Path, tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    from diptych.models.manager import quiet
    from tests.helpers.tiny_models import make_tokenizer

    narrow = LlamaConfig(
        vocab_size=100, hidden_size=64, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, eos_token_id=1, bos_token_id=None, pad_token_id=0,
        initializer_range=0.3,
    )  # fmt: skip
    with quiet():
        LlamaForCausalLM(narrow).save_pretrained(tmp_path / "narrow")
    make_tokenizer().save_pretrained(tmp_path / "narrow")
    with pytest.raises(ConfigError, match=r"hf/base reads vectors of width 96 and hf/narrow of width 64.*--per-model"):
        run(folder, tmp_path / "run", b=f"hf/{tmp_path / 'narrow'}")
    run(folder, tmp_path / "run", b=f"hf/{tmp_path / 'narrow'}", per_model=True, n_steps=2)
    assert [one.shape for one in SoftPrompt.load(tmp_path / "run" / "soft_prompt").vectors] == [(4, 96), (4, 64)]
    other = make_tokenizer()
    other.add_tokens(["<new>"])
    other.save_pretrained(tmp_path / "narrow")
    with pytest.raises(ConfigError, match=r"vocabularies differ: 100 and 101 tokens.*only in the second: '<new>'"):
        run(folder, tmp_path / "run2", b=f"hf/{tmp_path / 'narrow'}", per_model=True)


def test_a_model_without_a_chat_template_is_refused_or_read_as_it_is(folder: Path, tmp_path: Path) -> None:
    save_tiny(tmp_path / "plain", template=None)
    plain = f"hf/{tmp_path / 'plain'}"
    with pytest.raises(ConfigError, match="hf/plain has no chat template"):
        run(folder, tmp_path / "run", a=plain, b=plain)
    config = settings(folder, a=plain, b=plain, n_steps=1)
    train(config, tmp_path / "run", options={"device": "cpu", "raw": True}, progress=Silent())


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_models_in_half_precision_train_vectors_in_float32(folder: Path, tmp_path: Path, dtype: str) -> None:
    """Near what float32 gives, and with a noise floor that says how near."""
    found = {}
    for name in ("float32", dtype):
        config = settings(folder, n_steps=4)
        found[name] = train(config, tmp_path / name, options={"device": "cpu", "dtype": name}, progress=Silent())
    assert found[dtype]["prompt"] == pytest.approx(found["float32"]["prompt"], rel=0.1)
    assert found[dtype]["noise_floor"] >= found["float32"]["noise_floor"]
    prompts = [SoftPrompt.load(tmp_path / name / "soft_prompt").vectors[0] for name in ("float32", dtype)]
    assert prompts[1].dtype == np.float32 and np.abs(prompts[1] - prompts[0]).max() < 0.5 * np.abs(prompts[0]).max()


def test_files_without_usable_texts_are_refused(folder: Path, tmp_path: Path) -> None:
    rows = [{"prompt": f"Q{i}", "response": ""} for i in range(5)]
    write(
        tmp_path,
        {
            "empty.jsonl": jsonl(rows),
            "long.jsonl": jsonl([{"prompt": "x" * 600, "response": "y"}, *rows[:1], {"prompt": "Q", "response": "z"}]),
        },
    )
    with pytest.raises(DataError, match=r"empty\.jsonl: 0 of 5 prompts have a text that can be scored; at least 2"):
        run(folder, tmp_path / "run", prompts=str(tmp_path / "empty.jsonl"))
    with pytest.raises(DataError, match=r"text 0: .* tokens with its prompt and 4 vectors; 512 go into hf/base"):
        run(folder, tmp_path / "run", prompts=str(tmp_path / "long.jsonl"), max_prompt_tokens=1000)
    with pytest.raises(ConfigError, match="initial_text = '': it has no token"):
        run(folder, tmp_path / "run", initial="text", initial_text="")
    with pytest.raises(RunError, match=r"empty\.jsonl is no folder"):
        run(folder, tmp_path / "empty.jsonl")
    with pytest.raises(DataError, match=r"long\.jsonl: 2 of 3 prompts have more than 1 tokens; at least 2"):
        run(folder, tmp_path / "run", prompts=str(tmp_path / "long.jsonl"), max_prompt_tokens=1)
    assert not (tmp_path / "run").exists()


def test_settings_are_checked(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("a: hf/a\nb: hf/b\nprompts: p\nlearning_rate: 1e-4\n")
    assert TrainConfig.from_yaml(tmp_path / "c.yaml").learning_rate == 1e-4
    for line, said in (
        ("place: middle", "place"),
        ("initial: text", "go together"),
        ("objectiv: js", "Did you mean 'objective'"),
    ):
        (tmp_path / "d.yaml").write_text(f"a: hf/a\nb: hf/b\nprompts: p\n{line}\n")
        with pytest.raises(ConfigError, match=said):
            TrainConfig.from_yaml(tmp_path / "d.yaml")
