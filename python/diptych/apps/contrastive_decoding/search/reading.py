"""Prompts out of what a model answered, whatever it put around them."""

from __future__ import annotations

import re
from typing import Any

from diptych.models.structured import values_in

_NAME = re.compile(r"prompt|response|input|text|question", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")


def read_prompts(text: str) -> tuple[str, ...] | None:
    """The prompts in an answer, in order; None where it holds no JSON that has any.

    It is read from the first object or list that holds texts: ``{"prompts": […]}``, ``{"prompt 1": …, "prompt 2": …}``
    in the order of their numbers, or a list. Fences and sentences around it do no harm.

    Parameters
    ----------
    text : the answer

    Examples
    --------
    >>> read_prompts('Sure! {"prompt 2": "Why {not}?", "prompt 1": "How?"} Anything else?')
    ('How?', 'Why {not}?')
    >>> read_prompts("I would rather not.") is None
    True
    """
    for value in values_in(text):
        found = _texts(value)
        if found:
            return found
    return None


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, dict):
        own = value.get("prompts")
        if isinstance(own, list | dict):
            return _texts(own)
        named = [(name, one) for name, one in value.items() if _NAME.search(name) and isinstance(one, str)]
        return tuple(one for _, one in sorted(named, key=_place))
    if isinstance(value, list):
        return tuple(one for item in value for one in ([item] if isinstance(item, str) else _texts(item)[:1]))
    return ()


def _place(pair: tuple[str, str]) -> float:
    """Where a name puts its text; one without a number stands where it stood, behind the others."""
    number = _NUMBER.search(pair[0])
    return float(number[0][:300]) if number else float("inf")
