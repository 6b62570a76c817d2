"""Answers with a form: a pydantic model goes in, checked objects come out, whatever the provider promised."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from diptych._types import Json
from diptych.errors import ConfigError
from diptych.models.requests import Answer, Failure

M = TypeVar("M", bound=BaseModel)

_MAX_CHARACTERS = 200_000
_MAX_STARTS = 200
"""Places at which a value is looked for: an answer of opening braces would otherwise take for ever."""
_KEPT = {"$defs", "$ref", "anyOf", "const", "description", "enum", "items", "properties", "type"}


def strict_schema(form: type[BaseModel]) -> Json:
    """The JSON schema of a form, in the subset that all providers obey.

    Every field is required (one that may be missing is one that may be null), no others are allowed, and limits of
    numbers and lengths are left out: they are checked when the answer is read.

    Parameters
    ----------
    form : the pydantic model

    Raises
    ------
    ConfigError
        If a field has no fixed form: a mapping with free names, a tuple, or anything at all.

    Examples
    --------
    >>> class Verdict(BaseModel):
    ...     flatters: bool
    >>> strict_schema(Verdict)["required"]
    ['flatters']
    """
    return _strict(form.model_json_schema(), form.__name__)


def _strict(node: Json, place: str) -> Json:
    if "allOf" in node and len(node["allOf"]) == 1:
        node = node["allOf"][0]
    kept = {name: value for name, value in node.items() if name in _KEPT}
    if not kept.keys() & {"type", "$ref", "anyOf", "enum", "const"}:
        raise ConfigError(f"{place}: any value at all fits; providers want a type")
    for name in ("$defs", "properties"):
        if name in kept:
            kept[name] = {key: _strict(value, f"{place}.{key}") for key, value in kept[name].items()}
    if "anyOf" in kept:
        kept["anyOf"] = [_strict(value, place) for value in kept["anyOf"]]
    if kept.get("type") == "array":
        if "items" not in kept or "prefixItems" in node:
            raise ConfigError(f"{place}: providers want lists of one type of item, such as list[str]")
        kept["items"] = _strict(kept["items"], f"{place}[]")
    elif kept.get("type") == "object":
        if "properties" not in kept:
            raise ConfigError(
                f"{place}: providers want fields with names; make it a list of objects with name and value"
            )
        kept["required"], kept["additionalProperties"] = list(kept["properties"]), False
    return kept


def read_object(answer: Answer, form: type[M]) -> M | Failure:
    """The object in an answer, or why there is none. A refusal and an answer that was cut are failures.

    Parameters
    ----------
    answer : to a request with the form's schema; a failure comes back as it is
    form : what it must fit

    Examples
    --------
    >>> from diptych.models.requests import Reply
    >>> class Verdict(BaseModel):
    ...     flatters: bool
    >>> read_object(Reply('{"flatters": true}', "stop"), Verdict)
    Verdict(flatters=True)
    """
    if isinstance(answer, Failure):
        return answer
    if answer.finish_reason != "stop":
        what = {"refusal": "the model refused", "length": "the answer was cut: raise max_tokens"}
        reason = what.get(answer.finish_reason, f"the answer ended by {answer.finish_reason}")
        return Failure("bad_response", reason, answer.n_attempts)
    try:
        return form.model_validate_json(_bare(answer.text))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "the answer"
        reason = f"the answer does not fit {form.__name__}: {place}: {first['type']}"
        return Failure("bad_response", reason, answer.n_attempts)


def _bare(text: str) -> str:
    """What stands inside a fence of Markdown: servers that ignore the schema often answer so."""
    fenced = re.fullmatch(r"\s*```(?:json)?\s*(.*?)\s*```\s*", text, re.DOTALL)
    return fenced[1] if fenced else text


def values_in(text: str) -> Iterator[Any]:
    """What begins at each brace or bracket of an answer, from the first on, whatever a model put around it.

    Parameters
    ----------
    text : of the answer; what is inside a value that was read is not read again

    Examples
    --------
    >>> list(values_in('Sure! {"a": [1]} or {this}, or [2].'))
    [{'a': [1]}, [2]]
    """
    text, decoder, at = text[:_MAX_CHARACTERS], json.JSONDecoder(strict=False), 0
    for _ in range(_MAX_STARTS):
        start = min((place for mark in "{[" if (place := text.find(mark, at)) >= 0), default=-1)
        if start < 0:
            return
        try:
            value, at = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            at = start + 1
        else:
            yield value
