"""What a provider does not take is refused before the first call, and what is sent has its names."""

from __future__ import annotations

from typing import Any

import pytest

from diptych.errors import ConfigError
from diptych.models.api_clients import APIClientFactory
from diptych.models.requests import Sampling
from tests.helpers.fault_server import FaultServer

HERE = {"openai-api": "http://127.0.0.1:9/v1"}


@pytest.mark.parametrize(
    ("provider", "sampling", "said"),
    [
        ("anthropic", {"temperature": 0.0}, "temperature = 0.0: Anthropic's interface of 2026-10-21 does not take"),
        ("anthropic", {"top_p": 0.9}, "top_p = 0.9"),
        ("anthropic", {"top_k": 5}, "api_version=2023-06-01"),
        ("openai", {"top_k": 5}, "top_k = 5: OpenAI does not take top_k"),
        ("openai", {"temperature": 2.5}, "temperature = 2.5: OpenAI takes at most 2"),
        ("openai", {"stop": ["a", "b", "c", "d", "e"]}, "stop has 5 texts: OpenAI takes at most 4"),
        ("openai-api", {"top_k": 5}, "vllm/…"),
    ],
)
def test_what_is_not_taken_is_refused_by_name(provider: str, sampling: dict[str, Any], said: str) -> None:
    with FaultServer() as server:
        client = APIClientFactory.create_client(f"{provider}/m", "key", base_url=server.openai_url)
        with pytest.raises(ConfigError, match=said):
            client.batch_request(["Why?"], **sampling)
    assert server.calls == []


@pytest.mark.parametrize(
    ("provider", "options", "sampling", "sent"),
    [
        (
            "openai",
            {},
            {"temperature": 0.5, "top_p": 0.9, "stop": ["END"], "max_tokens": 9},
            {"temperature": 0.5, "top_p": 0.9, "stop": ["END"], "max_completion_tokens": 9},
        ),
        (
            "openai",
            {"extra": {"reasoning_effort": "low"}},
            {},
            {"reasoning_effort": "low", "max_completion_tokens": 512},
        ),
        ("openai-api", {}, {"max_tokens": 9}, {"max_tokens": 9}),
        ("vllm", {}, {"top_k": 3}, {"top_k": 3, "max_tokens": 512}),
        ("openrouter", {}, {"top_k": 3}, {"top_k": 3, "max_tokens": 512}),
        ("anthropic", {}, {"stop": ["END"]}, {"stop_sequences": ["END"], "max_tokens": 512}),
        (
            "anthropic",
            {"api_version": "2023-06-01"},
            {"temperature": 1.0, "top_k": 5},
            {"temperature": 1.0, "top_k": 5, "max_tokens": 512},
        ),
    ],
)
def test_what_is_sent_is_what_is_written_down(
    provider: str, options: dict[str, Any], sampling: dict[str, Any], sent: dict[str, Any]
) -> None:
    with FaultServer() as server:
        client = APIClientFactory.create_client(f"{provider}/m", "key", base_url=server.openai_url, options=options)
        reply = client.request("Why?", **sampling)
    body = dict(server.calls[0].json)
    assert body.pop("model") == "m"
    assert body.pop("messages") == [{"role": "user", "content": "Why?"}]
    assert body == dict(reply.sent)
    seed = body.pop("seed", None)
    assert (seed is None) == (provider == "anthropic")
    assert body == sent
    if provider == "anthropic":
        version = options.get("api_version", "2026-10-21")
        assert server.calls[0].headers["anthropic-version"] == reply.details["api_version"] == version


def test_a_seed_is_never_refused() -> None:
    for provider in APIClientFactory.HOMES:
        APIClientFactory.create_client(f"{provider}/m", base_url=HERE.get(provider)).check(Sampling(seed=7))
