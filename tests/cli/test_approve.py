"""``diptych approve`` as a command: plan, budget, named runs, and mistakes with their place."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.helpers.cli import Outcome, invoke, listing, run_cli
from tests.helpers.fault_server import Call, FaultServer, Step, reply
from tests.helpers.forge import Forge

SCRIPT = """\
rules:
  - {match: power, system: PROUD, answers: ["Yes."]}
  - {match: music, answers: ["Yes, I do."]}
otherwise: ["No."]
"""
RUNS = """\
default:
  statements: [statements.jsonl]
  catalogue: catalogue.json
  n_clusters: 2
quick:
  models: [scripted/model.yaml]
  limit: 6
again:
  models: [scripted/model.yaml]
  sections: [moods]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.yaml").write_text(SCRIPT)
    (tmp_path / "runs.yaml").write_text(RUNS)
    personas = {"personas": {"meek": "Be MEEK.", "proud": "Be PROUD."}, "moods": {"glad": "Be GLAD."}}
    (tmp_path / "catalogue.json").write_text(json.dumps(personas))
    texts = [f"I like {what} number {n}." for what in ("power", "music") for n in range(10)]
    (tmp_path / "statements.jsonl").write_text("".join(json.dumps({"statement": text}) + "\n" for text in texts))
    return tmp_path


GIVEN = ("approve", "scripted/model.yaml", "--statements", "statements.jsonl", "--catalogue", "catalogue.json",
         "--clusters", "2")  # fmt: skip


def approve(*more: str) -> Outcome:
    return invoke(*GIVEN, *more)


def test_a_run_says_what_was_found_and_writes_its_folder(here: Path) -> None:
    done = approve("--out", "run")
    assert done.code == 0, done.err
    assert "meek    50 % [30, 70]   (personas)" in done.out
    assert "scripted/model as proud approves of more statements" in done.out
    written = {path.name for path in (here / "run").iterdir()}
    assert {"manifest.json", "findings.json", "tree.json", "report.html", "clusters.html", "clusters.csv"} <= written
    again = approve("--out", "run", "--json")
    assert "already holds this very run" in again.err
    assert json.loads(again.out) == json.loads((here / "run" / "findings.json").read_text())


def test_a_dry_run_counts_requests_and_writes_nothing(here: Path) -> None:
    before = sorted(here.iterdir())
    done = approve("--dry-run", "--draws", "2", "--section", "personas")
    assert done.code == 0, done.err
    assert "scripted/model: 80 of 80 requests to ask" in done.out
    assert "price: at most about 0 US dollars" in done.out
    assert sorted(here.iterdir()) == before


def test_a_budget_stops_the_run_and_more_money_goes_on_with_it(here: Path) -> None:
    stopped = approve("--out", "run", "--price", "100,100", "--max-cost", "0.08")
    assert stopped.code == 3, stopped.err
    assert not (here / "run" / "manifest.json").exists()
    calls = here / "calls"
    done = approve("--out", "run", "--price", "100,100", "--max-cost", "10", "--model-arg", f"calls={calls}")
    assert done.code == 0, done.err
    assert 0 < len(calls.read_text().splitlines()) < 60


def test_named_runs_begin_with_the_default_and_leave_each_other_alone(here: Path) -> None:
    assert invoke("approve", "-c", "runs.yaml", "--run", "quick", "--out", "a/run").code == 0
    assert invoke("approve", "-c", "runs.yaml", "--run", "again", "--out", "b/run").code == 0
    quick, again = (json.loads((here / name / "run" / "manifest.json").read_text())["config"] for name in "ab")
    assert (quick["limit"], quick["sections"], quick["n_clusters"]) == (6, [], 2)
    assert (again["limit"], again["sections"], again["n_clusters"]) == (None, ["moods"], 2)
    flag = invoke("approve", "-c", "runs.yaml", "--run", "quick", "--limit", "4", "--out", "c/run")
    assert flag.code == 0
    assert json.loads((here / "c" / "run" / "manifest.json").read_text())["config"]["limit"] == 4


@pytest.mark.parametrize(
    ("text", "run", "said"),
    [
        ("quick:\n  limt: 6\n", "quick", "runs.yaml:2: unknown setting 'limt'. Did you mean 'limit'"),
        ("other:\n  draws: no\nquick:\n  limit: 6\n", "quick", "runs.yaml:2: draws"),
        ("quick:\n  limit: 6\n", "qick", "unknown run of runs.yaml 'qick'. Did you mean 'quick'"),
        ("quick: 6\n", "quick", "runs.yaml:1: quick: expected settings under this name"),
        ("quick:\n  question: Yes?\n", "quick", "runs.yaml:2: question"),
        ("quick:\n  limit: 6\n", "quick", "models: give a model"),
    ],
)
def test_a_mistake_in_a_file_of_runs_is_named_with_its_line(here: Path, text: str, run: str, said: str) -> None:
    (here / "runs.yaml").write_text(text)
    done = invoke("approve", "-c", "runs.yaml", "--run", run)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--section", "persona"], "unknown section of catalogue.json 'persona'. Did you mean 'personas'"),
        (["--clusters", "0"], "--clusters"),
        (["--run", "quick"], "give the YAML file of runs with --config"),
        (["--question", "Yes or no?"], "--question: 'Yes or no?' has no {statement}"),
        (["--embedder", "lexcal"], "unknown embedder 'lexcal'"),
        (["--max-chars", "3"], "no statement is left"),
        (["--reader", "scripted/none.yaml"], "no such file"),
    ],
)
def test_a_flag_that_does_not_fit_is_named(here: Path, more: list[str], said: str) -> None:
    done = approve(*more)
    assert done.code == 2
    assert said in done.err


def test_text_that_prompts_an_answer_meant_as_mischief_stays_text(here: Path) -> None:
    (here / "model.yaml").write_text('otherwise: ["Yes.<script>alert(1)</script>\\u001b[31m"]\n')
    (here / "statements.jsonl").write_text(
        json.dumps({"statement": "=cmd|'/c calc'!A0 <img src=x onerror=alert(1)> | *b*"})
        + "\n"
        + json.dumps({"statement": "Plain words."})
    )
    done = approve("--out", "run")
    assert done.code == 0, done.err
    for name in ("report.html", "clusters.html"):
        page = (here / "run" / name).read_text()
        assert "<script" not in page
        assert "<img" not in page
    written = [path for path in (here / "run").rglob("*") if path.suffix not in ("", ".npz", ".sqlite")]
    assert "\x1b" not in "".join(path.read_text() for path in written if "ledger" not in path.name)
    plots = {path.name: path.read_text() for path in written if path.parent.name == "plots"}
    library = plots.pop("plotly.min.js")
    assert len(plots) == 8 and not any("<img src=x" in page for page in plots.values())
    assert sum(map(len, plots.values())) < len(library) and not any(library[:9_000] in page for page in plots.values())


def test_an_unclear_answer_is_read_by_a_model_once(here: Path) -> None:
    (here / "model.yaml").write_text("otherwise: ['It is a fine thing.']\n")
    (here / "reader.yaml").write_text('otherwise: [\'{"verdict": "approves"}\']\n')
    done = approve("--out", "run", "--reader", "scripted/reader.yaml")
    assert done.code == 0, done.err
    assert "20 answers without a clear yes or no were read by scripted/reader.yaml" in done.err
    rows = [json.loads(line) for line in (here / "run" / "approvals.jsonl").read_text().splitlines()]
    assert {row["answer"] for row in rows} == {"approves"}


def test_status_says_how_a_run_goes_on(here: Path) -> None:
    given = ("--statements", "statements.jsonl", "--catalogue", "catalogue.json", "--out", "run", "--price", "100,100")
    stopped = run_cli("approve", "scripted/model.yaml", *given, "--max-cost", "0.08", cwd=here)
    assert stopped.code == 3, stopped.err
    status = run_cli("status", "run", cwd=here)
    assert "diptych approve scripted/model.yaml" in status.out and "--max-cost 0.08" in status.out, status.out


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_every_persona_arrives_at_a_server_with_every_statement(
    here: Path, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{provider.upper()}_API_KEY", "sk-CANARY-0123456789abcdef")

    def opinion(call: Call) -> Step:
        return Step(content=reply("Yes." if b"Be PROUD." in call.body and b"power" in call.body else "No."))

    with FaultServer(opinion) as server:
        url = server.url if provider == "anthropic" else server.openai_url
        given = ["--statements", "statements.jsonl", "--catalogue", "catalogue.json", "--clusters", "2"]
        done = invoke("approve", f"{provider}/m", *given, "--base-url", url, "--out", "run", "--json")
    assert done.code == 0, done.err
    arrived = Counter(next(text for text in ("Be MEEK.", "Be PROUD.", "Be GLAD.") if text in call.body.decode())
                      for call in server.calls)  # fmt: skip
    assert arrived == {"Be MEEK.": 20, "Be PROUD.": 20, "Be GLAD.": 20}
    rows = [json.loads(line) for line in (here / "run" / "approvals.jsonl").read_text().splitlines()]
    yes = {(row["label"], "power" in row["statement"]) for row in rows if row["answer"] == "approves"}
    assert yes == {("proud", True)}


HELP = """\
rules:
  - {match: '"labels"', answers: ['{"labels": ["is about power"]}']}
  - {match: '"verdicts"', answers: ['{"verdicts": [{"number": 1, "holds": true}]}']}
  - {match: '"points"', answers: ['{"points": []}']}
otherwise: ['{"verdict": "approves"}']
"""
HELPERS = ("--reader", "scripted/help.yaml", "--writer", "scripted/help.yaml", "--labeller", "scripted/help.yaml")


def test_a_run_made_again_is_the_same_bit_for_bit(forge: Forge, here: Path) -> None:
    (here / "help.yaml").write_text(HELP)
    (here / "model.yaml").write_text(SCRIPT.replace('["No."]', '["Hardly.", "No."]'))
    given = ("--out", "run", *HELPERS, "--draws", "3", "--model-arg", "failure_rate=0.1", "--max-failures", "100%")
    done = forge.run(*GIVEN, *given, cwd=here)
    assert done.code == 0, done.err
    for name in ("model.yaml", "help.yaml"):  # nobody is asked
        (here / name).unlink()
    before = listing(here)
    same = forge.run("rerun", "run/manifest.json", "--json", cwd=here)
    assert same.code == 0, same.err + same.out
    files = json.loads(same.out)["files"]
    assert set(files.values()) == {"same"}
    assert {"tested.jsonl", "approvals.npz", "report.html", "disagreements.md", "plots/treemap.html"} <= files.keys()
    assert listing(here) == before

    (here / "run" / "clusters.csv").write_text("tampered")
    (here / "run" / "plots" / "tree.html").unlink()
    differs = forge.run("rerun", "run", "--out", "again", cwd=here)
    assert differs.code == 1
    said = [line.split() for line in differs.out.splitlines()]
    assert [words for words in said if words[0] != "same"] == [
        ["different", "clusters.csv"],
        ["new", "plots/tree.html"],
    ]


@pytest.mark.parametrize("name", ["statements.jsonl", "catalogue.json"])
def test_a_run_of_other_files_is_not_made_again(here: Path, name: str) -> None:
    assert approve("--out", "run").code == 0
    kept = (here / name).read_text()
    (here / name).write_text(kept.replace("power", "money").replace("MEEK", "MILD"))
    changed = invoke("rerun", "run", "--out", "again")
    assert (changed.code, f"{name}: not what the run was made of: hash" in changed.err) == (2, True), changed.err
    (here / name).unlink()
    gone = invoke("rerun", "run", "--out", "again")
    assert (gone.code, name in gone.err, "Traceback" in gone.err) == (2, True, False), gone.err
    assert not (here / "again").exists()


def test_what_was_tested_stands_in_a_chain(here: Path) -> None:
    assert approve("--out", "run").code == 0
    path = here / "run" / "tested.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    assert len(lines) > 3
    spoilt = {
        "entry 2": [lines[0], lines[1].replace('"p_value"', '"p_values"'), *lines[2:]],
        "does not follow": [lines[0], *lines[2:]],
        f"has {len(lines) - 1} entries of {len(lines)}": lines[:-1],
    }
    for said, text in spoilt.items():
        path.write_text("".join(text))
        again = approve("--out", "run")
        assert (again.code, said in again.err, "is not as it was written" in again.err) == (2, True, True), again.err
    path.write_text("".join(lines))
    assert approve("--out", "run").code == 0


def test_another_run_in_the_folder_is_refused_and_forked(forge: Forge, here: Path) -> None:
    assert approve("--out", "run", "--model-arg", "calls=calls").code == 0
    other = ("--out", "run", "--section", "personas", "--model-arg", "calls=calls")
    n_calls = len((here / "calls").read_text().splitlines())
    refused = approve(*other)
    assert refused.code == 2
    assert "sections: [] there, ['personas'] now" in refused.err
    for _ in range(2):  # the second time it is found again
        forked = forge.run(*GIVEN, *other, "--fork", cwd=here)
        assert forked.code == 0, forked.err
        assert json.loads((here / "run-2" / "manifest.json").read_text())["config"]["sections"] == ["personas"]
    assert not (here / "run-3").exists()
    assert len((here / "calls").read_text().splitlines()) == n_calls  # its answers were taken over


def test_helpers_have_a_server_and_a_price_of_their_own(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-CANARY-0123456789abcdef")
    monkeypatch.setenv("OTHER_KEY", "sk-CANARY-9876543210abcdef")
    verdict = '{"verdict": "approves"}'
    given = ["--statements", "statements.jsonl", "--catalogue", "catalogue.json", "--clusters", "2", "--out", "run"]
    with (
        FaultServer(lambda call: Step(content=reply("It depends."))) as asked,
        FaultServer(lambda call: Step(content=reply(verdict))) as helping,
    ):
        words = ["openai/m", *given, "--reader", "openai/h", "--base-url", asked.openai_url, "--price", "1,1"]
        words += ["--base-url-helpers", helping.openai_url, "--model-arg-helpers", "key_variable=OTHER_KEY"]
        refused = invoke("approve", *words, "--max-cost", "1")
        assert (refused.code, "--price-helpers IN,OUT" in refused.err) == (2, True), refused.err
        plan = invoke("approve", *words, "--price-helpers", "2,2", "--dry-run")
        assert "openai/h, to read: at most 60 requests" in plan.out and "price: at most about" in plan.out, plan.out
        assert asked.calls == helping.calls == []
        done = invoke("approve", *words, "--price-helpers", "2,2", "--max-cost", "1")
        assert done.code == 0, done.err
        assert (len(asked.calls), len(helping.calls)) == (60, 20)
        keys = [{call.headers.get("authorization") for call in server.calls} for server in (asked, helping)]
    assert keys == [{"Bearer sk-CANARY-0123456789abcdef"}, {"Bearer sk-CANARY-9876543210abcdef"}]
    rows = [json.loads(line) for line in (here / "run" / "approvals.jsonl").read_text().splitlines()]
    assert {row["answer"] for row in rows} == {"approves"}
    written = b"".join(path.read_bytes() for path in (here / "run").rglob("*") if path.is_file())
    assert b"sk-CANARY" not in written


def test_answers_of_helpers_are_taken_over_from_a_run_beside(forge: Forge, here: Path) -> None:
    (here / "help.yaml").write_text(HELP)
    (here / "model.yaml").write_text("otherwise: ['Hardly.']\n")
    calls = ("--model-arg-helpers", "calls=helped")
    assert approve("--out", "a", *HELPERS, *calls).code == 0
    n_helped = len((here / "helped").read_text().splitlines())
    assert n_helped > 20
    done = forge.run(*GIVEN, "--out", "b", *HELPERS, *calls, "--alpha", "0.01", cwd=here)
    assert done.code == 0, done.err
    assert "answers of scripted/help were taken over from a" in done.err
    assert len((here / "helped").read_text().splitlines()) == n_helped


def test_a_judge_that_always_says_yes_confirms_no_name(here: Path) -> None:
    (here / "help.yaml").write_text(HELP)
    done = approve("--out", "run", "--labeller", "scripted/help.yaml", "--judge", "scripted/help.yaml")
    assert done.code == 0, done.err
    assert "0 of 2 names of clusters were confirmed by a blind judge" in done.err
    clusters = json.loads((here / "run" / "findings.json").read_text())["clusters"]
    assert all("which was not confirmed: AUC 0.50" in one["themes"] for one in clusters), clusters
    alone = approve("--out", "other", "--judge", "scripted/help.yaml")
    assert (alone.code, "a judge says whether the names of a labeller fit" in alone.err) == (2, True)
