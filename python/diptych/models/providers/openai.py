"""OpenAI's chat completions, and the servers that speak like it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

from pydantic import BaseModel, Field, SecretStr, ValidationError

from diptych._types import Json
from diptych.models.api_clients import BaseAPIClient
from diptych.models.capabilities import COMPATIBLE, OPENAI, VLLM, Capabilities
from diptych.models.failures import AgainError, GivenUpError, malformed
from diptych.models.requests import FinishReason, Reply, Request, Usage

_FINISHES: dict[str | None, FinishReason] = {"stop": "stop", "length": "length", "content_filter": "content_filter"}


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class Choice(BaseModel):
    """One answer in a reply. What a router adds is None elsewhere."""

    message: _Message
    finish_reason: str | None = None
    native_finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Completion(BaseModel):
    """The fields of a reply that are read: one answer was asked for, so there must be one."""

    choices: list[Choice] = Field(min_length=1, max_length=1)
    model: str | None = None
    usage: _Usage | None = None
    system_fingerprint: str | None = None
    provider: str | None = None


class OpenAIClient(BaseAPIClient):
    """OpenAI's own interface."""

    provider = "openai"
    key_variable = "OPENAI_API_KEY"
    default_url: ClassVar[str | None] = "https://api.openai.com/v1"
    _sdk_name = "openai"
    _path = "/chat/completions"

    @property
    def capabilities(self) -> Capabilities:
        """The parameters that it takes."""
        return OPENAI

    def _connect(self, key: SecretStr | None) -> AbstractAsyncContextManager[Any]:
        from openai import AsyncOpenAI, Timeout

        timeout = Timeout(self.options.timeout_s, connect=min(10.0, self.options.timeout_s))
        secret = key.get_secret_value() if key else "none"  # servers without keys take any
        return AsyncOpenAI(api_key=secret, base_url=self.base_url, max_retries=0, timeout=timeout)

    def _body(self, request: Request) -> Json:
        turns = [{"role": message.role, "content": message.content} for message in request.messages]
        if request.schema is None:
            return {"messages": turns}
        wanted = {"name": "answer", "strict": True, "schema": request.schema}
        return {"messages": turns, "response_format": {"type": "json_schema", "json_schema": wanted}}

    def _read(self, value: Json, sent: Json) -> Reply:
        try:
            completion = Completion.model_validate(value)
        except ValidationError as error:
            raise malformed(error) from None
        [choice] = completion.choices
        text, finish = _text_and_finish(choice)
        if not text and finish == "length":
            raise GivenUpError("bad_response", "no text before max_tokens was used up: raise max_tokens")
        said = {
            "finish_reason": choice.finish_reason,
            "native_finish_reason": choice.native_finish_reason,
            "system_fingerprint": completion.system_fingerprint,
            "provider": completion.provider,
        }
        usage = completion.usage or _Usage()
        return Reply(
            text,
            finish,
            Usage(usage.prompt_tokens, usage.completion_tokens),
            model=completion.model,
            sent=sent,
            details={name: value for name, value in said.items() if value is not None},
        )


class CompatibleClient(OpenAIClient):
    """Any server that speaks like OpenAI's; its address must be given. It gets no key but one that is meant for it."""

    provider = "openai-api"
    key_variable = "OPENAI_COMPATIBLE_API_KEY"
    key_needed: ClassVar[bool] = False
    default_url: ClassVar[str | None] = None

    @property
    def capabilities(self) -> Capabilities:
        """The parameters that most such servers take."""
        return COMPATIBLE


class VLLMClient(CompatibleClient):
    """A server of vLLM, on this machine unless an address is given."""

    provider = "vllm"
    key_variable = "VLLM_API_KEY"
    default_url = "http://127.0.0.1:8000/v1"

    @property
    def capabilities(self) -> Capabilities:
        """The parameters that it takes."""
        return VLLM


def _text_and_finish(choice: Choice) -> tuple[str, FinishReason]:
    message = choice.message
    if message.refusal:
        return message.content or message.refusal, "refusal"
    if message.content is None and choice.finish_reason != "content_filter":
        raise AgainError("bad_response", f"the reply has no text (finish reason {choice.finish_reason!r:.40})")
    return message.content or "", _FINISHES.get(choice.finish_reason, "other")
