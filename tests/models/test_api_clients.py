"""Asking models behind an interface: names, keys, retries, limits, and what nobody may see."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.errors import ConfigError, DiptychError, ModelError, UnknownNameError
from diptych.models.api_clients import APIClientFactory, BaseAPIClient
from diptych.models.requests import Answer, Failure, Message, Reply, Request, Sampling, Usage, request_key
from tests.helpers.fault_server import (
    RESET,
    Call,
    FaultServer,
    Step,
    TokenBucket,
    error,
    every,
    rate_limited,
    reply,
)
from tests.house.tree import run_python

KEY = "sk-CANARY-0123456789abcdef"
SDKS = ["openai", "anthropic"]


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keys of the person who runs the tests do not reach them."""
    for name in [name for name in os.environ if name.endswith("_API_KEY")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def client(provider: str, server: FaultServer, **options: Any) -> BaseAPIClient:
    url = server.url if provider == "anthropic" else server.openai_url
    return APIClientFactory.create_client(f"{provider}/m", KEY, base_url=url, options=options)


def test_names_are_known_and_imported_when_asked_for() -> None:
    assert APIClientFactory.create_client("openrouter/meta/llama-4").name == "openrouter/meta/llama-4"
    with pytest.raises(UnknownNameError, match="unknown provider 'antropic'. Did you mean 'anthropic'"):
        APIClientFactory.create_client("antropic/m")
    with pytest.raises(ConfigError, match="no model named"):
        APIClientFactory.create_client("openai").request("Why?")
    done = run_python(
        "-c",
        "import sys, diptych.models.api_clients as a; a.APIClientFactory.create_client('openai/m');"
        "print(sorted({'openai', 'anthropic', 'httpx2', 'tenacity', 'anyio'} & set(sys.modules)))",
        cwd=Path.cwd(),
    )
    assert done.stdout == "[]\n", done.stderr


def test_a_model_may_be_named_with_the_question() -> None:
    with FaultServer() as server:
        answers = APIClientFactory.create_client("openai", KEY, base_url=server.openai_url)
        assert answers.request("Why?", model="one").model == "one"
        assert answers.request(
            [Message("user", "a"), Message("assistant", "b"), Message("user", "c")], model="two"
        ).text
    assert [turn["role"] for turn in server.calls[1].json["messages"]] == ["user", "assistant", "user"]


@pytest.mark.parametrize("provider", SDKS)
def test_a_system_prompt_goes_where_the_provider_wants_it(provider: str) -> None:
    with FaultServer() as server:
        client(provider, server).request("Why?", system="Be brief.")
    body = server.calls[0].json
    said = body["system"] if provider == "anthropic" else body["messages"][0]["content"]
    assert said == "Be brief."
    assert body["messages"][-1] == {"role": "user", "content": "Why?"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"concurency": 3}, "Did you mean 'concurrency'"),
        ({"concurrency": 0}, "concurrency = 0"),
        ({"api_version": "2020"}, "api_version = '2020'"),
    ],
)
def test_options_are_checked(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        APIClientFactory.create_client("anthropic/m", options=options)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (None, "needs the address of a server"),
        ("localhost:8000", "expected an address"),
        (f"http://me:{KEY}@host/v1", "leave out user"),
        (f"http://host/v1?key={KEY}", "leave out user"),
        (f"ftp://me:{KEY}@host/v1", "leave out user"),
        (f"me:{KEY}@host:80", "leave out user"),
        ("http://[::1/v1", "expected an address"),
        ("http://host:port/v1", "expected an address"),
        ("http://host:99999/v1", "expected an address"),
        ("http://ho st/v1", "expected an address"),
        ("http://host\x00/v1", "expected an address"),
    ],
)
def test_addresses_are_checked_and_hold_no_key(url: str | None, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        APIClientFactory.create_client("openai-api/m", base_url=url)
    assert KEY not in str(caught.value)


def test_a_missing_key_is_named_before_any_call() -> None:
    with FaultServer() as server:
        for provider, variable in (("openai", "OPENAI_API_KEY"), ("anthropic", "ANTHROPIC_API_KEY")):
            made = APIClientFactory.create_client(f"{provider}/m", base_url=server.openai_url)
            with pytest.raises(ModelError, match=f"Set {variable} in the environment or in a file .env"):
                made.request("Why?")
        other = {"key_variable": "MY_KEY"}
        made = APIClientFactory.create_client("openai-api/m", base_url=server.openai_url, options=other)
        with pytest.raises(ModelError, match="Set MY_KEY"):
            made.request("Why?")
    assert server.calls == []


def test_a_key_for_one_server_is_not_sent_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("MY_KEY", "mine")
    with FaultServer() as server:
        for options in ({}, {"key_variable": "MY_KEY"}):
            APIClientFactory.create_client("openai-api/m", base_url=server.openai_url, options=options).request("Why?")
        APIClientFactory.create_client("openai/m", base_url=server.openai_url).request("Why?")
    assert [call.headers["authorization"] for call in server.calls] == ["Bearer none", "Bearer mine", f"Bearer {KEY}"]


@pytest.mark.parametrize("provider", SDKS)
def test_attempts_are_counted_by_us_alone_and_have_one_body(provider: str) -> None:
    with FaultServer(lambda call: error(503, "service_unavailable")) as server:
        [answer] = client(provider, server, max_attempts=4, max_wait_s=0.01).batch_request(["Why?"])
    assert isinstance(answer, Failure)
    assert answer.n_attempts == len(server.calls) == 4
    assert {call.headers["x-stainless-retry-count"] for call in server.calls} == {"0"}
    assert len({call.sha256 for call in server.calls}) == 1


@pytest.mark.parametrize("provider", SDKS)
def test_a_long_retry_after_is_not_obeyed(provider: str) -> None:
    with FaultServer([rate_limited(retry_after=3600)]) as server:
        start = time.monotonic()
        assert client(provider, server, max_wait_s=0.3).request("Why?").n_attempts == 2
    assert 0.3 <= server.calls[1].at_s - server.calls[0].at_s < 1.3
    assert time.monotonic() - start < 3


@pytest.mark.parametrize("provider", SDKS)
def test_a_request_ends_at_its_deadline(provider: str) -> None:
    with FaultServer([Step(delay_s=10), *[RESET] * 3]) as server:
        made = client(provider, server, deadline_s=0.4)
        made._limit = 8  # as if it had been asked before: a first question alone says nothing here
        start = time.monotonic()
        [answer] = made.batch_request(["Why?"])
        assert time.monotonic() - start < 1.4
    assert answer == Failure("timeout", "no answer within 0.4 s", 1)


@pytest.mark.parametrize("provider", SDKS)
def test_no_more_are_out_than_allowed_and_each_is_answered_once(provider: str) -> None:
    with FaultServer(latency_s=0.1) as server:
        answers = client(provider, server, concurrency=12).batch_request([f"question {i}" for i in range(100)])
    assert 8 < server.high_water <= 12
    assert len(server.calls) == 100
    texts = [answer.text for answer in answers if isinstance(answer, Reply)]
    assert [f"“question {i}”" in text for i, text in enumerate(texts)] == [True] * 100


def test_a_fifth_of_refusals_costs_a_quarter_more_calls_and_no_answer() -> None:
    with FaultServer(every(5, rate_limited())) as server:
        answers = client("openai", server, max_wait_s=0.02, max_attempts=20).batch_request(
            [f"question {i}" for i in range(200)]
        )
    assert all(isinstance(answer, Reply) for answer in answers)
    assert server.statuses.count(429) <= 2 * 50


def test_a_rate_limit_lowers_the_limit_which_then_comes_back() -> None:
    with FaultServer(TokenBucket(per_s=30, burst=10), latency_s=0.02) as server:
        made = client("openai", server, concurrency=64, max_wait_s=0.2, max_attempts=50)
        made._limit = 64
        answers = made.batch_request([f"question {i}" for i in range(100)])
        assert all(isinstance(answer, Reply) for answer in answers)
        cut = made._limit
        assert cut < 64
        server.script, server.latency_s = (), 0.3
        made.batch_request([f"question {i}" for i in range(3 * cut)])
    assert made._limit > cut


def test_answers_arrive_one_by_one_in_the_calling_thread() -> None:
    import threading

    seen: list[tuple[int, int]] = []

    def deliver(index: int, answer: Answer) -> None:
        assert threading.current_thread() is threading.main_thread()
        seen.append((index, len(server.calls)))

    with FaultServer(latency_s=0.05) as server:
        requests = [Request((Message("user", f"question {i}"),)) for i in range(20)]
        client("openai", server, concurrency=2).answer(requests, Sampling(), deliver)
    assert sorted(index for index, _ in seen) == list(range(20))
    assert seen[2][1] < 20, "the first answers come while others are yet to be asked"


def test_whoever_takes_the_answers_may_stop_it() -> None:
    def deliver(index: int, answer: Answer) -> None:
        raise KeyboardInterrupt

    requests = [Request((Message("user", f"question {i}"),)) for i in range(50)]
    with FaultServer(latency_s=0.2) as server:
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            client("openai", server).answer(requests, Sampling(), deliver)
        assert time.monotonic() - start < 5
        assert len(server.calls) < 50


def test_it_can_be_asked_where_an_event_loop_runs() -> None:
    async def cell() -> Reply:
        return client("openai", server).request("Why?")

    with FaultServer() as server:
        assert asyncio.run(cell()).text.startswith("About “Why?”")


def test_what_was_answered_before_the_end_has_been_delivered() -> None:
    def script(call: Call) -> Step:
        return error(429, "insufficient_quota") if call.number >= 10 else Step()

    seen: list[int] = []
    requests = [Request((Message("user", f"question {i}"),)) for i in range(50)]
    with FaultServer(script) as server, pytest.raises(ModelError, match="no credit"):
        client("openai", server, concurrency=1).answer(requests, Sampling(), lambda index, answer: seen.append(index))
    assert seen == list(range(10))
    assert len(server.calls) == 11


@pytest.mark.parametrize(
    ("provider", "changes", "expected"),
    [
        ("openai", {"choices": [{"message": {"content": None, "refusal": "I will not."}, "finish_reason": "stop"}]}, ("I will not.", "refusal")),
        ("openai", {"choices": [{"message": {"content": "Half"}, "finish_reason": "length"}]}, ("Half", "length")),
        ("openai", {"choices": [{"message": {"content": None}, "finish_reason": "content_filter"}]}, ("", "content_filter")),
        ("openai", {"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}, ("", "stop")),
        ("anthropic", {"content": [], "stop_reason": "refusal"}, ("", "refusal")),
        ("anthropic", {"content": [{"type": "thinking", "thinking": "…"}, {"type": "text", "text": "Yes"}]}, ("Yes", "stop")),
        ("anthropic", {"stop_reason": "model_context_window_exceeded"}, ("said", "length")),
        ("anthropic", {"stop_reason": "pause_turn"}, ("said", "other")),
    ],
)  # fmt: skip
def test_why_an_answer_ended(provider: str, changes: dict[str, Any], expected: tuple[str, str]) -> None:
    with FaultServer([Step(content=reply("said", **changes))]) as server:
        answer = client(provider, server).request("Why?")
    assert (answer.text, answer.finish_reason) == expected


@pytest.mark.parametrize(
    ("provider", "changes"),
    [
        ("openai", {"choices": [{"message": {"content": ""}, "finish_reason": "length"}]}),
        ("anthropic", {"content": [{"type": "thinking", "thinking": "…"}], "stop_reason": "max_tokens"}),
    ],
)
def test_tokens_that_are_used_up_before_any_text_are_a_failure(provider: str, changes: dict[str, Any]) -> None:
    with FaultServer([Step(content=reply(**changes))]) as server:
        [answer] = client(provider, server).batch_request(["Why?"])
    said = "no text before max_tokens was used up: raise max_tokens"
    assert answer == Failure("bad_response", said, 1, (Usage(*list(server.usage.values())[:2]),))


def test_two_answers_where_one_was_asked_for_are_refused() -> None:
    choice = {"message": {"content": "x"}, "finish_reason": "stop"}
    with FaultServer([Step(content=reply(choices=[choice, choice]))] * 2) as server:
        [answer] = client("openai", server, max_attempts=2, max_wait_s=0.01).batch_request(["Why?"])
    said = "the reply is not what was asked for: choices: too_long"
    assert (replace(answer, lost=()), len(answer.lost)) == (Failure("bad_response", said, 2), 2)


def test_a_router_that_fails_half_way_is_asked_again_and_its_host_is_kept() -> None:
    half = {"message": {"content": "Half"}, "finish_reason": "error", "error": {"code": 502, "message": "lost"}}
    flagged = {"error": {"code": 403, "message": "flagged", "metadata": {"reasons": ["x"], "flagged_input": "secret"}}}
    with FaultServer(
        [
            Step(content=reply(choices=[half])),
            Step(content=reply("Whole", provider="Host")),
            Step(403, lambda call: json.dumps(flagged).encode()),
        ]
    ) as server:
        made = client("openrouter", server, max_wait_s=0.01)
        whole, refused = *made.batch_request(["Why?"]), *made.batch_request(["Why not?"])
    assert isinstance(whole, Reply)
    assert (whole.text, whole.n_attempts, whole.details["provider"]) == ("Whole", 2, "Host")
    assert refused == Failure("bad_request", "HTTP 403: flagged", 1)


def test_a_reason_does_not_quote_the_question() -> None:
    question = "Tell me, please, how my secret project Bluebird is going."
    with FaultServer([error(400, "invalid_request_error", f"cannot answer '{question}'")]) as server:
        [answer] = client("openai", server).batch_request([question])
    assert isinstance(answer, Failure)
    assert "Bluebird" not in answer.reason
    assert answer.reason.startswith("HTTP 400 invalid_request_error: ")


CANARIES = """
import logging, sys, traceback
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
from diptych.models.api_clients import APIClientFactory
provider, url = sys.argv[1:]
client = APIClientFactory.create_client(provider + "/m", base_url=url, options={"max_wait_s": 0.01, "timeout_s": 0.5})
prompt = "PROMPT" + "-CANARY"  # in two parts: a traceback shows lines of this program
answers = client.batch_request([prompt + " one two three four five six seven"])
answers += client.batch_request([f"{prompt} {i}" for i in range(3)])
print(client, vars(client), client.identity, client.options)
for answer in answers:
    print(answer.n_attempts, getattr(answer, "reason", "answered"))
try:
    client.request(prompt)
except Exception:
    traceback.print_exc()
client.request(prompt + "!")
"""


@pytest.mark.parametrize("provider", SDKS)
def test_keys_prompts_and_answers_are_in_no_output(provider: str, tmp_path: Path) -> None:

    def echo(call: Call) -> bytes:
        return json.dumps({"error": {"message": f"{call.json['messages'][-1]['content']}; Bearer {KEY}"}}).encode()

    script = [
        rate_limited(), Step(503, echo), RESET, Step(delay_s=1.0), Step(content=reply("ANSWER-CANARY")),
        Step(400, echo), Step(content=reply("ANSWER-CANARY", choices=[{"x": "ANSWER-CANARY"}], content=[{"x": "ANSWER-CANARY"}])), Step(content=reply("ANSWER-CANARY")), Step(content=reply("ANSWER-CANARY")),
        error(401, "authentication_error", f"Incorrect key: {KEY}"), error(401, "authentication_error", f"Incorrect key: {KEY}"),
    ]  # fmt: skip
    with FaultServer(script) as server:
        url = server.url if provider == "anthropic" else server.openai_url
        (tmp_path / "ask.py").write_text(CANARIES)
        key = {f"{provider.upper()}_API_KEY": KEY}
        done = run_python("ask.py", provider, url, cwd=tmp_path, env=key)
    said = done.stdout + done.stderr
    assert all(KEY in call.headers["authorization"] for call in server.calls)
    assert len(server.calls) == len(script), said
    assert done.returncode == 1, "the last question ends in a traceback"
    assert "DEBUG:" in said and "Traceback" in said and "the key was refused" in said and "HTTP 400" in said
    for canary in (KEY, KEY[3:], "PROMPT-CANARY", "ANSWER-CANARY"):
        assert canary not in said


FIELD = st.sampled_from(["base_url", "model", "extra", "api_version"])


@given(FIELD, st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=8))
def test_whatever_changes_an_answer_changes_its_key(field: str, one: str, other: str) -> None:
    def key(value: str) -> str:
        made = APIClientFactory.create_client(
            "anthropic/" + (value if field == "model" else "m"),
            base_url=f"http://{value.encode().hex()}.host" if field == "base_url" else None,
            options={
                "extra": {"note": value} if field == "extra" else {},
                "api_version": ("2026-10-21", "2023-06-01")[len(value) % 2] if field == "api_version" else "2026-10-21",
            },
        )
        return request_key(made.identity, Sampling(), Request((Message("user", "Why?"),)))

    same = one == other if field != "api_version" else len(one) % 2 == len(other) % 2
    assert (key(one) == key(other)) == same


def test_how_it_is_asked_does_not_change_the_key() -> None:
    slow = APIClientFactory.create_client("openai/m", options={"concurrency": 1, "timeout_s": 5, "max_attempts": 1})
    assert slow.identity == APIClientFactory.create_client("openai/m", KEY).identity


def test_errors_are_of_the_house() -> None:
    with FaultServer([error(400, "invalid_request_error")]) as server, pytest.raises(DiptychError, match="bad_request"):
        client("openai", server).request("Why?")
