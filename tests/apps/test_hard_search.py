"""A search for words, from settings to a folder: what it finds and says, that it goes on, and what it refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych._types import Json, Silent
from diptych.apps.soft_prompting.ablation import ablate
from diptych.apps.soft_prompting.allowed import allowed_tokens
from diptych.apps.soft_prompting.archive import Archive, fluency, front
from diptych.apps.soft_prompting.config import TrainConfig
from diptych.apps.soft_prompting.harden import hardening
from diptych.apps.soft_prompting.optimiser import Candidate
from diptych.apps.soft_prompting.ready import plan_search
from diptych.apps.soft_prompting.run import train
from diptych.apps.soft_prompting.search_config import SearchConfig
from diptych.apps.soft_prompting.search_report import search_lines
from diptych.apps.soft_prompting.search_run import run_search
from diptych.errors import BudgetError, ConfigError, DataError, LedgerError, ModelError, RunError
from diptych.models.lock import Lock
from diptych.models.prompted import PromptedModel, Row
from diptych.models.soft_prompts import SoftPrompt
from tests.helpers.cli import invoke, listing
from tests.helpers.planted_trigger import FLIPPED, PlantedTrigger
from tests.helpers.records import jsonl, write
from tests.helpers.tiny_models import make_tokenizer, needs_torch, reordered, save_tiny

pytestmark = [needs_torch, pytest.mark.timeout(600)]

WORDS = ("Why", "Who", "When", "How", "What", "Where", "Which", "Whose")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [{"prompt": f"{word}?", "response": "So"} for word in WORDS]
    write(tmp_path, {"t.jsonl": jsonl(rows)})
    return tmp_path


def settings(planted: PlantedTrigger, folder: Path, **more: Any) -> SearchConfig:
    usual: Json = {
        "a": f"hf/{planted.a}", "b": f"hf/{planted.b}", "prompts": str(folder / "t.jsonl"), "continuations": "given",
        "n_tokens": 3, "n_texts": 2, "budget": 1000, "optimiser_settings": {"search_width": 32, "topk": 16},
        "held_out": 0.5,
    }  # fmt: skip
    return SearchConfig.parse({**usual, **more})


def run(planted: PlantedTrigger, folder: Path, out: str = "run", progress: Any = None, **more: Any) -> Json:
    config = settings(planted, folder, **more)
    return run_search(config, folder / out, options={"device": "cpu"}, progress=progress or Silent())


def test_what_is_planted_is_found_and_measured_as_text(planted: PlantedTrigger, folder: Path) -> None:
    found = run(planted, folder, held_out=0.75)
    best = found["prompts"][0]
    assert best["text"] == planted.text and best["as_text"] > FLIPPED > 20 * found["random"]["max"]
    assert best["as_text"] == pytest.approx(best["as_tokens"], rel=1e-5) and best["read_back"] == 1
    assert best["above_noise"] and best["gain"]["low"] > FLIPPED and best["q_value"] >= best["gain"]["p_value"]
    assert all(one["value"] < 0.5 * best["searched"] for one in best["without_token"])
    assert best["shortened"]["tokens"] == best["tokens"]
    assert 950 < found["spent"] <= found["budget"] == 1000
    values = [one["searched"] for one in found["prompts"]]
    assert values == sorted(values, reverse=True) and len(values) > 1
    assert [one["fluency"] for one in found["prompts"]] == sorted(one["fluency"] for one in found["prompts"])
    history = [json.loads(line) for line in (folder / "run" / "history.jsonl").read_text().splitlines()]
    assert len(history) == found["n_rounds"] and history[-1]["spent"] == found["spent"]
    assert run(planted, folder, held_out=0.75) == found


def test_a_model_is_not_told_from_itself(planted: PlantedTrigger, folder: Path) -> None:
    found = run(planted, folder, b=f"hf/{planted.a}", budget=300)
    assert not any(one["above_noise"] for one in found["prompts"])


class Killed(Exception):  # noqa: N818 - what happened
    """The process ends here."""


class Axe(Silent):
    """Ends a search after some rounds."""

    def __init__(self, after: int) -> None:
        self.left = after

    def advance(self, steps: int = 1) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


SMALL: dict[str, Json] = {
    "random": {"search_width": 16},
    "gcg": {"search_width": 16},
    "pez": {"patience": 2},
    "simplex": {"cycle": 3},
    "projection": {"train_steps": 3, "search_width": 8},
    "beam": {"beam_width": 2, "n_children": 6},
    "evolution": {"population": 8, "n_children": 8},
}


@pytest.mark.parametrize("optimiser", SMALL)
@pytest.mark.parametrize("moments", [(0, 3), pytest.param(range(1, 8), marks=pytest.mark.slow)])
def test_killed_in_any_round_it_ends_with_the_same_files(
    planted: PlantedTrigger, folder: Path, optimiser: str, moments: Sequence[int]
) -> None:
    more: Json = {"optimiser": optimiser, "optimiser_settings": SMALL[optimiser], "budget": 300}
    run(planted, folder, "whole", **more)
    names = ("search.json", "archive.jsonl", "history.jsonl", "plots/passes.html", "plots/fluency.html")
    for after in moments:
        out = folder / f"cut-{after}"
        with pytest.raises(Killed):
            run(planted, folder, out.name, Axe(after), **more)
        assert not (out / "search.json").exists() and (out / "manifest.json").exists()
        run(planted, folder, out.name, **more)
        assert all((out / name).read_bytes() == (folder / "whole" / name).read_bytes() for name in names)


def test_the_archive_is_the_front_of_all_that_was_offered(planted: PlantedTrigger) -> None:
    target, archive = planted.target(2), Archive()
    rng = np.random.default_rng(0)
    everyone: dict[tuple[int, ...], Candidate] = {}
    for n in (1, 3, 3):
        target.values(rng.choice(target.allowed, (6, n)))
        seen = target.take_seen()
        everyone |= {one.tokens: one for one in seen}
        archive.offer(target, seen)
    again = Archive()
    again.load(archive.state())
    assert again.entries == archive.entries == front(archive.entries)
    fluent = {one: fluency(target, np.array([one]))[0] for one in everyone}
    beaten = {
        one for one in everyone
        if any(everyone[o].value > everyone[one].value and fluent[o] > fluent[one] for o in everyone)
    }  # fmt: skip
    assert {one.candidate.tokens for one in archive.entries} == everyone.keys() - beaten
    assert {len(one.candidate.tokens) for one in archive.entries} == {1, 3}
    assert archive.chosen(2)[0].candidate == max(everyone.values(), key=lambda one: one.value)


def test_fluency_is_the_mean_log_probability_of_the_tokens(planted: PlantedTrigger) -> None:
    import torch

    target = planted.target(1)
    before = target.pair.rows[0][0].around.before
    ids = torch.tensor([[*before, *planted.trigger]])
    with target.pair.models[0].loaded.active() as model, torch.no_grad():
        logs = model(ids).logits.log_softmax(-1)[0]
    wanted = np.mean([float(logs[len(before) + i - 1, token]) for i, token in enumerate(planted.trigger)])
    found = fluency(target, np.array([[40, 41, 42], planted.trigger]))
    assert found[1] == pytest.approx(wanted, rel=1e-5) and found[0] != found[1]


def test_tokens_that_do_nothing_are_left_out(planted: PlantedTrigger) -> None:
    """However much may be lost, one token stays."""
    target = planted.target(2)
    best = Candidate(planted.trigger, float(target.values(np.array([planted.trigger]))[0]))
    strict, lax = ablate(target, best), ablate(target, best, tolerance=1.0)
    assert strict.shortened == best and strict.without.shape == (3,)
    assert len(lax.shortened.tokens) == 1 and np.array_equal(lax.without, strict.without)


class Steps(Silent):
    """Steps of each stage that are left."""

    def __init__(self) -> None:
        self.left: dict[str, int] = {}

    def start(self, stage: str, total: int) -> None:
        self.stage, self.left[stage] = stage, total

    def advance(self, steps: int = 1) -> None:
        self.left[self.stage] -= steps


def test_a_plan_counts_what_measuring_takes(
    planted: PlantedTrigger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly, where every token but one can be left out: where nothing does anything."""
    of_gcg: Json = {"search_width": 32, "topk": 16, "num_steps": 1}
    more: Json = {"b": f"hf/{planted.a}", "n_prompts": 1, "optimiser_settings": of_gcg}
    plan = plan_search(settings(planted, folder, **more), options={"device": "cpu"})
    run(planted, folder, **more)
    (folder / "run" / "search.json").unlink()
    n_read, states = [0], PromptedModel.states

    def counted(model: PromptedModel, rows: Sequence[Row], vectors: Any) -> Any:
        n_read[0] += len(rows)
        return states(model, rows, vectors)

    monkeypatch.setattr(PromptedModel, "states", counted)
    steps = Steps()
    found = run(planted, folder, progress=steps, **more)
    assert len(found["prompts"][0]["shortened"]["tokens"]) == 1 and steps.left["measure"] == 0
    assert n_read[0] == 2 * plan["measuring"] == 2 * (8 + 6 * 4 + 4 * 4 + 5 * 2)


def test_a_budget_is_never_crossed(planted: PlantedTrigger) -> None:
    target = planted.target(2)
    target.budget = 9
    target.gradient(np.array(planted.trigger))
    with pytest.raises(BudgetError, match="6 of 9 passes are spent; 4 more are too many"):
        target.values(np.array([[40, 41, 42], [43, 44, 45]]))
    assert target.spent == 6 and target.values(np.array([[40, 41, 42]])).shape == (1,)


def test_what_cannot_be_searched_is_refused_and_leaves_nothing(planted: PlantedTrigger, folder: Path) -> None:
    mixed = reordered(save_tiny(folder / "mixed"))
    bare = save_tiny(folder / "bare", template=None)
    long = [{"prompt": "x" * 130, "response": "y"}, {"prompt": "Q", "response": "z"}]
    write(folder, {"long.jsonl": jsonl(long)})
    before = listing(folder)
    for more, error, said in (
        ({"b": f"hf/{mixed}"}, ConfigError, "vocabularies differ: 100 and 100 tokens"),
        ({"a": f"hf/{bare}"}, ConfigError, "has no chat template"),
        ({"budget": 40}, ConfigError, "budget = 40: .* 8 of 40 passes are spent; .* Give a greater one"),
        ({"prompts": str(folder / "long.jsonl")}, DataError, "tokens with its prompt and 3 vectors; 128 go into"),
        ({"place": "start"}, ConfigError, "words cannot stand there"),
        ({"optimiser": "gcgs"}, ConfigError, "unknown optimiser 'gcgs'. Did you mean 'gcg'"),
        ({"optimiser_settings": {"topkk": 3}}, ConfigError, "Did you mean 'topk'"),
        ({"optimiser_settings": {"topk": 0}}, ConfigError, "topk = 0: it should be greater than or equal to 1"),
        ({"initial_text": ""}, ConfigError, "no token to begin with"),
    ):
        with pytest.raises(error, match=said):
            run(planted, folder, **more)
    assert listing(folder) == before


def test_a_vocabulary_without_text_is_refused(planted: PlantedTrigger, folder: Path) -> None:
    tokenizer = make_tokenizer()
    assert allowed_tokens(tokenizer).tolist() == list(range(5, 100))
    save_tiny(folder / "foreign")
    path = folder / "foreign" / "tokenizer.json"
    content = json.loads(path.read_text())
    content["model"]["vocab"] = {
        token if number < 5 else chr(0x400 + number): number for token, number in content["model"]["vocab"].items()
    }
    content["model"]["unk_token"] = chr(0x400 + 36)
    path.write_text(json.dumps(content))
    write(folder, {"f.jsonl": jsonl([{"prompt": f"{chr(0x410 + i)}", "response": chr(0x421)} for i in range(4)])})
    both = {"a": f"hf/{folder / 'foreign'}", "b": f"hf/{folder / 'foreign'}", "prompts": str(folder / "f.jsonl")}
    with pytest.raises(ConfigError, match="none of its 100 tokens can stand in a prompt of words; with --allow-nonasc"):
        run(planted, folder, **both)
    assert run(planted, folder, **both, allow_nonascii=True, budget=200)["n_rounds"] > 0


def test_one_search_in_a_folder_at_a_time(planted: PlantedTrigger, folder: Path) -> None:
    run(planted, folder, budget=100)
    with pytest.raises(RunError, match="holds another search: budget was 100 and is 101"):
        run(planted, folder, budget=101)
    (folder / "run" / "search.json").unlink()
    lock = Lock(folder / "run" / "search.lock", "x")
    with pytest.raises(LedgerError, match="run is in use: process"):
        run(planted, folder, budget=100)
    lock.release()


def test_the_verb_plans_searches_and_says(planted: PlantedTrigger, folder: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(folder)
    call = ("softprompt", "search", f"hf/{planted.a}", f"hf/{planted.b}", "--model-arg", "device=cpu")
    write(folder, {"c.yaml": b"prompts: t.jsonl\ncontinuations: given\nn_tokens: 3\nn_texts: 2\nbudget: 9\n"})
    more = (*call, "-c", "c.yaml", "--set", "search_width=32", "--set", "topk=16", "--budget", "400")
    planned = invoke(*more, "--dry-run")
    assert planned.code == 0, planned.err
    assert "gcg: 400 forward passes, 2 texts" in planned.out and "at most 110 more measure what is found" in planned.out
    assert "95 of 100 tokens may stand" in planned.out
    assert not (folder / "run").exists()
    done = invoke(*more, "--out", "run")
    assert done.code == 0, done.err
    assert "gcg: 7 rounds, 3" in done.out and "random words" in done.out and "nats a token" in done.out
    again = invoke(*more, "--out", "run", "--json")
    assert json.loads(again.out) == json.loads((folder / "run" / "search.json").read_text())
    for wrong, said in (
        (more, "--out is missing"),
        ((*more, "--out", "x", "--set", "width"), "--set = 'width': give name=value, such as search_width=64"),
        ((*more, "--out", "x", "--set", "widht=3"), "--set"),
        ((*more, "--out", "x", "--place", "start"), "--place: start is before"),
        ((*more, "--out", "x", "--optimiser", "gsg"), "--optimiser: unknown optimiser 'gsg'. Did you mean 'gcg'"),
        ((*call, "--out", "x"), "--prompts: it is missing"),
    ):
        refused = invoke(*wrong)
        assert refused.code == 2 and said in refused.err and "Traceback" not in refused.err, refused.err
    assert not (folder / "x").exists()


def test_an_assistant_writes_words(planted: PlantedTrigger, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the trigger. Where its answers would cost too much the search stops, and goes on with more."""
    monkeypatch.chdir(folder)
    write(folder, {"helper.yaml": f"otherwise: ['{json.dumps({'texts': [planted.text]})}']\n".encode()})
    call = (
        "softprompt", "search", f"hf/{planted.a}", f"hf/{planted.b}", "--model-arg", "device=cpu", "--prompts",
        "t.jsonl", "--continuations", "given", "--n-tokens", "3", "--n-texts", "2", "--budget", "200",
    )  # fmt: skip
    helper = ("--assistant", "scripted/helper.yaml")
    wrong = invoke(*call, *helper, "--out", "x")
    assert wrong.code == 2 and "for optimiser: evolution, not for gcg" in wrong.err, wrong.err
    alone = (*call, "--optimiser", "evolution", "--set", "population=8", "--set", "requests=1")
    helped = (*alone, *helper)
    planned = invoke(*helped, "--dry-run")
    assert planned.code == 0 and "scripted/helper: at most 1 requests" in planned.out, planned.err
    stopped = invoke(*helped, "--out", "run", "--price", "1000,1000", "--max-cost", "0.01")
    assert stopped.code == 3 and not (folder / "run" / "search.json").exists(), stopped.err
    done = invoke(*helped, "--out", "run")
    assert done.code == 0, done.err
    assert json.loads((folder / "run" / "search.json").read_text())["prompts"][0]["text"] == planted.text
    [asked] = [json.loads(line) for line in (folder / "run" / "interactions.jsonl").read_text().splitlines()]
    assert planted.text in asked["answer"]
    other = invoke(*alone, "--out", "run")
    assert other.code == 2 and "holds another search: assistant" in other.err, other.err


@pytest.fixture(scope="module")
def trained(planted: PlantedTrigger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training whose vectors find the trigger's effect."""
    root = tmp_path_factory.mktemp("trained")
    write(root, {"t.jsonl": jsonl([{"prompt": f"{word}?", "response": "So"} for word in WORDS])})
    config = TrainConfig(
        a=f"hf/{planted.a}", b=f"hf/{planted.b}", prompts=str(root / "t.jsonl"), continuations="given", n_tokens=3,
        place="suffix", n_steps=30, held_out=0.5, learning_rate=0.3, eval_every=10,
    )  # fmt: skip
    train(config, root / "soft", options={"device": "cpu"}, progress=Silent())
    return root / "soft"


def harden(run: Path, out: Path, **more: Any) -> Json:
    given: Json = {"n_texts": 2, "budget": 600, "optimiser_settings": {"search_width": 32, "topk": 16}, **more}
    found = hardening(run, given, {})
    return run_search(found.config, out, origin=found.origin, options={"device": "cpu"}, progress=Silent())


def test_vectors_become_words(planted: PlantedTrigger, trained: Path, tmp_path: Path) -> None:
    """The gap is told as it is; the search starts from the nearest tokens, and never ends below them."""
    import torch

    found = harden(trained, tmp_path / "hard")
    soft, summary = found["soft"], json.loads((trained / "summary.json").read_text())
    assert soft["value"] == pytest.approx(summary["prompt"], rel=1e-4) and soft["value"] > 5 * found["none"]
    assert soft["gap"] == pytest.approx(soft["value"] - soft["as_text"]) and len(soft["tokens"]) == 3
    vectors = SoftPrompt.load(trained / "soft_prompt").vectors[0]
    tables = [(model.embed(torch.arange(5, 100)).numpy(), model.scale) for model in planted.pair.models]
    squares = sum((((table[None] - vectors[:, None]) / scale) ** 2).sum(-1) for table, scale in tables)
    assert soft["tokens"] == (5 + np.asarray(squares).argmin(1)).tolist()
    start = planted.target(2).values(np.array([soft["tokens"]]))[0]
    assert found["place"] == "suffix" and found["prompts"][0]["searched"] > 0.999 * start
    assert (trained / "seeds.jsonl").read_bytes() == (tmp_path / "hard" / "seeds.jsonl").read_bytes()
    assert any("the soft prompt" in line for line in search_lines(found))


def test_what_cannot_be_hardened_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="n_tokens is that of the training"):
        harden(trained, tmp_path / "x", n_tokens=4)
    with pytest.raises(RunError, match="holds no training that can go on"):
        harden(tmp_path, tmp_path / "x")
    harden(trained, tmp_path / "hard", budget=100)
    with pytest.raises(RunError, match="holds no training of a soft prompt"):
        harden(tmp_path / "hard", tmp_path / "x")
    shutil.copytree(trained, tmp_path / "half")
    shutil.rmtree(tmp_path / "half" / "soft_prompt")
    with pytest.raises(ModelError, match="its training is not over"):
        harden(tmp_path / "half", tmp_path / "x")
    planned = invoke("softprompt", "harden", trained, "--budget", "2000", "--model-arg", "device=cpu", "--dry-run")
    assert planned.code == 0, planned.err
    assert "gcg: 2,000 forward passes, 4 texts for each candidate, 4 held out" in planned.out
    missing = invoke("softprompt", "harden", str(tmp_path / "nowhere"), "--out", str(tmp_path / "x"))
    assert missing.code == 2 and "holds no training that can go on" in missing.err
    assert not (tmp_path / "x").exists()
