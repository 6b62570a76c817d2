"""``--group-field``, through the real command: what compare, aa and plan say and write of groups of prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.cli import Outcome, listing
from tests.helpers.forge import Forge
from tests.helpers.records import csv, jsonl, records, write

QUICK = ("--lenses", "surface", "--resamples", "500", "--threads", "1")
GROUPED = ("--group-field", "topic")


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Twelve topics of four prompts; a numbers its topics, b's file holds them as text."""
    topics: Any = [{"topic": i % 12} for i in range(48)]
    a = [{**row, **topic} for row, topic in zip(records(48, answer="Yes, {i}."), topics, strict=True)]
    b = [{**row, "response": "No, " + "and then " * (i % 5) + "never."} for i, row in enumerate(a)]
    write(tmp_path, {"a.jsonl": jsonl(a), "b.csv": csv(b)})
    return tmp_path


def compare(forge: Forge, folder: Path, *more: str, **env: str) -> Outcome:
    return forge.run("compare", "a.jsonl", "b.csv", *QUICK, *more, cwd=folder, env=env)


def test_the_dry_run_says_how_many_groups(forge: Forge, inputs: Path) -> None:
    outcome = compare(forge, inputs, *GROUPED, "--lenses", "surface,log_odds", "--dry-run")
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[2] == "48 prompts in 12 groups by 'topic', paired"
    assert lines[3].startswith("log_odds: halves of 24 and 24 prompts, groups kept whole, ")
    limited = compare(forge, inputs, *GROUPED, "--dry-run", "--limit", "35")
    assert "32 prompts in 8 groups by 'topic', paired" in limited.out
    assert set(listing(inputs)) == {"a.jsonl", "b.csv"}
    assert "48 prompts, paired" in compare(forge, inputs, "--dry-run").out.splitlines()


@pytest.mark.parametrize("pairing", ["--paired", "--unpaired"])
def test_a_run_in_groups_says_so_everywhere(forge: Forge, inputs: Path, pairing: str) -> None:
    outcome = compare(forge, inputs, *GROUPED, "--out", "run", pairing)
    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines()[0] == f"a against b: 48 prompts in 12 groups by 'topic', {pairing[2:]}"
    found = json.loads((inputs / "run" / "findings.json").read_bytes())
    assert (found["n_prompts"], found["n_groups"]) == (48, 12)
    assert found["groups"] == {"field": "topic", "discovery": 6, "validation": 6}
    n = 1 if pairing == "--paired" else 2
    assert {(f["n_prompts"], f["n_groups"]) for f in found["findings"]} == {(48 * n, 12 * n)}
    assert json.loads((inputs / "run" / "manifest.json").read_bytes())["config"]["group_field"] == "topic"
    again = compare(forge, inputs, "--out", "run", pairing, DIPTYCH_GROUP_FIELD="topic")
    assert "already holds this very comparison" in again.err
    other = compare(forge, inputs, "--out", "run", pairing)
    assert other.code == 2
    assert "group_field: 'topic' there, None now" in other.err
    report = (inputs / "run" / "report.html").read_bytes()
    assert forge.run("report", "run", cwd=inputs).code == 0
    assert (inputs / "run" / "report.html").read_bytes() == report


def test_without_groups_nothing_speaks_of_them(forge: Forge, inputs: Path) -> None:
    assert compare(forge, inputs, "--out", "run").code == 0
    for name in ("findings.json", "findings.csv", "measures.json", "hypotheses.jsonl"):
        assert "group" not in (inputs / "run" / name).read_text(), name


def test_aa_deals_groups(forge: Forge, inputs: Path) -> None:
    flags = ("aa", "a.jsonl", "--splits", "2", *QUICK, "--limit", "46")
    outcome = forge.run(*flags, *GROUPED, cwd=inputs)
    assert outcome.code == 2
    assert "too few groups of prompts" in outcome.err
    write(inputs, {"a.jsonl": jsonl({**row, "topic": i % 24} for i, row in enumerate(records(48)))})
    outcome = forge.run(*flags, *GROUPED, cwd=inputs)
    assert outcome.code == 0, outcome.err
    dealt = "46 prompts in 23 groups by 'topic', 46 responses; groups against groups, unpaired"
    assert outcome.out.splitlines()[0] == f"a.jsonl against itself: {dealt}"
    said = json.loads(forge.run(*flags, "--json", cwd=inputs, env={"DIPTYCH_GROUP_FIELD": "topic"}).out)
    assert (said["n_prompts"], said["n_groups"], said["config"]["group_field"]) == (46, 23, "topic")
    plain = json.loads(forge.run(*flags, "--json", cwd=inputs).out)
    assert "n_groups" not in plain
    unknown = forge.run(*flags, "--group-field", "topics", cwd=inputs)
    assert (unknown.code, unknown.out) == (2, "")
    assert "a.jsonl: no record has a field 'topics'" in unknown.err
    assert "Did you mean 'topic'?" in unknown.err


def test_a_plan_counts_the_groups_of_its_pilot(forge: Forge, inputs: Path) -> None:
    assert compare(forge, inputs, *GROUPED, "--out", "grouped").code == 0
    assert compare(forge, inputs, "--out", "plain").code == 0
    flags = ("plan", "--measure", "surface.words", "--runs", "50", "--measures", "5", "--n-prompts", "48")
    grouped, plain = (forge.run(*flags, "--pilot", name, "--change", "3", cwd=inputs) for name in ("grouped", "plain"))
    assert "48 groups of prompts by 'topic', 1 response to each by each arm, find" in grouped.out
    assert "groups of prompts by 'topic' for 80 % and 90 % power:" in grouped.out
    assert "48 prompts, 1 response" in plain.out
    found = [json.loads(forge.run(*flags, "--json", "--pilot", p, cwd=inputs).out) for p in ("grouped", "plain")]
    assert [said.get("group_field") for said in found] == ["topic", None]
    changes = [said["smallest_change"]["0.8"] for said in found]
    assert changes[0] < changes[1], "the mean of a group varies less than its prompts"
