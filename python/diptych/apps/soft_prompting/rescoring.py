"""What words do in texts that they were not searched on, as tokens and as real text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from diptych._types import FloatVector, Json, Progress, Vectors
from diptych.apps.soft_prompting.ablation import Ablation, most_shorter
from diptych.apps.soft_prompting.archive import Entry
from diptych.apps.soft_prompting.evaluation import N_RANDOM, Gain, by_prompt, gain_of, noise_floor, values
from diptych.apps.soft_prompting.found import Wording
from diptych.apps.soft_prompting.initial import embedded
from diptych.apps.soft_prompting.objective import Measure, Pair, pair_up
from diptych.apps.soft_prompting.optimiser import random_tokens
from diptych.apps.soft_prompting.seeds import Seed
from diptych.apps.soft_prompting.target import Target
from diptych.models.providers.hf import HFModel
from diptych.stats.multiplicity import q_values
from diptych.utils.hashing import derive_seed

_READINGS = 4
"""Of each held-out text under a prompt: as text, as tokens, and two for the noise floor."""


@dataclass(frozen=True)
class HeldOut:
    """Texts that a search did not see.

    Parameters
    ----------
    models : the pair
    target : of the search
    seeds : all texts
    numbers : of those that are held out
    place : of the words
    seed : of resamples and random words
    """

    models: tuple[HFModel, HFModel]
    target: Target
    seeds: Sequence[Seed]
    numbers: Sequence[int]
    place: str
    seed: int

    @property
    def ids(self) -> list[str]:
        """Of the prompt of each."""
        return [self.seeds[number].prompt_id for number in self.numbers]

    def as_tokens(self, tokens: Sequence[int]) -> FloatVector:
        """The divergence of each prompt with tokens put in, float64 (prompts,).

        Parameters
        ----------
        tokens : their numbers
        """
        return self.under([embedded(model, tokens) for model in self.target.pair.models])

    def under(self, vectors: Sequence[Vectors]) -> FloatVector:
        """The divergence of each prompt with vectors put in, float64 (prompts,).

        Parameters
        ----------
        vectors : one array that both models read, or one each
        """
        target = self.target
        found = values(target.pair, self.numbers, vectors, self.measure, batch_size=target.batch_size)
        return by_prompt(found, self.ids)

    def bare(self, seeds: Sequence[Seed]) -> tuple[Pair, FloatVector]:
        """Conversations as they stand, as the models read them; and the divergence along each text, float64 (texts,).

        Parameters
        ----------
        seeds : conversations and texts
        """
        pair = pair_up(self.models, seeds, place=None, n_vectors=0, prompted=self.target.pair.models)
        found = values(pair, range(len(seeds)), nothing(pair), self.measure, batch_size=self.target.batch_size)
        return pair, found

    def worded(self, text: str) -> tuple[Pair, FloatVector]:
        """Held-out conversations with words in them, as `bare` gives them.

        Parameters
        ----------
        text : the words
        """
        words = Wording(text, self.place)
        seeds = [self.seeds[number] for number in self.numbers]
        return self.bare([replace(seed, messages=words.put_into(seed.messages)) for seed in seeds])

    @property
    def measure(self) -> Measure:
        """What is measured."""
        return self.target.measure


def nothing(pair: Pair) -> tuple[Vectors, Vectors]:
    """No vectors at all, for each model.

    Parameters
    ----------
    pair : the models
    """
    a, b = (np.zeros((0, model.loaded.width), np.float32) for model in pair.models)
    return a, b


def most_passes(held: HeldOut, n_prompts: int, *, with_vectors: bool = False) -> int:
    """Forward passes of texts that it takes, at most, to measure what a search found and to leave out its tokens.

    Parameters
    ----------
    held : the texts
    n_prompts : that are measured
    with_vectors : whether a soft prompt is measured beside them
    """
    target, n = held.target, len(held.numbers)
    alone = len(held.seeds) + (N_RANDOM + 1 + 3 * with_vectors) * n
    return alone + n_prompts * (_READINGS * n + most_shorter(target.n_tokens) * len(target.numbers))


def baselines(held: HeldOut) -> Json:
    """How far the models differ without any words, under random ones, and under the strongest prompt of the file.

    Parameters
    ----------
    held : the texts
    """
    _, everywhere = held.bare(held.seeds)
    none = by_prompt(everywhere[list(held.numbers)], held.ids)
    rng = np.random.default_rng(derive_seed(held.seed, "random words"))
    drawn = [float(held.as_tokens(one).mean()) for one in random_tokens(held.target, rng, N_RANDOM).tolist()]
    return {
        "n_held_out": len(none),
        "none": float(none.mean()),
        "random": {"mean": float(np.mean(drawn)), "max": max(drawn), "n": len(drawn)},
        "corpus": float(by_prompt(everywhere, [seed.prompt_id for seed in held.seeds]).max()),
    }


def rescored(
    held: HeldOut, entries: Sequence[Entry], ablations: Sequence[Ablation], *, progress: Progress
) -> list[Json]:
    """What each prompt does in held-out texts, as real text; their p-values are corrected for their number.

    Parameters
    ----------
    held : the texts
    entries : prompts that were found
    ablations : of each
    progress : gets a step for each
    """
    none = by_prompt(held.bare([held.seeds[number] for number in held.numbers])[1], held.ids)
    rows = []
    for entry, ablation in zip(entries, ablations, strict=True):
        rows.append(_row(held, entry, ablation, none))
        progress.advance()
    adjusted = q_values(np.array([gain.p_value for _, gain in rows])).tolist()
    return [
        {**row, "q_value": q, "above_noise": gain.is_above(row["noise_floor"], q_value=q)}
        for (row, gain), q in zip(rows, adjusted, strict=True)
    ]


def projected(held: HeldOut, vectors: Sequence[Vectors], tokens: Sequence[int]) -> Json:
    """What vectors do, and what the tokens that lie nearest to them do: they need have nothing in common.

    Parameters
    ----------
    held : the texts
    vectors : one array that both models read, or one each
    tokens : nearest to them
    """
    text = held.target.text(tokens)
    value, as_tokens, (_, along) = held.under(vectors), held.as_tokens(tokens), held.worded(text)
    as_text = by_prompt(along, held.ids)
    return {
        "value": float(value.mean()), "text": text, "tokens": list(tokens), "as_tokens": float(as_tokens.mean()),
        "as_text": float(as_text.mean()), "gap": float(value.mean() - as_text.mean()),
    }  # fmt: skip


def _row(held: HeldOut, entry: Entry, ablation: Ablation, none: FloatVector) -> tuple[Json, Gain]:
    target, tokens = held.target, entry.candidate.tokens
    text = target.text(tokens)
    pair, along = held.worded(text)
    found = by_prompt(along, held.ids)
    gain = gain_of(none, found, seed=held.seed)
    floor = noise_floor(pair, range(len(held.numbers)), nothing(pair), held.measure, batch_size=target.batch_size)
    shorter = ablation.shortened
    row = {
        "text": text,
        "tokens": list(tokens),
        "fluency": entry.fluency,
        "searched": entry.candidate.value,
        "as_tokens": float(held.as_tokens(tokens).mean()),
        "as_text": float(found.mean()),
        "read_back": _read_back(held, pair, tokens),
        "gain": asdict(gain),
        "noise_floor": floor,
        "without_token": [
            {"token": target.text([token]), "value": None if np.isnan(value) else float(value)}
            for token, value in zip(tokens, ablation.without, strict=True)
        ],
        "shortened": {"text": target.text(shorter.tokens), "tokens": list(shorter.tokens), "searched": shorter.value},
    }
    return row, gain


def _read_back(held: HeldOut, read: Pair, tokens: Sequence[int]) -> float:
    """Share of texts in which both models read the very tokens that were searched with."""
    same = [
        (*row.around.before, *tokens, *row.around.after) == own.around.after
        for side in (0, 1)
        for row, own in zip([held.target.pair.rows[side][i] for i in held.numbers], read.rows[side], strict=True)
    ]
    return float(np.mean(same))
