"""Conversations into tokens: by the model's chat template, or as they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from diptych.errors import ConfigError, DataError
from diptych.models.requests import Message

HOLE = "\ue002"
"""Stands in a message where something is put in that is not text."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model reads.

    Parameters
    ----------
    text : with the template's marks
    tokens : their numbers
    hole : number of the first of those in whose place the vectors of a soft prompt stand, where there is one
    """

    text: str
    tokens: tuple[int, ...]
    hole: int = 0


def check_template(tokenizer: Any, name: str, *, raw: bool) -> None:
    """Refuse to chat with a model that was not made for it.

    Parameters
    ----------
    tokenizer : of the model
    name : of the model
    raw : whether prompts are texts to go on with

    Raises
    ------
    ConfigError
        If it has no chat template.
    """
    if not raw and not tokenizer.chat_template:
        raise ConfigError(
            f"{name} has no chat template: it goes on with a text and answers no questions. "
            "Give --model-arg raw=true to let it go on with each prompt as it is, or ask its chat model."
        )


def render(tokenizer: Any, messages: Sequence[Message], *, raw: bool) -> Prompt:
    """A conversation as the model reads it, up to where its answer begins.

    Marks of the template that stand inside a message are read as plain text: nobody can end a turn from within one.

    Parameters
    ----------
    tokenizer : of the model
    messages : the conversation
    raw : leave the template out; messages follow each other after an empty line

    Raises
    ------
    DataError
        If the template does not take such a conversation.
    """
    if raw:
        text = "\n\n".join(message.content for message in messages)
        return Prompt(text, tuple(_tokens(tokenizer, text, plain=True, first=True)))
    text = _apply(tokenizer, messages)
    if _is_plain(tokenizer, messages):
        return Prompt(text, tuple(_tokens(tokenizer, text, plain=False)))
    pieces = [_tokens(tokenizer, piece, plain=plain) for piece, plain in _pieces(tokenizer, messages, text)]
    return Prompt(text, tuple(token for piece in pieces for token in piece))


@dataclass(frozen=True, slots=True)
class Around:
    """What a model reads before and after a hole.

    Parameters
    ----------
    before, after : tokens; either may be empty
    """

    before: tuple[int, ...]
    after: tuple[int, ...]


def render_around(tokenizer: Any, messages: Sequence[Message], *, raw: bool) -> Around:
    """A conversation with one `HOLE` as the model reads it, on both sides of the hole.

    Parameters
    ----------
    tokenizer : of the model
    messages : the conversation; one of them holds `HOLE`, once
    raw : leave the template out; messages follow each other after an empty line

    Raises
    ------
    DataError
        If the template does not take such a conversation, or there is not one hole.
    """
    n_holes = sum(message.content.count(HOLE) for message in messages)
    if n_holes != 1:
        raise DataError(f"the conversation has {n_holes} places for a soft prompt; it should have 1")
    if raw:
        before, after = "\n\n".join(message.content for message in messages).split(HOLE)
        return Around(
            tuple(_tokens(tokenizer, before, plain=True, first=True)), tuple(_tokens(tokenizer, after, plain=True))
        )
    text = _apply(tokenizer, messages)
    if text.count(HOLE) != 1:
        raise DataError(f"the chat template shows the place of the soft prompt {text.count(HOLE)} times, not once")
    pieces = [(text, False)] if _is_plain(tokenizer, messages) else _pieces(tokenizer, messages, text)
    sides: tuple[list[int], list[int]] = ([], [])
    side = 0
    for piece, plain in pieces:
        for number, part in enumerate(piece.split(HOLE)):
            side += number
            sides[side].extend(_tokens(tokenizer, part, plain=plain))
    return Around(tuple(sides[0]), tuple(sides[1]))


def continuation(tokenizer: Any, text: str) -> tuple[int, ...]:
    """Tokens of a text that follows a prompt; marks in it are plain text.

    Parameters
    ----------
    tokenizer : of the model
    text : what follows
    """
    return tuple(_tokens(tokenizer, text, plain=True))


def pieces(tokenizer: Any, tokens: Sequence[int]) -> tuple[str, ...]:
    """Each token as text; together they are the text. Of a character in several tokens the last gets it.

    Parameters
    ----------
    tokenizer : of transformers
    tokens : of a text
    """
    found: list[str] = []
    start = 0  # of the tokens that make a whole character together
    for end in range(1, len(tokens) + 1):
        before = tokenizer.decode(tokens[max(0, start - 1) : start]) if start else ""
        text = tokenizer.decode(tokens[max(0, start - 1) : end])[len(before) :]
        if text.endswith("\ufffd") and end < len(tokens):
            found.append("")
            continue
        found.append(text)
        start = end
    return tuple(found)


def _apply(tokenizer: Any, messages: Sequence[Message]) -> str:
    from jinja2 import TemplateError

    turns = [{"role": message.role, "content": message.content} for message in messages]
    try:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    except TemplateError as error:
        raise DataError(f"the chat template does not take this conversation: {error}") from None


def _is_plain(tokenizer: Any, messages: Sequence[Message]) -> bool:
    """Whether no message holds a mark of the template."""
    marks = [mark for mark in tokenizer.get_added_vocab() if mark]
    return not any(mark in message.content for message in messages for mark in marks)


def _pieces(tokenizer: Any, messages: Sequence[Message], text: str) -> list[tuple[str, bool]]:
    """The template's parts, and the messages', which are plain text: it is filled with place-holders first."""
    holders = [f"\ue000{number}\ue001" for number in range(len(messages))]
    form = _apply(tokenizer, [Message(m.role, holder) for m, holder in zip(messages, holders, strict=True)])
    for contents in ([m.content for m in messages], [m.content.strip() for m in messages]):
        inside = dict(zip(holders, contents, strict=True))
        parts = re.split("(\ue000\\d+\ue001)", form)
        if "".join(inside.get(part, part) for part in parts) == text:
            return [(inside.get(part, part), part in inside) for part in parts]
    raise DataError("a message holds marks of the chat template, which also rewrites it")


def _tokens(tokenizer: Any, text: str, *, plain: bool, first: bool = False) -> list[int]:
    if not text and not first:
        return []
    encoded = tokenizer(text, add_special_tokens=first, split_special_tokens=plain)
    return list(encoded["input_ids"])
