"""Models behind an interface: one class for each provider, one way of asking for all."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, ClassVar

from pydantic import Field, SecretStr

from diptych._types import Json
from diptych.config import Settings
from diptych.errors import ConfigError, ModelError
from diptych.models import failures
from diptych.models.addresses import checked_url
from diptych.models.asking import Offer, ask_each, run_in_thread
from diptych.models.capabilities import Capabilities
from diptych.models.failures import AgainError, GivenUpError, usage_in
from diptych.models.limiter import AdaptiveLimiter
from diptych.models.prices import listed_models
from diptych.models.requests import Answer, Deliver, Failure, Message, Reply, Request, Sampling, Usage, draw_seed
from diptych.utils.extras import require_extra
from diptych.utils.names import check_name, did_you_mean
from diptych.utils.retry import RetryPolicy, retrying
from diptych.utils.secrets import find_key, without_key

Prompt = str | Sequence[Message]


class ApiOptions(Settings):
    """How an interface is asked. None of it but ``extra`` changes an answer."""

    concurrency: int = Field(default=32, ge=1, le=1000)
    """Most calls at once; fewer are made while the provider refuses some."""
    timeout_s: float = Field(default=300.0, gt=0)
    """Longest wait for one reply."""
    deadline_s: float = Field(default=900.0, gt=0)
    """Longest time for all attempts of one request together."""
    max_attempts: int = Field(default=6, ge=1)
    """Calls for one request, the first included."""
    max_wait_s: float = Field(default=60.0, ge=0)
    """Longest wait between two attempts, whatever the provider asks for."""
    key_variable: str | None = None
    """Environment variable that holds the key, where it is not the provider's usual one."""
    extra: Json = Field(default_factory=dict)
    """More fields of the body, sent as they are: ``{"reasoning_effort": "low"}``."""


@dataclass(slots=True)
class _Tally:
    """Attempts at one request."""

    n_attempts: int = 0
    lost: list[Usage] = field(default_factory=list)


class BaseAPIClient(ABC):
    """A model behind an interface. Implements the protocol `Model`.

    Parameters
    ----------
    model_name : as the provider calls it; empty where every request names one
    api_key : else from the environment or ``.env``, when the first question is asked
    base_url : address of the interface, where it is not the provider's own
    options : see `ApiOptions`
    """

    _sdk_name: ClassVar[str]
    _path: ClassVar[str]
    provider: ClassVar[str]
    key_variable: ClassVar[str]
    key_needed: ClassVar[bool] = True
    default_url: ClassVar[str | None] = None
    options_type: ClassVar[type[ApiOptions]] = ApiOptions

    def __init__(
        self,
        model_name: str = "",
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.model_name = model_name
        self.options = self.options_type.parse(options or {}, source=f"{self.provider} options")
        self.base_url = checked_url(base_url or self.default_url, self.provider)
        self._key = SecretStr(api_key) if api_key else None
        self._limit = 0  # as it was learned; 0 before the first answer
        self._n_heard = 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} at {self.base_url}>"

    @property
    def name(self) -> str:
        """``provider/model``."""
        return f"{self.provider}/{self.model_name}"

    @property
    def identity(self) -> Json:
        """Provider, model, address, and what is sent besides the sampling."""
        return {
            "provider": self.provider,
            "model": self.model_name,
            "base_url": self.base_url,
            "extra": self.options.extra,
        }

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """The parameters that it takes."""

    def check(self, sampling: Sampling) -> None:
        """Refuse parameters of ``sampling`` that the provider does not take.

        Raises
        ------
        ConfigError
            Names the parameter.
        """
        self.capabilities.check(sampling)

    def check_ready(self) -> None:
        """Refuse what cannot be asked at all, before anything is.

        Raises
        ------
        MissingExtraError, ModelError
            Without the provider's SDK, or without a key.
        """
        self._ready_key()

    def close(self) -> None:  # noqa: B027 - nothing to do for any provider
        """Nothing is held between calls of `answer`."""

    def answer(self, requests: Sequence[Request], sampling: Sampling, deliver: Deliver) -> None:
        """As the protocol says: ``requests`` are asked with ``sampling``, and ``deliver`` is called in this thread.

        Raises
        ------
        ConfigError
            For a parameter that the provider does not take, before the first call.
        ModelError
            If nothing more can be asked: a wrong or missing key, no credit, no such model, no server.
        MissingExtraError
            Without the provider's SDK.
        """
        self.check(sampling)
        if not requests:
            return
        key = self._ready_key()

        async def run(offer: Offer) -> None:
            limiter = AdaptiveLimiter(self.options.concurrency, start=self._limit or AdaptiveLimiter.START)
            attempt = retrying(self._policy)(self._attempt)
            async with self._connect(key) as connection:

                async def ask(index: int) -> Answer:
                    return await self._ask(attempt, connection, requests[index], sampling, limiter)

                await ask_each(ask, len(requests), limiter, offer, first_alone=not self._limit)
            self._limit = limiter.limit

        run_in_thread(run, deliver)

    def batch_request(self, prompts: Sequence[Prompt], **kw: Any) -> list[Answer]:
        """Ask several questions at once.

        Parameters
        ----------
        prompts : each a text, or a conversation that ends with the user's turn
        **kw : fields of `Sampling`; ``system``, a text before each prompt; ``model``, another model of the provider

        Returns
        -------
        list of Reply or Failure
            one for each prompt, in order

        Raises
        ------
        ConfigError
            For a parameter that is unknown or that the provider does not take.
        ModelError
            As `answer`.
        """
        system, model = kw.pop("system", None), kw.pop("model", self.model_name)
        if not model:
            raise ConfigError(f"no model named: ask with model=… or make the client for '{self.provider}/MODEL'")
        client = self
        if model != self.model_name:
            client = copy.copy(self)
            client.model_name = model
        sampling = Sampling.parse(kw, source="request")
        answers: list[Answer | None] = [None] * len(prompts)
        client.answer([Request(_turns(prompt, system)) for prompt in prompts], sampling, answers.__setitem__)
        return [answer for answer in answers if answer is not None]

    def request(self, prompt: Prompt, **kw: Any) -> Reply:
        """Ask one question.

        Parameters
        ----------
        prompt : a text, or a conversation that ends with the user's turn
        **kw : as in `batch_request`

        Raises
        ------
        ModelError
            If it gets no answer, also for this one question alone.
        ConfigError
            As `batch_request`.
        """
        [answer] = self.batch_request([prompt], **kw)
        if isinstance(answer, Failure):
            raise ModelError(f"{self.name}: {answer.reason} ({answer.kind}, after {answer.n_attempts} calls)")
        return answer

    @abstractmethod
    def _connect(self, key: SecretStr | None) -> AbstractAsyncContextManager[Any]:
        """The SDK's asynchronous client, its own retries off."""

    @abstractmethod
    def _body(self, request: Request) -> Json:
        """The question, as the interface takes it."""

    @abstractmethod
    def _read(self, value: Json, sent: Json) -> Reply:
        """The answer in a reply; raises `AgainError` or `GivenUpError` where there is none."""

    def _parameters(self, request: Request, sampling: Sampling) -> Json:
        return {**self.capabilities.parameters(sampling, seed=draw_seed(sampling, request)), **self.options.extra}

    @property
    def _policy(self) -> RetryPolicy:
        options = self.options
        return RetryPolicy(options.max_attempts, max_wait_s=options.max_wait_s, deadline_s=options.deadline_s)

    def _ready_key(self) -> SecretStr | None:
        for module in (self._sdk_name, "httpx2", "anyio", "tenacity"):
            require_extra(module, extra="api")
        variable = self.options.key_variable or self.key_variable
        key = self._key or find_key(variable)
        if key is None and (self.key_needed or self.options.key_variable):
            raise ModelError(f"{self.name}: no key. Set {variable} in the environment or in a file .env.")
        return key

    async def _ask(
        self, attempt: Any, connection: Any, request: Request, sampling: Sampling, limiter: AdaptiveLimiter
    ) -> Answer:
        """One request, with as many attempts as it takes."""
        tally, n_heard = _Tally(), self._n_heard
        parameters = self._parameters(request, sampling)
        ends_run = False
        try:
            reply: Reply = await attempt(connection, request, parameters, limiter, tally)
            return replace(reply, n_attempts=tally.n_attempts, lost=tuple(tally.lost))
        except AgainError as error:
            failure = Failure(error.kind, error.reason, tally.n_attempts)
            ends_run = error.kind == "connection" and self._n_heard == n_heard
        except GivenUpError as error:
            failure = Failure(error.kind, error.reason, tally.n_attempts)
            ends_run = error.ends == "run"
        except TimeoutError:
            failure = Failure("timeout", f"no answer within {self.options.deadline_s:g} s", tally.n_attempts)
        failure = replace(failure, reason=self._told(failure.reason, request), lost=tuple(tally.lost))
        if ends_run:
            raise ModelError(self._ending(failure))
        return failure

    def _ending(self, failure: Failure) -> str:
        """Why nothing more can be asked, and the name that was perhaps meant."""
        calls = "1 call" if failure.n_attempts == 1 else f"{failure.n_attempts} calls"
        said = f"{self.name}: {failure.reason}. Asked at {self.base_url}, {calls}."
        if failures.NO_SUCH_MODEL not in failure.reason:
            return said
        return said + did_you_mean(self.model_name, set(listed_models(self.provider)) - {self.model_name})

    async def _attempt(
        self, connection: Any, request: Request, parameters: Json, limiter: AdaptiveLimiter, tally: _Tally
    ) -> Reply:
        """One call. What is raised here has no cause: an SDK's exception holds the request with its headers."""
        tally.n_attempts += 1
        n_cuts = limiter.n_cuts
        outcome = await self._outcome(connection, request, parameters, tally)
        if isinstance(outcome, AgainError):
            limiter.trouble(refused=outcome.slow_down, n_cuts=n_cuts)
        if isinstance(outcome, Exception):
            raise outcome
        limiter.good()
        return outcome

    async def _outcome(
        self, connection: Any, request: Request, parameters: Json, tally: _Tally
    ) -> Reply | AgainError | GivenUpError:
        from httpx2 import Response

        body = {"model": self.model_name, **self._body(request), **parameters}
        try:
            response = await connection.post(self._path, body=body, cast_to=Response)  # unread by the SDK
        except import_module(self._sdk_name).APIError as error:
            self._n_heard += getattr(error, "response", None) is not None
            return failures.of_error(error)
        self._n_heard += 1
        try:
            value = failures.read_object(response.content)
        except (AgainError, GivenUpError) as trouble:
            return trouble
        try:
            reply = self._read(value, parameters)
            reply.text.encode()
        except (AgainError, GivenUpError) as trouble:
            tally.lost += usage_in(value)
            return trouble
        except UnicodeEncodeError:
            tally.lost += usage_in(value)
            return AgainError("bad_response", "the reply holds half a surrogate pair: no file could keep it")
        request_id = response.headers.get("x-request-id") or response.headers.get("request-id")
        return replace(reply, request_id=request_id)

    def _told(self, reason: str, request: Request) -> str:
        """A reason that quotes neither the key nor the question."""
        reason = self._safe(reason)
        head, _, said = reason.partition(": ")
        asked = [" ".join(message.content.split()) for message in request.messages]
        runs = {said[start : start + 16] for start in range(max(1, len(said) - 15))} if said else set()
        quotes = any(run in text for run in runs for text in asked) or any(text in said for text in asked if text)
        return f"{head}: (the provider quotes the question)" if said and quotes else reason

    def _safe(self, reason: str) -> str:
        return without_key(reason, self._key or find_key(self.options.key_variable or self.key_variable))


class APIClientFactory:
    """Makes clients by the names of their providers."""

    HOMES: ClassVar[Mapping[str, tuple[str, str]]] = {
        "anthropic": ("diptych.models.providers.anthropic", "AnthropicClient"),
        "openai": ("diptych.models.providers.openai", "OpenAIClient"),
        "openai-api": ("diptych.models.providers.openai", "CompatibleClient"),
        "openrouter": ("diptych.models.providers.openrouter", "OpenRouterClient"),
        "vllm": ("diptych.models.providers.openai", "VLLMClient"),
    }
    """Module and class of each provider; imported when asked for."""

    @classmethod
    def create_client(
        cls,
        provider: str,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> BaseAPIClient:
        """Make a client; nothing is asked yet, and no key is looked for.

        Parameters
        ----------
        provider : ``openai``, or with a model ``openai/gpt-5``
        api_key : else from the environment or ``.env``
        base_url : address of the interface
        options : of the provider, such as ``{"concurrency": 8}``

        Raises
        ------
        UnknownNameError
            Names the providers that are near.
        ConfigError
            For an option or address that is wrong.

        Examples
        --------
        >>> APIClientFactory.create_client("openai/gpt-5").name
        'openai/gpt-5'
        """
        name, _, model = provider.partition("/")
        module, made = cls.HOMES[check_name("provider", name, cls.HOMES)]
        client: type[BaseAPIClient] = getattr(import_module(module), made)
        return client(model, api_key, base_url=base_url, options=options)


def _turns(prompt: Prompt, system: str | None) -> tuple[Message, ...]:
    turns = (Message("user", prompt),) if isinstance(prompt, str) else tuple(prompt)
    return (Message("system", system), *turns) if system else turns
