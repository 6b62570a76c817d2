"""Every way in which a server was seen to fail, for both SDKs: how often it is asked, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from diptych.errors import ModelError
from diptych.models.api_clients import APIClientFactory, BaseAPIClient
from diptych.models.requests import Answer, Failure, FailureKind, Reply
from tests.helpers.fault_server import (
    BROKEN_JSON,
    CUT,
    ERROR_IN_200,
    HTML,
    RESET,
    FaultServer,
    Script,
    Step,
    error,
    literal,
    rate_limited,
    reply,
)

KEY = "sk-CANARY-0123456789abcdef"
QUICK = {"max_wait_s": 0.02, "max_attempts": 4}

Make = Callable[..., BaseAPIClient]


@pytest.fixture(params=["openai", "anthropic"])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes a client of either SDK for a server."""

    def client(server: FaultServer, **options: Any) -> BaseAPIClient:
        url = server.openai_url if request.param == "openai" else server.url
        return APIClientFactory.create_client(
            f"{request.param}/some-model", KEY, base_url=url, options={**QUICK, **options}
        )

    return client


def ask(make: Make, script: Script, **options: Any) -> tuple[FaultServer, Answer]:
    """One question to a server with a script."""
    with FaultServer(script) as server:
        [answer] = make(server, **options).batch_request(["What is the capital of France, and since when?"])
    return server, answer


EMPTY = Step(content=reply(choices=[], content=[]))
SECOND_IS_FINE = [
    pytest.param([rate_limited()], id="429"),
    pytest.param([rate_limited(retry_after=0)], id="429 with Retry-After"),
    pytest.param([error(503, "service_unavailable", retry_after=0)], id="503 with Retry-After"),
    pytest.param([error(529, "overloaded_error")], id="529"),
    pytest.param([error(500, "api_error")], id="500"),
    pytest.param([literal("", 502)], id="502 without a body"),
    pytest.param([RESET], id="reset"),
    pytest.param([CUT], id="cut"),
    pytest.param([Step(delay_s=1.0)], id="timeout"),
    pytest.param([BROKEN_JSON], id="broken JSON"),
    pytest.param([HTML], id="HTML"),
    pytest.param([literal("[1]")], id="another JSON value"),
    pytest.param([ERROR_IN_200], id="error with status 200"),
    pytest.param([EMPTY], id="empty"),
    pytest.param([Step(content=reply("\ud800"))], id="half a surrogate"),
]


@pytest.mark.parametrize("script", SECOND_IS_FINE)
def test_what_passes_is_asked_again(make: Make, script: list[Step]) -> None:
    server, answer = ask(make, script, timeout_s=0.5)
    assert isinstance(answer, Reply), answer
    assert answer.n_attempts == len(server.calls) == 2
    assert answer.text.startswith("About “What is the capital")
    assert answer.request_id == "req_1"


def test_the_words_of_a_server_made_with_fastapi_are_passed_on(make: Make) -> None:
    pinned = literal("{\"detail\": \"Server is pinned to 'a'; requested 'b'.\"}", 400)
    _, answer = ask(make, [pinned])
    assert answer == Failure("bad_request", "HTTP 400: Server is pinned to 'a'; requested 'b'.")


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        pytest.param(rate_limited(), "rate_limit", id="429"),
        pytest.param(error(503, "service_unavailable"), "server", id="503"),
        pytest.param(error(529, "overloaded_error"), "server", id="529"),
        pytest.param(BROKEN_JSON, "bad_response", id="broken JSON"),
        pytest.param(HTML, "bad_response", id="HTML"),
        pytest.param(ERROR_IN_200, "server", id="error with status 200"),
        pytest.param(EMPTY, "bad_response", id="empty"),
        pytest.param(CUT, "connection", id="cut"),
        pytest.param(RESET, "connection", id="reset"),
        pytest.param(Step(delay_s=0.3), "timeout", id="timeout"),
    ],
)
def test_what_does_not_pass_ends_as_a_failure(make: Make, step: Step, kind: FailureKind) -> None:
    timeout_s = 0.1 if kind == "timeout" else 5.0
    server, answer = ask(make, [step] * (3 if kind == "connection" else 9), timeout_s=timeout_s)
    if kind == "connection":  # the fourth gets through
        assert isinstance(answer, Reply)
    else:
        assert isinstance(answer, Failure)
        assert (answer.kind, answer.n_attempts) == (kind, 4)
    assert len(server.calls) == 4


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        pytest.param(error(400, "invalid_request_error", "bad"), "bad_request", id="400"),
        pytest.param(error(422, "invalid_request_error", "bad"), "bad_request", id="422"),
        pytest.param(
            error(400, "invalid_request_error", "prompt is too long: 9000 tokens > 8192 maximum"),
            "context_length",
            id="too long",
        ),
        pytest.param(error(413, "request_too_large"), "context_length", id="413"),
    ],
)
def test_a_bad_request_is_made_once(make: Make, step: Step, kind: FailureKind) -> None:
    server, answer = ask(make, [step])
    assert isinstance(answer, Failure)
    assert (answer.kind, answer.n_attempts, len(server.calls)) == (kind, 1, 1)
    if kind == "context_length" and "9000" in str(step.content):
        assert "9000 tokens" in answer.reason


@pytest.mark.parametrize(
    ("step", "said"),
    [
        pytest.param(error(401, "authentication_error", f"wrong key {KEY}"), "the key was refused", id="401"),
        pytest.param(error(402, "billing_error"), "no credit", id="402"),
        pytest.param(error(403, "permission_error"), "may not ask", id="403"),
        pytest.param(error(404, "not_found_error", "model: some-model"), "no such model", id="404"),
        pytest.param(error(429, "insufficient_quota"), "no credit", id="quota"),
        pytest.param(error(429, "credit_balance_exhausted"), "no credit", id="credit"),
        pytest.param(error(429, "enforced_spend_limit_reached"), "no credit", id="spend limit"),
        pytest.param(error(400, "unsupported_parameter"), "unsupported_parameter", id="parameter"),
    ],
)
def test_what_no_wait_mends_ends_the_run_after_one_call(make: Make, step: Step, said: str) -> None:
    with FaultServer(lambda call: step) as server, pytest.raises(ModelError, match=said) as caught:
        make(server).batch_request([f"question {i}" for i in range(50)])
    assert len(server.calls) == 1
    assert KEY not in str(caught.value)


def test_a_server_that_is_down_ends_the_run(make: Make) -> None:
    with FaultServer() as server:
        client = make(server)
    with pytest.raises(ModelError, match=r"the connection failed .* Asked at http://127.0.0.1"):
        client.batch_request(["one", "two"])
