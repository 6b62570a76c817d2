"""Model output and file names are never trusted: nothing in them reaches a terminal or a spreadsheet as a command."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.forge import Forge
from tests.helpers.records import jsonl, records, write

QUICK = ("--lenses", "surface,phrases", "--resamples", "100")
ATTACKS = {
    "colour": "\x1b[31mred",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;b3duZWQ=\x07",
    "C1": "\x9b31m\x9d0;owned\x9c",
    "carriage return": "safe\rOWNED",
    "backspace": "safe\b\b\b\bOWNED",
    "override": "\u202etxt.exe\u2066",
    "delete": "\x7f",
}
RAW = frozenset(map(chr, [*range(0x0, 0x9), *range(0xB, 0x20), *range(0x7F, 0xA0), 0x202E, 0x2066]))


def raw_characters(text: str) -> frozenset[str]:
    return RAW & set(text)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_no_escape_of_a_prompt_response_name_or_field_is_printed_raw(forge: Forge, tmp_path: Path, attack: str) -> None:
    rows = records(answer="Yes.", reward=1)
    hostile = [
        {**row, "prompt": attack + row["prompt"], "response": f"No {attack}, {i}.", attack: 1, "model": attack}
        for i, row in enumerate(rows)
    ]
    write(tmp_path, {"a.jsonl": jsonl({**row, "prompt": attack + row["prompt"]} for row in rows), "b.jsonl": jsonl(hostile)})
    write(tmp_path, {"twice.jsonl": jsonl([hostile[0], hostile[0]]), "fields.jsonl": jsonl([{attack: "x"}])})
    commands = [
        ("b.jsonl", *QUICK, "--name-b", attack),
        ("b.jsonl", *QUICK, "--json", "--name-b", attack),
        ("b.jsonl", *QUICK, "--dry-run", "--name-b", attack),
        ("b.jsonl", "--score-field", attack, "--resamples", "100", "--lenses", "scores", "--score-field", "reward"),
        ("twice.jsonl",),
        ("fields.jsonl",),
        (f"{attack}.jsonl",),
        ("b.jsonl", "--lenses", attack),
        ("b.jsonl", "--response-field", attack),
    ]
    codes = []
    for arguments in commands:
        outcome = forge.run("compare", "a.jsonl", *arguments, cwd=tmp_path)
        assert raw_characters(outcome.out + outcome.err) == set(), arguments
        assert "Traceback" not in outcome.err
        codes.append(outcome.code)
    assert codes == [0, 0, 0, 2, 2, 2, 2, 2, 2]


def test_what_is_escaped_in_json_is_read_back_as_it_was(forge: Forge, tmp_path: Path) -> None:
    attack = "".join(ATTACKS.values())
    write(tmp_path, {"a.jsonl": jsonl(records()), "b.jsonl": jsonl(records(answer=attack.replace("{", "{{") + " {i}"))})
    outcome = forge.run("compare", "a.jsonl", "b.jsonl", *QUICK, "--json", cwd=tmp_path)
    example = json.loads(outcome.out)["findings"][0]["examples"][0]
    assert attack in example["b"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_findings_csv_is_a_formula(forge: Forge, tmp_path: Path, start: str) -> None:
    name = f"{start}HYPERLINK(1)"
    low: Any = {name: 1}
    high: Any = {name: 2}
    second = records(**high, answer="No. That is not so: there is more to be said!")
    write(tmp_path, {"a.jsonl": jsonl(records(**low)), "b.jsonl": jsonl(second)})
    outcome = forge.run("compare", "a.jsonl", "b.jsonl", "--resamples", "2000", "--lenses", "surface,scores", f"--score-field={name}",
                        f"--name-b={name}", "--out", "run", cwd=tmp_path)  # fmt: skip
    assert outcome.code == 0, outcome.err
    with (tmp_path / "run" / "findings.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 3
    texts = [row[column] for row in rows for column in ("id", "lens", "statement", "unit")]
    assert sum(text.startswith((f"'{start}HYPERLINK", r"\rHYPERLINK")) for text in texts) > 3
    assert [text for text in texts if text[:1] in "=+-@\t\r"] == []
    assert {row["lens"] for row in rows} == {"surface", "scores"}
    assert all(float(row["mean_a"]) <= 1e9 for row in rows), "numbers stay numbers, negative ones too"
    assert any(row["effect"].startswith("-") for row in rows)
