"""Nobody is asked where a run would stop later for want of a key, and what was begun with one goes on without."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.helpers.cli import invoke, listing
from tests.helpers.fault_server import FaultServer, Step, reply
from tests.helpers.records import write
from tests.helpers.tiny_models import needs_torch, save_tiny

pytestmark = pytest.mark.timeout(240)

NO_KEY = "openai/m: no key. Set OPENAI_API_KEY in the environment or in a file .env."
FILES = {
    "a.yaml": b"otherwise: ['Yes, {prompt}', 'That is so.']\n",
    "b.yaml": b"otherwise: ['No, {prompt}', 'That is not so.']\n",
    "prompts.txt": "".join(f"What of number {n}?\n" for n in range(40)).encode(),
    "statements.jsonl": "".join(f'{{"statement": "Number {n} is odd."}}\n' for n in range(12)).encode(),
}
ARMS = ("scripted/a.yaml", "scripted/b.yaml")
ASKED = (*ARMS, "--prompts", "prompts.txt", "--out", "run")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    write(tmp_path, FILES)
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ("compare", *ASKED, "--judge", "openai/m"),
        ("compare", *ASKED, "--judge", "scripted/a.yaml", "--judge", "openai/m"),
        ("compare", *ASKED, "--labeller", "openai/m"),
        ("compare", *ASKED, "--embedder", "openai/m"),
        ("compare", ARMS[0], "openai/m", "--prompts", "prompts.txt", "--out", "run"),
        ("intervene", "recover", *ASKED, "--embedder", "openai/m"),
        ("intervene", "investigate", *ASKED, "--assistant", "scripted/a.yaml", "--judge", "openai/m"),
        ("intervene", "data", "--truths", "llm", "--n-truths", "2", "--assistant", "scripted/a.yaml", "--neutral",
         "openai/m", "--out", "run"),
        ("approve", ARMS[0], "--statements", "statements.jsonl", "--reader", "openai/m", "--out", "run"),
        ("approve", ARMS[0], "--statements", "statements.jsonl", "--embedder", "openai/m", "--out", "run"),
    ],
    ids=lambda words: " ".join(word for word in words if word not in (*ASKED, "openai/m")),
)  # fmt: skip
def test_a_missing_key_is_told_before_anyone_is_asked(here: Path, words: tuple[str, ...]) -> None:
    before = listing(here)
    done = invoke(*words)
    assert (done.code, done.err.strip().removeprefix("diptych: ")) == (1, NO_KEY)
    assert listing(here) == before


@pytest.mark.parametrize("more", [("--similarity", "openai/m"), ("--similarity", ARMS[0], "--embedder", "openai/m")])
def test_a_score_lacks_nothing_before_it_rates(here: Path, more: tuple[str, ...]) -> None:
    (here / "truths.jsonl").write_text('{"id": "t", "text": "The model agrees."}\n')
    assert invoke("compare", *ARMS, "--prompts", "prompts.txt", "--out", "compared").code == 0
    before = listing(here)
    done = invoke("intervene", "score", "0.2=compared", "--truths", "truths.jsonl", *more, "--out", "scored")
    assert (done.code, done.err.strip().removeprefix("diptych: ")) == (1, NO_KEY)
    assert listing(here) == before


@needs_torch
@pytest.mark.parametrize("more", [("--assistant", "openai/m"), ("--assistant", ARMS[0], "--embedder", "openai/m")])
def test_a_search_for_prompts_lacks_nothing_before_models_write(here: Path, more: tuple[str, ...]) -> None:
    for name, seed in (("one", 0), ("two", 1)):
        save_tiny(here / name, seed=seed)
    before = listing(here)
    done = invoke("contrast", "prompts", "hf/one", "hf/two", *more, "--model-arg", "device=cpu", "--out", "run")
    assert (done.code, done.err.strip().splitlines()[-1].removeprefix("diptych: ")) == (1, NO_KEY)
    assert listing(here) == before


@needs_torch
@pytest.mark.parametrize("words", [("contrast", "sample"), ("intervene", "weights")])
def test_a_mixture_is_refused_where_weights_of_a_folder_are_meant(here: Path, words: tuple[str, str]) -> None:
    before = listing(here)
    prompts = ("--prompts", "prompts.txt") if words[0] == "contrast" else ()
    done = invoke(*words, "hf/one", "mix/one~0.5~two", *prompts, "--out", "run")
    assert done.code == 2 and "mix/one~0.5~two: this takes no mixture" in done.err, done.err
    assert listing(here) == before


def test_a_dry_run_needs_no_key(here: Path) -> None:
    done = invoke("compare", *ASKED, "--judge", "openai/m", "--dry-run")
    assert done.code == 0, done.err


@needs_torch
def test_weights_of_a_lens_that_are_not_there_are_told_before_anyone_is_asked(here: Path) -> None:
    before = listing(here)
    done = invoke("compare", *ASKED, "--lenses", "surface,likelihood", "--likelihood-models", "hf/x", "hf/y")
    assert done.code == 1 and "hf/x" in done.err, done.err
    assert listing(here) == before


@pytest.mark.filterwarnings("ignore:.*taken over from one")
def test_what_was_answered_under_a_key_is_read_again_without_one(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer(lambda call: Step(content=reply("Perhaps."))) as server:
        asked = ("compare", "scripted/a.yaml", "openai-api/m", "--base-url-b", server.openai_url, "--model-arg-b",
                 "key_variable=MY_KEY", "--prompts", "prompts.txt")  # fmt: skip
        monkeypatch.setenv("MY_KEY", "k")
        first = invoke(*asked, "--out", "runs/one")
        assert first.code == 0, first.err
        monkeypatch.delenv("MY_KEY")
        done = invoke(*asked, "--alpha", "0.01", "--out", "runs/two")
    assert done.code == 0, done.err
    with closing(sqlite3.connect("runs/two/ledger.sqlite")) as ledger:
        assert ledger.execute("SELECT count(*) FROM answers WHERE asked = 'openai-api/m'").fetchone() == (40,)
