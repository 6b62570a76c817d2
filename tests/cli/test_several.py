"""``diptych compare A B C``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.cli import Outcome, listing
from tests.helpers.forge import Forge
from tests.helpers.records import jsonl, records, write

QUICK = ("--lenses", "surface", "--resamples", "200")


@pytest.fixture
def three(tmp_path: Path) -> Path:
    made = {"a.jsonl": "Yes, {i}.", "b.jsonl": "Yes, {i}.", "c.jsonl": "No, it is not {i}, never."}
    write(tmp_path, {name: jsonl(records(24, answer=answer)) for name, answer in made.items()})
    return tmp_path


def several(forge: Forge, folder: Path, *more: str) -> Outcome:
    return forge.run("compare", "a.jsonl", "b.jsonl", "c.jsonl", *QUICK, *more, cwd=folder)


def test_every_pair_is_printed_and_written(forge: Forge, three: Path) -> None:
    outcome = several(forge, three)
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0] == "3 comparisons of 3 arms, one family"
    assert "a against b: 0 differ; 24 prompts, paired" in lines
    assert lines[-1] == "report: runs/a-vs-b-vs-c/report.html"
    assert {"runs/a-vs-b-vs-c/a-vs-c/report.html", "runs/a-vs-b-vs-c/findings.csv"} <= set(listing(three))
    again = several(forge, three)
    assert "already holds these very comparisons" in again.err
    assert again.out == outcome.out
    assert several(forge, three, "--seed", "3").out.splitlines()[-1] == "report: runs/a-vs-b-vs-c-2/report.html"
    refused = several(forge, three, "--seed", "3", "--out", "runs/a-vs-b-vs-c")
    assert (refused.code, refused.out) == (2, "")
    assert "seed: 0 there, 3 now" in refused.err


def test_json_names_and_the_exit_code(forge: Forge, three: Path) -> None:
    named = ("--name", "x", "--name", "y", "--name", "z")
    outcome = several(forge, three, *named, "--json", "--fail-on-difference", "--out", "run")
    assert outcome.code == 100, outcome.err
    found = json.loads(outcome.out)
    assert outcome.out == (three / "run" / "findings.json").read_text()
    assert [(pair["a"], pair["b"], bool(pair["findings"])) for pair in found["comparisons"]] == [
        ("x", "y", False), ("x", "z", True), ("y", "z", True),
    ]  # fmt: skip
    report = three / "run" / "report.html"
    page = report.read_text()
    report.write_text("")
    assert forge.run("report", "run", cwd=three).code == 0
    assert report.read_text() == page


def test_against_the_rest_and_dry_run(forge: Forge, three: Path) -> None:
    before = listing(three)
    outcome = several(forge, three, "--versus", "rest", "--dry-run")
    assert outcome.code == 0, outcome.err
    assert [line for line in outcome.out.splitlines() if line.startswith("the others")] == [
        "the others and a", "the others and b", "the others and c",
    ]  # fmt: skip
    assert "3 comparisons, one family; would write a folder under runs" in outcome.out
    assert listing(three) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--versus", "rist"), "Did you mean 'rest'"),
        (("--name", "x"), "1 names were given for 3 arms (x); give one for each"),
        (("--name", "x", "--name", "x", "--name", "z"), "two arms have one name: x, x, z"),
        (("nowhere.jsonl",), "nowhere.jsonl"),
    ],
)
def test_bad_input_is_said(forge: Forge, three: Path, arguments: tuple[str, ...], says: str) -> None:
    outcome = several(forge, three, *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert says in outcome.err
    assert "Traceback" not in outcome.err
