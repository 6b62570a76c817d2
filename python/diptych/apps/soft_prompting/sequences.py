"""What two models say under a prompt, and how far what each says is from what the other would have said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diptych._types import FloatVector
from diptych.apps.soft_prompting.objective import Pair, pair_up
from diptych.apps.soft_prompting.seeds import Seed
from diptych.apps.soft_prompting.writing import Question, write_answers
from diptych.data.prompts import Prompt
from diptych.models.divergence import MAX_BYTES
from diptych.models.local import Written
from diptych.models.prompted import PromptedModel
from diptych.models.providers.hf import HFModel
from diptych.models.requests import conversation
from diptych.models.soft_prompts import SoftPrompt


@dataclass(frozen=True, slots=True)
class Said:
    """An answer of one of the models, drawn from all that it expects.

    Parameters
    ----------
    prompt : that it answers
    draw : which of several
    written : the answer
    """

    prompt: Prompt
    draw: int
    written: Written

    def as_row(self) -> dict[str, Any]:
        """As a record of a file of responses."""
        row = {"prompt_id": self.prompt.prompt_id, "prompt": self.prompt.text, "draw": self.draw}
        return row | {"response": self.written.text, "finish_reason": self.written.finish_reason}


@dataclass(frozen=True)
class Sides:
    """Two models, in memory, and the soft prompt that both are asked under.

    Parameters
    ----------
    models : both
    prompted : the same, ready to be scored
    soft : the prompt; None for none
    """

    models: tuple[HFModel, HFModel]
    prompted: tuple[PromptedModel, PromptedModel]
    soft: SoftPrompt | None

    def say(self, side: int, prompts: Sequence[Prompt], *, draws: int, max_tokens: int, seed: int) -> list[Said]:
        """Answers of one of the models, drawn at temperature 1 from the whole vocabulary.

        Parameters
        ----------
        side : 0 for the first model, 1 for the second
        prompts : that are answered
        draws : answers to each
        max_tokens : longest answer
        seed : of what is drawn

        Raises
        ------
        DataError
            As `write_answers` does.
        """
        asked = [(prompt, draw) for prompt in prompts for draw in range(draws)]
        written = write_answers(
            self.models[side],
            [Question(conversation(prompt.text, prompt.system), draw, prompt.place) for prompt, draw in asked],
            max_tokens=max_tokens, seed=seed, soft=self.soft, side=side,
        )  # fmt: skip
        return [Said(*one, answer) for one, answer in zip(asked, written, strict=True)]

    def pair(self, said: Sequence[Said]) -> Pair:
        """Answers as both models read them, each after its prompt.

        Parameters
        ----------
        said : the answers
        """
        seeds = [
            Seed(one.prompt.prompt_id, conversation(one.prompt.text, one.prompt.system), one.written.tokens)
            for one in said
        ]
        soft = self.soft
        return pair_up(
            self.models, seeds, place=None if soft is None else soft.place,
            n_vectors=0 if soft is None else soft.n_tokens, prompted=self.prompted,
        )  # fmt: skip


def sequence_kl(
    pair: Pair, vectors: tuple[Any, Any], side: int, *, batch_size: int, max_bytes: int = MAX_BYTES
) -> FloatVector:
    """Of each answer of one model, the sum over its tokens of the exact divergence of the other in the next token.

    Parameters
    ----------
    pair : the models and the answers
    vectors : that each model reads
    side : whose answers they are: 0 for the first
    batch_size : answers at once
    max_bytes : of memory for scores

    Returns
    -------
    float64 (answers,)
        in nats; its mean over answers drawn from the model estimates, without bias, the Kullback–Leibler divergence of
        whole answers, up to the longest that was drawn

    Notes
    -----
    Rao–Blackwellised: Amini, Vieira & Cotterell (2025), arXiv:2504.10637. Its variance is at most that of the usual
    estimate, the mean of log p − log q over answers, of which it is the conditional expectation.
    """
    found = pair.divergences(range(len(pair.rows[0])), vectors, batch_size=batch_size, max_bytes=max_bytes)
    return np.array([(one.kl_ba if side else one.kl_ab).sum() for one in found])
