"""``diptych approve`` as a command: plan, budget, named runs, and mistakes with their place."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.helpers.cli import Outcome, invoke, run_cli
from tests.helpers.fault_server import Call, FaultServer, Step, reply

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


def approve(*more: str) -> Outcome:
    given = ["--statements", "statements.jsonl", "--catalogue", "catalogue.json", "--clusters", "2"]
    return invoke("approve", "scripted/model.yaml", *given, *more)


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
