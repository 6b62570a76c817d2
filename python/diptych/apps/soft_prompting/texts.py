"""Words as they stand in a conversation, and how a model reads them there."""

from __future__ import annotations

from dataclasses import replace

from diptych.apps.soft_prompting.seeds import Seed
from diptych.apps.soft_prompting.target import Reader
from diptych.models.providers.hf import HFModel
from diptych.models.requests import Message
from diptych.models.soft_prompts import framed
from diptych.models.templates import HOLE, render


def with_words(seed: Seed, place: str, text: str) -> tuple[Message, ...]:
    """A conversation with words at a place.

    Parameters
    ----------
    seed : the conversation
    place : of the words; not ``start``, which no words of a conversation reach
    text : the words

    Examples
    --------
    >>> with_words(Seed("1", (Message("user", "Why?"),), (1,)), "suffix", " Now!")[-1].content
    'Why? Now!'
    """
    *before, last = seed.messages
    return (*before, replace(last, content=framed(place, last.content).replace(HOLE, text)))


def reader(model: HFModel, seed: Seed, place: str) -> Reader:
    """What a model reads, in tokens, when words stand in a conversation.

    Parameters
    ----------
    model : that reads
    seed : the conversation
    place : of the words, but ``start``
    """
    tokenizer, raw = model.load().tokenizer, model.options.raw

    def read(text: str) -> tuple[int, ...]:
        return render(tokenizer, with_words(seed, place, text), raw=raw).tokens

    return read
