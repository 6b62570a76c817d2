"""The verbs of contrast on what cannot work: a message of a few lines, nothing left behind, and never a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.cli import Outcome, invoke, listing
from tests.helpers.records import write
from tests.helpers.tiny_models import needs_torch, reordered, save_adapter, save_tiny

pytestmark = [needs_torch, pytest.mark.timeout(240)]

CPU = ("--model-arg", "device=cpu")
LONG = json.dumps({"prompt": "How?", "response": "ab " * 300})
FILES = {
    "p.txt": b"Why?\nHow?\n",
    "empty.txt": b"",
    "blank.txt": b"\n  \n",
    "long.txt": b"Why?\n" + b"long " * 300 + b"\n",
    "t.jsonl": b'{"prompt": "Why?", "response": "Because."}\n',
    "long.jsonl": f'{{"prompt": "Why?", "response": "So."}}\n{LONG}\n'.encode(),
    "mute.jsonl": b'{"prompt": "Why?", "response": ""}\n',
}
Verb = Callable[..., Outcome]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    save_tiny(folder / "base")
    save_adapter(folder / "base", folder / "adapter")
    save_tiny(folder / "untaught", seed=3, template=None)
    reordered(save_tiny(folder / "mixed", seed=7))
    break_weights(save_tiny(folder / "broken", seed=4))
    return folder


@pytest.fixture
def folder(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for one in models.iterdir():
        (tmp_path / one.name).symlink_to(one)
    write(tmp_path, FILES)
    return tmp_path


def break_weights(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["model.layers.1.mlp.down_proj.weight"][:] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def sample(a: str, b: str, *more: str, prompts: str = "p.txt") -> Outcome:
    return invoke(
        "contrast", "sample", a, b, "--prompts", prompts, "--max-tokens", "6", "--out", "x.jsonl", *CPU, *more
    )


def score(a: str, b: str, *more: str, prompts: str = "t.jsonl") -> Outcome:
    return invoke("contrast", "score", a, b, "--texts", prompts, "--out", "x", *CPU, *more)


def search(a: str, b: str, *more: str, prompts: str = "p.txt") -> Outcome:
    asked = ("--assistant", "scripted/echo", "--rounds", "1", "--draws", "2", "--max-tokens", "6")
    return invoke("contrast", "prompts", a, b, "--prompts", prompts, "--out", "x", *asked, *CPU, *more)


def mine(a: str, b: str, *more: str, prompts: str = "p.txt") -> Outcome:
    return invoke("contrast", "mine", a, b, "--prompts", prompts, "--max-tokens", "6", "--out", "x", *CPU, *more)


def explain(a: str, b: str, *more: str, prompts: str = "p.txt") -> Outcome:
    return invoke("contrast", "explain", a, b, "--prompts", prompts, "--max-tokens", "6", "--out", "x", *CPU, *more)


VERBS = pytest.mark.parametrize(
    "verb", [sample, score, search, mine, explain], ids=["sample", "score", "prompts", "mine", "explain"]
)


def refused(folder: Path, act: Callable[[], Outcome], *says: str, code: int = 2) -> None:
    before = set(listing(folder))
    done = act()
    assert (done.code, done.out) == (code, ""), done.err + done.out
    assert not [one for one in says if one not in done.err], done.err
    assert "Traceback" not in done.err and "Error" not in done.err
    assert set(listing(folder)) == before or code == 1, "something was left"


@VERBS
def test_two_vocabularies(folder: Path, verb: Verb) -> None:
    says = (
        "the vocabularies differ: 100 and 100 tokens, 99 in both; only in the first",
        "Only models with one vocabulary",
    )
    refused(folder, lambda: verb("hf/base", "hf/mixed"), *says)


@VERBS
@pytest.mark.parametrize("pair", [("hf/base", "hf/untaught"), ("hf/untaught", "hf/base")])
def test_no_chat_template(folder: Path, verb: Verb, pair: tuple[str, str]) -> None:
    says = ("has no chat template", "Give --model-arg raw=true to let it go on with each prompt as it is")
    refused(folder, lambda: verb(*pair), *says)
    if verb is score:
        raw = verb(*pair, "--model-arg", "raw=true")
        assert raw.code == 0, raw.err


@VERBS
@pytest.mark.parametrize("pair", [("hf/base", "hf/broken"), ("hf/broken", "hf/base")])
def test_scores_that_are_not_numbers_name_the_model_and_the_token(
    folder: Path, verb: Verb, pair: tuple[str, str]
) -> None:
    refused(folder, lambda: verb(*pair), "hf/broken", "token 0", "not numbers (NaN)", code=1)
    assert not Path("x.jsonl").exists() and not Path("x/manifest.json").exists()


def test_a_broken_model_alone_says_nothing_either(folder: Path) -> None:
    """Its tokens would be drawn from nothing, and look like a text."""
    asked = ("generate", "hf/broken", "--prompts", "p.txt", "--out", "x.jsonl", "--max-tokens", "6", *CPU)
    for more in ((), ("--temperature", "0")):
        done = invoke(*asked, *more)
        assert done.code == 1 and "hf/broken: its scores of token 0 of row 0 are not numbers" in done.err
        assert not Path("x.jsonl").exists()
        Path("x.jsonl.ledger.sqlite").unlink()


@VERBS
@pytest.mark.filterwarnings("default")  # a request that failed is a warning, which the command line prints
def test_a_prompt_or_text_that_is_too_long(folder: Path, verb: Verb) -> None:
    pair = ("hf/base", "hf/base+adapter")
    if verb is score:
        refused(folder, lambda: verb(*pair, prompts="long.jsonl"), "line 2: 907 tokens with its prompt; 512 go into hf/base. Shorten it, or leave it out")  # fmt: skip
    elif verb in (sample, explain):
        says = (
            "context_length, the prompt has 1,502 tokens, and 6 for the answer (max_tokens); the model takes 512 in all"
        )
        refused(folder, lambda: verb(*pair, prompts="long.txt"), says, code=1)
    elif verb is mine:
        done = verb(*pair, prompts="long.txt")
        assert done.code == 2 and "context_length: the prompt has 1,502 tokens, and 6 for the answer" in done.err
        assert "1 of 2 requests to hf/base failed (context_length 1) and are missing" in done.err
    else:
        says = "1 prompts could not be measured; the first, 'long long long"
        refused(folder, lambda: verb(*pair, prompts="long.txt"), says, "the prompt has 1,502 tokens", code=1)


@VERBS
@pytest.mark.parametrize("name", ["empty.txt", "blank.txt"])
def test_an_empty_file(folder: Path, verb: Verb, name: str) -> None:
    refused(folder, lambda: verb("hf/base", "hf/base+adapter", prompts=name), f"{name} is empty. Give a file with one")


def test_texts_without_a_token(folder: Path) -> None:
    refused(folder, lambda: score("hf/base", "hf/base+adapter", prompts="mute.jsonl"), "no text has a token that could be scored")  # fmt: skip


@VERBS
def test_both_names_one_model(folder: Path, verb: Verb) -> None:
    """Said, and done all the same: an A/A run."""
    says = {sample: "there is nothing to contrast", score: "nothing can differ", search: "a search of a model against itself",
            mine: "a model against itself, in which nothing can differ", explain: "a finding would be a false alarm"}  # fmt: skip
    write(folder, {"many.txt": "".join(f"Say {i}, then?\n" for i in range(24)).encode()})
    more = ("--lenses", "surface") if verb is explain else ()
    done = verb("hf/base", "hf/base", *more, **({} if verb is score else {"prompts": "many.txt"}))
    assert "both models are hf/base" in done.err and says[verb] in done.err
    if verb is search:  # the assistant of this test proposes nothing
        assert done.code == 1 and "no prompt was found" in done.err
    else:
        assert done.code == 0, done.err
    if verb is score:
        assert "same likeliest token: 100.0" in done.out and "-0" not in done.out.split()
    if verb is explain:
        assert json.loads(Path("x/findings.json").read_text())["findings"] == []
