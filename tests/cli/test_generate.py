"""``diptych generate``: what it writes, what it costs, and that nothing is asked twice, however often it is killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.bad_input import check_message
from tests.helpers.cli import Outcome, command, environment, listing
from tests.helpers.forge import Forge
from tests.helpers.records import jsonl, write

SCRIPT = """
rules:
  - match: "(?i)weather"
    answers: ["Sunny.", "Rain, and more of it.", "Snow {draw}."]
  - system: pirate
    answers: ["Arr, {prompt}"]
otherwise: ["I cannot say: {prompt}", "Who knows?"]
"""
ASK = ("generate", "scripted/s.yaml", "--prompts", "p.jsonl", "--out", "a.jsonl")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        {"prompt": f"Question {i} on the weather?" if i % 3 else f"Question {i}?", "topic": i % 2} for i in range(12)
    ]
    write(tmp_path, {"p.jsonl": jsonl(rows), "s.yaml": SCRIPT.encode()})
    return tmp_path


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def done(outcome: Outcome) -> Outcome:
    assert outcome.code == 0, outcome.err
    return outcome


def test_responses_stand_in_the_order_of_the_prompts_with_all_that_is_known(forge: Forge, folder: Path) -> None:
    said = done(forge.run(*ASK, "--draws", "2", "--json", cwd=folder))
    rows = rows_of(folder / "a.jsonl")
    prompts = [row["prompt"] for row in rows_of(folder / "p.jsonl")]
    assert [(row["prompt"], row["draw"]) for row in rows] == [(prompt, d) for prompt in prompts for d in range(2)]
    assert rows[0].keys() == {"prompt_id", "prompt", "system", "draw", "response", "finish_reason", "topic", "model",
                              "input_tokens", "output_tokens"}  # fmt: skip
    assert {row["model"] for row in rows} == {"scripted/s"}
    assert any(row["response"] == "Snow 1." for row in rows)
    summary = json.loads(said.out)
    assert (summary["n_responses"], summary["n_asked_now"], summary["usd"]) == (24, 24, 0.0)
    assert summary["output_tokens"] == sum(row["output_tokens"] for row in rows)


def test_the_same_command_again_asks_nothing(forge: Forge, folder: Path) -> None:
    calls = ("--model-arg", "calls=calls.txt")
    done(forge.run(*ASK, *calls, cwd=folder))
    before = (folder / "a.jsonl").read_bytes()
    assert len((folder / "calls.txt").read_text().splitlines()) == 12
    assert "0 asked now" in done(forge.run(*ASK, *calls, cwd=folder)).out
    done(forge.run(*ASK, *calls, "--draws", "2", cwd=folder))
    assert len((folder / "calls.txt").read_text().splitlines()) == 24
    done(forge.run(*ASK, cwd=folder))
    assert (folder / "a.jsonl").read_bytes() == before


def test_one_prompt_is_not_called_prompts(forge: Forge, folder: Path) -> None:
    (folder / "one.txt").write_text("Why?\n")
    one = ("generate", ASK[1], "--prompts", "one.txt", "--out", "one.jsonl")
    assert ": 1 prompt, 1 answer each: 1 of 1 request to ask\n" in done(forge.run(*one, "--dry-run", cwd=folder)).out
    said = done(forge.run(*one, cwd=folder)).out
    assert "one.jsonl: 1 response to 1 prompt by " in said and "in all 1 answer; " in said


def test_a_dry_run_says_requests_tokens_price_and_time_and_asks_nothing(forge: Forge, folder: Path) -> None:
    before = listing(folder)
    said = done(forge.run(*ASK, "--dry-run", "--draws", "2", "--price", "1,2", cwd=folder)).out
    assert "scripted/s: 12 prompts, 2 answers each: 24 of 24 requests to ask" in said
    assert "at most 12,288 out" in said
    assert "price: at most about 0.025 US dollars" in said
    assert "time: at most about 17 s, at 50 tokens a second, 16 at once" in said
    assert listing(folder) == before
    unknown = ("generate", "openai-api/m", *ASK[2:], "--base-url", "http://127.0.0.1:9/v1", "--dry-run")
    pytest.importorskip("diptych.models.api_clients")
    assert "price: unknown" in done(forge.run(*unknown, cwd=folder)).out


def test_max_cost_stops_with_3_before_it_is_crossed_and_more_money_goes_on(forge: Forge, folder: Path) -> None:
    priced = (*ASK, "--price", "1000,1000", "--max-tokens", "20")
    stopped = forge.run(*priced, "--max-cost", "0.12", cwd=folder)
    assert (stopped.code, stopped.out) == (3, "")
    assert "--max-cost = 0.12: the next request could cross it" in stopped.err
    assert not (folder / "a.jsonl").exists()
    summary = json.loads(done(forge.run(*priced, "--max-cost", "1", "--json", cwd=folder)).out)
    assert 0 < summary["n_asked_now"] < 12
    assert summary["usd"] == pytest.approx((summary["input_tokens"] + summary["output_tokens"]) / 1000)


def test_another_model_parameter_or_set_of_prompts_is_refused_with_the_difference(forge: Forge, folder: Path) -> None:
    done(forge.run(*ASK, cwd=folder))
    for change, says in (
        (("--temperature", "0.5"), "sampling.temperature: None there, 0.5 now"),
        (("--sampling-seed", "5"), "sampling.seed: 0 there, 5 now"),
        (("--system", "You are a pirate."), "prompts: "),
        (("--model-arg", 'otherwise=["No."]'), "identity.otherwise: "),
    ):
        check_message(forge.run(*ASK, *change, cwd=folder), "holds the answers of another run", says)


def test_a_fork_is_made_beside_another_run_and_takes_over_what_still_applies(forge: Forge, folder: Path) -> None:
    """Requirement E3. The same command again goes on with the fork."""
    calls = ("--model-arg", "calls=calls.txt")
    done(forge.run(*ASK, *calls, cwd=folder))
    before = (folder / "a.jsonl").read_bytes()
    with (folder / "p.jsonl").open("ab") as file:
        file.write(jsonl([{"prompt": "One more?", "topic": 1}]))
    refused = forge.run(*ASK, *calls, cwd=folder)
    check_message(refused, "holds the answers of another run (prompts: ", "with --fork make a new run beside it")
    for _ in range(2):
        forked = done(forge.run(*ASK, *calls, "--fork", cwd=folder))
        assert len((folder / "calls.txt").read_text().splitlines()) == 13
    assert "a-2.jsonl: 13 responses" in forked.out
    assert (folder / "a.jsonl").read_bytes() == before
    assert len(rows_of(folder / "a-2.jsonl")) == 13
    assert not (folder / "a-3.jsonl").exists()


def test_a_system_prompt_reaches_the_model(forge: Forge, folder: Path) -> None:
    done(forge.run(*ASK, cwd=folder, env={"DIPTYCH_SYSTEM": "You are a pirate.", "DIPTYCH_LIMIT": "4"}))
    rows = rows_of(folder / "a.jsonl")
    assert len(rows) == 4
    assert all(row["response"].startswith("Arr, ") for row in rows if "weather" not in row["prompt"])
    assert {row["system"] for row in rows} == {"You are a pirate."}


def test_a_registry_names_models_and_their_settings(forge: Forge, folder: Path) -> None:
    registry = (
        "models: [{name: pirate, model: scripted/s.yaml, system: pirate, price: '1,1', options: {concurrency: 2}}]"
    )
    write(folder, {"m.yaml": registry.encode()})
    out = done(forge.run("generate", "pirate", "--models", "m.yaml", *ASK[2:], "--json", cwd=folder)).out
    assert json.loads(out)["usd"] > 0
    assert {row["system"] for row in rows_of(folder / "a.jsonl")} == {"pirate"}
    near = forge.run("generate", "pirat", "--models", "m.yaml", *ASK[2:], cwd=folder)
    check_message(near, "unknown model 'pirat'. Did you mean 'pirate'?")


def test_failures_are_said_and_missing_and_too_many_stop(forge: Forge, folder: Path) -> None:
    failing = (*ASK, "--model-arg", "failure_rate=0.4")
    stopped = forge.run(*failing, "--max-failures", "0", cwd=folder)
    assert stopped.code == 1
    assert "requests to scripted/s failed, --max-failures allows 0" in stopped.err
    said = done(forge.run(*failing, "--max-failures", "100%", cwd=folder))
    n = len(rows_of(folder / "a.jsonl"))
    assert 0 < n < 12
    assert f"{12 - n} of 12 requests to scripted/s failed (server {12 - n}) and are missing" in said.err
    assert said.err.count("draw 0: server: the script says so") == min(3, 12 - n)
    assert f"{12 - n} asked now" in done(forge.run(*ASK, cwd=folder)).out
    assert len(rows_of(folder / "a.jsonl")) == 12


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("generate", "opnai/gpt", *ASK[2:]), ("unknown provider 'opnai'", "'openai'")),
        (("generate", "gpt-5", *ASK[2:]), ("give provider/model", "anthropic")),
        (("generate", "scripted/none.yaml", *ASK[2:]), ("scripted/none.yaml: no such file",)),
        ((*ASK[:3], "none.txt", *ASK[4:]), ("none.txt: no such file of prompts",)),
        ((*ASK[:5], "a.csv"), ("--out = 'a.csv'", ".jsonl")),
        ((*ASK[:5], "no/a.jsonl"), ("there is no folder no",)),
        ((*ASK[:5], "p.jsonl"), ("p.jsonl exists, and p.jsonl.ledger.sqlite is not beside it",)),
        ((*ASK, "--max-tokens", "0"), ("--max-tokens = 0", "greater than or equal to 1")),
        ((*ASK, "--top-p", "2"), ("--top-p = 2.0",)),
        ((*ASK, "--draws", "0"), ("--draws = 0",)),
        ((*ASK, "--limit", "0"), ("--limit = 0",)),
        ((*ASK, "--max-cost", "-1"), ("--max-cost = -1.0",)),
        ((*ASK, "--max-failures", "many"), ("--max-failures = 'many'",)),
        ((*ASK, "--model-arg", "fast"), ("--model-arg = 'fast'", "name=value")),
        ((*ASK, "--model-arg", "latency=1"), ("unknown setting 'latency'", "latency_s")),
        ((*ASK, "--price", "cheap"), ("price = 'cheap'",)),
        ((*ASK, "--base-url", "http://127.0.0.1"), ("scripted/s.yaml is not behind a server",)),
        ((*ASK, "--models", "none.yaml"), ("none.yaml: cannot be read",)),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_a_few_lines_and_leaves_nothing(
    forge: Forge, folder: Path, arguments: tuple[str, ...], says: tuple[str, ...]
) -> None:
    before = listing(folder)
    check_message(forge.run(*arguments, cwd=folder), *says)
    assert listing(folder) == before


AT_ONCE = 8


def run_killed(folder: Path, n_requests: int, n_kills: int, draw: random.Random) -> list[int]:
    """Run the command, kill it at random moments, and let it end; how many requests were begun at each kill."""
    ask = command(*ASK, "--draws", "2", "--model-arg", "calls=calls.txt", "--model-arg", "latency_s=0.02",
                  "--model-arg", f"concurrency={AT_ONCE}")  # fmt: skip
    calls, moments = folder / "calls.txt", []
    calls.touch()
    for kill in range(n_kills):
        lines = calls.read_bytes().splitlines()
        left = n_requests - len(set(lines))
        until = len(lines) + draw.randint(0, max(0, min(2 * left // (n_kills - kill + 1), left - 2 * AT_ONCE)))
        process = subprocess.Popen(
            ask, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        while len(calls.read_bytes().splitlines()) <= until and process.poll() is None:
            time.sleep(0.001)
        time.sleep(0.01 * draw.random())
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        moments.append(len(calls.read_bytes().splitlines()))
    last = subprocess.run(ask, cwd=folder, env=environment(), capture_output=True, check=False)
    assert last.returncode == 0, last.stderr.decode()
    return moments


@pytest.mark.parametrize(
    ("n_requests", "n_kills"),
    [(200, 5), pytest.param(500, 50, marks=[pytest.mark.slow, pytest.mark.timeout(600)])],
)
def test_killed_at_random_moments_each_is_answered_once_and_the_file_is_the_same(
    tmp_path: Path, n_requests: int, n_kills: int
) -> None:
    """Requirement E1: no more calls are repeated than were under way, and no byte of the result changes."""
    prompts = "".join(f"Question {i} on the weather?\n" for i in range(n_requests // 2)).encode()
    for name in ("killed", "undisturbed"):
        write(tmp_path / name, {"p.jsonl": jsonl([{"prompt": line} for line in prompts.decode().split("\n")[:-1]]),
                                "s.yaml": SCRIPT.encode()})  # fmt: skip
    moments = run_killed(tmp_path / "killed", n_requests, n_kills, random.Random(n_kills))
    calls = Counter((tmp_path / "killed" / "calls.txt").read_text().splitlines())
    assert len(calls) == n_requests
    repeated = sum(calls.values()) - n_requests
    assert repeated <= AT_ONCE * n_kills
    assert len(set(moments)) > n_kills // 2, "the kills fell on few moments"
    done = subprocess.run(
        command(*ASK, "--draws", "2"), cwd=tmp_path / "undisturbed", env=environment(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    results = [(tmp_path / name / "a.jsonl").read_bytes() for name in ("killed", "undisturbed")]
    assert results[0] == results[1]
    assert len(results[0].splitlines()) == n_requests
    left = set(os.listdir(tmp_path / "killed"))
    assert left == {"p.jsonl", "s.yaml", "calls.txt", "a.jsonl", "a.jsonl.ledger.sqlite"}


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupting_keeps_what_was_answered_and_prints_the_command(
    folder: Path, sent: signal.Signals, code: int
) -> None:
    """Requirement E2: within ten seconds."""
    slow = (*ASK, "--draws", "20", "--model-arg", "latency_s=0.2", "--model-arg", "calls=calls.txt")
    process = subprocess.Popen(
        command(*slow), cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    calls = folder / "calls.txt"
    while not (calls.exists() and len(calls.read_bytes().splitlines()) > 40):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(sent)
    printed, rest = process.communicate(timeout=10)
    assert (process.returncode, printed) == (code, "")
    assert "interrupted; what was answered is kept. The same command goes on:" in rest
    assert f"diptych {' '.join(slow)}" in rest
    assert not (folder / "a.jsonl").exists()
    assert not (folder / "a.jsonl.ledger.sqlite.lock").exists()
    again = subprocess.run(
        command(*ASK, "--draws", "20", "--json"),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert 0 < json.loads(again.stdout)["n_asked_now"] < 240
