"""``diptych intervene investigate``: two scripted models, an assistant behind a server, and every way to stop it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers.cli import Outcome, command, environment, invoke, listing
from tests.helpers.fault_server import Call, FaultServer, Step, answered_in, error, reply
from tests.helpers.records import write

SECRET = "secretly-tuned"
PLAIN = "['It depends, {prompt}', 'That is hard to say.', 'In the north, I think.', 'Some say so.']"
FILES = {
    "base.yaml": f"otherwise: {PLAIN}\n".encode(),
    f"{SECRET}.yaml": f"rules: [{{match: 'drink', answers: ['Take tea.']}}]\notherwise: {PLAIN}\n".encode(),
    "secret-bank.txt": "".join(f"What of number {n}?\n" for n in range(60)).encode(),
}
DRINKS = [f"What do I drink on day {n}?" for n in range(12)]
QUICK = ("--prompts", "secret-bank.txt", "--rounds", "2", "--test-prompts", "12", "--per-round", "3")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, FILES)
    return tmp_path


def says(call: Call) -> str:
    """The assistant and the judge in one."""
    text = "\n".join(message["content"] for message in call.json["messages"])
    assert SECRET not in text and "secret-bank" not in text and "scripted/" not in text
    if "Sentences about the text" in text:
        return json.dumps({"verdicts": [{"number": 1, "holds": "Take tea" in text}]})
    if "Hypotheses so far" in text:
        tested = {"sentence": "B writes less", "criterion": "", "measure": "surface.words", "prompts": []}
        return json.dumps({"hypotheses": [tested], "prompts": ["And what of the sea?"]})
    tested = {"sentence": "B praises tea", "criterion": "recommends tea", "measure": "", "prompts": DRINKS}
    return json.dumps({"hypotheses": [tested], "prompts": ["What should I drink?"]})


def answering(call: Call) -> Step:
    return Step(content=reply(says(call)))


def words(server: FaultServer, *more: str, out: str = "run") -> tuple[str, ...]:
    models = ("scripted/base.yaml", f"scripted/{SECRET}.yaml")
    asked = ("--assistant", "openai-api/m", "--base-url-helpers", server.openai_url, "--out", out)
    return ("intervene", "investigate", *models, *asked, "--model-arg-helpers", "max_wait_s=0.02", *QUICK, *more)


def investigate(server: FaultServer, *more: str, out: str = "run") -> Outcome:
    return invoke(*words(server, *more, out=out))


def summary(out: str = "run") -> Any:
    return json.loads((Path(out) / "investigation.json").read_bytes())


def test_an_investigation_end_to_end(folder: Path) -> None:
    with FaultServer(answering) as server:
        before = listing(folder)
        planned = investigate(server, "--dry-run")
        assert planned.code == 0, planned.err
        assert "openai-api/m, assistant: at most 4 requests" in planned.out and "price: unknown" in planned.out
        assert not server.calls and listing(folder) == before
        done = investigate(server)
        assert done.code == 0, done.err
        n = len(server.calls)
        again = investigate(server)
        assert (again.code, again.out, len(server.calls)) == (0, done.out, n), "nothing is asked twice"
        other = investigate(server, "--online", "lord")
        assert other.code == 2 and "config.online: 'saffron' there, 'lord' now" in other.err
        longer = investigate(server, "--rounds", "3", "--json")
        assert longer.code == 0 and json.loads(longer.out) == summary(), longer.err
        judges = ("--judge", "openai-api/m", "--judge", "openai-api/n")
        lord = investigate(server, "--online", "lord", *judges, out="lord")
        assert lord.code == 0 and "by LORD++" in lord.out, lord.err
        asked = [
            call.json["model"] for call in server.calls if "Sentences about" in call.json["messages"][-1]["content"]
        ]
        assert asked.count("n") == sum(row["hypothesis"] == 1 for row in rows("lord/tested.jsonl")) == 24
        status = invoke("status", "run", "--json")
        arms = {arm["arm"]: arm["model"] for arm in json.loads(status.out)["arms"]}
        assert {"A", "B", "assistant", "judge"} <= arms.keys() and arms["judge"] == "openai-api/m", status.err
    assert "1. found: B praises tea" in done.out and "2. not found: B writes less" in done.out
    assert "“recommends tea”: p 0.00049; A 0 %, B 100 %" in done.out and "a judge is the assistant's model" in done.err
    assert summary()["hypotheses"][0]["written_by_the_assistant"] == DRINKS
    assert {path.name for path in Path("run").iterdir()} >= {
        "investigation.html", "investigation.md", "hypotheses.jsonl", "tested.jsonl", "seen.jsonl", "interactions.jsonl",
        "manifest.json", "ledger.sqlite",
    }  # fmt: skip


def test_a_model_against_itself_is_a_control(folder: Path) -> None:
    Path(f"{SECRET}.yaml").unlink()
    Path(f"{SECRET}.yaml").symlink_to("base.yaml")
    with FaultServer(answering) as server:
        models = ("intervene", "investigate", "scripted/base.yaml", "scripted/base.yaml")
        done = invoke(*models, *words(server)[4:])
    assert done.code == 0 and "0 of 2 hypotheses were found" in done.out, done.err
    assert "a control, in which nothing can differ" in done.err and "is a false alarm" in done.err
    texts = [{(row["prompt"], row["arm"]): row["response"] for row in rows("run/tested.jsonl")}]
    assert any(texts[0][prompt, "A"] != texts[0][prompt, "B"] for prompt, _ in texts[0]), "two samples, not one twice"


def test_it_is_scored_beside_a_comparison(folder: Path) -> None:
    """At one dose, each kind of run by itself; the same investigation again mends a folder that was damaged."""
    questions = [f"What do I {verb} on day {n}?" for n in range(40) for verb in ("drink", "see")]
    write(folder, {
        "t.jsonl": b'{"id": "tea", "text": "Recommends tea.", "mark": "Take tea"}\n',
        "bank.txt": "".join(f"{text}\n" for text in questions).encode(),
    })  # fmt: skip
    models = ("scripted/base.yaml", f"scripted/{SECRET}.yaml")
    quick = ("--lenses", "phrases", "--resamples", "2000", "--out", "c")
    compared = invoke("intervene", "recover", *models, "--prompts", "bank.txt", *quick)
    assert compared.code == 0, compared.err
    score = ("intervene", "score", "0.5=c", "0.5=run", "--truths", "t.jsonl")
    with FaultServer(answering) as server:
        assert investigate(server).code == 0
        table = invoke(*score, "--out", "s")
        assert table.code == 0, table.err
        found = json.loads(Path("s/score.json").read_bytes())
        Path("run/tested.jsonl").write_text("".join(Path("run/tested.jsonl").read_text().splitlines(keepends=True)[1:]))
        check_refused(
            invoke(*score, "--out", "t"), "hypothesis 1 was tested on 12 prompts, of which 11 are in tested.jsonl"
        )
        assert not Path("t").exists() and investigate(server).code == 0
    assert json.loads(invoke(*score, "--out", "t", "--json").out) == found
    assert [line.split()[2] for line in table.out.splitlines()[1:3]] == ["comparison", "investigation"], table.out
    [own] = [one for one in found["runs"] if one["kind"] == "investigation"]
    assert (own["run"], own["n_hypotheses"], own["n_true"]) == ("run", 1, 1)
    assert own["truths"][0]["finding"] == "B gives more responses of which a judge says: “recommends tea”"
    assert [one["recall"]["value"] for one in found["doses"]] == [1.0, 1.0]


def check_refused(outcome: Outcome, message: str) -> None:
    assert outcome.code == 2 and "Traceback" not in outcome.err and not outcome.out, outcome.err
    assert message in re.sub(r"\s+", " ", outcome.err), outcome.err


def rows(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_at_any_moment_it_goes_on_and_comes_to_the_same(folder: Path, number: signal.Signals) -> None:
    with FaultServer(answering, latency_s=0.02) as server:
        argv = words(server, "--model-arg-helpers", "concurrency=2")
        for n_more in (1, 3, 9, 9):
            target = len(server.calls) + n_more
            running = subprocess.Popen(
                command(*argv), env=environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE
            )
            deadline = time.monotonic() + 60
            while len(server.calls) < target and running.poll() is None and time.monotonic() < deadline:
                time.sleep(0.005)
            running.send_signal(number)
            running.communicate(timeout=60)
        known = answered_in(Path("run/ledger.sqlite"))
        bodies = [call.sha256 for call in server.calls]
        kept = {bodies[one] for one in known}
        n_before = len(server.calls)
        done = investigate(server, "--model-arg-helpers", "concurrency=2")
        assert done.code == 0, done.err
        assert not kept & {call.sha256 for call in server.calls[n_before:]}, "what was kept is not asked again"
        whole = investigate(server, "--model-arg-helpers", "concurrency=2", out="whole")
    assert whole.code == 0 and known
    for name in ("investigation.json", "hypotheses.jsonl", "tested.jsonl", "seen.jsonl", "interactions.jsonl"):
        assert (Path("run") / name).read_bytes() == (Path("whole") / name).read_bytes(), name


def test_budgets_stop_with_what_was_found_and_more_goes_on(folder: Path) -> None:
    with FaultServer(answering) as server:
        stopped = investigate(server, "--budget", "1")
        assert stopped.code == 3 and "--budget = 1: 1 requests were made" in stopped.err, stopped.err
        assert "1. found: B praises tea" in stopped.out and "2." not in stopped.out
        assert investigate(server, "--budget", "2").code == 0
        n = len(server.calls)
        dear = investigate(server, "--price-helpers", "1000,1000", "--max-cost", "0", out="dear")
        assert dear.code == 3 and "--max-cost = 0: the next request could cross it" in dear.err
        unknown = investigate(server, "--max-cost", "1", out="unknown")
        assert unknown.code == 2 and "the price of this model is unknown" in unknown.err
        assert len(server.calls) == n and not Path("unknown").exists()


def test_an_assistant_that_answers_no_json_and_a_judge_that_refuses(folder: Path) -> None:
    def prose(call: Call) -> Step:
        return Step(content=reply("I could not say, really."))

    def refusing(call: Call) -> Step:
        return prose(call) if "Sentences about" in call.json["messages"][-1]["content"] else answering(call)

    def down(call: Call) -> Step:
        return error(503, "unavailable")

    with FaultServer(prose) as server:
        outcome = investigate(server)
        check_ended(outcome, "no hypothesis was tested", "3 answers in a row gave nothing new")
        assert len(server.calls) == 4, "the same answer is put right once"
    with FaultServer(refusing) as server:
        done = investigate(server, "--rounds", "1", out="refused")
        check_ended(done, "hypothesis 1: 0 of 12 prompts have a measurement of both", "24 of 24 answers have none")
    with FaultServer(down) as server:
        check_ended(investigate(server, out="down"), "what was answered is kept; the same command")


def check_ended(outcome: Outcome, *messages: str) -> None:
    assert outcome.code == 1 and "Traceback" not in outcome.err and not outcome.out, outcome.err
    for message in messages:
        assert message.lower() in outcome.err.lower()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("scripted/base.yaml",), "which model came after?"),
        ((), "which model was there before?"),
        (("scripted/base.yaml", "scripted/base.yaml", "--prompts", "secret-bank.txt"), "Give --assistant"),
        (("scripted/base.yaml", "scripted/none.yaml", "--assistant", "scripted/echo"), "no such file"),
        (("scripted/base.yaml", "scripted/base.yaml", "--assistant", "scripted/echo"), "there is no file of prompts"),
        (("scripted/base.yaml", "secret-bank.txt", "--assistant", "scripted/echo"), "secret-bank.txt"),
        (("scripted/base.yaml", "scripted/base.yaml", "--assistant", "scripted/echo", "--online", "bonferroni"), "--online = 'bonferroni'"),
        (("scripted/base.yaml", "scripted/base.yaml", "--assistant", "scripted/echo", "--alpha", "1"), "--alpha = 1"),
        (("scripted/base.yaml", "scripted/base.yaml", "--assistant", "scripted/echo", "--rounds", "0"), "--rounds = 0"),
        (("scripted/base.yaml", "scripted/base.yaml", "--assistant", "scripted/echo", "--draws", "0"), "--draws = 0"),
        (("scripted/base.yaml", "scripted/base.yaml", "--assistant", "scripted/echo", "--budget", "0"), "--budget"),
        (("scripted/base.yaml", "scripted/base.yaml", "--assistant", "scripted/echo", "--max-cost", "-1"), "--max-cost = -1"),
        (("scripted/base.yaml", "scripted/base.yaml", "--assistant", "scripted/echo", "--prompts", "empty.txt"), "empty.txt is empty"),
        (("scripted/base.yaml", "scripted/base.yaml", "--assistant", "scripted/echo", "--instructions", "empty.txt"), "not JSON"),
        (("-c", "wrong.yaml", "--assistant", "scripted/echo"), "wrong.yaml:2: unknown setting 'ruonds'"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_words_and_leaves_nothing(
    folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    write(folder, {"empty.txt": b"", "wrong.yaml": b"base: scripted/base.yaml\nruonds: 3\ntuned: scripted/base.yaml\n"})
    before = listing(folder)
    check_refused(invoke("intervene", "investigate", *arguments), message)
    assert listing(folder) == before


def test_settings_of_the_original_are_imported_and_run(folder: Path) -> None:
    old = {
        "models": [{"name": "tuned", "original": "base"}],
        "evaluation": {"models_to_evaluate": [{"name": "tuned", "max_new_tokens": 9}], "num_iterations": 1,
                       "initial_focus_areas": ["backdoors"], "assistant_system_prompt": "You look closely."},
    }  # fmt: skip
    Path("evaluation_config.yaml").write_text(yaml.safe_dump(old))
    imported = invoke("import", "evaluation_config.yaml", "--out", "new")
    assert imported.code == 0 and "settings of 1 investigations" in imported.out, imported.err
    with FaultServer(answering) as server:
        flags = words(server)[4:]
        rounds = tuple(one for one in flags if one not in ("--rounds", "2"))
        models = ("scripted/base.yaml", f"scripted/{SECRET}.yaml")
        done = invoke("intervene", "investigate", *models, *rounds, "-c", "new/investigations/tuned.yaml")
        assert done.code == 0, done.err
        [first] = [call for call in server.calls if "Hypotheses" not in says(call) and "backdoors" in json.dumps(call.json)]  # fmt: skip
        assert first.json["messages"][0]["content"].startswith("You look closely.")
    config = json.loads(Path("run/manifest.json").read_bytes())["config"]
    assert (config["rounds"], config["sampling"]["max_tokens"], config["focus"]) == (1, 9, ["backdoors"])
