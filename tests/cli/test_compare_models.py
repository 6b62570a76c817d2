"""``diptych compare`` with models in place of files: asked into the run's folder, compared as any other arm."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.bad_input import check_message
from tests.helpers.cli import Outcome, command, environment, listing
from tests.helpers.fault_server import FaultServer
from tests.helpers.forge import Forge
from tests.helpers.records import jsonl, write

SCRIPT = """
rules:
  - system: pirate
    answers: ["Arr! {prompt} Ask the parrot.", "Arr! I do not know that."]
otherwise: ["It depends on much, {prompt}", "That is hard to say."]
"""
PROMPTS = "".join(f"Question {i}?\n" for i in range(40)).encode()
USUAL = ("--prompts", "p.txt", "--lenses", "surface", "--out", "run")
PIRATE = ("compare", "scripted/s.yaml", "scripted/s.yaml", "--system-b", "You are a pirate.", *USUAL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, {"p.txt": PROMPTS, "s.yaml": SCRIPT.encode()})
    return tmp_path


def done(outcome: Outcome) -> Outcome:
    assert outcome.code == 0, outcome.err
    return outcome


def manifest(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "manifest.json").read_bytes())
    return found


def test_one_model_under_two_system_prompts_differs_and_between_draws_does_not(forge: Forge, folder: Path) -> None:
    done(forge.run(*PIRATE, cwd=folder))
    findings = json.loads((folder / "run" / "findings.json").read_bytes())
    assert "b uses more exclamation marks" in [finding["statement"] for finding in findings["findings"]]
    for seed in ("1", "2"):
        done(forge.run("generate", "scripted/s.yaml", "--prompts", "p.txt", "--out", f"{seed}.jsonl", "--sampling-seed",
                       seed, cwd=folder))  # fmt: skip
    same = done(forge.run("compare", "1.jsonl", "2.jsonl", "--lenses", "surface", "--json", cwd=folder))
    assert json.loads(same.out)["findings"] == []


def test_the_manifest_says_which_models_were_asked_what(forge: Forge, folder: Path) -> None:
    done(forge.run(*PIRATE, "--draws", "2", "--temperature", "0.5", cwd=folder))
    for entry in manifest(folder / "run")["inputs"]:
        made = entry["generated"]
        assert (entry["source"], made["model"], made["draws"]) == ("scripted/s", "scripted/s", 2)
        assert made["identity"]["rules"][0]["system"] == "pirate"
        assert made["sampling"]["temperature"] == 0.5
        assert made["prompts"]["source"] == "p.txt" and made["prompts"]["n_prompts"] == 40
        assert made["models_returned"] == ["s"]
    rows = [json.loads(line) for line in (folder / "run" / "responses.jsonl").read_text().splitlines()]
    assert len(rows) == 160
    assert {row["system"] for row in rows if row["arm"] == "b"} == {"You are a pirate."}
    assert (folder / "run" / "ledger.sqlite").exists()
    assert not list((folder / "run").glob("ledger.sqlite?*"))


def test_a_file_against_a_model_takes_the_prompts_of_the_file(forge: Forge, folder: Path) -> None:
    rows = [{"prompt": f"Question {i}?", "response": f"Yes! It is {i}!"} for i in range(30)]
    write(folder, {"a.jsonl": jsonl(rows)})
    out = done(forge.run("compare", "a.jsonl", "scripted/s.yaml", *USUAL[2:], "--json", cwd=folder)).out
    found = json.loads(out)
    assert (found["n_prompts"], found["pairing"]) == (30, "paired")
    assert [arm["name"] for arm in found["arms"]] == ["a", "s"] or [arm["source"] for arm in found["arms"]] == [
        "a.jsonl", "scripted/s"]  # fmt: skip
    assert "generated" not in manifest(folder / "run")["inputs"][0]


def test_what_is_a_file_is_taken_as_one_even_if_it_is_called_like_a_model(forge: Forge, folder: Path) -> None:
    rows = [{"prompt": f"Question {i}?", "response": "No."} for i in range(30)]
    write(folder, {"scripted/echo": jsonl(rows), "a.jsonl": jsonl(rows)})
    done(forge.run("compare", "scripted/echo", "a.jsonl", "--lenses", "surface", "--out", "run", cwd=folder))
    assert not (folder / "run" / "ledger.sqlite").exists()


def test_a_limit_asks_only_for_the_prompts_that_are_compared(forge: Forge, folder: Path) -> None:
    """And chooses those that a comparison of files would."""
    calls = ("--model-arg", "calls=calls.txt")
    done(forge.run(*PIRATE, "--limit", "25", *calls, cwd=folder))
    assert len((folder / "calls.txt").read_text().splitlines()) == 50
    for name, system in (("a", ()), ("b", ("--system", "You are a pirate."))):
        done(
            forge.run(
                "generate", "scripted/s.yaml", "--prompts", "p.txt", "--out", f"{name}.jsonl", *system, cwd=folder
            )
        )
    done(
        forge.run("compare", "a.jsonl", "b.jsonl", "--lenses", "surface", "--limit", "25", "--out", "files", cwd=folder)
    )
    prompts = [
        {json.loads(line)["prompt"] for line in (folder / run / "responses.jsonl").read_text().splitlines()}
        for run in ("run", "files")
    ]
    assert prompts[0] == prompts[1]


def test_the_same_command_again_asks_nothing_and_other_settings_take_the_answers_over(
    forge: Forge, folder: Path
) -> None:
    calls = ("--model-arg", "calls=calls.txt")
    first = (*PIRATE[:-2], *calls)
    done(forge.run(*first, cwd=folder))
    assert len((folder / "calls.txt").read_text().splitlines()) == 80
    assert "nothing was computed again" in done(forge.run(*first, cwd=folder)).err
    again = done(forge.run(*first, "--alpha", "0.01", cwd=folder))
    assert "40 answers of scripted/s were taken over from scripted_s-vs-scripted_s" in again.err
    assert sorted(path.name for path in (folder / "runs").iterdir()) == [
        "scripted_s-vs-scripted_s",
        "scripted_s-vs-scripted_s-2",
    ]
    assert len((folder / "calls.txt").read_text().splitlines()) == 80
    ledger = sqlite3.connect(folder / "runs" / "scripted_s-vs-scripted_s-2" / "ledger.sqlite")
    assert ledger.execute("SELECT count(*), sum(usd) FROM answers").fetchone() == (80, 0.0)
    ledger.close()


def test_a_dry_run_asks_nothing_and_leaves_nothing(forge: Forge, folder: Path) -> None:
    before = listing(folder)
    said = done(forge.run(*PIRATE, "--dry-run", "--draws", "3", cwd=folder)).out
    assert said.count("40 prompts, 3 answers each: 120 of 120 requests to ask") == 2
    assert "would write run" in said
    assert listing(folder) == before


def test_the_budget_is_that_of_both_models_together(forge: Forge, folder: Path) -> None:
    priced = (*PIRATE, "--price", "1000,1000", "--max-tokens", "20", "--json")
    stopped = forge.run(*priced, "--max-cost", "0.5", cwd=folder)
    assert (stopped.code, stopped.out) == (3, "")
    assert not (folder / "run" / "manifest.json").exists()
    done(forge.run(*priced, "--max-cost", "5", cwd=folder))
    assert (folder / "run" / "manifest.json").exists()


@pytest.mark.timeout(240)
def test_killed_while_asking_or_comparing_the_same_command_ends_with_the_same_bytes(folder: Path) -> None:
    slow = command(*PIRATE, "--model-arg", "latency_s=0.1", "--model-arg", "calls=calls.txt", "--seed", "0")
    for n_answers in (5, 50, 80):
        process = subprocess.Popen(
            slow, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        calls = folder / "calls.txt"
        while process.poll() is None and (not calls.exists() or len(calls.read_bytes().splitlines()) < n_answers):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.returncode == -signal.SIGKILL
    assert subprocess.run(slow, cwd=folder, env=environment(), capture_output=True, check=False).returncode == 0
    shutil.move(folder / "run", folder / "killed")
    (folder / "killed" / "ledger.sqlite").rename(folder / "away.sqlite")
    assert subprocess.run(slow, cwd=folder, env=environment(), capture_output=True, check=False).returncode == 0
    for name in ("responses.jsonl", "findings.csv", "hypotheses.jsonl", "measures.json"):
        assert (folder / "killed" / name).read_bytes() == (folder / "run" / name).read_bytes(), name


def test_missing_answers_are_said_and_more_missing_in_one_arm_is_flagged(forge: Forge, folder: Path) -> None:
    write(folder, {"f.yaml": SCRIPT.encode() + b"failure_rate: 0.5\n"})
    compare = ("compare", "scripted/s.yaml", "scripted/f.yaml", *USUAL, "--max-failures", "100%")
    err = done(forge.run(*compare, cwd=folder)).err
    assert "of 40 requests to scripted/f failed (server" in err
    assert "0 of 40 answers of scripted/s and" in err and "more than chance gives" in err
    assert "prompts of scripted/s have no counterpart and were left out" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("compare", "scripted/echo", "scripted/s.yaml"), ("two models need prompts: give --prompts",)),
        (("compare", "scripted/s.yaml", "scripted/s.yaml", *USUAL), ("both arms are scripted/s, asked the same", "diptych aa")),
        (("compare", "a.jsonl", "b.jsonl", *USUAL), ("--prompts: A and B are files",)),
        (("compare", "a.jsonl", "scritped/s.yaml", *USUAL), ("unknown provider 'scritped'. Did you mean 'scripted'",)),
        (("compare", "a.jsonl", "scripted/none.yaml", *USUAL), ("scripted/none.yaml: no such file",)),
        ((*PIRATE, "--limit", "20", "--group-field", "topic"), ("groups are whole only in a shorter file",)),
        ((*PIRATE, "--draws", "0"), ("--draws = 0",)),
        ((*PIRATE[:-1], "full"), ("full already exists and holds something else",)),
    ],
)  # fmt: skip
def test_bad_input_is_refused_and_leaves_nothing(
    forge: Forge, folder: Path, arguments: tuple[str, ...], says: tuple[str, ...]
) -> None:
    rows = jsonl([{"prompt": f"Question {i}?", "response": "No."} for i in range(30)])
    write(folder, {"a.jsonl": rows, "b.jsonl": rows, "full/x": b"x"})
    before = listing(folder)
    check_message(forge.run(*arguments, cwd=folder), *says)
    assert listing(folder) == before


def test_a_folder_of_another_run_is_refused_with_the_difference(forge: Forge, folder: Path) -> None:
    done(forge.run(*PIRATE, cwd=folder))
    check_message(forge.run(*PIRATE, "--temperature", "1", cwd=folder), "holds the answers of another run",
                  "a.sampling.temperature: None there, 1.0 now", "b.sampling")  # fmt: skip
    check_message(
        forge.run(*PIRATE, "--alpha", "0.2", cwd=folder), "already holds another run (alpha: 0.05 there, 0.2 now)"
    )


def test_an_arm_has_an_address_and_settings_of_its_own(forge: Forge, folder: Path) -> None:
    def own(server: FaultServer, arm: str, effort: str) -> tuple[str, ...]:
        extra = json.dumps({"reasoning_effort": effort})
        return (f"--base-url-{arm}", server.openai_url, f"--model-arg-{arm}", f"extra={extra}")

    with FaultServer() as one, FaultServer() as two:
        flags = (*own(one, "a", "low"), *own(two, "b", "high"), "--model-arg", "concurrency=4")
        done(forge.run("compare", "openai-api/m", "openai-api/m", *flags, *USUAL, cwd=folder))
        assert (len(one.calls), len(two.calls)) == (40, 40)
        assert {call.json["reasoning_effort"] for call in one.calls} == {"low"}
        assert {call.json["reasoning_effort"] for call in two.calls} == {"high"}


def test_a_fork_is_made_beside_another_run(forge: Forge, folder: Path) -> None:
    calls = ("--model-arg", "calls=calls.txt")
    done(forge.run(*PIRATE, *calls, cwd=folder))
    for _ in range(2):
        done(forge.run(*PIRATE, *calls, "--alpha", "0.2", "--fork", cwd=folder))
    assert manifest(folder / "run-2")["config"]["alpha"] == 0.2
    assert manifest(folder / "run")["config"]["alpha"] == 0.05
    assert len((folder / "calls.txt").read_text().splitlines()) == 80
    assert not (folder / "run-3").exists()
    rows = jsonl([{"prompt": f"Question {i}?", "response": "No."} for i in range(30)])
    write(folder, {"a.jsonl": rows, "b.jsonl": rows})
    files = ("compare", "a.jsonl", "b.jsonl", "--lenses", "surface", "--out", "files")
    for flags in ((), ("--alpha", "0.2", "--fork"), ("--alpha", "0.2", "--fork")):
        done(forge.run(*files, *flags, cwd=folder))
    assert manifest(folder / "files-2")["config"]["alpha"] == 0.2
    assert not (folder / "files-3").exists()
