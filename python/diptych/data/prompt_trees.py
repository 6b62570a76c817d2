"""Prompts sorted into an object of JSON, as in BOLD (Dhamala et al., 2021): category, name, list of beginnings."""

from __future__ import annotations

import json
from typing import Any, Final

from diptych._types import Json
from diptych.data.parsing import unique_keys
from diptych.data.records import Records
from diptych.errors import RecordError

LEVELS: Final = ("category", "entity")
"""Fields that a prompt gets of the names it stands under, the outermost first."""


def parse_tree(data: bytes, source: str) -> Records | None:
    """The prompts of one object of lists of texts, or of objects of such lists; None of anything else.

    Parameters
    ----------
    data : of a file
    source : for messages

    Returns
    -------
    Records or None
        with ``prompt`` and ``category``; of two levels also ``entity``

    Raises
    ------
    RecordError
        If a name stands twice in one object, so that what it holds the first time would be lost.

    Examples
    --------
    >>> parse_tree(b'{"Dancers": {"Ann": ["Ann is a ", "Ann was "]}}', "bold.json").rows[1]
    {'prompt': 'Ann was ', 'category': 'Dancers', 'entity': 'Ann'}
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    for depth in (1, 2):
        if _is_tree(value, depth):
            try:
                json.loads(data, object_pairs_hook=unique_keys)
            except ValueError as error:
                raise RecordError(source, 0, 0, str(error)) from error
            rows = _rows(value, depth)
            return Records(rows, source, range(1, len(rows) + 1), "prompt")
    return None


def _is_tree(value: Any, depth: int) -> bool:
    if depth == 0:
        return isinstance(value, list) and bool(value) and all(isinstance(text, str) for text in value)
    return isinstance(value, dict) and bool(value) and all(_is_tree(one, depth - 1) for one in value.values())


def _rows(value: Any, depth: int, names: tuple[str, ...] = ()) -> list[Json]:
    if depth == 0:
        return [{"prompt": text, **dict(zip(LEVELS, names, strict=False))} for text in value]
    return [row for name, one in value.items() for row in _rows(one, depth - 1, (*names, name))]
