"""The values of one record, checked."""

from __future__ import annotations

import json
from typing import Any

from diptych._types import Json
from diptych.data.fields import no_field
from diptych.data.records import Records


def text_of(records: Records, index: int, name: str) -> str:
    """The text of a field that must be there.

    Raises
    ------
    RecordError
        If it is missing, no text, or holds half of a surrogate pair.
    """
    row = records.rows[index]
    if name not in row:
        raise records.error(index, no_field(name, row))
    value = row[name]
    if not isinstance(value, str):
        remedy = "remove the row or give its text" if value is None else "give one text per row"
        raise records.error(index, f"field {name!r} is {kind_of(value)}, expected text; {remedy}", name)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        where = f"at character {error.start}"
        raise records.error(index, f"field {name!r} holds half of a surrogate pair {where}", name) from error
    return value


def optional_text(records: Records, index: int, name: str | None) -> str | None:
    """The text of a field that may be missing or null."""
    if name is None or records.rows[index].get(name) is None:
        return None
    return text_of(records, index, name)


def other_fields(records: Records, index: int, used: frozenset[str]) -> Json:
    """What no column holds, as JSON values: what is not one (a date, a decimal) becomes text."""
    other = {key: value for key, value in records.rows[index].items() if key not in used}
    for name, value in other.items():
        try:
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except UnicodeEncodeError as error:
            raise records.error(
                index, f"field {name!r} holds half of a surrogate pair; mend or remove it", name
            ) from error
        except ValueError as error:
            raise records.error(
                index, f"field {name!r} holds NaN or an infinity; remove it, or give null", name
            ) from error
        except TypeError:
            other[name] = json.loads(json.dumps(value, default=str))
    return other


def identifier(records: Records, index: int, name: str | None) -> str:
    """An id as text; empty where there is no such field."""
    if name is None:
        return ""
    value = records.rows[index].get(name)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise records.error(index, f"field {name!r} is {kind_of(value)}, expected text or a whole number", name)
    return str(value) if isinstance(value, int) else text_of(records, index, name)


def kind_of(value: Any) -> str:
    """A value in words, for messages."""
    names = {type(None): "null", bool: "true/false", list: "a list", dict: "an object"}
    shown = f"{value!r:.40}" if isinstance(value, str | int | float) else type(value).__name__
    return names.get(type(value), shown)
