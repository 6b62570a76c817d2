"""Groups: prompts that come in families (of a template, a topic, a conversation), each family one unit of the test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from diptych.data import Response, Responses
from diptych.errors import DataError
from diptych.utils.names import did_you_mean
from diptych.utils.text import shorten

_REMEDY = "Give the group of every prompt, or leave out --group-field."


def unit_names(arms: Sequence[Responses], field: str | None) -> dict[str, str]:
    """The unit that each prompt belongs to: its group, or, without a field, the prompt itself.

    Parameters
    ----------
    arms : with ids that name the same prompt in all of them
    field : of the records, text, a number or true/false; equal texts are one group

    Returns
    -------
    dict
        Name of the unit by prompt id

    Raises
    ------
    DataError
        If a record lacks the field, or has something else there, or a prompt is in two groups; names the places.
    """
    if field is None:
        return {row.prompt_id: row.prompt_id for arm in arms for row in arm}
    seen: dict[str, tuple[str, str]] = {}
    for arm in arms:
        if not any(field in row.meta for row in arm):
            raise DataError(f"{arm.source}: no record has a field {field!r}{_found(arm.rows, field)}")
        for row in arm:
            place = f"{arm.source}, {row.place}"
            group = _group(row, field, place)
            other, where = seen.setdefault(row.prompt_id, (group, place))
            if other != group:
                raise DataError(
                    f"prompt {shorten(row.prompt, 50)!r} is in two groups: its {field!r} is {shorten(other, 50)!r} "
                    f"in {where}; {shorten(group, 50)!r} in {place}.\n"
                    "Give all responses to a prompt the same, or name another --group-field."
                )
    return {prompt_id: group for prompt_id, (group, _) in seen.items()}


def group_name(value: str | float) -> str:
    """A group as text: 3, 3.0 and ``"3"`` are one.

    Examples
    --------
    >>> group_name(3), group_name(3.0), group_name("3"), group_name(True)
    ('3', '3', '3', 'true')
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value)


def _group(row: Response, field: str, place: str) -> str:
    if field not in row.meta:
        raise DataError(f"{place}: no field {field!r}{_found([row], field)}")
    value = row.meta[field]
    if value is None or value == "" or (isinstance(value, str) and value.isspace()):
        raise DataError(f"{place}: field {field!r} is {'null' if value is None else 'empty'}.\n{_REMEDY}")
    if not isinstance(value, str | int | float):
        raise DataError(f"{place}: field {field!r} is {_kind(value)}, expected text or a number.\n{_REMEDY}")
    return group_name(value)


def _found(rows: Sequence[Response], field: str) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row.meta))
    found = ", ".join(map(repr, names)) or "none"
    return f", which --group-field names; other fields found: {found}.{did_you_mean(field, names)}\n{_REMEDY}"


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else "an object"
