"""All that came of a trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diptych.apps.soft_prompting.analysis import Analysis
from diptych.apps.soft_prompting.conditions import Condition
from diptych.apps.soft_prompting.differing import Kind
from diptych.data.prompts import Prompt

WITH, WITHOUT = "with", "without"


@dataclass(frozen=True)
class Tried:
    """All that came of a trial.

    Parameters
    ----------
    prompts : that were answered
    conditions, analyses : with the prompt and without
    kinds : of difference under it
    tokenizer : of transformers
    names : of the models
    """

    prompts: Sequence[Prompt]
    conditions: Mapping[str, Condition]
    analyses: Mapping[str, Analysis]
    kinds: Sequence[Kind]
    tokenizer: Any
    names: tuple[str, str]
