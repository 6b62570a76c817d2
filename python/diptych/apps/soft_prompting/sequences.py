"""What two models say under a prompt, and how far what each says is from what the other would have said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diptych._types import FloatVector
from diptych.apps.soft_prompting.evaluation import as_tensors, by_prompt
from diptych.apps.soft_prompting.found import Found, Wording
from diptych.apps.soft_prompting.objective import Pair, pair_up
from diptych.apps.soft_prompting.seeds import Seed
from diptych.apps.soft_prompting.writing import Question, write_answers
from diptych.data.prompts import Prompt
from diptych.errors import ModelError
from diptych.models.divergence import MAX_BYTES, Divergences, not_a_number
from diptych.models.local import Written
from diptych.models.prompted import PromptedModel
from diptych.models.providers.hf import HFModel
from diptych.models.requests import Message, conversation
from diptych.models.soft_prompts import SoftPrompt


@dataclass(frozen=True, slots=True)
class Asking:
    """How answers are drawn and scored.

    Parameters
    ----------
    draws : answers of each model to each prompt
    max_tokens : longest answer
    batch_size : texts at once
    max_bytes : of memory for scores
    seed : of the answers, and of tests on them
    """

    draws: int = 1
    max_tokens: int = 64
    batch_size: int = 8
    max_bytes: int = MAX_BYTES
    seed: int = 0


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
class Traced:
    """An answer, token by token.

    Parameters
    ----------
    said : the answer
    divergences : at each of its tokens
    top_a, top_b : int64 (tokens,), what either model finds likeliest there
    """

    said: Said
    divergences: Divergences
    top_a: Any
    top_b: Any


@dataclass(frozen=True)
class Sides:
    """Two models, in memory, and the prompt that both are asked under.

    Parameters
    ----------
    models : both
    prompted : the same, ready to be scored
    found : the prompt, fitted to them; None for none
    """

    models: tuple[HFModel, HFModel]
    prompted: tuple[PromptedModel, PromptedModel]
    found: Found | None = None

    @property
    def soft(self) -> SoftPrompt | None:
        """The vectors, where it is a prompt of vectors."""
        return self.found if isinstance(self.found, SoftPrompt) else None

    @property
    def arrays(self) -> tuple[Any, ...]:
        """Vectors that both models read, or each; none where the prompt has none."""
        if self.soft is not None:
            return self.soft.vectors
        return tuple(np.zeros((0, model.loaded.width), np.float32) for model in self.prompted)

    def under(self, found: Found | None) -> Sides:
        """The same models under another prompt.

        Parameters
        ----------
        found : the prompt, fitted to them; None for none
        """
        return Sides(self.models, self.prompted, found)

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
            [Question(self._messages(prompt), draw, prompt.place) for prompt, draw in asked],
            max_tokens=max_tokens, seed=seed, soft=self.soft, side=side,
        )  # fmt: skip
        return [Said(*one, answer) for one, answer in zip(asked, written, strict=True)]

    def answers(self, side: int, prompts: Sequence[Prompt], asking: Asking) -> list[Traced]:
        """What one of the models says, token by token.

        Parameters
        ----------
        side : 0 for the first model, 1 for the second
        prompts : that are answered
        asking : how
        """
        said = self.say(side, prompts, draws=asking.draws, max_tokens=asking.max_tokens, seed=asking.seed)
        return self.trace(said, asking)

    def pair(self, said: Sequence[Said]) -> Pair:
        """Answers as both models read them, each after its prompt.

        Parameters
        ----------
        said : the answers
        """
        seeds = [Seed(one.prompt.prompt_id, self._messages(one.prompt), one.written.tokens) for one in said]
        soft = self.soft
        return pair_up(
            self.models, seeds, place=None if soft is None else soft.place,
            n_vectors=0 if soft is None else soft.n_tokens, prompted=self.prompted,
        )  # fmt: skip

    def trace(self, said: Sequence[Said], asking: Asking) -> list[Traced]:
        """Answers, token by token.

        Parameters
        ----------
        said : the answers
        asking : how they are scored

        Raises
        ------
        ModelError
            If scores are not numbers, or one model rules out what the other expects.
        """
        pair, tops = self.pair(said), _Tops()
        found = pair.divergences(
            range(len(said)), as_tensors(pair, self.arrays),
            batch_size=asking.batch_size, max_bytes=asking.max_bytes, look=tops,
        )  # fmt: skip
        names = [model.name for model in self.models]
        for one, own in zip(said, found, strict=True):
            if wrong := not_a_number(own, *names):
                raise ModelError(f"answer to {one.prompt.place or one.prompt.prompt_id}: {wrong}")
        top_a, top_b = tops.of_texts([len(one) for one in found])
        return [Traced(*one) for one in zip(said, found, top_a, top_b, strict=True)]

    def _messages(self, prompt: Prompt) -> tuple[Message, ...]:
        messages = conversation(prompt.text, prompt.system)
        return self.found.put_into(messages) if isinstance(self.found, Wording) else messages


class _Tops:
    """Looks at scores of tokens, some at a time, and keeps what either model finds likeliest."""

    def __init__(self) -> None:
        self._parts: tuple[list[Any], list[Any]] = ([], [])

    def __call__(self, rows: slice, scores_a: Any, scores_b: Any) -> None:
        for parts, scores in zip(self._parts, (scores_a, scores_b), strict=True):
            parts.append(scores.argmax(-1).cpu().numpy())

    def of_texts(self, lengths: Sequence[int]) -> tuple[list[Any], list[Any]]:
        ends = np.cumsum(lengths)[:-1]
        a, b = (np.split(np.concatenate(parts), ends) if parts else [] for parts in self._parts)
        return a, b


def apart(sides: Sides, prompts: Sequence[Prompt], asking: Asking) -> FloatVector:
    """How far two models are apart in their answers to each prompt, float64 (prompts,), in the order of their ids.

    Parameters
    ----------
    sides : the models, under a prompt or none
    prompts : that they answer
    asking : how

    Returns
    -------
    float64 (prompts,)
        the mean of both directions of the divergence of whole answers, in nats, each from the answers of its own model
    """
    ids = [prompt.prompt_id for prompt in prompts for _ in range(asking.draws)]
    return by_prompt(apart_by_answer(sides, prompts, asking), ids)


def apart_by_answer(sides: Sides, prompts: Sequence[Prompt], asking: Asking) -> FloatVector:
    """The same of each draw, float64 (prompts × draws,), from an answer of either model.

    Parameters
    ----------
    sides, prompts, asking : as for `apart`
    """
    both = [kl_of([one.divergences for one in sides.answers(side, prompts, asking)], side) for side in (0, 1)]
    found: FloatVector = (both[0] + both[1]) / 2
    return found


def kl_by_prompt(traced: Sequence[Traced], side: int) -> FloatVector:
    """The divergence of whole answers by prompt, float64 (prompts,), in the order of their ids.

    Parameters
    ----------
    traced : answers of one model
    side : whose: 0 for the first
    """
    sums = kl_of([one.divergences for one in traced], side)
    return by_prompt(sums, [one.said.prompt.prompt_id for one in traced])


def kl_of(divergences: Sequence[Divergences], side: int) -> FloatVector:
    """Of each answer of one model, the sum over its tokens of the exact divergence of the other in the next token.

    Parameters
    ----------
    divergences : of each answer
    side : whose answers they are: 0 for the first model

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
    return np.array([(one.kl_ba if side else one.kl_ab).sum() for one in divergences])
