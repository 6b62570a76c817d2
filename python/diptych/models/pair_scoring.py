"""How far two models differ along given texts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from diptych._types import Progress, Silent
from diptych.errors import DataError
from diptych.models.batching import in_batches
from diptych.models.divergence import MAX_BYTES, Divergences, compare_states
from diptych.models.heads import Parts, split
from diptych.models.manager import Loaded


@dataclass(frozen=True, slots=True)
class TokensToScore:
    """Tokens, and what they follow.

    Parameters
    ----------
    tokens : that are scored
    before_a, before_b : what stands before them, as either model reads it; at least one token
    place : where the text stood, for messages; its number where empty
    """

    tokens: Sequence[int]
    before_a: Sequence[int]
    before_b: Sequence[int]
    place: str = field(default="", kw_only=True)


class Onlooker(Protocol):
    """Looks at all scores while they are there, which is not for long."""

    def see(self, texts: NDArray[np.int64], scores_a: Any, scores_b: Any) -> Any:
        """What is worth keeping of some tokens.

        Parameters
        ----------
        texts : of each token, the number of its text, shape (n,)
        scores_a, scores_b : float tensors, shape (n, vocabulary), logits of both models
        """

    def keep(self, seen: Any) -> None:
        """Take what ``see`` gave; a batch that memory did not suffice for is not kept, and seen again in parts."""


def divergences(
    a: Loaded,
    b: Loaded,
    texts: Sequence[TokensToScore],
    *,
    batch_size: int = 8,
    max_bytes: int = MAX_BYTES,
    onlooker: Onlooker | None = None,
    progress: Progress | None = None,
) -> list[Divergences]:
    """Divergences of two models with one vocabulary, at each token of each text, given what comes before it.

    Parameters
    ----------
    a, b : the models; they may share their weights
    texts : what is scored
    batch_size : most texts at once; halved when memory runs out
    max_bytes : of memory for scores, beside the models and their hidden states
    onlooker : that all scores are shown to
    progress : where it says how far it is

    Returns
    -------
    list of Divergences
        one for each text, in order, with an entry a token

    Raises
    ------
    DataError
        If a text follows nothing, is longer than a model takes, or there is no memory for it alone.
    """
    places = [text.place or f"text {number}" for number, text in enumerate(texts)]
    for place, text in zip(places, texts, strict=True):
        for loaded, before in ((a, text.before_a), (b, text.before_b)):
            _check(place, len(before), len(text.tokens), loaded)
    parts = split(a), split(b)
    lengths = [len(text.tokens) + max(len(text.before_a), len(text.before_b)) for text in texts]
    found: list[Divergences | None] = [None] * len(texts)

    def run(batch: Sequence[int]) -> list[Divergences]:
        return _score((a, b), parts, batch, [texts[index] for index in batch], onlooker, max_bytes)

    watched = progress or Silent()
    watched.start("score", len(texts))
    for index, scored in in_batches(lengths, run, batch_size=batch_size):
        if scored is None:
            raise DataError(f"{places[index]}: no memory for its {lengths[index]:,} tokens")
        found[index] = scored
        watched.advance()
    watched.finish()
    return [one for one in found if one is not None]


def _check(place: str, n_before: int, n_tokens: int, loaded: Loaded) -> None:
    if not n_before:
        raise DataError(f"{place}: nothing comes before it: its first token has no probability")
    if loaded.n_context is not None and n_before + n_tokens > loaded.n_context:
        raise DataError(
            f"{place}: {n_before + n_tokens:,} tokens with its prompt; {loaded.n_context:,} go into "
            f"hf/{loaded.source.name}. Shorten it, or leave it out."
        )


def _score(
    models: tuple[Loaded, Loaded],
    parts: tuple[Parts, Parts],
    numbers: Sequence[int],
    texts: Sequence[TokensToScore],
    onlooker: Onlooker | None,
    max_bytes: int,
) -> list[Divergences]:
    import torch

    owners, seen = np.repeat(np.asarray(numbers, np.int64), [len(text.tokens) for text in texts]), list[Any]()

    def look(rows: slice, scores_a: Any, scores_b: Any) -> None:
        if onlooker is not None and len(owners):
            seen.append(onlooker.see(owners[rows], scores_a, scores_b))

    befores = ([text.before_a for text in texts], [text.before_b for text in texts])
    states = tuple(
        _states(loaded, part, before, [text.tokens for text in texts])
        for loaded, part, before in zip(models, parts, befores, strict=True)
    )
    tokens = torch.tensor([token for text in texts for token in text.tokens], dtype=torch.long, device=states[0].device)
    together = compare_states(
        (states[0], states[1].to(states[0].device)),
        (parts[0].head, parts[1].head),
        tokens,
        max_bytes=max_bytes,
        look=look,
    )
    for one in seen:
        onlooker.keep(one)  # type: ignore[union-attr]
    ends = itertools.accumulate((len(text.tokens) for text in texts), initial=0)
    return [together.part(start, stop) for start, stop in itertools.pairwise(ends)]


def _states(loaded: Loaded, part: Parts, befores: Sequence[Sequence[int]], texts: Sequence[Sequence[int]]) -> Any:
    """States of the places where the tokens are foretold, one after the other; padding stands on the right."""
    import torch

    rows = {"input_ids": [[*before, *text] for before, text in zip(befores, texts, strict=True)]}
    padded = loaded.tokenizer.pad(rows, padding_side="right", return_tensors="pt")
    with loaded.active() as model:
        padded = padded.to(model.get_input_embeddings().weight.device)
    found = part.body(padded["input_ids"], padded["attention_mask"])
    return torch.cat(
        [
            row[len(before) - 1 : len(before) + len(text) - 1]
            for row, before, text in zip(found, befores, texts, strict=True)
        ]
    )
