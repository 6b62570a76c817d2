"""Answers of a model on this machine, with or without a soft prompt in the conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diptych.errors import DataError
from diptych.models.local import Job, Limits, Written, write_texts
from diptych.models.providers.hf import HFModel
from diptych.models.requests import Message, Request, Sampling, draw_seed
from diptych.models.sampling import Draw
from diptych.models.soft_prompts import SoftPrompt
from diptych.models.templates import render


@dataclass(frozen=True, slots=True)
class Question:
    """What is answered.

    Parameters
    ----------
    messages : the conversation
    draw : which of several answers
    place : where the prompt stood, for messages
    """

    messages: tuple[Message, ...]
    draw: int = 0
    place: str = ""


def write_answers(
    model: HFModel,
    questions: Sequence[Question],
    *,
    max_tokens: int,
    temperature: float = 1.0,
    seed: int = 0,
    soft: SoftPrompt | None = None,
    side: int = 0,
) -> list[Written]:
    """An answer to each question, drawn from the whole vocabulary.

    Parameters
    ----------
    model : that answers
    questions : what it answers
    max_tokens : longest answer
    temperature : 0 is greedy
    seed : of what is drawn; that of a question does not depend on those beside it
    soft : that stands in each conversation
    side : whose vectors the model reads: 0 for those of the first of the pair

    Raises
    ------
    DataError
        If a conversation with its answer is longer than the model takes, or there is no memory for it alone.
    """
    loaded, sampling = model.load(), Sampling(max_tokens=max_tokens, temperature=temperature, seed=seed)
    jobs = []
    for number, question in enumerate(questions):
        rendering = render if soft is None else soft.render
        read = rendering(loaded.tokenizer, question.messages, raw=model.options.raw)
        n_all, place = len(read.tokens) + max_tokens, question.place or f"prompt {number}"
        if loaded.n_context is not None and n_all > loaded.n_context:
            raise DataError(
                f"{place}: {len(read.tokens):,} tokens, and {max_tokens:,} for the answer; "
                f"{loaded.n_context:,} go into {model.name}"
            )
        if not read.tokens:
            raise DataError(f"{place}: {model.name} reads nothing in it")
        jobs.append(Job(read.tokens, draw_seed(sampling, Request(question.messages, question.draw)), read.hole))
    vectors = None if soft is None else soft.of(side)
    draw, limits = Draw(temperature), Limits(max_tokens)
    written = dict(write_texts(loaded, jobs, draw, limits, batch_size=model.options.batch_size, vectors=vectors))
    found = [written[number] for number in range(len(jobs))]
    kept = [one for one in found if one is not None]
    if len(kept) < len(found):
        raise DataError(f"{questions[found.index(None)].place}: no memory for its answer alone")
    return kept
