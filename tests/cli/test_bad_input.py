"""Files that cannot be compared: refused with code 2, the place, the reason, the remedy, and nothing on disk."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.bad_input import Refused, check_refused
from tests.helpers.forge import Forge
from tests.helpers.records import Record, array, csv, jsonl, records

ROWS = records(answer="No.")


def with_row(number: int, **changed: object) -> list[Record]:
    """The usual rows with one of them, counted from 1, changed."""
    rows = records(answer="No.")
    rows[number - 1] = {**rows[number - 1], **changed}
    return rows


def without_response(number: int) -> list[Record]:
    rows = records(answer="No.")
    del rows[number - 1]["response"]
    return rows


def against(name: str, data: bytes) -> dict[str, Any]:
    """Arguments and files that compare a good file with a bad one."""
    return {"arguments": ("a.jsonl", name), "files": {name: data}}


def scored(text: str) -> dict[str, Any]:
    """CSV files whose scores are numbers but for one."""
    rows = [{**row, "reward": "0.5"} for row in ROWS]
    rows[6]["reward"] = text
    return {
        "arguments": ("good.csv", "bad.csv", "--score-field", "reward"),
        "files": {"good.csv": csv([{**row, "reward": "1"} for row in records()]), "bad.csv": csv(rows)},
    }


UNREADABLE = [
    Refused("missing file", ("nothing.jsonl: no such file", "Check the name"), ("a.jsonl", "nothing.jsonl")),
    Refused("first file missing", ("nothing.jsonl: no such file",), ("nothing.jsonl", "b.jsonl")),
    Refused("model of no provider", ("opanai/gpt-4o: no such file", "Check the name"), ("a.jsonl", "opanai/gpt-4o")),
    Refused("folder", ("answers is a folder", "Give a file of responses"), ("a.jsonl", "answers"), {"answers/": b""}),
    Refused("file name too long", ("cannot be read", "name too long"), ("a.jsonl", "x" * 300)),
    Refused("empty file", ("b.jsonl is empty", "Give a file with one record per line"), files={"b.jsonl": b""}),
    Refused("blank file", ("b.jsonl is empty",), files={"b.jsonl": b" \n\n\t\n"}),
    Refused("empty gz", ("e.jsonl.gz is empty",), **against("e.jsonl.gz", gzip.compress(b""))),
    Refused("empty array", ("e.json holds an empty array", "at least one response"), **against("e.json", b"[]")),
    Refused("csv without rows", ("e.csv has a header but no rows",), **against("e.csv", b"prompt,response\n")),
    Refused("cut gz", ("b.jsonl.gz", "cut short", "again"),
            **against("b.jsonl.gz", gzip.compress(jsonl(records(200)))[:-200])),
    Refused("latin-1 jsonl", ("b.jsonl:3:33", "0xE9 is not UTF-8", "save the file as UTF-8"),
            files={"b.jsonl": jsonl([*ROWS[:2], {"prompt": "?", "response": "café"}]).decode().encode("latin-1")}),
    Refused("latin-1 json", ("b.json:4:33", "byte 0xe9 is not UTF-8", "Convert it"),
            **against("b.json", array([*ROWS[:2], {"prompt": "?", "response": "café"}]).decode().encode("latin-1"))),
    Refused("latin-1 csv", ("b.csv:4:6", "byte 0xe9 is not UTF-8", "Convert it"),
            **against("b.csv", csv([*ROWS[:2], {"prompt": "?", "response": "café"}]).decode().encode("latin-1"))),
    Refused("utf-16 jsonl", ("b.jsonl: the file is UTF-16, expected UTF-8", "convert it"),
            files={"b.jsonl": jsonl(ROWS).decode().encode("utf-16")}),
    Refused("utf-16 json", ("b.json: the file is UTF-16, expected UTF-8", "convert it"), **against("b.json",
            array(ROWS).decode().encode("utf-16"))),
    Refused("utf-16 csv", ("b.csv: the file is UTF-16, expected UTF-8", "iconv -f UTF-16 -t UTF-8"),
            **against("b.csv", csv(ROWS).decode().encode("utf-16"))),
    Refused("utf-32 jsonl", ("b.jsonl: the file is UTF-32, expected UTF-8", "iconv -f UTF-32 -t UTF-8"),
            files={"b.jsonl": jsonl(ROWS).decode().encode("utf-32")}),
    Refused("utf-16 jsonl, lines skipped", ("b.jsonl: the file is UTF-16, expected UTF-8",),
            ("a.jsonl", "b.jsonl", "--on-bad-line", "skip", "--max-bad", "100%"),
            {"b.jsonl": jsonl(ROWS).decode().encode("utf-16")}),
]  # fmt: skip

MALFORMED = [
    Refused("jsonl line", ("b.jsonl:3:17", "not valid JSON", "mend the line or delete it"),
            files={"b.jsonl": jsonl(ROWS[:2]) + b'{"prompt": "?", response: "."}\n'}),
    Refused("jsonl cut line", ("b.jsonl:3:",), files={"b.jsonl": jsonl(ROWS[:2]) + b'{"prompt": "?", "resp'}),
    Refused("jsonl array line", ("b.jsonl:3:1", "object"), files={"b.jsonl": jsonl(ROWS[:2]) + b'["?", "."]\n'}),
    Refused("too many bad lines", ("b.jsonl: 2 of 26 lines cannot be used, max_bad allows 0.1 % of them", "raise the limit",
            "First: line 25, column 1: not valid JSON", "line 26, column 1: expected an object, found an array"),
            ("a.jsonl", "b.jsonl", "--on-bad-line", "skip"), {"b.jsonl": jsonl(ROWS) + b"bad\n[]\n"}),
    Refused("one bad line too many", ("2 of 26 lines cannot be used, max_bad allows 1.",),
            ("a.jsonl", "b.jsonl", "--on-bad-line", "skip", "--max-bad", "1"), {"b.jsonl": jsonl(ROWS) + b"bad\n[]\n"}),
    Refused("one object", ("one JSON object over several lines", "one object per line"),
            files={"b.jsonl": b'{\n "prompt": "?",\n "response": "."\n}\n'}),
    Refused("json array", ("b.json:4:12", "not valid JSON"), **against("b.json",
            array(ROWS[:2])[:-3] + b',\n{"prompt": ?}]')),
    Refused("json array cut", ("b.json:", "not valid JSON"), **against("b.json", array(ROWS)[:-30])),
    Refused("json array of lists", ("b.json: item 1", "expected an object, got list"), **against("b.json",
            b'[["?", "."]]')),
    Refused("json duplicate key", ("b.json", "'prompt' twice", "keep one"),
            **against("b.json", b'[{"prompt": "1", "prompt": "2", "response": "."}]')),
    Refused("nan jsonl", ("b.jsonl:5:", "NaN", "null"), files={"b.jsonl": jsonl(with_row(5, reward=float("nan")))}),
    Refused("nan array", ("b.json:6:", "NaN and Infinity are not JSON", "write null"),
            **against("b.json", array(with_row(5, reward=float("nan"))))),
    Refused("infinity array", ("b.json:2:", "NaN and Infinity are not JSON"),
            **against("b.json", array(with_row(1, reward=float("-inf"))))),
    Refused("ragged csv", ("b.csv:4", "3 values, but the header names 2 columns", "Quote commas"),
            **against("b.csv", b"prompt,response\n1?,No.\n2?,No.\n3?,No, never.\n")),
    Refused("short csv row", ("b.csv:3", "1 values, but the header names 2 columns"),
            **against("b.csv", b"prompt,response\n1?,No.\n2?\n")),
    Refused("csv open quote", ("b.csv:", "not valid CSV"), **against("b.csv", b'prompt,response\n1?,"No.\n2?,No.\n')),
    Refused("csv column twice", ("b.csv:1", "stands twice in the header"),
            **against("b.csv", b"prompt,response,response\n1?,No.,No.\n")),
    Refused("not parquet", ("b.parquet", "not a readable Parquet file"), **against("b.parquet", b"PAR1 nonsense PAR1")),
]  # fmt: skip

FIELDS = [
    Refused("no response field", ("b.jsonl: no response field", "found 'prompt', 'answer'", "--response-field"),
            files={"b.jsonl": jsonl({"prompt": row["prompt"], "answer": "No."} for row in ROWS)}),
    Refused("no prompt field", ("b.jsonl: no prompt field", "found 'q', 'response'", "--prompt-field"),
            files={"b.jsonl": jsonl({"q": row["prompt"], "response": "No."} for row in ROWS)}),
    Refused("named field absent", ("a.jsonl: no field 'reply'", "--response-field", "found 'prompt', 'response'"),
            ("a.jsonl", "b.jsonl", "--response-field", "reply")),
    Refused("misspelt response field", ("b.jsonl: no response field", "Did you mean 'respnse'?", "--response-field"),
            files={"b.jsonl": jsonl({"prompt": row["prompt"], "respnse": "No."} for row in ROWS)}),
    Refused("later row lacks field", ("b.jsonl:9: no field 'response'", "found 'prompt'"),
            files={"b.jsonl": jsonl(without_response(9))}),
    Refused("later item lacks field", ("b.json: item 9: no field 'response'",), **against("b.json",
            array(without_response(9)))),
    Refused("null response", ("b.jsonl:4:39: field 'response' is null, expected text", "remove the row"),
            files={"b.jsonl": jsonl(with_row(4, response=None))}),
    Refused("number response", ("b.jsonl:4:39: field 'response' is 7, expected text",),
            files={"b.jsonl": jsonl(with_row(4, response=7))}),
    Refused("list response", ("b.jsonl:4:39: field 'response' is a list, expected text", "one text per row"),
            files={"b.jsonl": jsonl(with_row(4, response=["No."]))}),
    Refused("number prompt", ("b.jsonl:4:12: field 'prompt' is 7, expected text",), files={"b.jsonl": jsonl(with_row(4,
            prompt=7))}),
    Refused("half a surrogate pair", ("b.json: item 4: field 'response'", "surrogate"),
            **against("b.json", array(with_row(4, response="x")).replace(b'"x"', b'"\\ud800"'))),
    Refused("half a surrogate pair elsewhere", ("b.json: item 4: field 'note'", "surrogate"),
            **against("b.json", array(with_row(4, note="x")).replace(b'"x"', b'["\\ud800"]'))),
    Refused("half a surrogate pair in an id", ("b.json: item 4: field 'prompt_id'", "surrogate"),
            **against("b.json", array([{**r, "prompt_id": f"{i}"} for i, r in enumerate(ROWS)]).replace(b'"3"',
            b'"\\ud800"'))),
    Refused("null id", ("b.jsonl:1:59: field 'prompt_id' is null",), files={"b.jsonl": jsonl(with_row(1,
            prompt_id=None))}),
    Refused("negative draw", ("b.jsonl:2:54: field 'draw' is -1, expected a whole number from 0",),
            files={"b.jsonl": jsonl({**row, "draw": -i} for i, row in enumerate(ROWS))}),
    Refused("duplicate without draw", ("b.jsonl: prompt 'Question 4?' stands twice, at line 5 and line 25", "'draw'"),
            files={"b.jsonl": jsonl([*ROWS, ROWS[4]])}),
    Refused("duplicate with draw", ("b.jsonl: prompt 'Question 4?', draw 1 stands twice, at line 5 and line 25",
            "Remove one"),
            files={"b.jsonl": jsonl({**row, "draw": 1} for row in [*ROWS, ROWS[4]])}),
    Refused("one id, two prompts", ("prompt_id 'p3'", "'Question 3?' in a.jsonl, line 4",
            "'Other?' in b.jsonl, line 4", "leave the field out"),
            files={"a.jsonl": jsonl(records(prompt_id="p{i}")),
                   "b.jsonl": jsonl({**r, "prompt": "Other?" if r["prompt_id"] == "p3" else r["prompt"]}
                                    for r in records(prompt_id="p{i}"))}),
    Refused("one id, two prompts in one file", ("prompt_id 'p3'", "'Other?' in b.jsonl, line 25", "line 4",
            "leave the field out"),
            files={"a.jsonl": jsonl(records(prompt_id="p{i}")),
                   "b.jsonl": jsonl([*({**r, "draw": 0} for r in records(prompt_id="p{i}")),
                                     {"prompt": "Other?", "response": "No.", "prompt_id": "p3", "draw": 1}])}),
    *(Refused(f"score {text!r}", ("bad.csv, line 8: score field 'reward'", repr(text), "expected a finite number",
            "null"),
              **scored(text)) for text in ("NaN", "inf", "-Infinity", "high", "")),
    Refused("score beyond a float", ("b.jsonl, line 7: score field 'reward' is 1000", "expected a finite number"),
            ("a.jsonl", "b.jsonl", "--score-field", "reward"),
            {"a.jsonl": jsonl(records(reward=1)), "b.jsonl": jsonl(with_row(7, reward=10**400))}),
    Refused("score field nowhere", ("'rewrad'", "found", "'reward'"), ("a.jsonl", "b.jsonl", "--score-field", "rewrad"),
            {"a.jsonl": jsonl(records(reward="1")), "b.jsonl": jsonl(records(reward="2"))}),
]  # fmt: skip

NOTHING = {"a.jsonl": jsonl(records(reward=None)), "b.jsonl": jsonl(records(reward=1))}
HALVES = {name: jsonl([{**r, "reward": 1 if i % 2 == odd else None} for i, r in enumerate(records())])
          for odd, name in enumerate(("a.jsonl", "b.jsonl"))}  # fmt: skip

SCORES = [
    Refused("score null everywhere in one", ("a.jsonl: score field 'reward' is null in every record", "Score"),
            ("a.jsonl", "b.jsonl", "--score-field", "reward"), NOTHING),
    Refused("score never in both", ("'reward' is there for 12 prompts of 'a' and 12 of 'b', for none of both", "Score"),
            ("a.jsonl", "b.jsonl", "--score-field", "reward"), HALVES),
]  # fmt: skip


def grouped(name: str, says: tuple[str, ...], rows: list[Record], *more: str) -> Refused:
    """A good file with topics against one with something wrong."""
    arguments = ("a.jsonl", "b.jsonl", "--group-field", "topic", *more)
    return Refused(name, says, arguments, {"a.jsonl": jsonl(records(topic="t{i}")), "b.jsonl": jsonl(rows)})


TOPICS = records(answer="No.", topic="t{i}")

GROUPS = [
    Refused("group field nowhere", ("a.jsonl: no record has a field 'topik', which --group-field names",
            "other fields found: 'topic'. Did you mean 'topic'?"), ("a.jsonl", "b.jsonl", "--group-field", "topik"),
            {"a.jsonl": jsonl(TOPICS), "b.jsonl": jsonl(TOPICS)}),
    Refused("group field nowhere, from the environment", ("a.jsonl: no record has a field 'topic'",
            "other fields found: none", "leave out --group-field"), env={"DIPTYCH_GROUP_FIELD": "topic"}),
    grouped("group lacking", ("b.jsonl, line 4: no field 'topic'", "other fields found: none"),
            [*TOPICS[:3], *records(answer="No.")[3:]]),
    grouped("group null", ("b.jsonl, line 4: field 'topic' is null", "Give the group of every prompt"),
            [*TOPICS[:3], {**TOPICS[3], "topic": None}, *TOPICS[4:]]),
    grouped("group empty", ("b.jsonl, line 4: field 'topic' is empty",),
            [*TOPICS[:3], {**TOPICS[3], "topic": ""}, *TOPICS[4:]]),
    grouped("group a list", ("b.jsonl, line 4: field 'topic' is a list, expected text or a number",),
            [*TOPICS[:3], {**TOPICS[3], "topic": ["t3"]}, *TOPICS[4:]]),
    grouped("two groups", ("prompt 'Question 3?' is in two groups", "'t3' in a.jsonl, line 4", "'x' in b.jsonl, line 4"),
            [*TOPICS[:3], {**TOPICS[3], "topic": "x"}, *TOPICS[4:]]),
    Refused("too few groups", ("too few groups of prompts: 3 of 'a'", "of 6 in all", "Give more groups of prompts"),
            ("a.jsonl", "b.jsonl", "--group-field", "topic"),
            {name: jsonl([{**row, "topic": i % 6} for i, row in enumerate(TOPICS)]) for name in ("a.jsonl", "b.jsonl")}),
    Refused("no whole group within the limit", ("limit = 3: groups are taken whole, and the first has 4 prompts",),
            ("a.jsonl", "b.jsonl", "--group-field", "topic", "--limit", "3"),
            {name: jsonl([{**row, "topic": i % 6} for i, row in enumerate(TOPICS)]) for name in ("a.jsonl", "b.jsonl")}),
]  # fmt: skip

PAIRS = [
    Refused("one prompt", ("too few prompts: 1 of 'a'", "of 1 in all", "at least 4 are needed", "Give more prompts"),
            files={"a.jsonl": jsonl(records(1)), "b.jsonl": jsonl(records(1))}),
    Refused("nothing in common", ("no common prompts (matched by text)", "'Question 0?' and 'Question 100?'",
            "leave out --paired"),
            ("a.jsonl", "b.jsonl", "--paired"), {"b.jsonl": jsonl(records(first=100))}),
    Refused("too few prompts", ("too few prompts: 3 of 'a'", "at least 4", "Give more prompts"),
            files={"a.jsonl": jsonl(records(7)), "b.jsonl": jsonl(records(7))}),
    Refused("limit too small", ("too few prompts", "--limit"), ("a.jsonl", "b.jsonl", "--limit", "3")),
    Refused("names equal", ("both arms are called 'same'", "--name-a and --name-b"),
            ("a.jsonl", "b.jsonl", "--name-a", "same", "--name-b", "same")),
    Refused("one name equal to the other's default", ("both arms are called 'b'", "--name-a"),
            ("a.jsonl", "b.jsonl", "--name-a", "b")),
]  # fmt: skip


@pytest.mark.parametrize(
    "case", [*UNREADABLE, *MALFORMED, *FIELDS, *SCORES, *GROUPS, *PAIRS], ids=lambda case: case.name
)
def test_bad_input_is_refused_with_its_place_and_remedy_and_leaves_nothing(
    case: Refused, tmp_path: Path, forge: Forge
) -> None:
    check_refused(case, tmp_path, forge)
