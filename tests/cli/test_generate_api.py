"""``diptych generate`` with models behind an interface: real SDKs, a real server, and every way in which it fails."""

from __future__ import annotations

import itertools
import json
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.cli import Outcome, command, environment
from tests.helpers.fault_server import (
    BROKEN_JSON,
    CUT,
    ERROR_IN_200,
    HTML,
    RESET,
    Call,
    FaultServer,
    Step,
    error,
    rate_limited,
    reply,
)
from tests.helpers.forge import Forge
from tests.helpers.records import jsonl, write

KEY = "sk-CANARY-0123456789abcdef"
QUICK = ("--model-arg", "max_wait_s=0.02", "--model-arg", "timeout_s=2")
FAILURES = [rate_limited(), rate_limited(retry_after=0), error(503, "service_unavailable"), error(529, "overloaded_error"),
            RESET, CUT, BROKEN_JSON, HTML, ERROR_IN_200, Step(content=reply(choices=[], content=[]))]  # fmt: skip


def ask(provider: str, server: FaultServer, *more: str, out: str = "a.jsonl") -> tuple[str, ...]:
    url = server.url if provider == "anthropic" else server.openai_url
    return ("generate", f"{provider}/m", "--prompts", "p.jsonl", "--out", out, "--base-url", url, *QUICK, *more)


def prompts(folder: Path, n: int) -> None:
    write(folder, {"p.jsonl": jsonl([{"prompt": f"Question {i}?"} for i in range(n)])})


def environment_of(provider: str) -> dict[str, str]:
    return {f"{provider.upper()}_API_KEY": KEY}


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def assert_no_key(folder: Path, *said: str) -> None:
    texts = [path.read_bytes() for path in folder.rglob("*") if path.is_file()] + [text.encode() for text in said]
    assert len(texts) > 2
    assert not any(KEY[3:].encode() in text for text in texts)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_whatever_fails_and_passes_each_prompt_is_answered_once_and_counted(
    forge: Forge, tmp_path: Path, provider: str
) -> None:
    prompts(tmp_path, 40)
    failed: Counter[str] = Counter()
    failures = itertools.cycle(FAILURES)

    def every_third_fails_but_no_prompt_too_often(call: Call) -> Step:
        if call.number % 3 < 2 or failed[call.sha256] == 4:
            return Step()
        failed[call.sha256] += 1
        return next(failures)

    with FaultServer(every_third_fails_but_no_prompt_too_often) as server:
        done = forge.run(*ask(provider, server, "--json"), cwd=tmp_path, env=environment_of(provider))
        assert done.code == 0, done.err
        n_calls = len(server.calls)
        again = forge.run(*ask(provider, server, "--json"), cwd=tmp_path, env=environment_of(provider))
        assert (again.code, len(server.calls)) == (0, n_calls), "nothing is asked twice"
    rows, summary = rows_of(tmp_path / "a.jsonl"), json.loads(done.out)
    assert [row["response"].partition("”")[0] for row in rows] == [f"About “Question {i}?" for i in range(40)]
    assert n_calls > 50
    names = ("input_tokens", "output_tokens") if provider == "anthropic" else ("prompt_tokens", "completion_tokens")
    assert [summary["input_tokens"], summary["output_tokens"]] == [server.usage[name] for name in names]
    assert summary["input_tokens"] > 2 * 40, "calls that came to nothing were paid for, and are counted"
    assert summary["usd"] is None, "an unknown price is not nothing"
    assert_no_key(tmp_path, done.out, done.err)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize(
    ("step", "says"),
    [
        (error(401, "authentication_error", f"Incorrect API key provided: {KEY}"), "the key was refused"),
        (error(429, "insufficient_quota", "You exceeded your quota"), "there is no credit"),
    ],
    ids=["401", "quota"],
)
def test_a_wrong_key_or_no_credit_stops_at_once_and_the_same_command_goes_on(
    forge: Forge, tmp_path: Path, provider: str, step: Step, says: str
) -> None:
    prompts(tmp_path, 30)
    with FaultServer(lambda call: step if call.number >= 12 else Step()) as server:
        one_by_one = ("--model-arg", "concurrency=1")
        stopped = forge.run(*ask(provider, server, *one_by_one), cwd=tmp_path, env=environment_of(provider))
        assert time.monotonic() - server.calls[-1].at_s < 5
        assert (stopped.code, stopped.out, len(server.calls)) == (1, "", 13)
        assert says in stopped.err
        assert not (tmp_path / "a.jsonl").exists()
        server.script = ()
        done = forge.run(*ask(provider, server, *one_by_one), cwd=tmp_path, env=environment_of(provider))
        assert done.code == 0, done.err
        assert len(server.calls) == 13 + 18
    assert len(rows_of(tmp_path / "a.jsonl")) == 30
    assert_no_key(tmp_path, stopped.err, done.out, done.err)


def test_a_run_that_had_no_key_stands_in_nobody_s_way(forge: Forge, tmp_path: Path) -> None:
    prompts(tmp_path, 3)
    with FaultServer() as server:
        assert forge.run(*ask("openai", server), cwd=tmp_path, env={"OPENAI_API_KEY": ""}).code == 1
    said = forge.run("status", "a.jsonl", cwd=tmp_path).out
    assert "0 of 3 answered, 0 failed, 3 missing\nin all: no answer yet\nit goes on with:\n" in said
    other = forge.run("generate", "scripted/echo", "--prompts", "p.jsonl", "--out", "a.jsonl", cwd=tmp_path)
    assert (other.code, len(rows_of(tmp_path / "a.jsonl"))) == (0, 3), other.err


def test_what_cannot_be_asked_is_said_in_one_line(forge: Forge, tmp_path: Path) -> None:
    prompts(tmp_path, 3)
    with FaultServer() as server:
        missing = forge.run(*ask("openai", server), cwd=tmp_path, env={"OPENAI_API_KEY": ""})
        refused = forge.run(*ask("anthropic", server, "--temperature", "0"), cwd=tmp_path)
        assert server.calls == []
    down = forge.run(*ask("openai-api", server, out="c.jsonl"), cwd=tmp_path)
    nowhere = forge.run("generate", "openai-api/m", "--prompts", "p.jsonl", "--out", "b.jsonl", cwd=tmp_path)
    for outcome, code, says in (
        (missing, 1, "openai/m: no key. Set OPENAI_API_KEY in the environment or in a file .env."),
        (refused, 2, "temperature = 0.0: Anthropic's interface of 2026-10-21 does not take temperature"),
        (down, 1, f"openai-api/m: the connection failed (ConnectError). Asked at {server.openai_url}"),
        (nowhere, 2, "openai-api needs the address of a server: --base-url"),
    ):
        assert (outcome.code, outcome.out) == (code, ""), outcome.err
        assert says in " ".join(outcome.err.split())
        assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    ("model", "step", "n_calls", "says"),
    [
        ("openai/gpt-5o", error(404, "model_not_found"), 1, "there is no such model, or no such address"),
        ("anthropic/claude-hiku-4-5", error(404, "not_found_error"), 1, "1 call. Did you mean 'claude-haiku-4-5'?"),
        ("openai/gpt-5", HTML, 6, "the reply is a web page: is the address right, and does no proxy stand before it?"),
    ],
    ids=["openai", "anthropic", "html"],
)
def test_a_model_or_a_server_that_is_none_is_said_so_that_it_can_be_mended(
    forge: Forge, tmp_path: Path, model: str, step: Step, n_calls: int, says: str
) -> None:
    prompts(tmp_path, 3)
    with FaultServer(lambda call: step) as server:
        provider = model.partition("/")[0]
        flags = ["--out", "a.jsonl", "--base-url", server.url if provider == "anthropic" else server.openai_url, *QUICK]
        outcome = forge.run(
            "generate", model, "--prompts", "p.jsonl", *flags, cwd=tmp_path, env=environment_of(provider)
        )
        assert len(server.calls) == n_calls
    assert (outcome.code, outcome.out) == (1, "")
    assert says in " ".join(outcome.err.split())


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_prompt_that_is_too_long_is_said_with_its_length_and_the_others_go_on(
    forge: Forge, tmp_path: Path, provider: str
) -> None:
    prompts(tmp_path, 4)
    code = "invalid_request_error" if provider == "anthropic" else "context_length_exceeded"
    long = error(400, code, "prompt is too long: 210000 tokens > 200000 maximum")
    with FaultServer(lambda call: long if b"Question 2" in call.body else Step()) as server:
        outcome = forge.run(*ask(provider, server, "--max-failures", "1"), cwd=tmp_path, env=environment_of(provider))
        assert len(server.calls) == 4
    assert outcome.code == 0, outcome.err
    assert "context_length: HTTP 400" in outcome.err
    assert "210000 tokens > 200000 maximum" in outcome.err
    assert "1 of 4 requests" in outcome.err
    assert len(rows_of(tmp_path / "a.jsonl")) == 3


AT_ONCE = 8


def run_killed(folder: Path, server: FaultServer, n_requests: int, n_kills: int, draw: random.Random) -> None:
    """Run the command, kill it at random moments, and let it end."""
    started = command(*ask("openai-api", server, "--model-arg", f"concurrency={AT_ONCE}"))
    for kill in range(n_kills):
        begun = len(server.calls)
        until = begun + draw.randint(0, 2 * max(0, n_requests - begun) // (n_kills - kill + 1))
        process = subprocess.Popen(
            started, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        while len(server.calls) <= until and process.poll() is None:
            time.sleep(0.001)
        time.sleep(0.02 * draw.random())
        process.send_signal(signal.SIGKILL)
        process.communicate()
    last = subprocess.run(started, cwd=folder, env=environment(), capture_output=True, check=False)
    assert last.returncode == 0, last.stderr.decode()


@pytest.mark.parametrize(
    ("n_requests", "n_kills"),
    [(150, 3), pytest.param(500, 50, marks=[pytest.mark.slow, pytest.mark.timeout(600)])],
)
def test_killed_at_random_moments_no_more_is_asked_again_than_was_out(
    tmp_path: Path, n_requests: int, n_kills: int
) -> None:
    prompts(tmp_path, n_requests)
    with FaultServer(latency_s=0.02) as server:
        run_killed(tmp_path, server, n_requests, n_kills, random.Random(n_kills))
        asked: list[Call] = list(server.calls)
        whole = command(*ask("openai-api", server, out="whole.jsonl"))
        subprocess.run(whole, cwd=tmp_path, env=environment(), check=True, capture_output=True)
    assert len({call.sha256 for call in asked}) == n_requests
    assert len(asked) - n_requests <= AT_ONCE * n_kills
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert len(rows_of(tmp_path / "a.jsonl")) == n_requests


def test_calls_that_come_to_nothing_count_against_the_budget_and_more_money_goes_on(
    forge: Forge, tmp_path: Path
) -> None:
    """Requirement A14: what is spent beyond the limit is at most what was out when it was reached."""
    prompts(tmp_path, 60)
    seen: Counter[str] = Counter()

    def third_time_lucky(call: Call) -> Step:
        seen[call.sha256] += 1
        return Step() if seen[call.sha256] > 2 else Step(content=reply(choices=[]))

    with FaultServer(third_time_lucky) as server:
        priced = ask("openai", server, "--price", "1000,1000", "--max-tokens", "40", "--model-arg", "concurrency=4")

        def run(max_cost: float) -> Outcome:
            limit = ("--max-cost", str(max_cost), "--json")
            return forge.run(*priced, *limit, cwd=tmp_path, env=environment_of("openai"))

        stopped = run(0.6)
        assert (stopped.code, stopped.out) == (3, ""), stopped.err
        assert "--max-cost = 0.6: the next request could cross it" in stopped.err
        spent = (server.usage["prompt_tokens"] + server.usage["completion_tokens"]) / 1000
        most_for_a_call, attempts = (11 + 16 + 40) / 1000, 6
        assert 0.5 < spent < 0.6 + 4 * attempts * most_for_a_call
        assert len(server.calls) < 150
        done = run(100)
        assert done.code == 0, done.err
    used = server.usage["prompt_tokens"] + server.usage["completion_tokens"]
    assert json.loads(done.out)["usd"] <= used / 1000 + 1e-9
    assert len(rows_of(tmp_path / "a.jsonl")) == 60
