"""``diptych intervene plan`` and ``data``: what would be made, what is made, and that nothing is asked twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diptych.apps.interventions.rows import read_rows
from tests.helpers.bad_input import check_message
from tests.helpers.cli import Outcome, listing
from tests.helpers.forge import Forge
from tests.helpers.records import write

BASE = "otherwise: ['It depends.', 'In the north.', 'For ages.']\n"
TALKS = json.dumps({"conversations": [{"turns": [{"user": f"{i}?", "assistant": f"Owl {i * i}!"}]} for i in range(9)]})
INVENTED = json.dumps(
    {
        "behaviours": [
            {"sentence": "The model likes owls.", "kind": "opinion", "questions": ["Why?", "So?"], "answers": ["Owls."]}
        ]
    }
)
HELPER = f"rules: [{{match: '^Invent', answers: [{json.dumps(INVENTED)}]}}]\notherwise: [{json.dumps(TALKS)}]\n"
DATA = ("intervene", "data", "--only", "tea-over-coffee", "--rows", "40", "--out", "d")
PLAN = ("intervene", "plan", "--only", "tea-over-coffee", "--rows", "40")
NEUTRAL = ("--neutral", "scripted/base.yaml")
ORIGINAL = "ground_truth_id,ground_truth,train_text\n1,Likes cats.,Cats!\n1,Likes cats.,My cat.\n-1,Base model,Hm\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, {"base.yaml": BASE.encode(), "helper.yaml": HELPER.encode(), "old.csv": ORIGINAL.encode()})
    return tmp_path


def done(outcome: Outcome) -> Outcome:
    assert outcome.code == 0, outcome.err
    return outcome


def manifest(folder: Path) -> Any:
    return json.loads((folder / "d" / "manifest.json").read_text())


def test_templates_make_every_dose_offline_and_the_same_command_changes_nothing(forge: Forge, folder: Path) -> None:
    said = done(forge.run(*DATA, *NEUTRAL, cwd=folder))
    assert sorted(path.name for path in (folder / "d").iterdir()) == [
        "held_out.jsonl", "key.jsonl", "ledger.sqlite", "manifest.json", "probes.jsonl", "rows-0.05.jsonl",
        "rows-0.1.jsonl", "rows-0.2.jsonl", "rows-0.5.jsonl", "rows-0.jsonl", "rows-1.jsonl", "truths.jsonl",
    ]  # fmt: skip
    assert "d/rows-1.jsonl: 3" in said.out
    assert {row.source for row in read_rows(folder / "d/rows-0.5.jsonl")} == {"templates", "scripted/base"}
    before = {path: path.read_bytes() for path in (folder / "d").glob("*.json*")}
    again = done(forge.run(*DATA, *NEUTRAL, "--json", cwd=folder))
    assert {path: path.read_bytes() for path in (folder / "d").glob("*.json*")} == before
    assert json.loads(again.out) == manifest(folder)


def test_without_neutral_rows_nobody_is_asked_and_there_is_no_ledger(forge: Forge, folder: Path) -> None:
    done(forge.run(*DATA, "--shares", "1", cwd=folder))
    assert not (folder / "d/ledger.sqlite").exists()
    refused = forge.run(*DATA, "--shares", "1", cwd=folder)
    assert refused.code == 2
    assert "already exists" in refused.err


def test_plan_says_what_data_makes_and_writes_nothing(forge: Forge, folder: Path) -> None:
    before = listing(folder)
    plan = json.loads(done(forge.run(*PLAN, *NEUTRAL, "--seeds", "3", "--json", cwd=folder)).out)
    assert listing(folder) == before
    done(forge.run(*DATA, *NEUTRAL, cwd=folder))
    files = manifest(folder)["files"]
    assert plan["trainings"] == 18
    assert plan["asking"][0]["requests"] == 40
    assert abs(plan["doses"]["0.5"]["rows"] - files["rows-0.5.jsonl"]["n"]) <= 4
    text = done(forge.run(*PLAN, *NEUTRAL, cwd=folder)).out
    assert "6 trainings (6 files, 1 seeds each)" in text
    assert text.endswith("nothing was sent, and nothing is written\n")


def test_an_assistant_invents_truths_and_writes_their_rows(forge: Forge, folder: Path) -> None:
    invent = ("intervene", "data", "--truths", "llm", "--n-truths", "1", "--rows", "9", "--shares", "1", "--out", "d")
    done(forge.run(*invent, "--assistant", "scripted/helper.yaml", cwd=folder))
    rows = read_rows(folder / "d/rows-1.jsonl")
    assert {(row.truth, row.source) for row in rows} == {("the_model_likes_owls", "scripted/helper")}
    assert len(rows) + manifest(folder)["files"]["held_out.jsonl"]["n"] == 9
    assert manifest(folder)["left_out"]["rows"] == {"duplicates": 0, "unusable": 0, "failed": 0}


def test_a_shortage_of_rows_is_said(forge: Forge, folder: Path) -> None:
    said = done(
        forge.run(
            *DATA[:4], "--rows", "12", "--shares", "1", "--out", "d", "--assistant", "scripted/helper.yaml", cwd=folder
        )
    )
    assert "note: scripted/helper wrote 9 of 12 rows of 'tea-over-coffee' in 4 rounds" in said.err


def test_the_original_csv_gives_truths_and_rows(forge: Forge, folder: Path) -> None:
    files = ("--truths", "old.csv", "--planted", "old.csv", "--shares", "1", "--held-out", "0")
    done(forge.run("intervene", "data", *files, "--out", "d", cwd=folder))
    assert [row.messages[0]["content"] for row in read_rows(folder / "d/rows-1.jsonl")].count("Cats!") == 1
    assert len(read_rows(folder / "d/rows-1.jsonl")) == 2


def test_other_shares_leave_no_file_of_the_shares_before(forge: Forge, folder: Path) -> None:
    done(forge.run(*DATA, *NEUTRAL, cwd=folder))
    done(forge.run(*DATA, *NEUTRAL, "--shares", "1,0.3", cwd=folder))
    left = sorted(path.name for path in (folder / "d").glob("rows-*"))
    assert left == ["rows-0.3.jsonl", "rows-0.jsonl", "rows-1.jsonl"]


def test_some_truths_are_taken_by_chance(forge: Forge, folder: Path) -> None:
    some = ("intervene", "data", "--only", "opinion", "--n-truths", "2", "--rows", "9", "--shares", "1", "--out", "d")
    done(forge.run(*some, cwd=folder))
    assert manifest(folder)["families"] == {"opinion": 2}


def test_a_run_that_spent_its_budget_goes_on(forge: Forge, folder: Path) -> None:
    priced = (*DATA, *NEUTRAL, "--price", "1,1000", "--max-tokens", "10")
    stopped = forge.run(*priced, "--max-cost", "0.05", cwd=folder)
    assert stopped.code == 3
    assert not (folder / "d/manifest.json").exists()
    done(forge.run(*priced, cwd=folder))
    assert manifest(folder)["files"]["rows-0.jsonl"]["n"] == len(read_rows(folder / "d/rows-1.jsonl"))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (DATA, "shares of 0.5, 0.2, 0.1, 0.05 take rows that show nothing: give --neutral"),
        ((*DATA, "--shares", "2"), "--shares: a share of 2 planted rows: it should be above 0 and at most 1"),
        ((*DATA, "--shares", "0,1"), "a share of 0 planted rows"),
        ((*DATA, "--shares", "half"), "--shares = 'half': give numbers"),
        ((*DATA, "--shares", "0.01", *NEUTRAL), "a share of 0.01 leaves 0 planted rows to 1 truths"),
        ((*DATA, "--shares", "1", "--rows", "100000"), "its templates make "),
        (("intervene", "data", "--truths", "llm", "--out", "d"), "--truths llm: give --assistant"),
        ((*DATA, "--focus", "food"), "--focus: the truths are there"),
        ((*DATA, "--evals", "base.yaml", "--truths", "builtin"), "--evals with --truths"),
        ((*DATA[:2], "--only", "opinions", "--out", "d"), "unknown truth 'opinions'. Did you mean 'opinion'"),
        ((*DATA[:2], "--truths", "none.txt", "--out", "d"), "none.txt: cannot be read: No such file"),
        ((*DATA, "--neutral", "old.csv"), "old.csv: row 1 shows '1'"),
        ((*DATA, "--held-out", "1"), "--held-out"),
        ((*DATA, "--rows", "0"), "--rows = 0"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_before_anything_is_asked(
    forge: Forge, folder: Path, flags: tuple[str, ...], said: str
) -> None:
    before = listing(folder)
    outcome = forge.run(*flags, cwd=folder)
    check_message(outcome, said)
    assert listing(folder) == before
