"""Words as a model reads them in a conversation."""

from __future__ import annotations

from diptych.apps.soft_prompting.found import Wording
from diptych.apps.soft_prompting.seeds import Seed
from diptych.apps.soft_prompting.target import Reader
from diptych.models.providers.hf import HFModel
from diptych.models.templates import render


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
        return render(tokenizer, Wording(text, place).put_into(seed.messages), raw=raw).tokens

    return read
