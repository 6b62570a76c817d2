"""Anthropic's messages."""

from __future__ import annotations

import logging
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, SecretStr, ValidationError

from diptych._types import Json
from diptych.models.api_clients import ApiOptions, BaseAPIClient
from diptych.models.capabilities import ANTHROPIC, ANTHROPIC_2023, Capabilities
from diptych.models.failures import AgainError, GivenUpError, malformed
from diptych.models.requests import FinishReason, Reply, Request, Usage

_FINISHES: dict[str | None, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


class AnthropicOptions(ApiOptions):
    """How Anthropic's interface is asked."""

    api_version: Literal["2026-10-21", "2023-06-01"] = "2026-10-21"
    """The older one takes temperature, top_p and top_k, for the models that still do."""


class _Block(BaseModel):
    type: str
    text: str | None = None


class _Usage(BaseModel):
    input_tokens: int | None = None
    output_tokens: int | None = None


class _Reply(BaseModel):
    content: list[_Block]
    stop_reason: str | None = None
    model: str | None = None
    usage: _Usage | None = None


class AnthropicClient(BaseAPIClient):
    """Anthropic's own interface."""

    provider = "anthropic"
    key_variable = "ANTHROPIC_API_KEY"
    default_url = "https://api.anthropic.com"
    options_type: ClassVar[type[ApiOptions]] = AnthropicOptions
    options: AnthropicOptions
    _sdk_name = "anthropic"
    _path = "/v1/messages"

    @property
    def identity(self) -> Json:
        """Besides what every interface has, the version of this one."""
        return {**super().identity, "api_version": self.options.api_version}

    @property
    def capabilities(self) -> Capabilities:
        """The parameters that it takes, by its version."""
        return ANTHROPIC if self.options.api_version == "2026-10-21" else ANTHROPIC_2023

    def _connect(self, key: SecretStr | None) -> AbstractAsyncContextManager[Any]:
        from anthropic import AsyncAnthropic, Timeout

        logging.getLogger("anthropic._base_client").addFilter(_no_prompts)
        return AsyncAnthropic(
            api_key=key.get_secret_value() if key else None,
            base_url=self.base_url,
            max_retries=0,
            timeout=Timeout(self.options.timeout_s, connect=min(10.0, self.options.timeout_s)),
            default_headers={"anthropic-version": self.options.api_version},
        )

    def _body(self, request: Request) -> Json:
        turns = [{"role": turn.role, "content": turn.content} for turn in request.messages if turn.role != "system"]
        system = "\n\n".join(turn.content for turn in request.messages if turn.role == "system")
        body: Json = {"messages": turns}
        if system:
            body["system"] = system
        if request.schema is not None:
            body["output_config"] = {"format": {"type": "json_schema", "schema": request.schema}}
        return body

    def _read(self, value: Json, sent: Json) -> Reply:
        try:
            said = _Reply.model_validate(value)
        except ValidationError as error:
            raise malformed(error) from None
        texts = [block.text for block in said.content if block.type == "text" and block.text]
        finish = _FINISHES.get(said.stop_reason, "other")
        if not texts and finish == "length":
            raise GivenUpError("bad_response", "no text before max_tokens was used up: raise max_tokens")
        if not texts and finish != "refusal":
            raise AgainError("bad_response", f"the reply has no text (stop reason {said.stop_reason!r:.40})")
        usage = said.usage or _Usage()
        return Reply(
            "".join(texts),
            finish,
            Usage(usage.input_tokens, usage.output_tokens),
            model=said.model,
            sent=sent,
            details={"stop_reason": said.stop_reason, "api_version": self.options.api_version},
        )


def _no_prompts(record: logging.LogRecord) -> bool:
    """Leave out the SDK's one record that shows what is asked, at level DEBUG."""
    return not str(record.msg).startswith("Request options")
