"""Texts of a training written anew, under the vectors as they have become."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from diptych._types import Vectors
from diptych.apps.soft_prompting.config import TrainConfig
from diptych.apps.soft_prompting.seeds import Seeds, writers_of
from diptych.apps.soft_prompting.writing import Question, write_answers
from diptych.models.providers.hf import HFModel
from diptych.models.soft_prompts import SoftPrompt
from diptych.utils.hashing import derive_seed

Texts: TypeAlias = Mapping[int, tuple[int, ...]]
"""Tokens by number of the text."""


class Refresher:
    """Has the models of a pair write the texts that are trained on; those that are held out stay as they are.

    Parameters
    ----------
    models : the pair
    seeds : the texts
    config : of the training; not one whose texts are given
    """

    def __init__(self, models: tuple[HFModel, HFModel], seeds: Seeds, config: TrainConfig) -> None:
        self._models, self._seeds, self._config = models, seeds, config
        names = writers_of(config.continuations)
        of_prompt: dict[str, int] = defaultdict(int)
        self._by_side: tuple[list[int], list[int]] = ([], [])
        for number, row in enumerate(seeds.rows):
            writer = names[of_prompt[row.prompt_id] % len(names)]
            of_prompt[row.prompt_id] += 1
            if not row.is_held_out:
                self._by_side["ab".index(writer)].append(number)

    def write(self, vectors: Sequence[Vectors], step: int) -> Texts:
        """The texts anew; they hang on the vectors, the seed and the step, on nothing else.

        Parameters
        ----------
        vectors : one array that both models read, or one each
        step : after which they are written

        Raises
        ------
        DataError
            If a prompt with its text is longer than a model takes.
        """
        config = self._config
        soft = SoftPrompt(tuple(vectors), config.place)
        found: dict[int, tuple[int, ...]] = {}
        for side, (model, numbers) in enumerate(zip(self._models, self._by_side, strict=True)):
            written = write_answers(
                model, [Question(self._seeds.rows[number].messages) for number in numbers],
                max_tokens=config.continuation_tokens, temperature=config.continuation_temperature,
                seed=derive_seed(config.seed, f"refresh {step}") % 2**31, soft=soft, side=side,
            )  # fmt: skip
            found |= {number: one.tokens for number, one in zip(numbers, written, strict=True)}
        return found
