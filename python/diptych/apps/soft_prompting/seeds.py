"""Texts to tell two models apart by: prompts, and continuations that are scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diptych._types import Json
from diptych.apps.soft_prompting.config import Continuations, TextSettings
from diptych.apps.soft_prompting.writing import Question, write_answers
from diptych.comparison.pairing import limit_prompts
from diptych.comparison.sources import load_arm
from diptych.data.prompts import load_prompts
from diptych.data.responses import prompt_digests
from diptych.errors import DataError
from diptych.models.providers.hf import HFModel
from diptych.models.requests import Message, conversation
from diptych.models.templates import continuation
from diptych.utils.hashing import content_hash, hash_rows

_LEAST = 2
"""Prompts: one to train on, one to look at."""


@dataclass(frozen=True, slots=True)
class Seed:
    """A conversation and a text that follows it.

    Parameters
    ----------
    prompt_id : of the prompt
    messages : the conversation
    tokens : of the text; at least one
    is_held_out : whether it is not trained on
    """

    prompt_id: str
    messages: tuple[Message, ...]
    tokens: tuple[int, ...]
    is_held_out: bool = False


def texts_of(rows: Sequence[Seed]) -> list[str]:
    """Digests of what the user asks last in some conversations, each once: as ids of prompts that come without one.

    Parameters
    ----------
    rows : the conversations
    """
    return sorted(set(prompt_digests([row.messages[-1].content for row in rows])))


@dataclass(frozen=True)
class Seeds:
    """All of them.

    Parameters
    ----------
    rows : in the order of the file
    origin : the file, and what was made of it, for the manifest
    notices : what a reader should know
    """

    rows: tuple[Seed, ...]
    origin: Json
    notices: tuple[str, ...] = ()

    def numbers(self, *, held_out: bool) -> list[int]:
        """Numbers of those that are trained on, or of those that are not.

        Parameters
        ----------
        held_out : which
        """
        return [number for number, row in enumerate(self.rows) if row.is_held_out == held_out]


def gather_seeds(config: TextSettings, a: HFModel, b: HFModel) -> Seeds:
    """Read the file, have continuations written where it gives none, and set some prompts apart.

    Parameters
    ----------
    config : of the training or the search
    a, b : models with one vocabulary

    Raises
    ------
    DataError
        If the file cannot be read, or too few prompts have a text that can be scored.
    """
    if config.continuations == "given":
        rows, origin, said = _given(config, a)
    else:
        rows, origin, said = _written(config, {"a": a, "b": b})
    kept = [row for row in rows if row.tokens]
    ids = sorted({row.prompt_id for row in kept})
    if len(ids) < _LEAST:
        raise DataError(
            f"{config.prompts}: {len(ids)} of {len({row.prompt_id for row in rows})} prompts have a text that can be "
            f"scored; at least {_LEAST} are needed. Give more prompts, with responses that are not empty."
        )
    apart = _chosen(ids, config.held_out, config.seed)
    found = tuple(Seed(row.prompt_id, row.messages, row.tokens, row.prompt_id in apart) for row in kept)
    if len(kept) < len(rows):
        said.append(f"{len(rows) - len(kept)} of {len(rows)} texts are empty and left out")
    origin |= {"n_prompts": len(ids), "n_held_out": len(apart), "n_texts": len(found), "sha256": _digest(found)}
    return Seeds(found, origin, tuple(said))


def writers_of(continuations: Continuations) -> str:
    """Who writes the texts of a prompt, in their order: ``a``, ``b``, or both.

    Parameters
    ----------
    continuations : but ``given``

    Examples
    --------
    >>> writers_of("both"), writers_of("b")
    ('ab', 'b')
    """
    return "ab" if continuations == "both" else continuations


def _given(config: TextSettings, a: HFModel) -> tuple[list[Seed], Json, list[str]]:
    read = load_arm(Path(config.prompts), arm="a", prompt_field=config.prompt_field, response_field=None, threads=1)
    tokenizer = a.load().tokenizer
    wanted, said = _wanted({row.prompt_id: f"{row.system or ''}{row.prompt}" for row in read}, config, tokenizer)
    rows = [
        Seed(
            row.prompt_id,
            conversation(row.prompt, row.system),
            continuation(tokenizer, row.response)[: config.continuation_tokens],
        )
        for row in read
        if row.prompt_id in wanted
    ]
    return rows, {"source": read.source, "continuations": "given"}, said


def _written(config: TextSettings, models: dict[str, HFModel]) -> tuple[list[Seed], Json, list[str]]:
    prompts = load_prompts(Path(config.prompts), prompt_field=config.prompt_field)
    texts = {row.prompt_id: f"{row.system or ''}{row.text}" for row in prompts.rows}
    wanted, said = _wanted(texts, config, models["a"].load().tokenizer)
    asked = [row for row in prompts.rows if row.prompt_id in wanted]
    questions = [Question(conversation(row.text, row.system), place=row.place) for row in asked]
    names = writers_of(config.continuations)
    written = {
        name: write_answers(
            models[name], questions, max_tokens=config.continuation_tokens,
            temperature=config.continuation_temperature, seed=config.seed,
        )
        for name in names
    }  # fmt: skip
    rows = [
        Seed(row.prompt_id, questions[i].messages, written[name][i].tokens)
        for i, row in enumerate(asked)
        for name in names
    ]
    return rows, {"source": prompts.source, "continuations": config.continuations}, [*prompts.notices, *said]


def _wanted(texts: Mapping[str, str], config: TextSettings, tokenizer: Any) -> tuple[set[str], list[str]]:
    """The prompts that are short enough, at most so many of them; and what there is to say about the others."""
    lengths = map(len, tokenizer(list(texts.values()), add_special_tokens=False, verbose=False).input_ids)
    short = {name for name, length in zip(texts, lengths, strict=True) if length <= config.max_prompt_tokens}
    told = f"{len(texts) - len(short)} of {len(texts)} prompts have more than {config.max_prompt_tokens} tokens"
    if len(short) < _LEAST:
        raise DataError(
            f"{config.prompts}: {told}; at least {_LEAST} that are not longer are needed. Raise max_prompt_tokens."
        )
    chosen = limit_prompts(short, config.limit, config.seed, {name: name for name in short})
    return chosen, [] if len(short) == len(texts) else [f"{told} and are left out"]


def _chosen(ids: Sequence[str], share: float, seed: int) -> set[str]:
    """By a seeded hash of their names: at least one, and not all."""
    digests = hash_rows("diptych/soft-prompt/1", [[str(seed)] * len(ids), list(ids)])
    ranked = np.lexsort(digests.T[::-1])
    n = min(max(round(share * len(ids)), 1), len(ids) - 1)
    return {ids[i] for i in ranked[:n]}


def _digest(rows: Sequence[Seed]) -> str:
    told = [
        [row.prompt_id, [[m.role, m.content] for m in row.messages], list(row.tokens), row.is_held_out] for row in rows
    ]
    return content_hash("diptych/soft-prompt-seeds/1", told)
