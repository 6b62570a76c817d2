"""OpenRouter: many hosts behind one interface that speaks like OpenAI's."""

from __future__ import annotations

from typing import ClassVar

from diptych._types import Json
from diptych.models.api_clients import ApiOptions
from diptych.models.capabilities import OPENROUTER, Capabilities
from diptych.models.failures import of_status
from diptych.models.providers.openai import OpenAIClient
from diptych.models.requests import Reply


class OpenRouterClient(OpenAIClient):
    """OpenRouter's interface.

    It may serve one model from several hosts, with other weights in other precision: the host is kept in
    ``Reply.details["provider"]``, and ``options={"extra": {"provider": {"only": ["…"]}}}`` asks for one.
    """

    provider = "openrouter"
    key_variable = "OPENROUTER_API_KEY"
    default_url: ClassVar[str | None] = "https://openrouter.ai/api/v1"
    options_type: ClassVar[type[ApiOptions]] = ApiOptions  # no batches

    @property
    def capabilities(self) -> Capabilities:
        """The parameters that it takes; a host may leave out some of them in silence."""
        return OPENROUTER

    def _read(self, value: Json, sent: Json) -> Reply:
        """As OpenAI's; a host that fails half-way puts an ``error`` beside its half of a text."""
        choices = value.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        if isinstance(first, dict) and (first.get("error") or first.get("finish_reason") == "error"):
            raise of_status(502, first.get("error"), {})
        return super()._read(value, sent)
