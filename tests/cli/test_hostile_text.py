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
    return RAW & frozenset(text)


ATTACK = "".join(ATTACKS.values())
COMMANDS: dict[str, tuple[tuple[str, ...], int]] = {
    "findings": (("b.jsonl", *QUICK, "--name-b", ATTACK), 0),
    "json": (("b.jsonl", *QUICK, "--json", "--name-b", ATTACK), 0),
    "plan": (("b.jsonl", "--dry-run", "--name-b", ATTACK), 0),
    "score field": (("b.jsonl", "--score-field", ATTACK), 2),
    "duplicate": (("twice.jsonl",), 2),
    "fields": (("fields.jsonl",), 2),
    "file name": ((f"{ATTACK}.jsonl".replace("/", "!"),), 2),
    "lens": (("b.jsonl", "--lenses", ATTACK.replace(",", "")), 2),
    "flag": (("b.jsonl", "--response-field", ATTACK), 2),
    "config": (("b.jsonl", "-c", "c.yaml"), 2),
}


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_no_escape_of_a_prompt_response_name_or_field_is_printed_raw(
    forge: Forge, tmp_path: Path, arguments: tuple[tuple[str, ...], int]
) -> None:
    rows = [{**row, "prompt": ATTACK + str(row["prompt"])} for row in records(answer="Yes.")]
    hostile = [
        {**row, "response": f"No {ATTACK}, {i}.", "x" + ATTACK: 1, "model": ATTACK} for i, row in enumerate(rows)
    ]
    twice, fields = [hostile[0], hostile[0]], [{ATTACK: "x"}]
    write(tmp_path, {"a.jsonl": jsonl(rows), "b.jsonl": jsonl(hostile), "twice.jsonl": jsonl(twice)})
    write(tmp_path, {"fields.jsonl": jsonl(fields), "c.yaml": json.dumps({ATTACK: 1}).encode()})
    outcome = forge.run("compare", "a.jsonl", *arguments[0], cwd=tmp_path)
    assert outcome.code == arguments[1], outcome.err
    assert not raw_characters(outcome.out + outcome.err)
    assert "Traceback" not in outcome.err
    if outcome.code == 2 and arguments[0] != ("twice.jsonl",):
        assert r"\x1b[31mred" in outcome.err or r"\\x1b[31mred" in outcome.err, "it is shown, made harmless"


def test_what_is_escaped_in_json_is_read_back_as_it_was(forge: Forge, tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": jsonl(records()), "b.jsonl": jsonl(records(answer=ATTACK + " {i}"))})
    outcome = forge.run("compare", "a.jsonl", "b.jsonl", *QUICK, "--json", "--out", "run", cwd=tmp_path)
    example = json.loads(outcome.out)["findings"][0]["examples"][0]
    assert ATTACK in example["b"]
    for name in ("responses.jsonl", "hypotheses.jsonl"):
        assert not raw_characters((tmp_path / "run" / name).read_text(encoding="utf-8"))
    rows = [json.loads(line) for line in (tmp_path / "run" / "responses.jsonl").read_bytes().splitlines()]
    assert any(ATTACK in row["response"] for row in rows)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_findings_csv_is_a_formula(forge: Forge, tmp_path: Path, start: str) -> None:
    name = f"{start}HYPERLINK(1)"
    first: dict[str, Any] = {name: 1}
    second = records(**{**first, name: 2}, answer="No. That is not so: there is more to be said!")
    write(tmp_path, {"a.jsonl": jsonl(records(**first)), "b.jsonl": jsonl(second)})
    outcome = forge.run("compare", "a.jsonl", "b.jsonl", "--resamples", "2000", "--lenses", "surface,scores",
            f"--score-field={name}",
                        f"--name-b={name}", "--out", "run", cwd=tmp_path)  # fmt: skip
    assert outcome.code == 0, outcome.err
    with (tmp_path / "run" / "findings.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 2
    texts = [row[column] for row in rows for column in ("id", "lens", "statement", "unit")]
    assert sum(text.startswith((f"'{start}HYPERLINK", r"\rHYPERLINK")) for text in texts) > 3
    assert [text for text in texts if text[:1] in "=+-@\t\r"] == []
    assert {row["lens"] for row in rows} == {"surface", "scores"}
    assert all(float(row["mean_a"]) <= 1e9 for row in rows), "numbers stay numbers, negative ones too"
    assert any(row["effect"].startswith("-") for row in rows)
