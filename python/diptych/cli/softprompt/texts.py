"""The models and texts of trainings and searches, as arguments and flags."""

from __future__ import annotations

from typing import Annotated

import typer

from diptych.cli.settings import INPUT, METHOD, option

A = Annotated[str | None, typer.Argument(help="hf/<id or folder>[@revision]: a model whose weights are here.")]
B = Annotated[str | None, typer.Argument(help="The other: hf/…, or hf/base+adapter.")]
PromptFile = Annotated[str | None, option("prompts", "File or folder of prompts; file of responses.", INPUT)]
MaxPromptTokens = Annotated[int | None, option("max-prompt-tokens", "Leave out longer prompts.", INPUT, "256")]
Limit = Annotated[int | None, option("limit", "Use at most so many prompts.", INPUT, "all")]
Continuations = Annotated[
    str | None, option("continuations", "Who writes the texts: a, b, both, or 'given' by the file.", INPUT, "both")
]
ContinuationTokens = Annotated[int | None, option("continuation-tokens", "Longest text, in tokens.", INPUT, "32")]
ObjectiveName = Annotated[
    str | None, option("objective", "js, kl_ab, kl_ba, jeffreys, log_ratio, or disagreement.", METHOD, "js")
]
MaxMib = Annotated[int, option("max-mib", "Memory for scores of tokens, in MiB.", INPUT, "128", least=1)]
