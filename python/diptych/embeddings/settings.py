"""Settings that say what turns texts into vectors."""

from __future__ import annotations

from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from diptych.config import Settings
from diptych.embeddings.encoders import check_encoder
from diptych.models.registry import parse_options


class EmbedderSettings(Settings):
    """An embedder by name, and its options; both are checked.

    Examples
    --------
    >>> EmbedderSettings(embedder="st/all-MiniLM-L6-v2", embedder_args=["dimensions=256"]).embedder_args
    {'dimensions': 256}
    """

    embedder: str = "lexical"
    """``lexical``; ``st/`` and a sentence-transformers model (name or folder); or a model behind an interface:
    ``openai/``, ``openrouter/``, ``openai-api/``, ``vllm/``."""
    embedder_args: dict[str, Any] = Field(default_factory=dict)
    """Of the embedder: ``dimensions``, ``prefix``; of an interface also ``base_url``, ``max_chars``, ``price`` and the
    like."""

    @field_validator("embedder")
    @classmethod
    def _known_embedder(cls, name: str) -> str:
        return check_encoder(name)

    @field_validator("embedder_args", mode="before")
    @classmethod
    def _by_equals_signs(cls, given: object) -> object:
        return parse_options(given) if isinstance(given, list | tuple) else given

    @field_validator("embedder_args")
    @classmethod
    def _args_fit_embedder(cls, given: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "embedder" in info.data:
            check_encoder(info.data["embedder"], given)
        return given
