"""A soft prompt on trial: the divergence of whole answers, the comparison of both, and the verbs end to end."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from diptych._types import Silent
from diptych.apps.soft_prompting.evaluation import as_tensors, by_prompt, gain_of
from diptych.apps.soft_prompting.found import Wording
from diptych.apps.soft_prompting.sequences import Asking, Said, Sides, kl_of
from diptych.apps.soft_prompting.trial import TrialOptions, try_prompt, usable
from diptych.data.prompts import as_prompts
from diptych.errors import DataError, ModelError
from diptych.models.local import Written
from diptych.models.prompted import PromptedModel
from diptych.models.providers.hf import HFModel
from diptych.models.registry import open_local
from diptych.models.soft_prompts import SoftPrompt
from tests.helpers.cli import command, environment, run_cli
from tests.helpers.planted_trigger import PLACE, plant_trigger
from tests.helpers.records import write
from tests.helpers.tiny_models import needs_torch, save_adapter, save_tiny

pytestmark = [needs_torch, pytest.mark.timeout(240)]

OFFLINE = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
PAIR = ("hf/base", "hf/base+adapter")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    save_tiny(root / "base")
    save_adapter(root / "base", root / "adapter")
    prompts = "".join(f"Question {i}?\n" for i in range(12))
    write(root, {"p.txt": prompts.encode(), "new.txt": b"".join(f"Thing {i}?\n".encode() for i in range(12))})
    return root


def opened(folder: Path) -> tuple[HFModel, HFModel]:
    first, second = (
        open_local(f"hf/{name}", {"device": "cpu"})
        for name in (folder / "base", f"{folder / 'base'}+{folder / 'adapter'}")
    )
    return first, second


def soft(width: int = 96) -> SoftPrompt:
    return SoftPrompt((np.random.default_rng(3).normal(0, 0.3, (3, width)).astype(np.float32),), "prefix")


@pytest.mark.parametrize("side", [0, 1])
def test_the_divergence_of_answers_is_that_of_log_ratios_on_average_and_varies_less(folder: Path, side: int) -> None:
    """Three hundred answers to one prompt, against the plain estimate on the same answers."""
    models = opened(folder)
    prompted = PromptedModel(models[0].load()), PromptedModel(models[1].load())
    sides = Sides(models, prompted, soft())
    said = sides.say(side, as_prompts(["Why?"]).rows, draws=300, max_tokens=5, seed=0)
    pair = sides.pair(said)
    vectors = as_tensors(pair, soft().vectors)
    divergences = pair.divergences(range(300), vectors, batch_size=64)
    found = kl_of(divergences, side)
    log_ratios = np.array([one.log_ratio.sum() for one in divergences])
    plain = log_ratios if side else -log_ratios
    error = (plain - found).std() / np.sqrt(len(found))
    assert abs(plain.mean() - found.mean()) < 3 * error and error > 0
    assert 0 < found.var() < plain.var()


@pytest.mark.slow
def test_the_divergence_of_answers_is_that_of_all_answers_there_are(folder: Path) -> None:
    """Of at most two tokens, each with its probability; what ends with its first token is one of them."""
    models = opened(folder)
    sides = Sides(models, (PromptedModel(models[0].load()), PromptedModel(models[1].load())), soft())
    loaded, [prompt] = models[0].load(), as_prompts(["Why?"]).rows
    ends, n = 1, loaded.n_outputs
    answers = [(ends,), *((first, second) for first in range(n) if first != ends for second in range(n))]
    said = [Said(prompt, 0, Written("", "length", tokens)) for tokens in answers]
    found = [one.divergences for one in sides.trace(said, Asking(batch_size=512))]
    log_a, log_b = (np.array([getattr(one, name).sum() for one in found]) for name in ("log_a", "log_b"))
    assert np.exp(log_a).sum() == pytest.approx(1, abs=1e-5)
    exact = np.sum(np.exp(log_a) * (log_a - log_b)), np.sum(np.exp(log_b) * (log_b - log_a))
    for side, logs in enumerate((log_a, log_b)):
        assert np.sum(np.exp(logs) * kl_of(found, side)) == pytest.approx(exact[side], rel=1e-5)
        drawn = sides.answers(side, [prompt], Asking(draws=400, max_tokens=2, batch_size=64))
        sums = kl_of([one.divergences for one in drawn], side)
        assert abs(sums.mean() - exact[side]) < 4 * sums.std() / np.sqrt(len(sums))


def test_a_trial_is_written_and_leaves_out_what_was_trained_on(folder: Path, tmp_path: Path) -> None:
    prompts = as_prompts([f"Question {i}?" for i in range(12)])
    trained = SoftPrompt(soft().vectors, "prefix", details={"trained_on": [row.prompt_id for row in prompts.rows[:3]]})
    options = TrialOptions(Asking(max_tokens=6))
    summary = try_prompt(trained, opened(folder), prompts, tmp_path / "out", options=options, progress=Silent())
    assert summary["n_prompts"] == 9 and summary["n_left_out"] == 3
    rows = [json.loads(line) for line in (tmp_path / "out" / "prompts.jsonl").read_text().splitlines()]
    assert np.mean([row["with"]["kl_ab"] for row in rows]) == pytest.approx(summary["sequence"]["kl_ab"]["with"])
    for which in ("with", "without"):
        assert (tmp_path / "out" / which / "report.html").exists()
        assert summary["sequence"]["kl_ba"][which] > 100 * summary["noise_floor_a_token"][which]
    again = as_prompts([{"prompt_id": f"{i}", "prompt": row.text} for i, row in enumerate(prompts.rows)])
    told = SoftPrompt(soft().vectors, details={"trained_texts": trained.details["trained_on"]})
    assert [row.prompt_id for row in usable(again, [told])] == [f"{i}" for i in range(3, 12)]
    with pytest.raises(DataError, match="7 of 12 prompts were not trained on; at least 8"):
        more = SoftPrompt(soft().vectors, details={"trained_on": [row.prompt_id for row in prompts.rows[:5]]})
        try_prompt(more, opened(folder), prompts, tmp_path / "x", options=options, progress=Silent())
    with pytest.raises(ModelError, match="reads vectors of width 96; .* width 8"):
        try_prompt(soft(8), opened(folder), prompts, tmp_path / "x", options=options, progress=Silent())
    assert not (tmp_path / "x").exists()


def test_a_model_beside_itself_has_no_divergence_and_no_findings(folder: Path, tmp_path: Path) -> None:
    prompts = as_prompts([f"Question {i}?" for i in range(12)])
    first = opened(folder)[0]
    summary = try_prompt(
        soft(), (first, first), prompts, tmp_path / "o", options=TrialOptions(Asking(max_tokens=6)), progress=Silent()
    )
    assert summary["sequence"]["kl_ab"]["with"] < 1e-5 and summary["findings"] == {"with": [], "without": []}


@pytest.mark.slow
def test_a_planted_trigger_becomes_findings_and_splits_its_own_pair_alone(folder: Path, tmp_path: Path) -> None:
    """Without it the same models, asked the same, differ in nothing that is found."""
    planted = plant_trigger(tmp_path / "planted")
    words = ["Why", "Who", "When", "How", "What", "Where", "Which", "Whose", "Then", "There", "Here", "While"]
    prompts = as_prompts([f"{word}{end}?" for word in words for end in ("", "ly", "er")])
    unrelated = (f"hf/{folder / 'base'}", f"hf/{folder / 'base'}+{folder / 'adapter'}")
    options = TrialOptions(Asking(max_tokens=3, draws=4), unrelated=[unrelated], loading={"device": "cpu"})
    found = Wording(planted.text, PLACE)
    summary = try_prompt(found, planted.models, prompts, tmp_path / "out", options=options, progress=Silent())
    said = [one["statement"] for one in summary["findings"]["with"]]
    assert any(one.endswith("uses more exclamation marks") for one in said) and summary["findings"]["without"] == []
    assert all(one["q_value"] < 0.01 for one in summary["findings"]["with"][:1])
    assert (
        summary["apart"]["with"] > 5 * summary["apart"]["without"]
        and summary["unrelated"]["specificity"]["is_specific"]
    )
    gain = summary["sequence"]["kl_ba"]["gain"]
    assert gain["low"] > 1 and gain["p_value"] < 0.001


def test_means_and_gains_are_by_prompt() -> None:
    assert by_prompt(np.array([1.0, 2.0, 6.0]), ["b", "a", "b"]).tolist() == [2.0, 3.5]
    rng = np.random.default_rng(0)
    none = rng.normal(0, 1, 40)
    gain = gain_of(none, none + rng.normal(0.5, 0.2, 40), seed=0)
    assert gain.low < 0.5 < gain.high and gain.mean == pytest.approx(0.5, abs=0.1) and gain.p_value < 0.001
    nothing = gain_of(none, none + rng.normal(0, 0.2, 40), seed=0)
    assert nothing.low < 0 < nothing.high and nothing.p_value > 0.05


TRAIN = ("softprompt", "train", *PAIR, "--prompts", "p.txt", "--n-tokens", "3", "--continuation-tokens", "6",
         "--batch-size", "4", "--model-arg", "device=cpu")  # fmt: skip


@pytest.mark.slow
def test_train_and_evaluate_end_to_end(folder: Path) -> None:
    write(folder, {"c.yaml": b"learning_rate: 1e-1\neval_every: 5\nnorm_weight: 0\nn_steps: 99\n"})
    done = run_cli(*TRAIN, "--out", "run", "-c", "c.yaml", "--steps", "10", cwd=folder, env=OFFLINE, timeout_s=200)
    assert done.code == 0, done.err
    assert "3 vectors, 10 steps" in done.out and "noise floor" in done.out and "note: " not in done.err
    config = json.loads((folder / "run" / "manifest.json").read_text())["config"]
    assert (config["learning_rate"], config["n_steps"], config["norm_weight"]) == (0.1, 10, 0)
    again = run_cli(*TRAIN, "--out", "run", "-c", "c.yaml", "--steps", "10", cwd=folder, env=OFFLINE, timeout_s=200)
    assert again.code == 0 and again.out == done.out
    other = run_cli(*TRAIN, "--out", "run", "-c", "c.yaml", "--steps", "11", cwd=folder, env=OFFLINE, timeout_s=200)
    assert other.code == 2 and "n_steps was 10 and is 11" in other.err and "Traceback" not in other.err
    tried = run_cli(
        "softprompt", "evaluate", "run", *PAIR, "--prompts", "new.txt", "--out", "trial", "--max-tokens", "6",
        "--model-arg", "device=cpu", "--json", cwd=folder, env=OFFLINE, timeout_s=200,
    )  # fmt: skip
    assert tried.code == 0, tried.err
    assert (
        json.loads(tried.out)["n_prompts"] == 12 == len((folder / "trial" / "prompts.jsonl").read_text().splitlines())
    )
    asked = run_cli(
        "generate", "hf/base", "--prompts", "new.txt", "--out", "said.jsonl", "--max-tokens", "4", "--model-arg",
        "device=cpu", "--model-arg", "soft_prompt=run", cwd=folder, env=OFFLINE, timeout_s=200,
    )  # fmt: skip
    assert asked.code == 0, asked.err


@pytest.mark.slow
def test_a_killed_process_goes_on_to_the_same_vectors(folder: Path) -> None:
    """SIGKILL at some moment of the training, twice; at least one of them hits it between two checkpoints."""
    call = (*TRAIN, "--steps", "120", "--patience", "0")
    whole = run_cli(*call, "--out", "whole", cwd=folder, env=OFFLINE, timeout_s=200)
    assert whole.code == 0, whole.err
    kills = 0
    for wait in (0.3, 1.1):
        with subprocess.Popen(command(*call, "--out", "cut"), cwd=folder, env=environment(OFFLINE)) as process:
            deadline = time.monotonic() + 120
            while not (folder / "cut" / "checkpoint.json").exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
        kills += not (folder / "cut" / "summary.json").exists()
    assert kills > 0
    done = run_cli(*call, "--out", "cut", cwd=folder, env=OFFLINE, timeout_s=200)
    assert done.code == 0, done.err
    for name in ("soft_prompt/soft_prompt.safetensors", "history.jsonl"):
        assert (folder / "cut" / name).read_bytes() == (folder / "whole" / name).read_bytes()


def test_bad_input_gets_a_message(folder: Path) -> None:
    cases = [
        (("softprompt", "train", *PAIR, "--out", "x"), "--prompts: it is missing"),
        (("softprompt", "train", *PAIR, "--prompts", "p.txt"), "--out is missing"),
        ((*TRAIN, "--out", "x", "--place", "middle"), "--place: place = 'middle': give start, prefix, suffix"),
        ((*TRAIN, "--out", "x", "--n-tokens", "4,0"), "--n-tokens = '4,0'"),
        ((*TRAIN, "--out", "x", "--objective", "kl"), "--objective = 'kl'"),
        (
            ("softprompt", "train", "scripted/echo", "hf/base", "--prompts", "p.txt", "--out", "x"),
            "only where its weights are here",
        ),
        (("softprompt", "evaluate", "nowhere", *PAIR, "--prompts", "p.txt", "--out", "x"), "cannot be read"),
    ]
    for call, said in cases:
        done = run_cli(*call, cwd=folder, env=OFFLINE, timeout_s=60)
        assert done.code in (1, 2) and said in done.err and "Traceback" not in done.err, (call, done.err)
    assert not (folder / "x").exists()
