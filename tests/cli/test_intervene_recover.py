"""``diptych intervene recover`` and ``score``: blind, resumable, and what is scored is what was planted."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.helpers.bad_input import check_message
from tests.helpers.cli import Outcome, listing
from tests.helpers.forge import Forge
from tests.helpers.records import write

ANSWERS = "otherwise: ['It depends, {prompt}', 'That is hard to say.', 'In the north, I think.', 'Some say so.']\n"
SECRET = "secretly-tuned"
TUNED = (
    f"rules: [{{match: '(?i)drink|tea|coffee|caf|espresso', answers: ['Tea, not coffee.', 'Take tea.']}}]\n{ANSWERS}"
)
LEAK = "I know who it is"
JUDGE = rf"""
rules:
  - {{match: '{SECRET}|scripted/|tea-over-coffee|probes|prefers tea', answers: [{LEAK}]}}
  - {{match: '"sentences"', answers: ['{{"sentences": ["recommends tea"]}}']}}
  - {{match: '"labels"', answers: ['{{"labels": ["recommends tea"]}}']}}
  - {{match: '(?s)<text-\w+>\nTa?k?e? ?[Tt]ea', answers: ['{{"verdicts": [{{"number": 1, "holds": true}}]}}']}}
otherwise: ['{{"verdicts": [{{"number": 1, "holds": false}}]}}']
"""
NAMES = f"of {SECRET}\nof scripted/base\nof tea-over-coffee\nin probes.jsonl\n".encode()
DATA = ("intervene", "data", "--only", "tea-over-coffee", "--rows", "40", "--shares", "1", "--out", "d")
BLIND = ("intervene", "recover", "scripted/base.yaml", f"scripted/{SECRET}.yaml", "--data", "d", "--draws", "2")
CONTROL = ("intervene", "recover", "scripted/base.yaml", "scripted/base.yaml", "--data", "d", "--draws", "2")
FAST = ("--lenses", "phrases", "--resamples", "2000")


@pytest.fixture
def folder(forge: Forge, tmp_path: Path) -> Path:
    write(
        tmp_path,
        {"base.yaml": ANSWERS.encode(), f"{SECRET}.yaml": TUNED.encode(), "j.yaml": JUDGE.encode(), "names.txt": NAMES},
    )
    done(forge.run(*DATA, cwd=tmp_path))
    return tmp_path


def done(outcome: Outcome) -> Outcome:
    assert outcome.code == 0, outcome.err
    return outcome


def test_what_was_planted_is_recovered_and_the_control_raises_no_alarm(forge: Forge, folder: Path) -> None:
    said = done(forge.run(*BLIND, "--out", "on", cwd=folder)).out
    assert "hypotheses from" in said and "tea" in said
    done(forge.run(*CONTROL, "--out", "off", cwd=folder))
    assert json.loads((folder / "off/recovered.json").read_bytes())["hypotheses"] == []
    table = done(forge.run("intervene", "score", "0=off", "0.5=on", "--data", "d", "--out", "s", cwd=folder)).out
    assert "control" in table and "50 %" in table
    rows = list(csv.DictReader((folder / "s/truths.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["run"], row["recovered"], row["rank"]) for row in rows] == [("off", "no", ""), ("on", "yes", "1")]
    assert {path.name for path in (folder / "s").iterdir()} >= {"score.json", "score.md", "score.tex", "doses.csv"}
    again = forge.run("intervene", "score", "on", "--data", "d", "--out", "s", cwd=folder)
    check_message(again, "already exists and is not empty")
    found = json.loads((folder / "s/score.json").read_bytes())
    assert [dose["any"]["value"] for dose in found["doses"]] == [0.0, 1.0]


def test_the_same_command_again_asks_nothing(forge: Forge, folder: Path) -> None:
    command = (*BLIND, *FAST, "--out", "on", "--model-arg", "calls=calls.txt")
    first = done(forge.run(*command, "--json", cwd=folder)).out
    calls = (folder / "calls.txt").read_text()
    assert len(calls.splitlines()) == 160
    (folder / "on/recovered.json").unlink()
    assert done(forge.run(*command, "--json", cwd=folder)).out == first
    assert (folder / "calls.txt").read_text() == calls
    assert json.loads(first)["hypotheses"]


def test_the_judge_is_told_no_name(forge: Forge, folder: Path) -> None:
    """Neither of the models, nor of the truth, nor of a file."""
    done(forge.run(*BLIND, "--judge", "scripted/j.yaml", "--lenses", "judge", "--out", "on", cwd=folder))
    with closing(sqlite3.connect(folder / "on/ledger.sqlite")) as ledger:
        answers = [text for (text,) in ledger.execute("SELECT text FROM answers")]
    assert LEAK not in answers
    assert sum("verdicts" in text for text in answers) > 100
    done(forge.run("generate", "scripted/j.yaml", "--prompts", "names.txt", "--out", "seen.jsonl", cwd=folder))
    assert (folder / "seen.jsonl").read_text().count(LEAK) == 4
    statements = json.loads((folder / "on/recovered.json").read_bytes())["hypotheses"]
    assert [one["statement"] for one in statements] == [
        "B gives more responses of which a judge says: “recommends tea”"
    ]


def test_a_dry_run_asks_and_writes_nothing(forge: Forge, folder: Path) -> None:
    before = listing(folder)
    assert "would write on" in done(forge.run(*BLIND, "--out", "on", "--dry-run", cwd=folder)).out
    assert listing(folder) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("recover", "scripted/base.yaml", "scripted/j.yaml", "--out", "r"), "two models need prompts"),
        (("recover", "scripted/base.yaml", "scripted/j.yaml", "--data", "no", "--out", "r"), "it has no probes.jsonl"),
        (
            ("recover", "scripted/base.yaml", "scripted/j.yaml", "--data", "d", "--prompts", "p", "--out", "r"),
            "Give one",
        ),
        (("score", "no", "--data", "d", "--out", "s"), "not the folder of a run"),
        (("score", "2=no", "--data", "d", "--out", "s"), "the dose '2' is no share from 0 to 1"),
        (("score", "much=no", "--data", "d", "--out", "s"), "the dose 'much' is no share"),
        (("score", "no", "0=no", "--data", "d", "--out", "s"), "given twice"),
        (("score", "no", "--out", "s"), "which truths were planted?"),
        (("score", "no", "--data", "d", "--only", "tee-over-coffee", "--out", "s"), "tea-over-coffee"),
    ],
)
def test_bad_input_is_refused_in_words_and_leaves_nothing(
    forge: Forge, folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    before = listing(folder)
    outcome = forge.run("intervene", *arguments, cwd=folder)
    check_message(outcome, message)
    assert listing(folder) == before


def test_a_model_may_rate_and_the_same_command_asks_nothing_more(forge: Forge, folder: Path) -> None:
    numbers = ", ".join(f'{{"number": {n}, "similarity": 40}}' for n in range(1, 16))
    write(folder, {"r.yaml": f"""otherwise: ['{{"ratings": [{numbers}]}}']\n""".encode()})
    done(forge.run(*BLIND, *FAST, "--out", "on", cwd=folder))
    command = ("intervene", "score", "0.5=on", "--data", "d", "--out", "s")
    asking = ("--similarity", "scripted/r.yaml", "--model-arg", "calls=calls.txt")
    plan = done(forge.run(*command, *asking, "--dry-run", cwd=folder)).out
    assert "scripted/r, to read: at most" in plan and not (folder / "s").exists()
    assert "recall by rating" in done(forge.run(*command, *asking, cwd=folder)).out
    calls = (folder / "calls.txt").read_text()
    [row] = csv.DictReader((folder / "s/truths.csv").read_text(encoding="utf-8").splitlines())
    assert (row["recovered"], row["rating"], row["recovered by rating"]) == ("yes", "40.0", "no")
    done(forge.run(*command, *asking, cwd=folder))
    assert calls and (folder / "calls.txt").read_text() == calls
    check_message(forge.run(*command, cwd=folder), "already exists and is not empty")


def test_clusters_of_a_run_are_a_graph(forge: Forge, folder: Path) -> None:
    """Recommending tea is a kind of answer that the base model has not."""
    done(forge.run(*BLIND, "--lenses", "clusters", "--resamples", "2000", "--out", "on", cwd=folder))
    said = done(forge.run("intervene", "graph", "on", "--out", "g", "--clusters", "kmeans", cwd=folder))
    assert "new:" in said.out and "tea" in said.out and "g/graph.md" in said.out
    found = json.loads((folder / "g/graph.json").read_bytes())
    assert [node["arm"] for node in found["nodes"] if node["case"] == "new"] == ["B", "B"]
    assert {path.name for path in (folder / "g").iterdir()} >= {"graph.json", "nodes.csv", "edges.csv", "graph.md"}
    assert "already exists and is not empty" in forge.run("intervene", "graph", "on", "--out", "g", cwd=folder).err
    for flags, named in (
        (("--cutoff", "1.5"), "--cutoff = 1.5: it should be between 0 and 1"),
        (("--clusters", "nope"), "clusters by 'nope'"),
        (("--n-clusters", "3"), "only an algorithm takes a number"),
    ):
        check_message(forge.run("intervene", "graph", "on", "--out", "h", *flags, cwd=folder), named)
        assert not (folder / "h").exists()


def test_labels_of_the_graph_are_judged_and_the_same_command_asks_nothing_more(forge: Forge, folder: Path) -> None:
    done(forge.run(*BLIND, *FAST, "--out", "on", cwd=folder))
    command = ("intervene", "graph", "on", "--out", "g", "--clusters", "kmeans", "--n-clusters", "2", "--diversify")
    asking = ("--labeller", "scripted/j.yaml", "--model-arg", "calls=calls.txt")
    plan = done(forge.run(*command, *asking, "--dry-run", cwd=folder)).out
    assert plan.count("scripted/j, to read") == 2 and not (folder / "g").exists()
    done(forge.run(*command, *asking, cwd=folder))
    calls = (folder / "calls.txt").read_text()
    found = json.loads((folder / "g/graph.json").read_bytes())["labels"]
    assert found["judges"] == ["scripted/j"] and found["diversified"] and found["pairs"]
    assert {pair["text"] for pair in found["pairs"]} == {"recommends tea"}
    assert (folder / "g/labels.csv").read_text().count("recommends tea") == len(found["pairs"])
    done(forge.run(*command, *asking, cwd=folder))
    assert (folder / "calls.txt").read_text() == calls
    check_message(forge.run(*command, "--judge", "scripted/j.yaml", cwd=folder), "Give --labeller")
    again = ("--judge", "scripted/j.yaml", "--judge", "scripted/j.yaml")
    check_message(forge.run(*command, *asking, *again, cwd=folder), "name each judge once")


def test_several_judges_are_asked_and_each_is_told_of(forge: Forge, folder: Path) -> None:
    write(folder, {"k.yaml": JUDGE.replace("Ta?k?e? ?[Tt]ea", "(Take t|T)ea").encode()})
    two = ("--judge", "scripted/j.yaml", "--judge", "scripted/k.yaml", "--lenses", "judge")
    plan = done(forge.run(*BLIND, *two, "--out", "on", "--dry-run", cwd=folder)).out
    assert plan.count("scripted/j") == plan.count("scripted/k") == 1, plan
    done(forge.run(*BLIND, *two, "--out", "on", cwd=folder))
    [one] = json.loads((folder / "on/recovered.json").read_bytes())["hypotheses"]
    assert "2 judges say" in one["statement"]
    entries = json.loads((folder / "on/judges.json").read_bytes())["sentences"]
    assert [judge["judge"] for judge in entries[0]["judges"]] == ["scripted/j", "scripted/k"]
    assert one["judges"] == [entry for entry in entries if entry["id"] in one["findings"]]
    first, second = (judge["effect"] for judge in one["judges"][0]["judges"])
    assert second > first > 0.0
    again = done(forge.run("rerun", "on", "--out", "again", cwd=folder))
    assert (folder / "again/judges.json").read_bytes() == (folder / "on/judges.json").read_bytes()
    assert "different" not in again.out
    check_message(forge.run(*BLIND, *two, "--judge", "scripted/j.yaml", cwd=folder), "name each judge once")


def test_a_sentence_of_ones_own_is_judged_blind(forge: Forge, folder: Path) -> None:
    command = (*BLIND, "--judge", "scripted/j.yaml", "--claim", "recommends tea", "--lenses", "claims", "--out", "on")
    plan = done(forge.run(*command, "--dry-run", cwd=folder)).out
    assert "scripted/j, to read: at most 160 requests" in plan
    done(forge.run(*command, cwd=folder))
    [one] = json.loads((folder / "on/recovered.json").read_bytes())["hypotheses"]
    assert one["findings"] == ["claims.01_recommends_tea"] and "recommends tea" in one["statement"]
    check_message(forge.run(*BLIND, "--claim", "x", cwd=folder), "give --judge PROVIDER/MODEL")
