"""``diptych status``: while a run is made, after a crash, when it is over; it reads and never writes."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.cli import command, environment, listing
from tests.helpers.forge import Forge
from tests.helpers.records import jsonl, write

PROMPTS = "".join(f"Question {i}?\n" for i in range(30)).encode()
ASK = ("generate", "scripted/s.yaml", "--prompts", "p.txt", "--out", "a.jsonl")
COMPARE = ("compare", "scripted/s.yaml", "scripted/s.yaml", "--system-b", "pirate", "--prompts", "p.txt",
           "--lenses", "surface", "--out", "run")  # fmt: skip
SLOW = ("--model-arg", "latency_s=0.4", "--model-arg", "calls=calls.txt", "--model-arg", "concurrency=4")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, {"p.txt": PROMPTS, "s.yaml": b"otherwise: ['Yes, {prompt}', 'No.']\n"})
    return tmp_path


def status(forge: Forge, folder: Path, run: str) -> dict[str, Any]:
    """What it says, after a look that it wrote nothing."""
    before = listing(folder)
    outcome = forge.run("status", run, "--json", cwd=folder)
    assert outcome.code == 0, outcome.err
    now = listing(folder)
    changing = {name for name in before if "sqlite-" in name or name.endswith(("calls.txt", ".sqlite"))}
    assert before.keys() == now.keys()
    assert all(before[name] == now[name] for name in before if name not in changing)
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def begin(folder: Path, arguments: tuple[str, ...], n_calls: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        command(*arguments, *SLOW), cwd=folder, env=environment({"DIPTYCH_MAX_TOKENS": "20"}),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    calls = folder / "calls.txt"
    while not (calls.exists() and len(calls.read_bytes().splitlines()) >= n_calls):
        assert process.poll() is None
        time.sleep(0.01)
    return process


def test_a_run_is_seen_while_it_is_made_after_a_kill_and_when_it_is_done(forge: Forge, folder: Path) -> None:
    with begin(folder, COMPARE, 10) as process:
        process.send_signal(signal.SIGSTOP)
        during = status(forge, folder, "run")
        second = forge.run(*COMPARE, "--max-tokens", "20", cwd=folder)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (during["stage"], during["running"], during["lock"]["pid"]) == ("asking", True, process.pid)
    assert [(arm["arm"], arm["requests"]) for arm in during["arms"]] == [("a", 30), ("b", 30)]
    assert 0 < during["arms"][0]["answered"] < 30 and during["arms"][1]["missing"] == 30
    assert second.code == 1
    assert f"is in use: process {process.pid} on " in second.err

    killed = status(forge, folder, "run")
    assert (killed["stage"], killed["running"], killed["lock"]["alive"]) == ("asking", False, False)
    assert killed["resume"] == f"DIPTYCH_MAX_TOKENS=20 diptych {' '.join(COMPARE + SLOW)}"
    said = forge.run("status", "run", cwd=folder).out
    assert "run: asking (stopped)" in said and "has ended without letting go; the next takes over" in said
    elsewhere = forge.run("status", folder / "run", cwd=folder.parent).out
    assert f"cd {folder} && DIPTYCH_MAX_TOKENS=20 diptych compare" in elsewhere

    done = subprocess.run(
        killed["resume"].replace("diptych ", " ".join(command()) + " ", 1), shell=True, cwd=folder, env=environment(),
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    over = status(forge, folder, "run")
    assert (over["stage"], over["running"], over["lock"], over["resume"]) == ("done", False, None, None)
    assert [(arm["answered"], arm["failed"], arm["missing"], arm["usd"]) for arm in over["arms"]] == 2 * [(30, 0, 0, 0)]


def test_a_run_that_was_asked_and_killed_before_it_was_compared_says_so(forge: Forge, folder: Path) -> None:
    assert forge.run(*COMPARE, cwd=folder).code == 0
    (folder / "run" / "manifest.json").unlink()
    assert status(forge, folder, "run")["stage"] == "comparing"


def test_failures_tokens_and_an_unknown_price_are_said(forge: Forge, folder: Path) -> None:
    failing = ("--model-arg", "failure_rate=0.5", "--max-failures", "100%", "--price", "1,2")
    assert forge.run(*ASK, *failing, "--json", cwd=folder).code == 0
    (arm,) = status(forge, folder, "a.jsonl")["arms"]
    assert 0 < arm["failed"] == arm["failures"]["server"] < 30
    assert (arm["answered"], arm["missing"]) == (30 - arm["failed"], 0)
    assert arm["usd"] == pytest.approx((arm["input_tokens"] + 2 * arm["output_tokens"]) / 1e6)
    said = forge.run("status", "a.jsonl", cwd=folder).out
    assert f"a: scripted/s: {arm['answered']} of 30 answered, {arm['failed']} failed, 0 missing" in said
    assert "price " in said and "US dollars" in said


def test_what_readers_are_asked_counts_too(forge: Forge, folder: Path) -> None:
    rows = [{"prompt": f"Question {i}?", "response": f"Thing {i} of {i % 5}."} for i in range(40)]
    says = 'rules: [{match: \'"sentences"\', answers: [\'{"sentences": ["is a thing"]}\']}]\n'
    says += 'otherwise: [\'{"verdicts": [{"number": 1, "holds": true}]}\']\n'
    other = [{**row, "response": f"It is {row['response']}"} for row in rows]
    write(folder, {"a.jsonl": jsonl(rows), "b.jsonl": jsonl(other), "j.yaml": says.encode()})
    command = ("compare", "a.jsonl", "b.jsonl", "--judge", "scripted/j.yaml", "--lenses", "judge", "--out", "run")
    stopped = forge.run(*command, "--price", "1000,1000", "--max-cost", "10", cwd=folder)
    assert stopped.code == 3, stopped.err
    found = status(forge, folder, "run")
    (judge,) = found["arms"]
    assert (found["stage"], judge["arm"], judge["model"]) == ("asking", "judge", "scripted/j")
    assert judge["answered"] > 0 and judge["missing"] > 0 and "compare a.jsonl" in found["resume"]
    assert f"judge: scripted/j: {judge['answered']} of" in forge.run("status", "run", cwd=folder).out
    assert forge.run(*command, "--price", "1000,1000", cwd=folder).code == 0
    (judge,) = status(forge, folder, "run")["arms"]
    n_questions = 2 * 2 * -(-20 // 6)
    assert judge["requests"] == judge["answered"] <= n_questions + 80
    assert (judge["missing"], judge["failed"]) == (0, 0)


def test_a_comparison_of_files_is_done_or_not_there(forge: Forge, folder: Path) -> None:
    rows = jsonl([{"prompt": f"Question {i}?", "response": "No."} for i in range(30)])
    write(folder, {"a.jsonl": rows, "b.jsonl": rows, "other.txt": b"", "x.ledger.sqlite": b"no database" * 99})
    assert forge.run("compare", "a.jsonl", "b.jsonl", "--lenses", "surface", "--out", "run", cwd=folder).code == 0
    assert status(forge, folder, "run")["stage"] == "done"
    for name, code, says in (
        ("none", 2, "none is no run"),
        ("other.txt", 2, "other.txt is no run"),
        (".", 2, ". is no run"),
        ("x", 1, "x.ledger.sqlite: file is not a database"),
    ):
        refused = forge.run("status", name, cwd=folder)
        assert (refused.code, refused.out) == (code, "")
        assert says in refused.err


def test_no_key_is_kept_in_the_command(forge: Forge, folder: Path) -> None:
    key = "hidden-CANARY-0123456789"
    extra = ("--model-arg", "failure_kind=server", "--sampling-seed", "3")
    env = {"SOME_API_KEY": key, "DIPTYCH_SYSTEM": f"say {key} and sk-CANARY-0123456789"}
    assert forge.run(*ASK, *extra, cwd=folder, env=env).code == 0
    kept = b"".join(path.read_bytes() for path in folder.glob("*.ledger.sqlite*"))
    assert b"sk-CANARY" not in kept and key.encode() not in kept
    assert b"generate scripted/s.yaml" in kept
