"""Catalogues of system messages: personas, framings, and whatever else a model may be asked under."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from diptych.errors import ConfigError, DataError
from diptych.utils.files import reading
from diptych.utils.names import check_name

PLACEHOLDER = "<X>"
"""In a message, stands for the task that the model is told it does."""
_BUILT_IN = "personas.json"


@dataclass(frozen=True, slots=True)
class Persona:
    """A system message under its name.

    Parameters
    ----------
    section : of the catalogue; what stands in one section is compared
    label : its name there
    message : sent as the system prompt
    """

    section: str
    label: str
    message: str


@dataclass(frozen=True)
class Catalogue:
    """System messages by section and label.

    Parameters
    ----------
    personas : in the order of the file
    source : the file

    Examples
    --------
    >>> catalogue = Catalogue.parse({"tone": {"curt": "Be curt.", "warm": "While you <X>, be warm."}})
    >>> [persona.message for persona in catalogue.choose(["tone"], task="judge texts").personas]
    ['Be curt.', 'While you judge texts, be warm.']
    """

    personas: tuple[Persona, ...]
    source: str

    @classmethod
    def load(cls, path: str | Path | None = None) -> Catalogue:
        """The catalogue of a JSON file, ``{section: {label: message}}``, or the built-in one.

        Parameters
        ----------
        path : the file; None for personas and framings of awareness of our own

        Raises
        ------
        DataError
            If it cannot be read, a name stands twice, or a message is missing or blank; says where.
        """
        if path is None:
            text, source = files("diptych.data").joinpath(_BUILT_IN).read_text(encoding="utf-8"), "built-in catalogue"
        else:
            source = str(path)
            try:
                with reading(path, "catalogue"):
                    text = Path(path).read_text(encoding="utf-8-sig")
            except UnicodeDecodeError as error:
                raise DataError(f"{path}: not UTF-8 text: {error}") from error
        try:
            values = json.loads(text, object_pairs_hook=_each_once)
        except json.JSONDecodeError as error:
            raise DataError(f"{source}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from error
        except (ValueError, RecursionError) as error:
            raise DataError(f"{source}: {error}") from error
        return cls.parse(values, source=source)

    @classmethod
    def parse(cls, values: Any, *, source: str = "catalogue") -> Catalogue:
        """The catalogue of an object ``{section: {label: message}}``.

        Parameters
        ----------
        values : the object
        source : what to call it in messages

        Raises
        ------
        DataError
            If a section is empty or no object, or a label or message is missing or blank; says where.
        """
        sections = _object(values, source, 'sections such as {"personas": {"assistant": "You are …"}}')
        personas = []
        for section, labels in sections.items():
            place = f"{source}: section {section!r}"
            for label, message in _object(labels, place, "labels and their messages").items():
                if not label.strip():
                    raise DataError(f"{place}: a label is blank; give it a name")
                if not isinstance(message, str) or not message.strip():
                    said = "blank" if isinstance(message, str) else f"{message!r:.40}"
                    raise DataError(f"{place}, label {label!r}: the system message is {said}; give its text")
                personas.append(Persona(section, label, message))
        return cls(tuple(personas), source)

    @property
    def sections(self) -> tuple[str, ...]:
        """In the order of the file."""
        return tuple(dict.fromkeys(persona.section for persona in self.personas))

    def choose(self, sections: Sequence[str] = (), *, task: str = "") -> Catalogue:
        """Some sections, with the task filled in wherever a message has ``<X>``.

        Parameters
        ----------
        sections : their names; none for all
        task : what the model is told that it does, such as ``"judge whether a text is appropriate"``

        Raises
        ------
        ConfigError
            If there is no such section; names the near ones. If a message needs a task and there is none.
        """
        for name in sections:
            check_name(f"section of {self.source}", name, self.sections)
        chosen = [persona for persona in self.personas if not sections or persona.section in sections]
        needs = next((persona for persona in chosen if PLACEHOLDER in persona.message and not task.strip()), None)
        if needs is not None:
            raise ConfigError(
                f"{self.source}: section {needs.section!r}, label {needs.label!r}: its message has {PLACEHOLDER}, and "
                "no task is given to stand there. Give --task."
            )
        filled = (Persona(p.section, p.label, p.message.replace(PLACEHOLDER, task)) for p in chosen)
        return Catalogue(tuple(filled), self.source)


def distinct_labels(personas: Sequence[Persona]) -> list[str]:
    """The label of each persona; with its section before it where another section has the same label.

    Parameters
    ----------
    personas : of one or more sections

    Examples
    --------
    >>> distinct_labels([Persona("moods", "glad", "…"), Persona("roles", "glad", "…"), Persona("roles", "cook", "…")])
    ['moods: glad', 'roles: glad', 'cook']
    """
    labels = [persona.label for persona in personas]
    return [one.label if labels.count(one.label) == 1 else f"{one.section}: {one.label}" for one in personas]


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {name!r} stands twice in one object; keep one")
        found[name] = value
    return found


def _object(value: Any, place: str, expected: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not value:
        said = "empty" if isinstance(value, dict) else f"a {type(value).__name__}"
        raise DataError(f"{place} is {said}; expected {expected}")
    return value
