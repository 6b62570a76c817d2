"""What an interface is paid for vectors: told before and after, put down, and held to --max-cost by every verb."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from diptych.models.spending import Purse
from tests.embeddings.test_interfaces import vector
from tests.helpers.cli import Outcome, invoke
from tests.helpers.fault_server import Call, FaultServer, Step, reply

N = 60
TOKENS_A_TEXT = 3
USD_A_TOKEN = 1e-3
PRICE = f"price={USD_A_TOKEN * 1e6:.0f}"
CATALOGUE = {"personas": {"meek": "Be MEEK.", "proud": "Be PROUD."}}


def answer(call: Call) -> Step:
    """Vectors for texts, and yes for everything else."""
    if not call.path.endswith("/embeddings"):
        return Step(content=reply("Yes."))
    texts = call.json["input"]
    data = [{"index": i, "embedding": vector(text)} for i, text in enumerate(texts)]
    said = {"data": data, "model": "e", "usage": {"prompt_tokens": TOKENS_A_TEXT * len(texts)}}
    return Step(200, lambda call: json.dumps(said).encode())


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-CANARY-0123456789abcdef")
    for name in ("a", "b", "c"):
        rows = [{"prompt": f"Q{i}?", "response": f"Yes {i} {name}." * (1 + i % 3)} for i in range(N // 2)]
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rows = [{"statement": f"I like {what} number {n}."} for what in ("power", "music") for n in range(N // 2)]
    Path("statements.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("catalogue.json").write_text(json.dumps(CATALOGUE))
    with FaultServer(answer) as running:
        yield running


def embedder(server: FaultServer, *more: str) -> list[str]:
    options = [f"base_url={server.openai_url}", "concurrency=1", *more]
    return ["--embedder", "openai/e", *(word for option in options for word in ("--embedder-arg", option))]


def n_sent(server: FaultServer) -> int:
    return sum(len(call.json["input"]) for call in server.calls if call.path.endswith("/embeddings"))


def done(outcome: Outcome, code: int = 0) -> Outcome:
    assert outcome.code == code, outcome.err
    assert "sk-CANARY" not in outcome.err + outcome.out
    return outcome


COMMANDS = {
    "compare": (["compare", "a.jsonl", "b.jsonl", "--lenses", "clusters", "--out", "run"], N),
    "several": (["compare", "a.jsonl", "b.jsonl", "c.jsonl", "--lenses", "clusters", "--out", "run"], N // 2 * 3),
    "embed": (["embed", "a.jsonl", "--out", "v.npz"], N // 2),
    "cluster": (["cluster", "a.jsonl", "b.jsonl", "--out", "c.csv"], N),
    "approve": (
        ["approve", "scripted/echo", "--statements", "statements.jsonl", "--catalogue", "catalogue.json",
         "--out", "run"],
        N,
    ),
}  # fmt: skip


@pytest.mark.parametrize("verb", COMMANDS)
def test_what_was_paid_is_told(server: FaultServer, verb: str) -> None:
    words, n = COMMANDS[verb]
    said = done(invoke(*words, *embedder(server, PRICE))).err
    tokens = TOKENS_A_TEXT * n
    assert f"vectors of {n} texts; " in said, said
    assert verb == "approve" or f"; {tokens} tokens in; price" in said, said
    assert f"price {USD_A_TOKEN * tokens:.2g} US dollars" in said, said
    assert n_sent(server) == n


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_limit_stops_before_it_is_crossed(server: FaultServer, verb: str) -> None:
    words, n = COMMANDS[verb]
    before = sorted(Path().iterdir())
    stopped = done(invoke(*words, *embedder(server, PRICE), "--max-cost", "0.001"), 3)
    assert "texts are left" in stopped.err
    assert n_sent(server) == 0
    left = {path.name for path in Path().rglob("*") if path.is_file()} - {path.name for path in before}
    assert {name.partition("-")[0] for name in left} <= {"ledger.sqlite", "ledger.sqlite.lock", "index.sqlite"}, left
    done(invoke(*words, *embedder(server, PRICE), "--max-cost", "100"))
    assert n_sent(server) == n


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_limit_without_a_price_is_refused_before_anything_is_sent(server: FaultServer, verb: str) -> None:
    words, _ = COMMANDS[verb]
    before = sorted(Path().rglob("*"))
    refused = done(invoke(*words, *embedder(server), "--max-cost", "1"), 2)
    assert "the price of openai/e is unknown.\nGive it with --embedder-arg price=" in refused.err
    assert (server.calls, sorted(Path().rglob("*"))) == ([], before)


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_dry_run_tells_the_price_and_sends_nothing(server: FaultServer, verb: str) -> None:
    words, n = COMMANDS[verb]
    before = sorted(Path().rglob("*"))
    said = done(invoke(*words, *embedder(server, PRICE), "--dry-run")).out
    assert f"openai/e: {n} texts to send, about" in said
    assert "costs nothing" not in said and "price: unknown" not in said
    assert (server.calls, sorted(Path().rglob("*"))) == ([], before)


def test_before_models_have_answered_the_price_of_vectors_is_a_bound(server: FaultServer) -> None:
    Path("p.txt").write_text("One?\nTwo?\nThree?\n")
    words = ["compare", "scripted/echo", "scripted/other", "--prompts", "p.txt", "--max-tokens", "100"]
    Path("other").write_text("otherwise: ['No.']\n")
    said = done(invoke(*words[:2], "a.jsonl", *words[3:], *embedder(server, PRICE), "--dry-run")).out
    assert "openai/e: at most 6 texts to send, about 600 tokens; price: at most about 0.6 US dollars" in said


def test_vectors_and_answers_of_a_run_share_one_limit_over_all_commands(server: FaultServer) -> None:
    words, n = COMMANDS["approve"]
    asks = ["approve", "openai/m", *words[2:], "--base-url", server.openai_url, "--price", "1,1"]
    vectors = TOKENS_A_TEXT * USD_A_TOKEN * n
    stopped = done(invoke(*asks, *embedder(server, PRICE), "--cache-dir", "c", "--max-cost", "0.05"), 3)
    assert "texts are left" in stopped.err
    n_calls = len(server.calls)
    done(invoke(*asks, *embedder(server, PRICE), "--cache-dir", "c", "--max-cost", "100"))
    assert all(call.path.endswith("/embeddings") for call in server.calls[n_calls:])
    status = json.loads(done(invoke("status", "run", "--json")).out)["spent"]
    assert (status["answers"], status["vectors"]) == (2 * n, n)
    assert status["usd"] == pytest.approx(sum(arm_usd()) + vectors)
    assert f"{2 * n} answers and vectors of {n} texts" in done(invoke("status", "run")).out


def arm_usd() -> list[float]:
    return [arm["usd"] for arm in json.loads(invoke("status", "run", "--json").out)["arms"]]


def test_what_an_interrupted_comparison_paid_still_counts(server: FaultServer) -> None:
    words, n = COMMANDS["compare"]
    paid = TOKENS_A_TEXT * USD_A_TOKEN * n
    done(invoke(*words, *embedder(server, PRICE)))
    for path in Path("run").iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif "ledger" not in path.name:
            path.unlink()
    again = done(invoke(*words, *embedder(server, PRICE), "--max-cost", f"{paid * 1.5}"), 3)
    assert f"{paid:.4f} US dollars are spent" in again.err
    assert n_sent(server) == n


def test_a_purse_without_a_ledger_adds_up() -> None:
    purse = Purse()
    purse.pay("x/e", 2, None, None)
    purse.pay("x/e", 3, 10, 0.5)
    spent = purse.spent()
    assert (spent.n_texts, spent.usage.input_tokens, spent.usd, spent.n_unpriced) == (5, 10, 0.5, 1)
