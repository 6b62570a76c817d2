"""What scripts rely on: exit codes, what is printed where, what is written, and that nothing is computed twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.cli import Outcome, listing, run_cli
from tests.helpers.forge import Forge
from tests.helpers.records import jsonl, records, write, write_pair

QUICK = ("--lenses", "surface", "--resamples", "100")
FILES = {
    "manifest.json", "responses.jsonl", "measures.npz", "measures.json", "hypotheses.jsonl", "findings.json",
    "findings.csv", "report.html", "events.jsonl",
}  # fmt: skip


def compare(forge: Forge, folder: Path, *more: str) -> Outcome:
    return forge.run("compare", "a.jsonl", "b.jsonl", *QUICK, *more, cwd=folder)


def test_a_run_is_written_under_the_names_of_both_files(forge: Forge, tmp_path: Path) -> None:
    write_pair(tmp_path)
    outcome = compare(forge, tmp_path)
    assert outcome.code == 0
    assert {path.name for path in (tmp_path / "runs" / "a-vs-b").iterdir()} == FILES
    assert outcome.out.rstrip().endswith("report: runs/a-vs-b/report.html")
    assert "b writes more words" in outcome.out


def test_lines_that_are_left_out_are_counted_and_kept_with_the_run(forge: Forge, tmp_path: Path) -> None:
    write_pair(tmp_path)
    bad = "bad \x1b[31m\u202e".encode()
    with (tmp_path / "b.jsonl").open("ab") as file:
        file.write(bad + b"\n")
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "a.jsonl").read_bytes())
    outcome = compare(forge, tmp_path, "--on-bad-line", "skip", "--max-bad", "5%")
    assert outcome.code == 0, outcome.err
    assert "note: a.jsonl: a byte order mark at its start was dropped\n" in outcome.err
    assert "note: b.jsonl: 1 of 25 lines cannot be used and were left out\n" in outcome.err
    run = tmp_path / "runs" / "a-vs-b"
    assert {path.name for path in run.iterdir()} == FILES | {"rejects.jsonl"}
    text = (run / "rejects.jsonl").read_text(encoding="utf-8")
    assert text.removesuffix("\n").isprintable()
    found = json.loads(text)
    assert {**found, "reason": found["reason"][:14]} == {
        "path": "b.jsonl", "line": 25, "column": 1, "reason": "not valid JSON", "text": bad.decode()
    }  # fmt: skip
    assert len(json.loads((run / "findings.json").read_bytes())["notices"]) == 2
    before = listing(tmp_path)
    again = compare(forge, tmp_path, "--on-bad-line", "skip", "--max-bad", "5%")
    assert "already holds this very comparison" in again.err
    assert listing(tmp_path) == before


def test_a_byte_order_mark_is_said_once_with_its_file(forge: Forge, tmp_path: Path) -> None:
    write_pair(tmp_path)
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "a.jsonl").read_bytes())
    note = "note: a.jsonl: a byte order mark at its start was dropped\n"
    assert compare(forge, tmp_path).err.count(note) == 1
    itself = forge.run("compare", "a.jsonl", "a.jsonl", "--name-b", "again", *QUICK, "--out", "run", cwd=tmp_path)
    assert (itself.code, itself.err.count(note)) == (0, 1)
    planned = compare(forge, tmp_path, "--dry-run")
    assert (planned.out + planned.err).count(note) == 1


def test_where_no_line_is_left_out_the_rejects_of_a_run_are_empty(forge: Forge, tmp_path: Path) -> None:
    write_pair(tmp_path)
    assert compare(forge, tmp_path, "--on-bad-line", "skip").code == 0
    assert (tmp_path / "runs" / "a-vs-b" / "rejects.jsonl").read_bytes() == b""


def test_the_same_command_again_reads_the_run_and_changes_no_byte(forge: Forge, tmp_path: Path) -> None:
    write_pair(tmp_path)
    first = compare(forge, tmp_path)
    before = listing(tmp_path)
    again = compare(forge, tmp_path)
    assert "already holds this very comparison; nothing was computed again" in again.err
    assert "done in" not in again.err
    assert again.out == first.out
    assert listing(tmp_path) == before


def test_another_comparison_of_the_same_names_gets_a_folder_of_its_own(forge: Forge, tmp_path: Path) -> None:
    write_pair(tmp_path)
    compare(forge, tmp_path)
    assert "runs/a-vs-b-2/report.html" in compare(forge, tmp_path, "--seed", "7").out
    assert "runs/a-vs-b/report.html" in compare(forge, tmp_path).out


def test_dry_run_says_what_would_be_done_and_writes_nothing(forge: Forge, tmp_path: Path) -> None:
    write_pair(tmp_path)
    before = listing(tmp_path)
    outcome = forge.run(
        "compare", "a.jsonl", "b.jsonl", "--lenses", "surface,log_odds", "--dry-run", "--seed", "3", cwd=tmp_path
    )
    assert (outcome.code, outcome.err) == (0, "")
    for piece in ("a: 24 responses from a.jsonl", "24 prompts, paired",
            "log_odds: halves of 12 and 12 prompts, each looked at for a test on the other", "surface: tested on all prompts",
                  "lenses surface, log_odds;", "seed 3", "would write runs/a-vs-b; calls no model"):  # fmt: skip
        assert piece in outcome.out
    assert listing(tmp_path) == before


@pytest.mark.parametrize("answer", ["No, {i}.", "No\u200b \x7f\x9b31m\u2028\u202e caf\u00e9 \U0001f600, {i}."])
def test_json_prints_findings_json_byte_for_byte(forge: Forge, tmp_path: Path, answer: str) -> None:
    write_pair(tmp_path, b=answer)
    outcome = compare(forge, tmp_path, "--json", "--out", "run")
    assert outcome.out == (tmp_path / "run" / "findings.json").read_text(encoding="utf-8")
    findings = json.loads(outcome.out)
    assert findings["findings"][0]["examples"][0]["b"].startswith(answer[:3])
    assert compare(forge, tmp_path, "--json", "--out", "run").out == outcome.out


def test_progress_and_notes_go_to_stderr_only(forge: Forge, tmp_path: Path) -> None:
    write_pair(tmp_path)
    write(tmp_path, {"b.jsonl": jsonl(records(answer="No, {i}.", first=2))})
    outcome = compare(forge, tmp_path)
    assert "note: 2 prompts of a.jsonl have no counterpart and were left out" in outcome.err
    assert "done in" not in outcome.out
    assert "note:" not in outcome.out
    assert "\x1b" not in outcome.out + outcome.err


def test_arms_that_say_the_same_again_and_again_are_compared_without_a_warning(forge: Forge, tmp_path: Path) -> None:
    same = jsonl(records(answer="Yes.", reward=1))
    write(tmp_path, {"a.jsonl": same, "b.jsonl": same})
    outcome = forge.run("compare", "a.jsonl", "b.jsonl", "--score-field", "reward", "--json", cwd=tmp_path)
    assert outcome.code == 0
    assert "Warning" not in outcome.err
    found = json.loads(outcome.out)
    assert (found["findings"], found["global"]["p_value"], found["notices"]) == ([], 1.0, [])
    tested = json.loads((tmp_path / "runs" / "a-vs-b" / "measures.json").read_bytes())["measures"]
    assert "scores.reward" in {measure["id"] for measure in tested}
    assert {(measure["tested"]["effect"], measure["tested"]["p_value"]) for measure in tested} == {(0.0, 1.0)}


@pytest.mark.parametrize("pairing", ["--paired", "--unpaired"])
def test_scores_that_never_vary_differ_where_the_arms_do(forge: Forge, tmp_path: Path, pairing: str) -> None:
    rows = records(answer="Yes.", one=1, two=1), records(answer="Yes.", one=1, two=2)
    write(tmp_path, {"a.jsonl": jsonl(rows[0]), "b.jsonl": jsonl(rows[1])})
    scores = ("--lenses", "scores", "--score-field", "one", "--score-field", "two")
    outcome = forge.run("compare", "a.jsonl", "b.jsonl", *scores, pairing, "--json", cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    (found,) = json.loads(outcome.out, parse_constant=pytest.fail)["findings"]
    assert (found["id"], found["effect"], found["ci_low"], found["ci_high"]) == ("scores.two", 1.0, 1.0, 1.0)
    assert (found["effect_size"], found["p_value"] <= 0.001) == (None, True)
    tested = json.loads((tmp_path / "runs" / "a-vs-b" / "measures.json").read_bytes())["measures"]
    assert next(m["tested"]["p_value"] for m in tested if m["id"] == "scores.one") == 1.0


def test_too_few_prompts_for_alpha_are_a_note_and_stand_in_the_findings(forge: Forge, tmp_path: Path) -> None:
    write_pair(tmp_path, n=9)
    outcome = forge.run("compare", "a.jsonl", "b.jsonl", "--alpha", "0.001", "--json", cwd=tmp_path)
    assert outcome.code == 0
    says = "measures tested on all prompts cannot reach alpha = 0.001 with 9 prompts: smallest possible p is 0.0039"
    assert f"note: {says}\n" in outcome.err
    assert says in json.loads(outcome.out)["notices"]
    seeing = forge.run("compare", "a.jsonl", "b.jsonl", "--alpha", "0.001", "--lenses", "log_odds", cwd=tmp_path)
    half = "measures tested on the second half cannot reach alpha = 0.001 with 4 prompts: smallest possible p is 0.12"
    assert f"note: {half}\n" in seeing.err
    report = (tmp_path / "runs" / "a-vs-b" / "report.html").read_text(encoding="utf-8")
    assert says in report


def test_a_run_whose_ledger_was_edited_is_not_reported(forge: Forge, tmp_path: Path) -> None:
    write_pair(tmp_path)
    command = ("compare", "a.jsonl", "b.jsonl", "--lenses", "surface")
    assert forge.run(*command, cwd=tmp_path).code == 0
    ledger = tmp_path / "runs" / "a-vs-b" / "hypotheses.jsonl"
    ledger.write_text(ledger.read_text(encoding="utf-8").replace("fewer words", "less"), encoding="utf-8")
    before = listing(tmp_path)
    for again in (("report", "runs/a-vs-b"), command):
        outcome = forge.run(*again, cwd=tmp_path)
        assert (outcome.code, outcome.out) == (2, "")
        assert "hypotheses.jsonl, entry" in outcome.err
        assert "its text is not that of its hash" in outcome.err
    assert listing(tmp_path) == before


def test_fail_on_difference_exits_100_when_there_is_one_and_0_when_there_is_none(forge: Forge, tmp_path: Path) -> None:
    write_pair(tmp_path)
    write(tmp_path, {"c.jsonl": jsonl(records(answer="Yes."))})
    assert compare(forge, tmp_path, "--fail-on-difference").code == 100
    assert compare(forge, tmp_path, "--fail-on-difference").code == 100, "reading the run again"
    same = forge.run("compare", "a.jsonl", "c.jsonl", *QUICK, "--fail-on-difference", cwd=tmp_path)
    assert same.code == 0
    assert "0 of" in same.out


def test_the_cache_changes_no_result_and_is_used(forge: Forge, tmp_path: Path) -> None:
    write_pair(tmp_path)
    plain, first, second = (
        json.loads(compare(forge, tmp_path, "--json", "--out", out, *cache).out)
        for out, cache in (("1", ()), ("2", ("--cache-dir", "cache")), ("3", ("--cache-dir", "cache")))
    )
    for findings in (plain, first, second):
        findings.pop("created")
    assert plain == first == second
    assert (tmp_path / "cache" / "index.sqlite").exists()


def test_the_real_command_line_starts_and_compares(tmp_path: Path) -> None:
    write_pair(tmp_path)
    outcome = run_cli("compare", "a.jsonl", "b.jsonl", *QUICK, cwd=tmp_path)
    assert outcome.code == 0
    assert "24 prompts, paired" in outcome.out


def test_public_answer_files_are_read_and_paired_as_they_come(forge: Forge, shared_data: Path, tmp_path: Path) -> None:
    files = [shared_data / "alpaca_eval" / f"zephyr-7b-{name}.json" for name in ("alpha", "beta")]
    outcome = forge.run("compare", *files, "--dry-run", cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert "zephyr-7b-alpha: 805 responses" in outcome.out
    assert "805 prompts, paired" in outcome.out
    assert "surface, phrases, clusters, regions: tested on all prompts" in outcome.out


def test_measures_that_are_equivalent_are_counted_for_each_margin(forge: Forge, tmp_path: Path) -> None:
    for name, end in (("a.jsonl", "."), ("b.jsonl", ". Good.")):
        rows = [{**row, "response": row["response"] + (end if i % 9 else "?")} for i, row in enumerate(records(200))]
        write(tmp_path, {name: jsonl(rows)})
    margins = (
        "--equivalent-within",
        "0.2",
        "--equivalent-within",
        "surface.words=0.5",
        "--equivalent-within",
        "emoji=1",
    )
    outcome = forge.run("compare", "a.jsonl", "b.jsonl", "--lenses", "surface", *margins, cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    said = outcome.out.replace("\xa0", " ")
    assert "\n1 of 1 measure is equivalent within ±20 points (share of responses).\n" in said
    assert "\n0 of 1 measures are equivalent within ±0.5 words (surface.words).\n" in said
    assert "\nno measure was tested that the margin of emoji is for.\n" in said
