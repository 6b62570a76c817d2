"""Which field is which: the names that the ecosystem uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from diptych.errors import DataError
from diptych.utils.names import did_you_mean

PROMPT = ("prompt", "instruction", "question", "input")
RESPONSE = ("response", "output", "completion", "text")
MODEL = ("model", "generator")
PROMPT_ID = ("prompt_id",)
SYSTEM = ("system", "system_prompt")
DRAW = ("draw",)
FINISH_REASON = ("finish_reason", "stop_reason")


@dataclass(frozen=True, slots=True)
class Fields:
    """The field that plays each role in one file; None where it has none."""

    prompt: str
    response: str
    prompt_id: str | None
    system: str | None
    draw: str | None
    finish_reason: str | None
    model: str | None

    @property
    def used(self) -> frozenset[str]:
        """Fields that have a column of their own; all others are kept in ``meta``."""
        names = (self.prompt, self.response, self.prompt_id, self.system, self.draw, self.finish_reason)
        return frozenset(name for name in names if name is not None)


def recognise(found: Iterable[str], source: str, *, prompt: str | None = None, response: str | None = None) -> Fields:
    """Find each role among the fields of a file's first record.

    Parameters
    ----------
    found : the field names
    source : for messages
    prompt, response : names the caller insists on

    Raises
    ------
    DataError
        If there is no prompt or no response: says which fields were found and which flag helps.

    Examples
    --------
    >>> recognise(["instruction", "output", "generator"], "a.json").response
    'output'
    """
    names = list(found)
    return Fields(
        prompt=_require("prompt", names, PROMPT, prompt, source),
        response=_require("response", names, RESPONSE, response, source),
        prompt_id=_first(names, PROMPT_ID),
        system=_first(names, SYSTEM),
        draw=_first(names, DRAW),
        finish_reason=_first(names, FINISH_REASON),
        model=_first(names, MODEL),
    )


def no_field(name: str, row: Mapping[str, object]) -> str:
    """What to say about a record that lacks a field.

    Examples
    --------
    >>> no_field("response", {"reponse": "Hi"})
    "no field 'response'; found 'reponse'. Did you mean 'reponse'?"
    """
    found = ", ".join(map(repr, row)) or "no fields"
    return f"no field {name!r}; found {found}.{did_you_mean(name, row) or ' Add it, or remove the record.'}"


def _first(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    return next((name for name in wanted if name in names), None)


def _require(role: str, names: Sequence[str], wanted: Sequence[str], given: str | None, source: str) -> str:
    found = ", ".join(map(repr, names)) or "no fields"
    if given is not None:
        if given not in names:
            hint = did_you_mean(given, names)
            raise DataError(f"{source}: no field {given!r}, which --{role}-field names; found {found}.{hint}")
        return given
    name = _first(names, wanted)
    if name is None:
        expected = ", ".join(wanted)
        hint = next(filter(None, (did_you_mean(usual, names) for usual in wanted)), "")
        raise DataError(
            f"{source}: no {role} field; found {found}.{hint}\nExpected one of {expected}: or give --{role}-field."
        )
    return name
