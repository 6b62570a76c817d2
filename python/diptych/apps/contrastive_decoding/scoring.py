"""Given texts under two models: where do the models differ, token by token?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from diptych._types import Json, Progress
from diptych.data import Response
from diptych.errors import ModelError
from diptych.models.divergence import MAX_BYTES, Divergences, not_a_number
from diptych.models.manager import read_tokenizer
from diptych.models.pair_scoring import Onlooker, TokensToScore, divergences
from diptych.models.providers.hf import HFModel
from diptych.models.requests import Sampling, conversation
from diptych.models.templates import continuation, pieces, render
from diptych.models.vocabulary import check_one_vocabulary


@dataclass(frozen=True)
class ScoredText:
    """A text, and how far two models differ at each of its tokens.

    Parameters
    ----------
    response : the text, with its prompt
    pieces : the tokens as text; together the response
    divergences : one entry a token
    """

    response: Response
    pieces: tuple[str, ...]
    divergences: Divergences

    def as_json(self) -> Json:
        """As a line of ``scores.jsonl``; natural logarithms, six decimals."""
        own = self.divergences
        columns = ("kl_ab", "kl_ba", "js", "entropy_a", "entropy_b", "log_a", "log_b", "top_changed")
        row = self.response
        return {
            "prompt_id": row.prompt_id,
            "draw": row.draw,
            "prompt": row.prompt,
            "system": row.system,
            "response": row.response,
            "tokens": list(self.pieces),
            **{name: getattr(own, name).round(6).tolist() for name in columns},
            "same_top": own.same_top.tolist(),
        }


def check_pair(a: HFModel, b: HFModel) -> None:
    """Refuse models that cannot be put side by side, before their weights are read.

    Parameters
    ----------
    a, b : the models

    Raises
    ------
    ConfigError
        If their vocabularies differ, or one has no chat template; says what to do.
    """
    for model in (a, b):
        model.check(Sampling())
    first, second = (read_tokenizer(model.source.base) for model in (a, b))
    check_one_vocabulary(f"{a.name} and {b.name}", first, second, "scored.")


def score_responses(
    a: HFModel,
    b: HFModel,
    rows: Sequence[Response],
    *,
    batch_size: int = 8,
    max_bytes: int = MAX_BYTES,
    ends: bool = False,
    onlooker: Onlooker | None = None,
    progress: Progress | None = None,
) -> list[ScoredText]:
    """How far two models differ along each response, given its prompt.

    Parameters
    ----------
    a, b : models with one vocabulary; each reads the prompt in its own template
    rows : responses; who wrote them does not matter
    batch_size : texts at once; halved when memory runs out
    max_bytes : of memory for scores, beside the models
    ends : score, as a last token without text, the end of each response that its model ended
    onlooker : that all scores are shown to
    progress : where it says how far it is

    Raises
    ------
    ConfigError
        If the vocabularies differ, or one has no chat template; says in what.
    DataError
        If a text is longer than a model takes.
    ModelError
        If scores are not numbers.
    """
    check_pair(a, b)
    models = a.load(), b.load()
    tokenizer, end = models[0].tokenizer, tuple(models[0].ends[:1])
    texts = [
        TokensToScore(
            continuation(tokenizer, row.response) + (end if ends and row.finish_reason == "stop" else ()),
            *(render(loaded.tokenizer, conversation(row.prompt, row.system), raw=one.options.raw).tokens
              for loaded, one in zip(models, (a, b), strict=True)),
            place=row.place,
        )
        for row in rows
    ]  # fmt: skip
    scores = divergences(
        *models, texts, batch_size=batch_size, max_bytes=max_bytes, onlooker=onlooker, progress=progress
    )
    for row, one in zip(rows, scores, strict=True):
        if wrong := not_a_number(one, a.name, b.name):
            raise ModelError(f"{row.place or row.prompt_id}: {wrong}")
    return [
        ScoredText(row, _pieces(tokenizer, text.tokens, row.response), one)
        for row, text, one in zip(rows, texts, scores, strict=True)
    ]


def _pieces(tokenizer: Any, tokens: Sequence[int], response: str) -> tuple[str, ...]:
    """Each token as text, the end without any."""
    n = len(continuation(tokenizer, response))
    return pieces(tokenizer, tokens[:n]) + ("",) * (len(tokens) - n)
