"""OpenAI's chat completions, and the servers that speak like it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import BaseModel, Field, SecretStr, ValidationError

from diptych._types import Json
from diptych.models.api_clients import ApiOptions
from diptych.models.batches import BatchingClient, BatchState
from diptych.models.capabilities import COMPATIBLE, OPENAI, VLLM, Capabilities
from diptych.models.failures import AgainError, GivenUpError, malformed, of_status, read_object
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


class _Counts(BaseModel):
    completed: int = 0
    failed: int = 0


class _BatchError(BaseModel):
    code: str | None = None
    message: str | None = None


class _BatchErrors(BaseModel):
    data: list[_BatchError] = Field(default_factory=list)


class _Batch(BaseModel):
    status: Literal[
        "validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"
    ]
    request_counts: _Counts | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: _BatchErrors | None = None


class OpenAIClient(BatchingClient):
    """OpenAI's own interface."""

    provider = "openai"
    key_variable = "OPENAI_API_KEY"
    default_url: ClassVar[str | None] = "https://api.openai.com/v1"
    max_batch = 50_000
    max_batch_bytes = 200_000_000
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

    def _item(self, key: str, body: Json) -> Json:
        return {"custom_id": key, "method": "POST", "url": f"/v1{self._path}", "body": body}

    def _prepared(self, items: Sequence[Json]) -> bytes:
        return "".join(json.dumps(item) + "\n" for item in items).encode()

    async def _leave(self, connection: Any, prepared: bytes) -> Any:
        """Upload the requests as a file, then ask for the batch; a file alone costs nothing."""
        from httpx2 import Response

        file = ("requests.jsonl", prepared)
        uploaded = await connection.files.with_raw_response.create(file=file, purpose="batch")
        made = {
            "input_file_id": read_object(uploaded.content).get("id"),
            "endpoint": f"/v1{self._path}",
            "completion_window": "24h",
        }
        return await connection.post("/batches", body=made, cast_to=Response)

    def _batch_path(self, batch_id: str) -> str:
        return f"/batches/{quote(batch_id, safe='')}"

    def _state(self, batch_id: str, value: Json) -> BatchState:
        try:
            batch = _Batch.model_validate(value)
        except ValidationError as error:
            raise malformed(error) from None
        counts, files = batch.request_counts or _Counts(), (batch.output_file_id, batch.error_file_id)
        told = [f"{one.code}: {one.message}" for one in batch.errors.data] if batch.errors else []
        return BatchState(
            batch.status.replace("_", " "),
            counts.completed + counts.failed,
            batch.status in ("completed", "expired", "cancelled", "failed"),
            tuple(f"/files/{quote(name, safe='')}/content" for name in files if name),
            (told or ["no reason was given"])[0] if batch.status == "failed" else "",
        )

    def _opened(self, line: Json) -> tuple[Json, str | None]:
        said, trouble = line.get("response"), line.get("error")
        if isinstance(said, dict) and said.get("status_code") == 200 and isinstance(said.get("body"), dict):
            return said["body"], said.get("request_id")
        if isinstance(said, dict) and isinstance(said.get("status_code"), int):
            raise of_status(said["status_code"], said.get("body"), {})
        code = trouble.get("code") if isinstance(trouble, dict) else None
        if code == "batch_expired":
            raise GivenUpError("timeout", "the batch expired before this request was answered")
        if code == "batch_cancelled":
            raise GivenUpError("server", "the batch was cancelled before this request was answered")
        raise AgainError("bad_response", "the line of results holds neither an answer nor an error")


class CompatibleClient(OpenAIClient):
    """Any server that speaks like OpenAI's; its address must be given. It gets no key but one that is meant for it."""

    provider = "openai-api"
    key_variable = "OPENAI_COMPATIBLE_API_KEY"
    key_needed: ClassVar[bool] = False
    default_url: ClassVar[str | None] = None
    options_type: ClassVar[type[ApiOptions]] = ApiOptions  # no batches

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
