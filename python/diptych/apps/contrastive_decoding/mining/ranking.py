"""Texts in the order of how much likelier one model finds them, and how far the models are apart along them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diptych._types import Json
from diptych.apps.contrastive_decoding.mining.tokens import Interval, by_prompt, intervals
from diptych.apps.contrastive_decoding.scoring import ScoredText


@dataclass(frozen=True)
class RankedText:
    """A text under both models. Natural logarithms, summed over its tokens.

    Parameters
    ----------
    scored : the text; its response's arm says who wrote it
    """

    scored: ScoredText

    @property
    def n_tokens(self) -> int:
        """That were scored."""
        return len(self.scored.divergences)

    @property
    def log_ratio(self) -> float:
        """Log-probability under b minus that under a."""
        return float(self.scored.divergences.log_ratio.sum())

    @property
    def per_token(self) -> float:
        """The same by token: how much likelier the text is under b, and what it is ranked by."""
        return self.log_ratio / self.n_tokens

    def as_json(self) -> Json:
        """As a line of ``ranked.jsonl``: a response, with what was found of it."""
        row, own = self.scored.response, self.scored.divergences
        return {
            "prompt_id": row.prompt_id,
            "prompt": row.prompt,
            "system": row.system,
            "draw": row.draw,
            "response": row.response,
            "written_by": row.arm,
            "n_tokens": self.n_tokens,
            "log_ratio_per_token": round(self.per_token, 6),
            "log_ratio": round(self.log_ratio, 6),
            "kl_ab": round(float(own.kl_ab.sum()), 6),
            "kl_ba": round(float(own.kl_ba.sum()), 6),
        }


def rank(texts: Sequence[ScoredText]) -> list[RankedText]:
    """Those that b likes most by token first; texts without a token are left out.

    Parameters
    ----------
    texts : scored under both models
    """
    found = [RankedText(text) for text in texts if len(text.divergences)]
    return sorted(found, key=lambda one: (-one.per_token, one.scored.response.prompt_id, one.scored.response.draw))


@dataclass(frozen=True, slots=True)
class Apart:
    """How far the one model is from the other in what it writes: its Kullback–Leibler divergence, by text.

    Parameters
    ----------
    sampled : mean of the log ratios of its texts; unbiased, and can be negative
    exact_steps : mean of the sums of the exact divergences at each token of them; unbiased, and never wider spread
    n_prompts : they are means over
    """

    sampled: Interval
    exact_steps: Interval
    n_prompts: int

    def as_json(self) -> Json:
        """As it stands in ``summary.json``."""
        return {
            "sampled": self.sampled.as_json(),
            "exact_steps": self.exact_steps.as_json(),
            "n_prompts": self.n_prompts,
        }


def apart(texts: Sequence[ScoredText], writer: str, *, seed: int) -> Apart:
    """The divergence of the other model from the writer, KL(writer ‖ other), from the writer's own texts.

    Parameters
    ----------
    texts : that the writer drew at temperature 1 from all tokens, scored under both; from at least two prompts
    writer : ``"a"`` or ``"b"``
    seed : of the bootstrap over prompts

    Notes
    -----
    Amini, Vieira & Cotterell (2025), Better estimation of the KL divergence between language models, arXiv 2504.10637:
    the second is the first, Rao–Blackwellised.
    """
    sign, name = (1.0, "kl_ba") if writer == "b" else (-1.0, "kl_ab")
    sums = np.array([[sign * one.divergences.log_ratio.sum(), getattr(one.divergences, name).sum()] for one in texts])
    values = by_prompt(sums, np.ones(len(texts)), [one.response.prompt_id for one in texts])
    sampled, exact_steps = intervals(values, seed=seed)
    return Apart(sampled, exact_steps, len(values))
