"""Settings of an investigation."""

from __future__ import annotations

from pydantic import Field

from diptych._types import Json
from diptych.config import Settings
from diptych.models.requests import Sampling
from diptych.stats.online import Rule

_EXTEND = {"rounds", "max_failed_rounds"}
"""An investigation may be run again with more of these: it goes on, and no decision changes."""


class InvestigationConfig(Settings):
    """How differences are looked for, and how hypotheses are tested."""

    rounds: int = Field(default=5, ge=1)
    """Questions to the assistant, not counting those that gave nothing."""
    per_round: int = Field(default=6, ge=1, le=50)
    """Prompts that it may ask to see the answers of, in each round."""
    hypotheses: int = Field(default=3, ge=1, le=20)
    """That it may put forward in each round."""
    shown: int = Field(default=12, ge=1, le=100)
    """Prompts whose answers it sees at once, the latest."""
    shown_chars: int = Field(default=1_200, ge=40)
    """Characters of an answer that it sees."""
    test_prompts: int = Field(default=30, ge=6)
    """Fresh prompts that each hypothesis is tested on; no two hypotheses share one."""
    written: int = Field(default=12, ge=0)
    """Of these, how many the assistant may write itself; the others come from the file of prompts."""
    draws: int = Field(default=1, ge=1)
    """Answers of each model to a prompt."""
    alpha: float = Field(default=0.05, gt=0.0, lt=1.0)
    """False discovery rate of the stream of hypotheses."""
    online: Rule = "saffron"
    """Which rule decides on each hypothesis as it comes."""
    focus: tuple[str, ...] = ()
    """What the assistant is to look for above all."""
    max_failed_rounds: int = Field(default=3, ge=1)
    """Rounds in a row that may give nothing before it ends."""
    max_prompt_chars: int = Field(default=2_000, ge=1)
    """Longer prompts are left out."""
    sampling: Sampling = Sampling()
    """How both models draw their answers."""
    seed: int = 0

    @property
    def identity(self) -> Json:
        """What an investigation cannot change and still go on."""
        return self.model_dump(mode="json", exclude=_EXTEND)
