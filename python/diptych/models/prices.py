"""What answers cost: known, or said to be unknown, never taken for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from diptych.errors import ConfigError
from diptych.models.requests import Answer, Failure, Request, Sampling, Usage

Price = Callable[[int, int], float]
"""US dollars for one answer, by its tokens of input and output."""

_LISTED = {"openai": "openai", "anthropic": "anthropic", "openrouter": "openrouter"}
"""Providers whose prices are in the tables of genai-prices, and their names there."""
_FREE = ("hf", "contrast", "mix", "scripted")
_BYTES_A_TOKEN = 4
_TOKENS_A_TURN = 16
"""At most what a provider writes round a turn."""


def per_million(input_usd: float, output_usd: float) -> Price:
    """A price that does not depend on how much is asked.

    Parameters
    ----------
    input_usd, output_usd : US dollars for a million tokens

    Examples
    --------
    >>> per_million(1.0, 2.0)(1_000_000, 500_000)
    2.0
    """
    return lambda n_input, n_output: (n_input * input_usd + n_output * output_usd) / 1e6


def find_price(provider: str, model: str, *, batch: bool = False) -> Price | None:
    """The price of a model: that of the tables for a provider that they list, nothing for one that runs here.

    Parameters
    ----------
    provider, model : of the model's name
    batch : whether requests are left in batches; the tables know for which models these cost less

    Returns
    -------
    Price or None
        None where it is not known, or the tables are not installed

    Examples
    --------
    >>> find_price("hf", "gpt2")(1000, 1000), find_price("openai-api", "gpt2")
    (0.0, None)
    """
    if provider in _FREE:
        return per_million(0.0, 0.0)
    if provider not in _LISTED or find_spec("genai_prices") is None:
        return None
    from genai_prices import Usage, calc_price

    @cache
    def listed(n_input: int, n_output: int) -> float:
        usage = Usage(input_tokens=n_input, output_tokens=n_output)
        how = {"processing": "batch"} if batch else None
        said = calc_price(usage, model_ref=model, provider_id=_LISTED[provider], price_context=how)
        return float(said.total_price)

    try:
        listed(1, 1)
    except LookupError:
        return None
    return listed


def listed_models(provider: str) -> list[str]:
    """Names of a provider's models, as far as the tables of prices know them; none without the tables.

    Parameters
    ----------
    provider : of the model's name

    Examples
    --------
    >>> listed_models("scripted")
    []
    """
    if provider not in _LISTED or find_spec("genai_prices") is None:
        return []
    from genai_prices.data_snapshot import get_snapshot

    tables = get_snapshot().providers
    return [model.id for table in tables if table.id == _LISTED[provider] for model in table.models]


def parse_price(text: str) -> Price:
    """``0.15,0.6``: US dollars for a million tokens of input and of output.

    Raises
    ------
    ConfigError
        If it is not two numbers that are not negative.
    """
    try:
        input_usd, output_usd = map(float, text.split(","))
    except ValueError:
        input_usd = output_usd = -1.0
    if not (0 <= input_usd < 1e6 and 0 <= output_usd < 1e6):
        raise ConfigError(f"price = {text!r}: give US dollars for a million tokens in and out, such as 0.15,0.6")
    return per_million(input_usd, output_usd)


def most_tokens(request: Request) -> int:
    """Tokens that the input cannot exceed: no tokenizer in use makes more than one of a byte."""
    return sum(len(turn.content.encode("utf-8", "replace")) + _TOKENS_A_TURN for turn in request.messages)


def about_tokens(request: Request) -> int:
    """Tokens that the input probably has: one for four bytes, and four a turn."""
    n_bytes = sum(len(turn.content.encode("utf-8", "replace")) for turn in request.messages)
    return -(-n_bytes // _BYTES_A_TOKEN) + 4 * len(request.messages)


@dataclass(frozen=True, slots=True)
class Budget:
    """A price, and what may be spent.

    Parameters
    ----------
    price : of the model; None where it is not known
    max_usd : US dollars that may be spent; None for any amount

    Raises
    ------
    ConfigError
        If there is a limit and no price.
    """

    price: Price | None
    max_usd: float | None = None

    def __post_init__(self) -> None:
        if self.max_usd is not None and self.price is None:
            raise ConfigError(
                "--max-cost cannot be kept: the price of this model is unknown.\n"
                "Give it with --price IN,OUT, in US dollars for a million tokens."
            )

    def most(self, request: Request, sampling: Sampling) -> float:
        """What an answer costs at most; 0 where the price is not known."""
        return self.price(most_tokens(request), sampling.max_tokens) if self.price else 0.0

    def affordable(self, requests: Sequence[Request], sampling: Sampling, spent_usd: float) -> int:
        """How many of the first requests cannot cross the limit, even if each answer is as long as it may be.

        Parameters
        ----------
        requests, sampling : what is to be asked
        spent_usd : US dollars that are spent
        """
        if self.max_usd is None:
            return len(requests)
        left = self.max_usd - spent_usd
        for n, request in enumerate(requests):
            left -= self.most(request, sampling)
            if left < 0:
                return n
        return len(requests)

    def cost(self, answer: Answer, request: Request, sampling: Sampling) -> float | None:
        """What an answer cost, calls that came to nothing included; None if the price is unknown.

        Parameters
        ----------
        answer : where the provider does not say how long it was, it counts as long as it may be
        request, sampling : what was asked
        """
        if self.price is None:
            return None
        paid = answer.lost if isinstance(answer, Failure) else (*answer.lost, answer.usage)
        longest = Usage(most_tokens(request), sampling.max_tokens)
        return sum(self.price(*_either(usage, longest)) for usage in paid)

    def refusal(self, spent_usd: float, n_left: int, what: str = "requests") -> str:
        """What to say where the next request could cross the limit; ``what`` is left, and how many."""
        return (
            f"--max-cost = {self.max_usd:g}: the next request could cross it; {spent_usd:.4f} US dollars are spent, "
            f"{n_left} {what} are left.\nThe same command with a greater --max-cost goes on."
        )


def _either(usage: Usage, longest: Usage) -> Iterator[int]:
    """Tokens of input and of output, as they are known or at most can be."""
    for name in ("input_tokens", "output_tokens"):
        known = getattr(usage, name)
        yield getattr(longest, name) if known is None else known


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will take, before anything is asked.

    Parameters
    ----------
    n_requests : that are still to be asked
    input_tokens : about
    max_output_tokens : if every answer is as long as it may be
    max_usd : price of both; None where it is not known
    """

    n_requests: int
    input_tokens: int
    max_output_tokens: int
    max_usd: float | None


def estimate(requests: Sequence[Request], sampling: Sampling, price: Price | None) -> Estimate:
    """Requests, tokens and price of a run, without asking anything.

    Parameters
    ----------
    requests : each draw is one
    sampling : its ``max_tokens`` limits the answers
    price : of the model; None where it is not known
    """
    inputs = [about_tokens(request) for request in requests]
    usd = sum(price(n_input, sampling.max_tokens) for n_input in inputs) if price else None
    return Estimate(len(inputs), sum(inputs), len(inputs) * sampling.max_tokens, usd)


def sum_estimates(parts: Sequence[Estimate]) -> Estimate:
    """What several take together; the price is known where that of each is.

    Parameters
    ----------
    parts : any number

    Examples
    --------
    >>> sum_estimates([Estimate(1, 10, 20, 0.5), Estimate(2, 30, 40, None)])
    Estimate(n_requests=3, input_tokens=40, max_output_tokens=60, max_usd=None)
    """
    usd = [part.max_usd for part in parts]
    return Estimate(
        sum(part.n_requests for part in parts),
        sum(part.input_tokens for part in parts),
        sum(part.max_output_tokens for part in parts),
        None if any(cost is None for cost in usd) else sum(cost or 0.0 for cost in usd),
    )
