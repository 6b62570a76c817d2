"""Everything that can be set about a search for words."""

from __future__ import annotations

from pydantic import Field, ValidationInfo, field_validator, model_validator

from diptych._types import Json
from diptych.apps.soft_prompting.config import TextSettings
from diptych.apps.soft_prompting.optimisers import OPTIMISERS
from diptych.config import Settings
from diptych.models.fused_divergence import Objective
from diptych.models.soft_prompts import START, check_place
from diptych.utils.names import check_name


class SearchConfig(TextSettings):
    """Settings of ``diptych softprompt search``; every one changes what is found, so every one is in the manifest."""

    optimiser: str = "gcg"
    """How it is searched."""
    optimiser_settings: Json = Field(default_factory=dict, validate_default=True)
    """What that way can be told."""
    assistant: str | None = None
    """Model that writes words, for ``evolution``: ``provider/model``."""
    budget: int = Field(default=20_000, ge=1)
    """Forward passes of texts; a text through both models is one, and a gradient counts as three."""
    n_texts: int = Field(default=8, ge=1)
    """Texts of the search, of those that are not held out; each candidate is read with every one."""
    place: str = "suffix"
    """Where the words stand: ``prefix``, ``suffix``, or a text with ``{soft}`` and ``{prompt}``."""
    n_tokens: int = Field(default=10, ge=1)
    """Tokens of the words."""
    initial_text: str | None = None
    """Words that it starts from, repeated or cut to so many tokens."""
    allow_nonascii: bool = False
    """Whether letters beyond ASCII may stand in them."""
    objective: Objective = "js"
    """What is made large."""
    temperature: float = Field(default=1.0, gt=0.0)
    """That scores are divided by."""
    batch_size: int = Field(default=32, ge=1)
    """Texts of a forward pass."""
    n_prompts: int = Field(default=5, ge=1)
    """Prompts that are measured on held-out texts in the end: the best, and fluent ones."""

    @property
    def settings(self) -> Settings:
        """What the optimiser is told."""
        return OPTIMISERS[self.optimiser].settings.parse(self.optimiser_settings, source=self.optimiser)

    @field_validator("place")
    @classmethod
    def _is_in_a_turn(cls, place: str) -> str:
        if place == START:
            raise ValueError("start is before all that the chat template writes: words cannot stand there. Give prefix")
        return check_place(place)

    @field_validator("optimiser")
    @classmethod
    def _is_known(cls, name: str) -> str:
        return check_name("optimiser", name, OPTIMISERS)

    @field_validator("optimiser_settings")
    @classmethod
    def _are_of_the_optimiser(cls, given: Json, info: ValidationInfo) -> Json:
        way = OPTIMISERS.get(info.data.get("optimiser", ""))
        return (
            given if way is None else way.settings.parse(given, source=info.data["optimiser"]).model_dump(mode="json")
        )

    @model_validator(mode="after")
    def _asks_where_it_helps(self) -> SearchConfig:
        if self.assistant is not None and self.optimiser != "evolution":
            raise ValueError(f"an assistant writes words for optimiser: evolution, not for {self.optimiser}")
        return self
