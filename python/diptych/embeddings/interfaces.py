"""Encoders behind an interface that speaks like OpenAI's: ``openai/text-embedding-3-small`` and the like."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from diptych._types import Inputs, Json, Vectors
from diptych.embeddings.encoders import EncoderOptions, cut_batches, unit_rows
from diptych.errors import BudgetError, ConfigError, ModelError
from diptych.models.api_clients import ApiOptions
from diptych.models.failures import malformed
from diptych.models.prices import Budget, Estimate, Price, find_price, per_million
from diptych.models.providers.openai import CompatibleClient, OpenAIClient, VLLMClient
from diptych.models.providers.openrouter import OpenRouterClient
from diptych.models.requests import Answer, Failure, Message, Reply, Request, Sampling, Usage
from diptych.models.spending import Purse
from diptych.utils.text import shorten

Keep = Callable[[int, Vectors], None]
"""Takes the number of a batch and its rows."""

MAX_BYTES = 250_000
"""Of one call: no tokenizer in use makes more than a token of a byte, and OpenAI takes 300,000 tokens a call."""
MAX_TEXTS = 2048
"""Of one call."""
_BYTES_A_TOKEN = 4
_SAMPLING = Sampling(max_tokens=1)
"""Nothing is drawn."""


class InterfaceOptions(ApiOptions, EncoderOptions):
    """How an interface is asked for vectors."""

    base_url: str | None = None
    """Address of the interface, where it is not the provider's own."""
    dimensions: int | None = Field(default=None, ge=1)
    """Width that is asked for, where a model has several."""
    prefix: str = ""
    """Put before each text, for models that are trained with one."""
    max_chars: int | None = Field(default=None, ge=1)
    """Cut longer texts, prefix included, to so many characters; without it, a text that is too long is an error."""
    price: float | None = Field(default=None, ge=0)
    """US dollars for a million tokens, where it is not listed."""


class _Item(BaseModel):
    embedding: list[float]
    index: int | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None


class _Page(BaseModel):
    """The fields of a reply that are read."""

    data: list[_Item]
    model: str | None = None
    usage: _Usage | None = None


class _Embeddings(OpenAIClient):
    """Asks for vectors as its siblings ask for answers; a request holds a batch, each message of it a text."""

    _path = "/embeddings"
    options_type: ClassVar[type[ApiOptions]] = InterfaceOptions
    options: InterfaceOptions

    @property
    def identity(self) -> Json:
        """As of an answer, with the width that is asked for."""
        return {**super().identity, "dimensions": self.options.dimensions}

    def _body(self, request: Request) -> Json:
        return {"input": [message.content for message in request.messages], "encoding_format": "float"}

    def _parameters(self, request: Request, sampling: Sampling) -> Json:
        width = self.options.dimensions
        return {**({} if width is None else {"dimensions": width}), **self.options.extra}

    def _read(self, value: Json, sent: Json) -> Reply:
        try:
            page = _Page.model_validate(value)
        except ValidationError as error:
            raise malformed(error) from None
        usage = Usage(page.usage.prompt_tokens) if page.usage else Usage()
        return Reply("", "stop", usage, model=page.model, sent=sent, details={"items": page.data})


class _Compatible(_Embeddings, CompatibleClient):
    """Any server that speaks like OpenAI's."""


class _OpenRouter(_Embeddings, OpenRouterClient):
    """OpenRouter's interface."""


class _VLLM(_Embeddings, VLLMClient):
    """A server of vLLM."""


_CLIENTS: Mapping[str, type[_Embeddings]] = {
    "openai": _Embeddings,
    "openai-api": _Compatible,
    "openrouter": _OpenRouter,
    "vllm": _VLLM,
}


class InterfaceEncoder:
    """A model behind an interface.

    Blank texts are never sent, which providers refuse; they get the zero vector, as from ``lexical``.

    Parameters
    ----------
    client : that asks
    """

    def __init__(self, client: _Embeddings) -> None:
        self._client = client
        self.dim = client.options.dimensions
        """Width of the vectors: as asked for, else as the first reply has it."""

    @classmethod
    def open(cls, name: str, options: Mapping[str, Any], api_key: str | None = None) -> Self:
        """The encoder of a name; nothing is asked yet, and no key is looked for.

        Parameters
        ----------
        name : ``provider/model``
        options : see `InterfaceOptions`
        api_key : else from the environment or ``.env``

        Raises
        ------
        ConfigError
            For an option or address that is wrong.

        Examples
        --------
        >>> InterfaceEncoder.open("openai/text-embedding-3-small", {"dimensions": 256}).dim
        256
        """
        provider, _, model = name.partition("/")
        return cls(_CLIENTS[provider](model, api_key, base_url=options.get("base_url"), options=options))

    @property
    def fingerprint(self) -> str:
        """Provider, model, address, width, and what else is sent; the vectors are scaled to unit length."""
        return f"interface/1 unit {json.dumps(self._client.identity, sort_keys=True)}"

    def inputs_of(self, texts: Sequence[str]) -> Inputs:
        """With prefix, and cut to ``max_chars``."""
        options = self._client.options
        whole = [options.prefix + text for text in texts]
        limit = options.max_chars
        if limit is None:
            return Inputs(whole)
        return Inputs([text[:limit] for text in whole], sum(len(text) > limit for text in whole), f"{limit} characters")

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit rows, float32 (n, dim)."""
        batches = cut_batches(texts, MAX_TEXTS, MAX_BYTES)
        made: dict[int, Vectors] = {}
        self.encode_batches(batches, made.__setitem__)
        empty = np.zeros((0, self.dim or 0), np.float32)
        return np.concatenate([empty, *(made[number] for number in range(len(batches)))]) if made else empty

    def encode_batches(self, batches: Sequence[Sequence[str]], keep: Keep, purse: Purse | None = None) -> None:
        """Ask for several batches at once, and hand over the rows of each as soon as they are there.

        Parameters
        ----------
        batches : of texts, together at most `MAX_TEXTS` and `MAX_BYTES`
        keep : takes the number of a batch and its unit rows, float32 (n, dim)
        purse : pays

        Raises
        ------
        ConfigError
            If the purse has a limit, and the price is not known.
        BudgetError
            Before the first batch that could cross that limit.
        ModelError
            If a batch got no answer, or one that does not fit: too few, too many, in another order, of another width,
            with values that are not finite, or all zero. Nothing of that batch is handed over; it names the text.
        """
        purse = purse or Purse()
        budget = self.budget(purse.max_usd)
        sent = [[text for text in batch if text.strip()] for batch in batches]
        asked = [number for number, texts in enumerate(sent) if texts]
        requests = [Request(tuple(Message("user", text) for text in sent[number])) for number in asked]
        failures: list[tuple[int, Failure]] = []
        start = 0

        def came(index: int, answer: Answer) -> None:
            number = asked[start + index]
            self._pay(purse, answer, requests[start + index], budget)
            if isinstance(answer, Failure):
                failures.append((number, answer))
            else:
                keep(number, self._spread(batches[number], self._rows(answer.details["items"], sent[number])))

        while start < len(requests) and not failures:
            n = budget.affordable(requests[start:], _SAMPLING, purse.spent().usd)
            if not n:
                n_left = sum(len(sent[number]) for number in asked[start:])
                raise BudgetError(budget.refusal(purse.spent().usd, n_left, "texts"))
            self._client.answer(requests[start : start + n], _SAMPLING, came)
            start += n
        for number in sorted(set(range(len(batches))) - set(asked)):
            keep(number, np.zeros((len(batches[number]), self._width()), np.float32))
        if failures:
            raise self._failed(failures, sent)

    def check_ready(self) -> None:
        """As a model behind the same interface does."""
        self._client.check_ready()

    def budget(self, max_usd: float | None) -> Budget:
        """The price of its tokens, and what may be spent: ``max_usd``, US dollars.

        Raises
        ------
        ConfigError
            If there is a limit, and the price is not known.
        """
        price = _price(self._client.provider, self._client.model_name, self._client.options.price)
        if max_usd is not None and price is None:
            raise ConfigError(
                f"--max-cost = {max_usd:g} cannot be kept: the price of {self._client.name} is unknown.\n"
                "Give it with --embedder-arg price=…, in US dollars for a million tokens."
            )
        return Budget(price, max_usd)

    def _pay(self, purse: Purse, answer: Answer, request: Request, budget: Budget) -> None:
        paid = answer.lost if isinstance(answer, Failure) else (*answer.lost, answer.usage)
        known = [usage.input_tokens for usage in paid if usage.input_tokens is not None]
        if paid:
            n_texts = 0 if isinstance(answer, Failure) else len(request.messages)
            cost = budget.cost(answer, request, _SAMPLING)
            purse.pay(self._client.name, n_texts, sum(known) if known else None, cost)

    def _width(self) -> int:
        if self.dim is None:
            raise ModelError(f"{self._client.name}: every text is blank, so that nothing tells the width. Add a text.")
        return self.dim

    def _spread(self, batch: Sequence[str], rows: Vectors) -> Vectors:
        whole = np.zeros((len(batch), rows.shape[1]), np.float32)
        whole[[bool(text.strip()) for text in batch]] = rows
        return whole

    def _rows(self, items: Sequence[_Item], texts: Sequence[str]) -> Vectors:
        """The vectors of a reply, checked one by one."""
        name = self._client.name
        if len(items) != len(texts):
            first = (
                f"; the first without one is item {len(items)}, {_quoted(texts[len(items)])}"
                if len(items) < len(texts)
                else ""
            )
            raise ModelError(
                f"{name} answered {len(texts)} texts with {len(items)} vectors{first}. Nothing of them was kept."
            )
        wanted = self.dim or len(items[0].embedding)
        for place, (item, text) in enumerate(zip(items, texts, strict=True)):
            fault = _fault(item, place, wanted)
            if fault:
                raise ModelError(f"{name}: item {place}, {_quoted(text)}, {fault}. Nothing of its batch was kept.")
        self.dim = wanted
        return unit_rows(np.array([item.embedding for item in items]))

    def _failed(self, failures: Sequence[tuple[int, Failure]], sent: Sequence[Sequence[str]]) -> ModelError:
        number, failure = failures[0]
        n_texts = sum(len(sent[number]) for number, _ in failures)
        said = f"{self._client.name}: {n_texts} texts got no vector: {failure.reason} ({failure.kind})."
        if failure.kind == "context_length":
            longest = max(sent[number], key=len)
            said += (
                f"\nThe longest of its batch has {len(longest):,} characters: {_quoted(longest)}. Cut such texts with "
                "--embedder-arg max_chars=…, or ask with smaller batches."
            )
        return ModelError(f"{said}\nWith --cache-dir what came is kept, and the same command asks for the rest.")


def estimate_embedding(name: str, options: Mapping[str, Any], texts: Sequence[str]) -> Estimate:
    """What asking for vectors will take, before anything is asked.

    Parameters
    ----------
    name, options : of an encoder that is asked
    texts : that are to be sent

    Examples
    --------
    >>> estimate_embedding("openai-api/mine", {"price": 2.0}, ["twelve bytes"])
    Estimate(n_requests=1, input_tokens=3, max_output_tokens=0, max_usd=6e-06)
    """
    n_tokens = sum(-(-len(text.encode("utf-8", "replace")) // _BYTES_A_TOKEN) for text in texts if text.strip())
    return price_texts(name, options, len(texts), n_tokens)


def price_texts(name: str, options: Mapping[str, Any], n_texts: int, n_tokens: int) -> Estimate:
    """What so many texts of so many tokens take.

    Parameters
    ----------
    name, options : of an encoder that is asked
    n_texts, n_tokens : in all
    """
    provider, _, model = name.partition("/")
    price = _price(provider, model, InterfaceOptions.parse(options, source=f"options of embedder {name!r}").price)
    return Estimate(n_texts, n_tokens, 0, price(n_tokens, 0) if price else None)


def _price(provider: str, model: str, given: float | None) -> Price | None:
    """Of input alone: what has no output costs none."""
    price = per_million(given, 0.0) if given is not None else find_price(provider, model)
    return None if price is None else lambda n_input, _: price(n_input, 0)


def _fault(item: _Item, place: int, wanted: int) -> str:
    if item.index not in (None, place):
        return f"came with index {item.index}: the vectors are in another order"
    if len(item.embedding) != wanted:
        return f"has {len(item.embedding)} dimensions, expected {wanted}"
    row = np.array(item.embedding)
    if not np.isfinite(row).all():
        return f"has a value that is not finite, at {int(np.argmin(np.isfinite(row)))}"
    return "" if row.any() else "is all zeros"


def _quoted(text: str) -> str:
    return repr(shorten(text, 50))
