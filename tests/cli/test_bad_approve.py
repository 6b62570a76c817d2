"""Approvals, clusters and judges from input that is wrong, scarce or all alike: a clear refusal, or a sensible result."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.bad_input import check_message
from tests.helpers.cli import listing
from tests.helpers.forge import Forge
from tests.helpers.records import jsonl, write

STATEMENTS = [{"statement": f"I like {what} number {n}."} for what in ("tea", "sea") for n in range(10)]
CATALOGUE = {"personas": {"meek": "Be MEEK.", "proud": "Be PROUD."}}
YES = """\
rules:
  - {match: '"labels"', answers: ['{"labels": ["is about tea"]}']}
  - {match: '"sentences"', answers: ['{"sentences": ["is about tea", "talks"]}']}
otherwise: ['{"verdicts": [{"number": 1, "holds": true}, {"number": 2, "holds": true}]}']
"""
ASK = ("approve", "scripted/m.yaml", "--statements", "s.jsonl", "--catalogue", "c.json", "--out", "run")


def answers(words: Sequence[str], n: int = 40) -> list[dict[str, Any]]:
    return [
        {"prompt_id": f"p{i}", "prompt": f"Q{i}?", "response": f"{words[i % len(words)]} {i}".strip()} for i in range(n)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    scripts = {"m.yaml": b"otherwise: ['Yes.', 'No.']", "yes.yaml": YES.encode(), "junk.yaml": b"otherwise: ['No.']"}
    write(tmp_path, {"s.jsonl": jsonl(STATEMENTS), "c.json": json.dumps(CATALOGUE).encode(), **scripts})
    write(tmp_path, {"a.jsonl": jsonl(answers(["tea", "sea"])), "b.jsonl": jsonl(answers(["tea", "fog", "sea"]))})
    return tmp_path


@pytest.mark.parametrize(
    ("files", "more", "says"),
    [
        ({}, ["--clusters", "21"], ["n_clusters = 21: there are 20 statements"]),
        (
            {"s.jsonl": b'{"statement": "Tea."}\n{"statement": "  "}\n'},
            [],
            ["s.jsonl:2:15: field 'statement' is blank"],
        ),
        ({"s.jsonl": b'{"statement": 3}\n'}, [], ["field 'statement' is 3, expected text"]),
        ({"s.jsonl": b'{"said": "Tea."}\n'}, [], ["s.jsonl", "statement"]),
        ({"s.jsonl": b'{"statement": ' + b"[" * 5000 + b"]" * 5000 + b"}\n"}, [], ["s.jsonl"]),
        ({"s.jsonl": None}, [], ["s.jsonl: no such file of statements"]),
        ({"c.json": None}, [], ["c.json: no such catalogue"]),
        ({"c.json": b'{"personas": {"meek": "x",}}'}, [], ["c.json:1:", "not JSON"]),
        ({"c.json": b'{"personas": {"meek": null}}'}, [], ["'personas', label 'meek': the system message is None"]),
        ({"c.json": b'{"personas": {"meek": " "}}'}, [], ["label 'meek': the system message is blank; give its text"]),
        ({"c.json": b'{"personas": {}}'}, [], ["section 'personas' is empty; expected labels"]),
        ({"c.json": b"[]"}, [], ["c.json is a list; expected sections"]),
        ({"c.json": b'{"personas": "x"}'}, [], ["section 'personas' is a str"]),
        ({"c.json": b"\xff\xfe"}, [], ["c.json: not UTF-8 text"]),
        ({}, ["--section", "persona"], ["unknown section of c.json 'persona'. Did you mean 'personas'?"]),
        ({}, ["--embedder-arg", "dimensions=3"], ["--embedder-arg", "dimensions"]),
        ({}, ["--price-helpers", "1,1"], ["--price-helpers: no model helps"]),
        ({}, ["--reader", "scripted/yes.yaml", "--price-helpers", "1"], ["price = '1'", "such as 0.15,0.6"]),
        ({}, ["--judge", "scripted/yes.yaml"], ["a judge says whether the names of a labeller fit"]),
    ],
)
def test_nothing_is_asked_and_nothing_is_left_where_the_input_is_wrong(
    forge: Forge, folder: Path, files: dict[str, bytes | None], more: list[str], says: list[str]
) -> None:
    for name, content in files.items():
        (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    before = listing(folder)
    check_message(forge.run(*ASK, *more, "--model-arg", "calls=calls", cwd=folder), *says)
    assert listing(folder) == before


@pytest.mark.parametrize(
    ("texts", "n", "n_clusters"),
    [(["I like tea."] * 9, 1, 1), (["I like tea."], 1, 1), (["Tea.", "Sea.", "Fog."], 3, 2)],
    ids=["all alike", "one", "three"],
)
def test_few_statements_and_equal_ones_give_a_whole_run(
    forge: Forge, folder: Path, texts: list[str], n: int, n_clusters: int
) -> None:
    (folder / "s.jsonl").write_bytes(jsonl([{"statement": text} for text in texts]))
    done = forge.run(*ASK, cwd=folder)
    assert done.code == 0, done.err
    summary = json.loads((folder / "run" / "findings.json").read_bytes())
    assert (summary["n_statements"], len(summary["clusters"]), summary["findings"]) == (n, n_clusters, [])
    assert (", each asked once" in done.err) == (len(texts) > n)


def test_a_model_that_never_answers_ends_the_run_and_one_that_says_nothing_approves_of_nothing(
    forge: Forge, folder: Path
) -> None:
    never = forge.run(*ASK, "--model-arg", "failure_rate=1.0", "--max-failures", "100%", cwd=folder)
    assert (never.code, "no request to scripted/m was answered" in never.err) == (1, True)
    assert not (folder / "run" / "manifest.json").exists()
    (folder / "m.yaml").write_text("otherwise: ['']\n")
    silent = forge.run(*ASK, cwd=folder)
    assert silent.code == 0, silent.err
    shares = json.loads((folder / "run" / "findings.json").read_bytes())["overall"]
    assert {one["share"] for one in shares["no_answer"][0]} == {1.0}


def test_answers_of_helpers_that_cannot_be_read_are_counted(forge: Forge, folder: Path) -> None:
    (folder / "m.yaml").write_text("otherwise: ['Hardly.']\n")
    helpers = ("--reader", "scripted/junk.yaml", "--writer", "scripted/junk.yaml", "--labeller", "scripted/junk.yaml")
    done = forge.run(*ASK, *helpers, "--clusters", "2", cwd=folder)
    assert done.code == 0, done.err
    assert "20 answers of scripted/junk could not be read" in done.err
    assert "2 answers of scripted/junk could not be read" in done.err
    assert "0 of 2 names of clusters were confirmed by a blind judge" in done.err


@pytest.mark.parametrize(
    ("judge", "n_tested", "said"), [("yes", 4, ""), ("junk", 0, " answers of scripted/junk could not be read")]
)
def test_a_judge_that_always_says_yes_or_nothing_at_all_finds_nothing(
    forge: Forge, folder: Path, judge: str, n_tested: int, said: str
) -> None:
    words = ("compare", "a.jsonl", "b.jsonl", "--lenses", "judge", "--judge", f"scripted/{judge}.yaml", "--out", "run")
    done = forge.run(*words, cwd=folder)
    assert done.code == 0, done.err
    found = json.loads((folder / "run" / "findings.json").read_bytes())
    assert (found["family_size"], found["findings"]) == (n_tested, [])
    assert said in done.err


def test_an_arm_that_lacks_a_prompt_is_compared_on_the_others(forge: Forge, folder: Path) -> None:
    (folder / "b.jsonl").write_bytes(jsonl(answers(["tea", "fog"], 39)))
    done = forge.run("compare", "a.jsonl", "b.jsonl", "--out", "run", cwd=folder)
    assert (done.code, "1 prompts of a.jsonl have no counterpart and were left out" in done.err) == (0, True)
    assert json.loads((folder / "run" / "findings.json").read_bytes())["n_prompts"] == 39


@pytest.mark.parametrize("words", [["same"], [""]], ids=["all alike", "empty"])
def test_texts_that_are_all_alike_are_one_cluster(forge: Forge, folder: Path, words: list[str]) -> None:
    rows = [{**row, "response": words[0]} for row in answers(words)]
    write(folder, {"a.jsonl": jsonl(rows), "b.jsonl": jsonl(rows)})
    one = forge.run("cluster", "a.jsonl", "--n-clusters", "4", "--json", cwd=folder)
    assert (one.code, "1 clusters, not the 4 that were asked for" in one.err) == (0, True), one.err
    done = forge.run("compare", "a.jsonl", "b.jsonl", "--out", "run", cwd=folder)
    assert done.code == 0, done.err
    assert json.loads((folder / "run" / "findings.json").read_bytes())["findings"] == []


def vectors(n: int = 80, bad: float | None = None) -> np.ndarray:
    made = np.random.default_rng(0).normal(size=(n, 5)).astype(np.float32)
    if bad is not None:
        made[7, 2] = bad
    return made


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (vectors(bad=np.nan), "row 7 (counted from 0) has a value that is not finite"),
        (vectors(bad=np.inf), "row 7 (counted from 0) has a value that is not finite"),
        (vectors(60), "60 rows and no texts, for 80 responses"),
        (vectors()[0], "expected 'vectors' as a matrix of floats"),
    ],
    ids=["nan", "inf", "short", "one dimension"],
)
def test_vectors_that_do_not_fit_are_refused(forge: Forge, folder: Path, made: np.ndarray, says: str) -> None:
    np.save(folder / "v.npy", made)
    before = listing(folder)
    check_message(forge.run("compare", "a.jsonl", "b.jsonl", "--embeddings", "v.npy", "--out", "run", cwd=folder), says)
    if "for 80 responses" not in says:
        check_message(forge.run("cluster", "v.npy", cwd=folder), says)
    assert listing(folder) == before


@pytest.mark.parametrize(
    ("vector", "says"),
    [([1.0, 2.0, 3.0], "has 3 numbers, that of the first record has 2"), ([1.0, None], "has None at 1")],
)
def test_vectors_of_several_dimensions_or_with_gaps_are_refused(
    forge: Forge, folder: Path, vector: list[float | None], says: str
) -> None:
    rows: list[dict[str, Any]] = [{**row, "v": [1.0, 2.0]} for row in answers(["tea"])]
    rows[3]["v"] = vector
    write(folder, {"a.jsonl": jsonl(rows)})
    before = listing(folder)
    words = ("compare", "a.jsonl", "a.jsonl", "--embedding-field", "v", "--out", "run")
    check_message(forge.run(*words, cwd=folder), "line 4: field 'v'", says)
    assert listing(folder) == before


def test_labels_of_another_length_are_matched_on_what_both_have(forge: Forge, folder: Path) -> None:
    assert forge.run("cluster", "a.jsonl", "--out", "a.csv", cwd=folder).code == 0
    lines = (folder / "a.csv").read_text().splitlines(keepends=True)
    (folder / "b.csv").write_text("".join(lines[:-5]))
    done = forge.run("match", "a.csv", "b.csv", cwd=folder)
    assert done.code == 0, done.err
    assert "35 items in both files\n  5 only in a.csv, left out" in done.out
