"""Settings of a search for prompts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from diptych._types import Json
from diptych.embeddings.settings import EmbedderSettings
from diptych.models.requests import Sampling

Measure = Literal["js", "kl", "kl_ab", "kl_ba"]
MEASURES = {
    "js": "Jensen–Shannon divergence",
    "kl": "Kullback–Leibler divergence, mean of both ways",
    "kl_ab": "KL(a ‖ b)",
    "kl_ba": "KL(b ‖ a)",
}
_EXTEND = {"rounds", "searches", "max_failed_rounds", "confirm_draws", "keep"}
"""A search may be run again with more of these: it goes on from what is there."""


class SearchConfig(EmbedderSettings):
    """How prompts are searched, and what they are measured by."""

    measure: Measure = "js"
    """Of a prompt, by token, over texts that the models go on with: see ``pair.estimate``."""
    searches: int = Field(default=1, ge=1)
    """Independent searches, each from the seeds; none takes a prompt that an earlier one found."""
    rounds: int = Field(default=10, ge=1)
    """Of each search, not counting those that gave nothing."""
    per_round: int = Field(default=7, ge=1, le=50)
    """New prompts that are asked for at once."""
    shown: int = Field(default=10, ge=0, le=100)
    """Prompts that the assistant is shown at once."""
    show: Literal["divergence", "random", "nothing"] = "divergence"
    """What stands before each: its divergence; as controls, random numbers, or nothing."""
    draws: int = Field(default=4, ge=2)
    """Texts of each model that a prompt is measured by in the search."""
    confirm_draws: int = Field(default=8, ge=2)
    """Fresh texts of each model for the prompts that are kept."""
    keep: int = Field(default=20, ge=1)
    """Prompts that are kept at most: those with the highest divergence."""
    divergence_weight: float = Field(default=1.0, ge=0.0)
    """How much divergence counts in what the assistant is shown."""
    diversity_weight: float = Field(default=1.0, ge=0.0)
    """How much distance to the other prompts counts; 0 needs no embedder."""
    criterion_weight: float = Field(default=0.0, ge=0.0)
    """How much it counts that a prompt meets the criterion."""
    require_criterion: bool = False
    """Take only prompts that meet the criterion."""
    choice_temperature: float = Field(default=0.5, gt=0.0)
    """Of the choice of what is shown: low for the best only, high for any."""
    max_failed_rounds: int = Field(default=5, ge=1)
    """Rounds in a row that may give nothing before a search ends."""
    max_prompt_chars: int = Field(default=2_000, ge=1)
    """Longer prompts of the assistant are left out."""
    system: str | None = None
    """System prompt of both models."""
    sampling: Sampling = Sampling(max_tokens=48)
    """How both models draw their texts."""
    seed: int = 0

    @property
    def asks_criterion(self) -> bool:
        """Whether the assistant is asked about the criterion: only where its answers count."""
        return self.require_criterion or self.criterion_weight > 0

    @property
    def identity(self) -> Json:
        """What a search cannot change and still go on."""
        return self.model_dump(mode="json", exclude=_EXTEND)
