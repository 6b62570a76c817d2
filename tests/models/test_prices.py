"""Prices: those of the tables, those that are given, and the unknown, which is never nothing."""

from __future__ import annotations

import pytest

from diptych.errors import ConfigError
from diptych.models.prices import Budget, about_tokens, estimate, find_price, most_tokens, parse_price, per_million
from diptych.models.requests import Message, Reply, Request, Sampling, Usage


def request(text: str) -> Request:
    return Request((Message("user", text),))


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "gpt-4o"), ("anthropic", "claude-3-5-haiku-latest"), ("openrouter", "openai/gpt-4o")],
)
def test_listed_prices_are_those_of_the_tables(provider: str, model: str) -> None:
    """The tables change; what is asked of them here is that the parts of a price add up, and that it is one."""
    pytest.importorskip("genai_prices")
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price

    price = find_price(provider, model)
    assert price is not None
    listed = calc_price(Tokens(input_tokens=1000, output_tokens=500), model_ref=model, provider_id=provider)
    assert price(1000, 500) == float(listed.total_price) > 0


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "no-such-model"), ("openai-api", "gpt-4o"), ("vllm", "gpt-4o"), ("openrouter", "x/y")],
)
def test_a_price_that_nobody_lists_is_unknown(provider: str, model: str) -> None:
    assert find_price(provider, model) is None


def test_models_that_run_here_cost_nothing() -> None:
    for provider in ("hf", "scripted"):
        price = find_price(provider, "m")
        assert price is not None and price(10**9, 10**9) == 0.0


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b", "-1,2", "1,nan", "inf,1"])
def test_a_price_is_two_numbers(text: str) -> None:
    with pytest.raises(ConfigError, match="give US dollars for a million tokens"):
        parse_price(text)
    assert parse_price(" 0.5, 1e3")(2_000_000, 1000) == 2.0


@pytest.mark.parametrize("text", ["", "Why?", "日本語" * 50, "😀" * 20, "a" * 1000, "\ud800"])
def test_the_bound_on_tokens_is_never_below_the_estimate_nor_below_the_bytes(text: str) -> None:
    assert most_tokens(request(text)) >= len(text.encode("utf-8", "replace"))
    assert most_tokens(request(text)) >= about_tokens(request(text)) > 0


def test_what_a_provider_does_not_say_is_counted_at_its_most() -> None:
    budget, sampling = Budget(per_million(1e6, 1e6), 1.0), Sampling(max_tokens=7)
    asked = request("Why?")
    assert budget.cost(Reply("So.", "stop", Usage(3, 2)), asked, sampling) == 5
    assert budget.cost(Reply("So.", "stop"), asked, sampling) == budget.most(asked, sampling) == most_tokens(asked) + 7
    assert Budget(None).cost(Reply("So.", "stop", Usage(3, 2)), asked, sampling) is None


def test_an_estimate_adds_up_and_keeps_the_unknown() -> None:
    requests, sampling = [request("Why is that?"), request("How?")], Sampling(max_tokens=10)
    known = estimate(requests, sampling, per_million(1e6, 2e6))
    assert (known.n_requests, known.max_output_tokens) == (2, 20)
    assert known.max_usd == known.input_tokens + 2 * 20
    assert estimate(requests, sampling, None).max_usd is None
