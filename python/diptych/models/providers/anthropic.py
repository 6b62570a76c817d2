"""Anthropic's messages."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import BaseModel, SecretStr, ValidationError

from diptych._types import Json
from diptych.models.api_clients import ApiOptions
from diptych.models.batches import BatchingClient, BatchOptions, BatchState
from diptych.models.capabilities import ANTHROPIC, ANTHROPIC_2023, Capabilities
from diptych.models.failures import AgainError, GivenUpError, malformed, of_status
from diptych.models.requests import FinishReason, Reply, Request, Usage

_FINISHES: dict[str | None, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


class AnthropicOptions(BatchOptions):
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


class _Counts(BaseModel):
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0


class _Batch(BaseModel):
    processing_status: Literal["in_progress", "canceling", "ended"]
    request_counts: _Counts


class AnthropicClient(BatchingClient):
    """Anthropic's own interface."""

    provider = "anthropic"
    key_variable = "ANTHROPIC_API_KEY"
    default_url = "https://api.anthropic.com"
    options_type: ClassVar[type[ApiOptions]] = AnthropicOptions
    options: AnthropicOptions
    max_batch = 100_000
    max_batch_bytes = 256_000_000
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

    def _item(self, key: str, body: Json) -> Json:
        return {"custom_id": key, "params": body}

    def _prepared(self, items: Sequence[Json]) -> Json:
        return {"requests": list(items)}

    async def _leave(self, connection: Any, prepared: Json) -> Any:
        from httpx2 import Response

        return await connection.post(f"{self._path}/batches", body=prepared, cast_to=Response)

    def _batch_path(self, batch_id: str) -> str:
        return f"{self._path}/batches/{quote(batch_id, safe='')}"

    def _state(self, batch_id: str, value: Json) -> BatchState:
        """The results are fetched where the model is asked, whatever ``results_url`` says: no key goes elsewhere."""
        try:
            batch = _Batch.model_validate(value)
        except ValidationError as error:
            raise malformed(error) from None
        counts = batch.request_counts
        return BatchState(
            batch.processing_status.replace("_", " "),
            counts.succeeded + counts.errored + counts.canceled + counts.expired,
            batch.processing_status == "ended",
            (f"{self._batch_path(batch_id)}/results",),
        )

    def _opened(self, line: Json) -> tuple[Json, str | None]:
        result = line.get("result")
        said = result if isinstance(result, dict) else {}
        if said.get("type") == "succeeded" and isinstance(said.get("message"), dict):
            return said["message"], None
        if said.get("type") == "errored":
            raise of_status(_status_of(said.get("error")), said.get("error"), {})
        if said.get("type") == "expired":
            raise GivenUpError("timeout", "the batch expired before this request was answered")
        if said.get("type") == "canceled":
            raise GivenUpError("server", "the batch was cancelled before this request was answered")
        raise AgainError("bad_response", "the line of results holds neither an answer nor an error")


def _status_of(error: Any) -> int:
    """The status that an error in a batch would have had as a reply."""
    inner = error.get("error") if isinstance(error, dict) else None
    name = inner.get("type") if isinstance(inner, dict) else None
    return 500 if name in ("api_error", "overloaded_error", "timeout_error") else 400


def _no_prompts(record: logging.LogRecord) -> bool:
    """Leave out the SDK's one record that shows what is asked, at level DEBUG."""
    return not str(record.msg).startswith("Request options")
