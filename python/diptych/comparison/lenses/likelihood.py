"""Lens ``likelihood``: which of two models on this machine finds a response likelier."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from diptych._types import FloatMatrix, FloatVector, Span
from diptych.comparison.measures import Measure, Tools
from diptych.data import Response
from diptych.models.providers.hf import HFModel
from diptych.models.requests import Message
from diptych.models.scoring import TextToScore, cut, log_likelihoods

PREFIX, RATIO, UNIT = "hf/", "likelihood.ratio", "nats a token"


class LikelihoodLens:
    """Proposes the log-likelihood ratio of the two models that the user named; nothing is chosen by looking."""

    blinded: ClassVar[Literal[True]] = True

    def propose(self, texts: Sequence[str], tools: Tools) -> LikelihoodProposal:
        first, second = tools.likelihood_models
        return LikelihoodProposal(*(HFModel.open(name.removeprefix(PREFIX), {}) for name in (first, second)))


class LikelihoodProposal:
    """One measure: (log p₂ − log p₁) of a response, given its prompt, divided by its number of tokens.

    The system prompt is left out: the number shall depend on the response, and not on whose it is. Where the models cut
    a response into different numbers of tokens, it is divided by their mean. A response that is empty, or too long for
    a model with its prompt, is a missing measurement.

    Parameters
    ----------
    first, second : the models; loaded when first needed, and let go of with this object
    """

    def __init__(self, first: HFModel, second: HFModel) -> None:
        self._models = (first, second)
        for model in self._models:
            weakref.finalize(self, model.close)
        self.measures = (
            Measure(
                id=RATIO,
                lens="likelihood",
                more=f"writes what {second.name} finds likelier, beside {first.name}",
                fewer=f"writes what {second.name} finds less likely, beside {first.name}",
                unit=UNIT,
                kind="number",
                definition={"models": [model.identity for model in self._models]},
            ),
        )

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        texts = [TextToScore((Message("user", row.prompt),), row.response) for row in responses]
        (sum_1, n_1), (sum_2, n_2) = (_sums(model, texts) for model in self._models)
        with np.errstate(invalid="ignore"):
            return (2.0 * (sum_2 - sum_1) / (n_1 + n_2))[:, None]

    def evidence(self, measure: Measure, text: str) -> list[Span]:
        return []


def _sums(model: HFModel, texts: Sequence[TextToScore]) -> tuple[FloatVector, FloatVector]:
    """Log-likelihood and number of tokens of each text, NaN where there is none. Without a chat template, raw."""
    loaded = model.load()
    raw = not loaded.tokenizer.chat_template
    sums, counts = np.full(len(texts), np.nan), np.full(len(texts), np.nan)
    pieces = [cut(loaded, text, raw=raw) for text in texts]
    scored = [index for index, piece in enumerate(pieces) if piece.prompt and piece.text and piece.fits(loaded)]
    for index, scores in zip(scored, log_likelihoods(loaded, [texts[i] for i in scored], raw=raw), strict=True):
        sums[index], counts[index] = scores.sum(), len(scores)
    return sums, counts
