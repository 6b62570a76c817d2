"""Requests left in batches: nothing is asked twice, nothing is lost, and each answer goes to its question."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diptych.errors import ConfigError, ModelError
from diptych.models.api_clients import APIClientFactory, BaseAPIClient
from diptych.models.batches import BatchingClient
from diptych.models.generation import Answered, Question, generate
from diptych.models.ledger import Ledger
from diptych.models.requests import Failure, Message, Reply, Request, Sampling
from tests.helpers.batch_server import BatchServer, Line
from tests.helpers.fault_server import HTML, RESET, Step, error

KEY = "sk-CANARY-0123456789abcdef"
SDKS = ["openai", "anthropic"]
QUESTIONS = [Question(f"p{i}", (Message("user", f"Question {i}?"),)) for i in range(1000)]


def client(provider: str, server: BatchServer, **options: Any) -> BaseAPIClient:
    url = server.url if provider == "anthropic" else server.openai_url
    quick = {"batch": True, "poll_s": 0.001, "max_wait_s": 0.01, **options}
    return APIClientFactory.create_client(f"{provider}/m", KEY, base_url=url, options=quick)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite", {}) as made:
        yield made


def ask(model: BaseAPIClient, ledger: Ledger, questions: list[Question] = QUESTIONS, **more: Any) -> list[Answered]:
    return generate(model, questions, sampling=Sampling(max_tokens=20), ledger=ledger, **more)


def fail(line: Line, how: str) -> Line:
    """The same line, gone wrong, in its own dialect."""
    said: Line
    if "result" in line:
        no = {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}
        said = {"type": how, **({"error": no} if how == "errored" else {})}
        return {"custom_id": line["custom_id"], "result": said}
    if how == "errored":
        body = {"error": {"message": "no", "type": "invalid_request_error", "code": None}}
        return {**line, "response": {"status_code": 400, "request_id": "r", "body": body}}
    code = {"expired": "batch_expired", "canceled": "batch_cancelled"}[how]
    return {**line, "response": None, "error": {"code": code, "message": how}}


def harm(lines: list[Line], draw: random.Random) -> list[Line]:
    """Shuffled; of 1,000 lines 10 errored, 10 expired, 5 cancelled, 5 lost, 20 twice with another answer, 2 foreign."""
    chosen = draw.sample(range(len(lines)), 50)
    ways = ["errored"] * 10 + ["expired"] * 10 + ["canceled"] * 5
    for number, way in zip(chosen, ways, strict=False):
        lines[number] = fail(lines[number], way)
    twice = [fail(lines[number], "errored") for number in chosen[30:]]
    foreign = [{**lines[chosen[30]], "custom_id": f"nobody-{i}"} for i in range(2)]
    lost = set(chosen[25:30])
    kept = [line for number, line in enumerate(lines) if number not in lost] + twice + foreign
    draw.shuffle(kept)
    return kept


@pytest.mark.parametrize("provider", SDKS)
def test_a_thousand_shuffled_results_with_harm_go_to_their_questions(provider: str, ledger: Ledger) -> None:
    with BatchServer(damage=harm) as server:
        with pytest.warns(UserWarning, match="20 results came twice .* 2 belong to no"):
            answered = ask(client(provider, server), ledger)
        assert len(server.batches) == 1
        good = [one for one in answered if isinstance(one.answer, Reply)]
        kinds = [one.answer.kind for one in answered if isinstance(one.answer, Failure)]
        assert len(good) == 970
        assert sorted(set(kinds)) == ["bad_request", "bad_response", "server", "timeout"]
        assert [kinds.count(kind) for kind in ("bad_request", "timeout", "server", "bad_response")] == [10, 10, 5, 5]
        for one in good:
            assert isinstance(one.answer, Reply)
            assert one.answer.text.startswith(f"About “{one.question.messages[0].content}”")
            assert one.answer.usage.output_tokens
        server.damage = lambda lines, draw: lines
        again = ask(client(provider, server), ledger)
        assert [len(batch.items) for batch in server.batches.values()] == [1000, 30], "only what failed is asked again"
    assert all(isinstance(one.answer, Reply) for one in again)


@pytest.mark.parametrize("provider", SDKS)
def test_an_answer_is_the_same_as_from_a_call(provider: str, ledger: Ledger, tmp_path: Path) -> None:
    with BatchServer() as server, Ledger(tmp_path / "other.sqlite", {}) as other:
        by_batch = ask(client(provider, server), ledger, QUESTIONS[:20])
        by_call = ask(client(provider, server, batch=False), other, QUESTIONS[:20])
    for one, two in zip(by_batch, by_call, strict=True):
        assert isinstance(one.answer, Reply)
        assert isinstance(two.answer, Reply)
        assert (one.answer.sent, one.answer.usage, one.answer.model) == (
            two.answer.sent,
            two.answer.usage,
            two.answer.model,
        )
        assert one.answer.text.partition("”")[0] == two.answer.text.partition("”")[0]


class StopError(Exception):
    """The process ends."""


class Watched:
    """Keeps what is said; ends the run when ``words`` are among it."""

    def __init__(self, words: str) -> None:
        self.words, self.said = words, list[str]()

    def start(self, stage: str, total: int) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def finish(self) -> None: ...

    def say(self, text: str) -> None:
        self.said.append(text)
        if self.words and self.words in text:
            raise StopError


@pytest.mark.parametrize("provider", SDKS)
@pytest.mark.parametrize("moment", ["left with", "in progress"])
def test_a_run_that_ends_while_it_waits_goes_on_without_sending_anything(
    provider: str, moment: str, ledger: Ledger
) -> None:
    with BatchServer() as server:
        with pytest.raises(StopError):
            ask(client(provider, server), ledger, QUESTIONS[:50], progress=Watched(moment))
        watched = Watched("")
        with pytest.raises(ConfigError, match="still has batches of this run .batch_0"):
            ask(client(provider, server, batch=False), ledger, QUESTIONS[:50])
        answered = ask(client(provider, server), ledger, QUESTIONS[:50], progress=watched)
        assert len(server.batches) == 1
        assert server.count("POST", "/batches") == 1
    assert all(isinstance(one.answer, Reply) for one in answered)
    assert any("batch batch_0: in progress, " in text and "of 50 done" in text for text in watched.said)
    assert ledger.batches(f"{provider}/m") == {}


@pytest.mark.parametrize("provider", SDKS)
def test_answers_that_a_shorter_run_does_not_want_wait_for_one_that_does(provider: str, ledger: Ledger) -> None:
    with BatchServer() as server:
        with pytest.raises(StopError):
            ask(client(provider, server), ledger, QUESTIONS[:50], progress=Watched("left with"))
        assert len(ask(client(provider, server), ledger, QUESTIONS[:10])) == 10
        assert len(ask(client(provider, server), ledger, QUESTIONS[:50])) == 50
        assert len(server.batches) == 1


@pytest.mark.parametrize("provider", SDKS)
def test_limits_of_a_batch_make_several(provider: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    with BatchServer() as server:
        model = client(provider, server)
        assert isinstance(model, BatchingClient)
        monkeypatch.setattr(type(model), "max_batch", 40)
        ask(model, ledger, QUESTIONS[:100])
        assert [len(batch.items) for batch in server.batches.values()] == [40, 40, 20]
        asked = {f"{i}": Request(QUESTIONS[i].messages) for i in range(100)}
        monkeypatch.setattr(type(model), "max_batch_bytes", 3000)
        sizes = [sum(len(str(item)) for item in items) for items in model.portions(asked, Sampling())]
    assert len(sizes) > 3
    assert max(sizes) <= 3000


@pytest.mark.parametrize("provider", SDKS)
@pytest.mark.parametrize(
    ("step", "n_calls", "says"),
    [
        (RESET, 1, "may have been taken"),
        (HTML, 1, "may have been taken"),
        (error(401, "authentication_error", KEY), 1, "the key was refused"),
        (error(429, "insufficient_quota"), 1, "there is no credit"),
        (error(503, "unavailable"), 6, "HTTP 503"),
    ],
    ids=["reset", "html", "401", "quota", "503"],
)
def test_a_batch_is_never_left_twice(provider: str, step: Step, n_calls: int, says: str, ledger: Ledger) -> None:
    def script(call: Any) -> Step:
        return step if call.method == "POST" and call.path.endswith("/batches") else Step()

    with BatchServer(script) as server, pytest.raises(ModelError, match=says) as caught:
        ask(client(provider, server), ledger, QUESTIONS[:5])
    assert server.count("POST", "/batches") == n_calls
    assert KEY[3:] not in str(caught.value)
    assert ledger.batches(f"{provider}/m") == {}


@pytest.mark.parametrize("provider", SDKS)
@pytest.mark.parametrize(
    "step", [RESET, HTML, error(503, "unavailable"), error(429, "rate_limit_exceeded"), Step(fault="cut")]
)
def test_looking_and_fetching_is_tried_again(provider: str, step: Step, ledger: Ledger) -> None:
    n_gets = iter(range(1000))

    def script(call: Any) -> Step:
        return step if call.method == "GET" and next(n_gets) % 2 == 0 else Step()

    with BatchServer(script) as server:
        answered = ask(client(provider, server), ledger, QUESTIONS[:5])
    assert all(isinstance(one.answer, Reply) for one in answered)
    assert server.count("POST", "/batches") == 1


def test_a_batch_that_is_refused_is_said_and_asked_anew_by_the_next_run(ledger: Ledger) -> None:
    with BatchServer(status="failed") as server:
        with pytest.raises(ModelError, match="refused batch batch_0 .token_limit_exceeded: Enqueued token limit"):
            ask(client("openai", server), ledger, QUESTIONS[:5])
        server.status = "completed"
        ask(client("openai", server), ledger, QUESTIONS[:5])
        assert len(server.batches) == 2


@pytest.mark.parametrize("provider", SDKS)
def test_a_batch_that_the_provider_does_not_know_is_a_failure_and_nothing_is_sent(
    provider: str, ledger: Ledger
) -> None:
    with BatchServer() as server:
        with pytest.raises(StopError):
            ask(client(provider, server), ledger, QUESTIONS[:5], progress=Watched("left with"))
        server.script = lambda call: error(404, "not_found_error") if call.method == "GET" else Step()
        answered = ask(client(provider, server), ledger, QUESTIONS[:5])
        assert server.count("POST", "/batches") == 1
    assert {one.answer.reason for one in answered if isinstance(one.answer, Failure)} == {
        "the provider does not know batch batch_0; is it the same account?"
    }


@pytest.mark.parametrize("provider", SDKS)
def test_more_failures_than_allowed_stop_the_run_and_are_kept(provider: str, ledger: Ledger) -> None:
    def half(lines: list[Line], draw: random.Random) -> list[Line]:
        return [fail(line, "errored") if number % 2 else line for number, line in enumerate(lines)]

    with BatchServer(damage=half) as server, pytest.raises(ModelError, match="25 requests .* failed"):
        ask(client(provider, server), ledger, QUESTIONS[:50], max_failures=5)
    assert ledger.spent().n_answers == 25
    assert ledger.batches(f"{provider}/m") == {}


def test_who_takes_no_batches_says_so() -> None:
    for provider in ("openrouter", "openai-api", "vllm"):
        with pytest.raises(ConfigError, match="batch"):
            APIClientFactory.create_client(f"{provider}/m", base_url="http://127.0.0.1:1/v1", options={"batch": True})
