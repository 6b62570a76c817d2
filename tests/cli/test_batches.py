"""``--batch``: left with the provider, fetched by the same command, for half the price."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.helpers.batch_server import BatchServer
from tests.helpers.cli import command, environment
from tests.helpers.forge import Forge
from tests.helpers.records import jsonl, write

KEY = "sk-CANARY-0123456789abcdef"
MODELS = {"openai": "openai/gpt-5", "anthropic": "anthropic/claude-haiku-4-5"}
QUICK = ("--model-arg", "poll_s=0.05", "--max-tokens", "100")


def environment_of(provider: str) -> dict[str, str]:
    return {f"{provider.upper()}_API_KEY": KEY}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, {"p.jsonl": jsonl([{"prompt": f"Question {i}?"} for i in range(30)])})
    return tmp_path


def ask(provider: str, server: BatchServer, *more: str) -> tuple[str, ...]:
    url = server.url if provider == "anthropic" else server.openai_url
    return ("generate", MODELS[provider], "--prompts", "p.jsonl", "--out", "a.jsonl", "--base-url", url, *QUICK, *more)


@pytest.mark.parametrize("provider", MODELS)
def test_killed_while_it_waits_the_same_command_fetches_the_same_batch(
    forge: Forge, folder: Path, provider: str
) -> None:
    with BatchServer(n_looks=10**6) as server:
        started = command(*ask(provider, server, "--batch"))
        process = subprocess.Popen(
            started, cwd=folder, env=environment(environment_of(provider)), stderr=subprocess.PIPE
        )
        try:
            while not any(batch.n_looks > 2 for batch in server.batches.values()):
                assert process.poll() is None
                time.sleep(0.02)
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        without = forge.run(*ask(provider, server), cwd=folder, env=environment_of(provider))
        server.n_looks = 0
        done = forge.run(*ask(provider, server, "--batch", "--json"), cwd=folder, env=environment_of(provider))
        assert len(server.batches) == 1
    assert (without.code, without.out) == (2, "")
    assert "The same command with --batch waits for them." in without.err
    assert done.code == 0, done.err
    assert "batch batch_0: " in done.err
    assert "of 30 done" in done.err
    rows = [json.loads(line) for line in (folder / "a.jsonl").read_text().splitlines()]
    assert [row["response"].partition("”")[0] for row in rows] == [f"About “Question {i}?" for i in range(30)]
    texts = [path.read_bytes() for path in folder.iterdir()] + [done.err.encode(), done.out.encode()]
    assert not any(KEY[3:].encode() in text for text in texts)


@pytest.mark.parametrize("provider", MODELS)
def test_the_estimate_is_half_where_the_tables_say_so(forge: Forge, folder: Path, provider: str) -> None:
    with BatchServer() as server:
        one_by_one = forge.run(*ask(provider, server, "--dry-run"), cwd=folder)
        batched = forge.run(*ask(provider, server, "--dry-run", "--batch"), cwd=folder)
        assert server.calls == []
    prices = [float(said.out.partition("at most about ")[2].split()[0]) for said in (one_by_one, batched)]
    assert prices[1] == pytest.approx(prices[0] / 2, rel=0.05)
    assert "time: within 24 hours, in batches" in batched.out


@pytest.mark.parametrize("model", ["openrouter/m", "scripted/echo"])
def test_who_takes_no_batches_says_so(forge: Forge, folder: Path, model: str) -> None:
    refused = forge.run("generate", model, "--prompts", "p.jsonl", "--out", "a.jsonl", "--batch", cwd=folder)
    assert (refused.code, refused.out) == (2, "")
    assert f"--batch: {model} takes no batches; anthropic and openai do." in refused.err
