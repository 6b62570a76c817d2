"""Everything that can be set about training a soft prompt."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from pydantic import Field, field_validator, model_validator

from diptych.config import Settings
from diptych.models.fused_divergence import Objective
from diptych.models.soft_prompts import check_place

Continuations = Literal["both", "a", "b", "given"]
Initial = Literal["vocabulary", "random", "text"]
Schedule = Literal["cosine", "linear", "constant"]

QUICK: Mapping[str, int] = MappingProxyType(
    {
        "max_prompt_tokens": 128, "limit": 12, "continuation_tokens": 12, "n_tokens": 4, "n_steps": 20,
        "batch_size": 4, "warmup_steps": 2, "eval_every": 5,
    }
)  # fmt: skip
"""Settings of a try-out of small models without an accelerator: too few to find much by."""


class TextSettings(Settings):
    """The two models, and the texts along which they are told apart."""

    a: str
    """``hf/…``: the first model."""
    b: str
    """The second; ``hf/base+adapter`` shares the base's weights."""
    prompts: str
    """File of prompts or folder of such files, or file of responses where the continuations are given."""
    prompt_field: str | None = None
    """Field that holds the prompt, where it is not among the usual ones."""
    max_prompt_tokens: int = Field(default=256, ge=1)
    """Leave out prompts that are longer, before the limit is applied."""
    limit: int | None = Field(default=None, ge=2)
    """Use at most so many prompts, chosen by a seeded hash."""
    continuations: Continuations = "both"
    """Who writes the texts along which the models are told apart: ``a``, ``b``, ``both``, or ``given`` by the file."""
    continuation_tokens: int = Field(default=32, ge=1)
    """Longest text, in tokens; a longer one is cut."""
    continuation_temperature: float = Field(default=1.0, ge=0.0, le=100.0)
    """How they are drawn; 0 is greedy."""
    held_out: float = Field(default=0.25, gt=0.0, lt=1.0)
    """Share of prompts that nothing is trained or searched on."""
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    """Of all that is random."""


class StepSettings(Settings):
    """How vectors are trained, step by step."""

    objective: Objective = "js"
    """What is made large."""
    temperature: float = Field(default=1.0, gt=0.0)
    """That scores are divided by."""
    control_weight: float = Field(default=1.0, ge=0.0)
    """How much their divergence counts against the pair's."""
    norm_weight: float = Field(default=0.1, ge=0.0)
    """How much it costs when vectors are longer or shorter than those of tokens."""
    nearest_weight: float = Field(default=0.0, ge=0.0)
    """How much it costs when vectors are far from those of tokens."""
    n_steps: int = Field(default=200, ge=1)
    """Steps of the optimiser."""
    batch_size: int = Field(default=8, ge=1)
    """Texts of a forward pass."""
    accumulation: int = Field(default=1, ge=1)
    """Batches of a step."""
    learning_rate: float = Field(default=0.05, gt=0.0)
    """In units of the root mean square of the entries of tokens' vectors: models differ a hundredfold in it."""
    schedule: Schedule = "cosine"
    """How the rate falls after the warm-up."""
    warmup_steps: int = Field(default=10, ge=0)
    """Steps in which it rises."""
    weight_decay: float = Field(default=0.0, ge=0.0)
    """Of AdamW."""
    max_grad_norm: float = Field(default=1.0, gt=0.0)
    """A longer gradient is cut to this length."""
    refresh_every: int = Field(default=0, ge=0)
    """Steps after which the models write the texts that are trained on anew, under the vectors; 0 keeps the first."""
    eval_every: int = Field(default=20, ge=1)
    """Steps between looks at texts that are held out."""
    patience: int = Field(default=5, ge=0)
    """Looks without gain before training stops; 0 never stops it."""
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    """Of the order of texts."""


class TrainConfig(StepSettings, TextSettings):
    """Settings of ``diptych softprompt train``; every one changes the vectors, so every one stands in the manifest."""

    place: str = "prefix"
    """Where the vectors stand: ``start``, ``prefix``, ``suffix``, or a text with ``{soft}`` and ``{prompt}``."""
    n_tokens: int = Field(default=8, ge=1)
    """Vectors of the prompt."""
    per_model: bool = False
    """Whether each model reads vectors of its own."""
    initial: Initial = "vocabulary"
    """What the vectors begin as: those of tokens drawn from the vocabulary, of a text, or noise of their scale."""
    initial_text: str | None = None
    """The text, for ``initial: text``; repeated or cut to so many tokens."""
    control: tuple[str, str] | None = None
    """Two models that should not differ, such as one and a harmless finetune of it."""
    save_every: int = Field(default=10, ge=1)
    """Steps between checkpoints; what comes after one is done again, and comes out the same."""

    @field_validator("place")
    @classmethod
    def _is_a_place(cls, place: str) -> str:
        return check_place(place)

    @model_validator(mode="after")
    def _fits_together(self) -> TrainConfig:
        if (self.initial == "text") != (self.initial_text is not None):
            raise ValueError("initial: text and initial_text go together")
        if self.refresh_every and self.continuations == "given":
            raise ValueError(
                "refresh_every has the models write texts, and continuations: given takes those of the file"
            )
        if self.per_model and self.nearest_weight:
            raise ValueError("nearest_weight is for vectors that both models read")
        return self
