"""``diptych plan``, through the real command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.fault_server import FaultServer
from tests.helpers.forge import Forge
from tests.helpers.records import jsonl, records, write


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    with Forge() as server:
        yield server


def test_it_says_what_would_be_found_and_what_it_takes(forge: Forge, tmp_path: Path) -> None:
    said = forge.run("plan", "--n-prompts", "300", "--change", "0.1", "--runs", "100", cwd=tmp_path)
    assert said.code == 0, said.err
    assert "one true difference among 250 measures, false discovery rate 5 %: p <= 0.0002" in said.out
    assert "300 prompts, 1 response to each by each arm, find" in said.out
    assert "to find 10.0 points, prompts for 80 % and 90 % power:" in said.out


def test_json_holds_the_same_and_more_draws_need_fewer_prompts(forge: Forge, tmp_path: Path) -> None:
    flags = ("--share", "0.3", "--change", "0.15", "--runs", "100", "--measures", "20", "--json")
    found = json.loads(forge.run("plan", *flags, cwd=tmp_path).out)
    assert found["level"] == pytest.approx(0.0025)
    assert 0 < found["smallest_change"]["0.8"] <= found["smallest_change"]["0.9"] < 0.7
    needed = [row["0.8"] for row in found["prompts_needed"]]
    assert needed == sorted(needed, reverse=True)
    assert needed[0] > needed[-1]


def test_unpaired_arms_are_planned_for_too(forge: Forge, tmp_path: Path) -> None:
    flags = ("plan", "--unpaired", "--n-prompts", "300", "--change", "0.2", "--runs", "100", "--measures", "20")
    said = forge.run(*flags, cwd=tmp_path)
    assert said.code == 0, said.err
    assert "300 prompts in each arm, 1 response to each, find" in said.out
    assert "to find 20.0 points, prompts in each arm for 80 % and 90 % power:" in said.out
    found = json.loads(forge.run(*flags, "--json", cwd=tmp_path).out)
    assert found["pairing"] == "unpaired"
    assert 0.05 < found["smallest_change"]["0.8"] <= found["smallest_change"]["0.9"] < 0.2
    (row,) = found["prompts_needed"]
    assert 60 < row["0.8"] <= row["0.9"] < 300


def test_a_pilot_gives_the_spread(forge: Forge, tmp_path: Path) -> None:
    a = records(60, answer="Yes, {i}.")
    b = [{**row, "response": row["response"] + " and more" * (i % 7)} for i, row in enumerate(a)]
    write(tmp_path, {"a.jsonl": jsonl(a), "b.jsonl": jsonl(b)})
    flags = ("--lenses", "surface", "--resamples", "100", "--out", "pilot")
    assert forge.run("compare", "a.jsonl", "b.jsonl", *flags, cwd=tmp_path).code == 0
    plan = ("plan", "--pilot", "pilot", "--runs", "50", "--measures", "5", "--json")
    found = json.loads(forge.run(*plan, "--measure", "surface.words", cwd=tmp_path).out)
    assert 0 < found["smallest_change"]["0.8"] < 4
    wrong = forge.run(*plan, "--measure", "surface.wrods", cwd=tmp_path)
    assert wrong.code == 2
    assert "surface.words" in wrong.err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--share", "1.5"], "share 1.5"),
        (["--spread", "-1"], "spread -1.0"),
        (["--alpha", "2"], "--alpha = 2.0: it should be between 0 and 1"),
        (["--change", "0.95", "--runs", "20"], "--change = 0.95: it should be above 0 and at most 0.9"),
        (["--pilot", "x"], "--pilot and --measure go together"),
        (
            ["--pilot", "x", "--measure", "m", "--unpaired"],
            "--unpaired with --pilot: a pilot tells the spread of paired",
        ),
        (["--unpaired", "--draws", "2"], "--unpaired with --draws: another draw says little of other prompts"),
        (["--unpaired", "--share", "1"], "share 1.0: give a share from 0 to 1"),
        (["--unpaired", "--spread", "0"], "spread 0.0: give more than 0"),
        (["--threads", "0"], "--threads = 0: it should be at least 1"),
        (["--pilot", "x", "--measure", "m"], "is not the folder of a run"),
        (["--n-prompts", "0"], "n-prompts"),
        (["--prompts", "60"], "--prompts = 60: no such file of prompts. For a number: --n-prompts"),
        (["scripted/echo"], "give --prompts FILE"),
    ],
)
def test_what_cannot_be_planned_is_refused(forge: Forge, tmp_path: Path, flags: list[str], said: str) -> None:
    outcome = forge.run("plan", *flags, cwd=tmp_path)
    assert outcome.code in (1, 2)
    assert said in outcome.err
    assert "Traceback" not in outcome.err


def test_models_are_planned_with_requests_tokens_price_and_time_and_nothing_is_sent(
    forge: Forge, tmp_path: Path
) -> None:
    write(tmp_path, {"p.txt": "".join(f"Question {i}?\n" for i in range(120)).encode()})
    with FaultServer() as server:
        models = ("openai/gpt-4o-mini", "openai-api/m", "--base-url", server.openai_url, "--max-tokens", "100")
        flags = ("--runs", "20", "--measures", "5", "--draws", "2")
        # DIPTYCH_PROMPTS is a file, as for generate and compare
        said = forge.run("plan", *models, *flags, cwd=tmp_path, env={"DIPTYCH_PROMPTS": "p.txt"})
        assert said.code == 0, said.err
        found = json.loads(forge.run("plan", *models, *flags, "--prompts", "p.txt", "--json", cwd=tmp_path).out)
        assert server.calls == []
    assert "openai/gpt-4o-mini: 120 prompts, 2 answers each: 240 of 240 requests to ask" in said.out
    assert "price: at most about 0.01" in said.out and "price: unknown" in said.out
    assert "in all: 480 requests; price unknown; at most about 45 s" in said.out
    assert "120 prompts, 2 responses to each by each arm, find" in said.out
    known, unknown = found["asking"]
    assert (known["requests"], known["max_output_tokens"], unknown["max_usd"]) == (240, 24_000, None)
    assert known["max_usd"] == pytest.approx((known["input_tokens"] * 0.15 + 24_000 * 0.6) / 1e6)
    assert found["prompts"] == 120
