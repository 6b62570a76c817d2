"""What a soft prompt does to prompts that it was not trained on, beside what it is measured against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diptych._types import FloatVector, Json, Vectors
from diptych.apps.soft_prompting.config import TrainConfig
from diptych.apps.soft_prompting.initial import initial_vectors
from diptych.apps.soft_prompting.objective import Measure, Pair
from diptych.apps.soft_prompting.seeds import Seeds
from diptych.models.fused_divergence import fused_divergence
from diptych.stats.intervals import paired_intervals
from diptych.stats.permutation import paired_test

N_RANDOM = 5
"""Prompts of random tokens that a soft prompt is set beside."""
_RESAMPLES = 10_000
_LEVEL, _LEAST = 0.05, 6


@dataclass(frozen=True, slots=True)
class Gain:
    """How much farther two models are from each other under a prompt than without it.

    Parameters
    ----------
    mean : over prompts, of the difference
    low, high : its interval at 95 %
    p_value : of sign flips within prompts
    """

    mean: float
    low: float
    high: float
    p_value: float

    def is_above(self, floor: float, *, q_value: float | None = None) -> bool:
        """Whether interval and test say so: a handful of prompts has an interval, and no p that is small.

        Parameters
        ----------
        floor : that the interval must lie above
        q_value : in place of p, where it is one of several

        Examples
        --------
        >>> Gain(0.2, 0.1, 0.3, 0.5).is_above(0.0)
        False
        """
        return self.low > floor and (self.p_value if q_value is None else q_value) <= _LEVEL


def on_held_out(objective: str, n: int) -> str:
    """A line that says on how many prompts something was measured, and whether they are enough.

    Parameters
    ----------
    objective : that was measured
    n : held-out prompts

    Examples
    --------
    >>> on_held_out("js", 40)
    'js on 40 held-out prompts:'
    """
    few = f"; with fewer than {_LEAST} no p is below {_LEVEL}: hold out more" if n < _LEAST else ""
    return f"{objective} on {n} held-out prompts{few}:"


def held_out_summary(
    bare: Pair,
    pair: Pair,
    seeds: Seeds,
    *,
    prompt: Sequence[Vectors],
    initial: Sequence[Vectors],
    config: TrainConfig,
    max_bytes: int,
) -> Json:
    """How far the models differ on held-out prompts: without a prompt, under random ones, under this one.

    Parameters
    ----------
    bare, pair : the models with the texts as they are, and with room for vectors
    seeds : the texts
    prompt, initial : vectors that came of the training, and that it began with
    config : of the training
    max_bytes : of memory for scores

    Returns
    -------
    dict
        means over prompts: ``none``, ``initial``, ``prompt``; ``random`` with the mean and the greatest of some prompts
        of random tokens; ``corpus``, the greatest that a prompt of the file reaches without vectors; ``noise_floor``;
        ``gain`` with interval and p; ``above_noise``, whether the gain's interval lies above the floor, and
        its p is at most 0.05
    """
    measure = Measure(config.objective, config.temperature, max_bytes)
    numbers, size = seeds.numbers(held_out=True), config.batch_size
    ids = [seeds.rows[number].prompt_id for number in numbers]

    def under(vectors: Sequence[Vectors]) -> FloatVector:
        return by_prompt(values(pair, numbers, vectors, measure, batch_size=size), ids)

    everyone = range(len(seeds.rows))
    nothing = tuple(np.zeros((0, model.loaded.width), np.float32) for model in bare.models)
    alone = values(bare, everyone, nothing, measure, batch_size=size)
    none = by_prompt(alone[numbers], ids)
    drawn = [
        float(under(initial_vectors(pair.models[: len(prompt)], config.n_tokens, kind="vocabulary", seed=seed)).mean())
        for seed in range(config.seed + 1, config.seed + 1 + N_RANDOM)
    ]
    found = under(prompt)
    floor = noise_floor(pair, numbers, prompt, measure, batch_size=size)
    gain = gain_of(none, found, seed=config.seed)
    return {
        "objective": config.objective,
        "n_held_out": len(none),
        "none": float(none.mean()),
        "random": {"mean": float(np.mean(drawn)), "max": max(drawn), "n": len(drawn)},
        "corpus": float(by_prompt(alone, [row.prompt_id for row in seeds.rows]).max()),
        "initial": float(under(initial).mean()),
        "prompt": float(found.mean()),
        "noise_floor": floor,
        "gain": {"mean": gain.mean, "low": gain.low, "high": gain.high, "p_value": gain.p_value},
        "above_noise": gain.is_above(floor),
    }


def values(
    pair: Pair, numbers: Sequence[int], vectors: Sequence[Vectors], measure: Measure, *, batch_size: int
) -> FloatVector:
    """The mean divergence along each text, float64 (texts,).

    Parameters
    ----------
    pair : the models
    numbers : of the texts
    vectors : one array that both read, or one each
    measure : what is measured
    batch_size : texts at once
    """
    import torch

    both = as_tensors(pair, vectors)
    with torch.no_grad():
        parts = [
            pair.divergence(numbers[i : i + batch_size], both, measure) for i in range(0, len(numbers), batch_size)
        ]
    found: FloatVector = torch.cat(parts).double().cpu().numpy()
    return found


def as_tensors(pair: Pair, vectors: Sequence[Vectors]) -> tuple[Any, Any]:
    """The vectors that each model reads, where it reads them.

    Parameters
    ----------
    pair : the models
    vectors : one array that both read, or one each
    """
    import torch

    first, second = (
        torch.from_numpy(own).to(model.device)
        for own, model in zip((vectors[0], vectors[-1]), pair.models, strict=True)
    )
    return first, second


def by_prompt(per_text: FloatVector, ids: Sequence[str]) -> FloatVector:
    """Means over the texts of each prompt, float64 (prompts,), in the order of their ids.

    Parameters
    ----------
    per_text : float64 (texts,)
    ids : of the prompt of each text

    Examples
    --------
    >>> by_prompt(np.array([1.0, 2.0, 4.0]), ["b", "a", "b"]).tolist()
    [2.0, 2.5]
    """
    _, of_text = np.unique(list(ids), return_inverse=True)
    means: FloatVector = np.bincount(of_text, weights=per_text) / np.bincount(of_text)
    return means


def gain_of(none: FloatVector, found: FloatVector, *, seed: int) -> Gain:
    """What a prompt adds, with its interval and the test that it adds nothing; prompts are the units.

    Parameters
    ----------
    none, found : float64 (prompts,), without the prompt and under it
    seed : of the resamples
    """
    differences = (found - none)[:, None]
    interval = paired_intervals(differences, np.ones(differences.shape, bool), seed=seed)
    test = paired_test(differences, indicator=np.zeros(1, bool), n_resamples=_RESAMPLES, seed=seed)
    return Gain(float(differences.mean()), float(interval.low[0]), float(interval.high[0]), float(test.p_value[0]))


def noise_floor(
    pair: Pair, numbers: Sequence[int], vectors: Sequence[Vectors], measure: Measure, *, batch_size: int
) -> float:
    """How far a model seems to be from itself: each text alone, against the same texts in batches.

    Parameters
    ----------
    pair : the models; the greater of both is taken
    numbers : of the texts
    vectors : one array that both read, or one each
    measure : what is measured
    batch_size : texts at once

    Returns
    -------
    float
        the greatest mean along a text, by its amount
    """
    import torch

    greatest = 0.0
    for model, rows, own in zip(pair.models, pair.rows, as_tensors(pair, vectors), strict=True):
        for start in range(0, len(numbers), batch_size):
            some = [rows[number] for number in numbers[start : start + batch_size]]
            tokens = torch.tensor([token for row in some for token in row.tokens], device=model.device)
            with torch.no_grad():
                together = model.states(some, own)
                alone = torch.cat([model.states([row], own) for row in some])
                by_token = fused_divergence(
                    (together, alone), (model.parts.head, model.parts.head), tokens,
                    objective=measure.objective, temperature=measure.temperature, max_bytes=measure.max_bytes,
                )  # fmt: skip
            for part in by_token.split([len(row.tokens) for row in some]):
                greatest = max(greatest, abs(float(part.mean())))
    return greatest
