"""Lens ``claims``: sentences of one's own about an answer, judged blind, answer by answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from diptych.comparison.lenses.judge import JudgeProposal
from diptych.comparison.measures import Tools
from diptych.errors import ConfigError


class ClaimsLens:
    """Proposes the sentences that were given: chosen without looking at answers, so that every prompt is tested on."""

    blinded: ClassVar[Literal[True]] = True

    def propose(self, texts: Sequence[str], tools: Tools) -> JudgeProposal:
        readers = tools.readers
        if readers.judge is None:
            raise ConfigError("the lens 'claims' needs a model to ask: give --judge PROVIDER/MODEL")
        return JudgeProposal((readers.judge, *readers.panel), tools.claims, lens="claims", seed=tools.seed)
