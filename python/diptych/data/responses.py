"""The table of responses: what every workflow ends in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, overload

from diptych._types import Json
from diptych.data.fields import Fields, recognise
from diptych.data.records import Records
from diptych.data.rejects import BadLine
from diptych.data.values import identifier, kind_of, optional_text, other_fields, text_of
from diptych.errors import DataError
from diptych.utils.hashing import hex_digests
from diptych.utils.text import json_lines, shorten

_LAST_DRAW = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Response:
    """One answer of one arm to one prompt.

    Parameters
    ----------
    prompt_id : the prompt's name, equal in both arms
    prompt : its text
    response : the answer's text
    arm : the side of the comparison that answered
    draw : which of several answers of this arm to this prompt, counted from 0
    system : system prompt, if there was one
    finish_reason : why generation stopped, if known
    meta : every other field of the record, unchanged
    place : where the record stood in its source, for messages
    """

    prompt_id: str
    prompt: str
    response: str
    arm: str
    draw: int = 0
    system: str | None = None
    finish_reason: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    place: str = field(default="", compare=False)

    def as_json(self) -> Json:
        """The record as ``responses.jsonl`` holds it."""
        return {
            "prompt_id": self.prompt_id,
            "prompt": self.prompt,
            "system": self.system,
            "arm": self.arm,
            "draw": self.draw,
            "response": self.response,
            "finish_reason": self.finish_reason,
            "meta": dict(self.meta),
        }


@dataclass(frozen=True)
class Responses(Sequence[Response]):
    """Responses of one arm, or of several.

    Parameters
    ----------
    rows : the responses
    source : the file they came from, or a word for data that was handed in
    model : the model that all records name, if they name one
    has_ids : whether prompt ids were given; else they are digests of the prompts
    notices : what a reader should know about how they were read
    rejects : lines that were left out
    origin : the model, prompts and parameters that they came of, where it is known
    """

    rows: tuple[Response, ...]
    source: str
    model: str | None = None
    has_ids: bool = False
    notices: tuple[str, ...] = ()
    rejects: tuple[BadLine, ...] = ()
    origin: Json | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Response]:
        return iter(self.rows)

    @overload
    def __getitem__(self, index: int) -> Response: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Response, ...]: ...
    def __getitem__(self, index: int | slice) -> Response | tuple[Response, ...]:
        return self.rows[index]

    def with_notices(self, notices: Sequence[str]) -> Responses:
        """The same responses, with more ``notices``."""
        return replace(self, notices=(*self.notices, *notices))

    def by_prompt_text(self) -> Responses:
        """The same responses with ids made from the prompts' text.

        Raises
        ------
        DataError
            If one (prompt, draw) pair then stands twice.
        """
        if not self.has_ids:
            return self
        ids = prompt_digests([row.prompt for row in self.rows])
        rows = tuple(replace(row, prompt_id=prompt_id) for row, prompt_id in zip(self.rows, ids, strict=True))
        _refuse_duplicates(rows, self.source, has_draws=True)
        return replace(self, rows=rows, has_ids=False)

    def to_jsonl(self) -> str:
        """One JSON object a line, in the order of the rows."""
        return json_lines(row.as_json() for row in self.rows)

    @classmethod
    def from_records(
        cls,
        records: Records,
        *,
        arm: str,
        prompt_field: str | None = None,
        response_field: str | None = None,
        keep: Sequence[str] = (),
    ) -> Responses:
        """Build the table of one arm.

        Parameters
        ----------
        records : what was read
        arm : name of the arm
        prompt_field, response_field : field names, where they are not among the usual ones
        keep : fields to have in ``meta`` even where a column holds them too

        Raises
        ------
        DataError
            If there is no prompt or response field; names the fields found.
        RecordError
            If one record lacks a field, or a field is of the wrong type.
        DataError
            If a (prompt, draw) pair stands twice; names both places.

        Examples
        --------
        >>> rows = [{"instruction": "Hi", "output": "Hello."}]
        >>> Responses.from_records(Records(rows, "example", [1], "row"), arm="a")[0].response
        'Hello.'
        """
        if not len(records):
            raise DataError(f"{records.source} has no rows. Give at least one response.")
        fields = recognise(records.rows[0], records.source, prompt=prompt_field, response=response_field)
        rows = [_response(records, index, fields, arm, keep) for index in range(len(records))]
        if fields.prompt_id is None:
            ids = prompt_digests([row.prompt for row in rows])
            rows = [replace(row, prompt_id=prompt_id) for row, prompt_id in zip(rows, ids, strict=True)]
        _refuse_duplicates(rows, records.source, has_draws=fields.draw is not None)
        model = _one_value(records.rows, fields.model)
        return cls(
            tuple(rows),
            records.source,
            model,
            has_ids=fields.prompt_id is not None,
            notices=records.notices,
            rejects=tuple(records.rejects),
        )


def prompt_digests(prompts: Sequence[str]) -> list[str]:
    """The ids of prompts that came without one: 16 hexadecimal digits of each text's digest."""
    return hex_digests("diptych/prompt/1", [prompts], length=16)


def _response(records: Records, index: int, fields: Fields, arm: str, keep: Sequence[str]) -> Response:
    return Response(
        prompt_id=identifier(records, index, fields.prompt_id),
        prompt=text_of(records, index, fields.prompt),
        response=text_of(records, index, fields.response),
        arm=arm,
        draw=_draw(records, index, fields.draw),
        system=optional_text(records, index, fields.system),
        finish_reason=optional_text(records, index, fields.finish_reason),
        meta=MappingProxyType(other_fields(records, index, fields.used.difference(keep))),
        place=records.place(index),
    )


def _draw(records: Records, index: int, name: str | None) -> int:
    if name is None:
        return 0
    value = records.rows[index].get(name)
    if isinstance(value, str) and value.isdecimal() and len(value) <= len(str(_LAST_DRAW)):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LAST_DRAW:
        expected = f"expected a whole number from 0 to {_LAST_DRAW}"
        raise records.error(index, f"field {name!r} is {kind_of(value)}, {expected}", name)
    return value


def _refuse_duplicates(rows: Iterable[Response], source: str, *, has_draws: bool) -> None:
    seen: dict[tuple[str, int], Response] = {}
    for row in rows:
        first = seen.setdefault((row.prompt_id, row.draw), row)
        if first is not row:
            which = f"prompt {shorten(row.prompt, 60)!r}" + (f", draw {row.draw}" if has_draws else "")
            remedy = "Remove one." if has_draws else "Number several answers to one prompt in a field 'draw' (0, 1, …)."
            raise DataError(f"{source}: {which} stands twice, at {first.place} and {row.place}.\n{remedy}")


def _one_value(rows: Sequence[Json], name: str | None) -> str | None:
    if name is None:
        return None
    value = rows[0].get(name)
    same = isinstance(value, str) and all(row.get(name) == value for row in rows)
    return (value or None) if same else None
