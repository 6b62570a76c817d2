"""A pair of models and texts: how far they differ under a soft prompt, and the loss that makes it more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from diptych.apps.soft_prompting.seeds import Seed
from diptych.errors import ConfigError
from diptych.models.divergence import MAX_BYTES, Divergences, Look, compare_states
from diptych.models.fused_divergence import Objective, fused_divergence
from diptych.models.prompted import PromptedModel, Row
from diptych.models.providers.hf import HFModel
from diptych.models.requests import Sampling
from diptych.models.soft_prompts import around
from diptych.models.templates import Around, render
from diptych.models.vocabulary import check_one_vocabulary


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured, and in how much memory.

    Parameters
    ----------
    objective : of `fused_divergence`
    temperature : that scores are divided by
    max_bytes : of memory for scores
    """

    objective: Objective = "js"
    temperature: float = 1.0
    max_bytes: int = MAX_BYTES


@dataclass(frozen=True)
class Pair:
    """Two models, and texts as either reads them.

    Parameters
    ----------
    models : with one vocabulary
    rows : of each model, one for each text
    """

    models: tuple[PromptedModel, PromptedModel]
    rows: tuple[Sequence[Row], Sequence[Row]]

    @property
    def lengths(self) -> list[int]:
        """Tokens of each text with its prompt, under the model that makes more of them."""
        return [max(a.n_around, b.n_around) for a, b in zip(*self.rows, strict=True)]

    def with_texts(self, texts: Mapping[int, tuple[int, ...]]) -> Pair:
        """The same prompts, some of them with other texts.

        Parameters
        ----------
        texts : tokens by number of the text
        """
        first, second = (
            [replace(row, tokens=texts.get(number, row.tokens)) for number, row in enumerate(own)] for own in self.rows
        )
        return Pair(self.models, (first, second))

    def divergence(self, numbers: Sequence[int], vectors: tuple[Any, Any], measure: Measure) -> Any:
        """The mean over the tokens of each text, float tensor, shape (texts,); gradients flow to the vectors.

        Parameters
        ----------
        numbers : of the texts
        vectors : that each model reads, float tensors, shape (n, width) or (texts, n, width)
        measure : what is measured
        """
        import torch

        states, tokens = self._states(numbers, vectors)
        heads = self.models[0].parts.head, self.models[1].parts.head
        by_token = fused_divergence(
            states, heads, tokens,
            objective=measure.objective, temperature=measure.temperature, max_bytes=measure.max_bytes,
        )  # fmt: skip
        lengths = [len(self.rows[0][number].tokens) for number in numbers]
        return torch.stack([part.mean() for part in by_token.split(lengths)])

    def divergences(
        self,
        numbers: Sequence[int],
        vectors: tuple[Any, Any],
        *,
        batch_size: int,
        max_bytes: int = MAX_BYTES,
        look: Look | None = None,
    ) -> list[Divergences]:
        """Every divergence at each token of each text, in float64, without gradients.

        Parameters
        ----------
        numbers : of the texts
        vectors : as for `divergence`
        batch_size : texts at once
        max_bytes : of memory for scores
        look : is handed the scores of both models, some tokens at a time, in the order of the texts
        """
        import torch

        heads = self.models[0].parts.head, self.models[1].parts.head
        found: list[Divergences] = []
        with torch.no_grad():
            for start in range(0, len(numbers), batch_size):
                batch = numbers[start : start + batch_size]
                states, tokens = self._states(batch, vectors)
                together = compare_states(states, heads, tokens, max_bytes=max_bytes, look=look)
                at = 0
                for number in batch:
                    end = at + len(self.rows[0][number].tokens)
                    found.append(together.part(at, end))
                    at = end
        return found

    def _states(self, numbers: Sequence[int], vectors: tuple[Any, Any]) -> tuple[tuple[Any, Any], Any]:
        import torch

        a, b = (
            model.states([rows[number] for number in numbers], own)
            for model, rows, own in zip(self.models, self.rows, vectors, strict=True)
        )
        tokens = torch.tensor([token for number in numbers for token in self.rows[0][number].tokens], device=a.device)
        return (a, b.to(a.device)), tokens


def pair_up(
    models: tuple[HFModel, HFModel],
    seeds: Sequence[Seed],
    *,
    place: str | None,
    n_vectors: int,
    prompted: tuple[PromptedModel, PromptedModel] | None = None,
) -> Pair:
    """Texts as two models read them, each in its own chat template.

    Parameters
    ----------
    models : both
    seeds : the texts
    place : of the vectors; None for the conversations as they are, without any
    n_vectors : that stand there
    prompted : the models in memory, where they are already

    Raises
    ------
    DataError
        If a text with its prompt is longer than a model takes.
    ModelError
        If a model takes no vectors, or no gradient comes back through it.
    """
    both = prompted or (PromptedModel(models[0].load()), PromptedModel(models[1].load()))
    rows = [[Row(_around(model, seed, place), seed.tokens) for seed in seeds] for model in models]
    for one, own in zip(both, rows, strict=True):
        one.check(own, n_vectors if place is not None else 0)
    return Pair(both, (rows[0], rows[1]))


def _around(model: HFModel, seed: Seed, place: str | None) -> Around:
    tokenizer, raw = model.load().tokenizer, model.options.raw
    if place is None:
        return Around((), render(tokenizer, seed.messages, raw=raw).tokens)
    return around(place, tokenizer, seed.messages, raw=raw)


def check_pair(a: HFModel, b: HFModel, *, per_model: bool) -> None:
    """Refuse two models that cannot be told apart token by token, or that cannot read the same vectors.

    Parameters
    ----------
    a, b : the models
    per_model : whether each reads vectors of its own

    Raises
    ------
    ConfigError
        Says in what they differ, or which has no chat template, and what to do.
    """
    for model in (a, b):
        model.check(Sampling())
    first, second = a.load(), b.load()
    names = f"{a.name} and {b.name}"
    check_one_vocabulary(names, first.tokenizer, second.tokenizer, "told apart token by token.")
    if first.n_outputs != second.n_outputs:
        raise ConfigError(f"{a.name} scores {first.n_outputs:,} tokens and {b.name} {second.n_outputs:,}")
    if first.width != second.width and not per_model:
        raise ConfigError(
            f"{a.name} reads vectors of width {first.width} and {b.name} of width {second.width}: they cannot share "
            "them. Give each its own with --per-model."
        )


def penalty(model: PromptedModel, vectors: Any, *, norm_weight: float, nearest_weight: float) -> Any:
    """What it costs that vectors are unlike those of tokens, float tensor, shape ().

    Parameters
    ----------
    model : whose tokens
    vectors : float tensor, shape (n, width)
    norm_weight : of the mean of (‖v‖ / r − 1)², with r the length of a vector whose entries have the scale of tokens'
    nearest_weight : of the mean of ‖v − w‖² / r², with w the vector of the nearest token
    """
    radius = model.scale * vectors.shape[-1] ** 0.5
    cost = norm_weight * (vectors.norm(dim=-1) / radius - 1).square().mean()
    if nearest_weight:
        near = model.embed(model.nearest(vectors).tokens).detach().to(vectors.dtype).to(vectors.device)
        cost = cost + nearest_weight * (vectors - near).square().sum(-1).mean() / radius**2
    return cost
