"""Sentences with slots: ``"I am {90|80} % sure that {place=Oslo|Rome} is large."``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from diptych.errors import DataError

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAMED = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Slot:
    """A place where one of several texts stands.

    Parameters
    ----------
    name : under which the choice is known further on; empty for none
    choices : no two the same; none where the choice was made under that name before
    """

    name: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A text with slots.

    Parameters
    ----------
    parts : plain texts and slots, in order
    """

    parts: tuple[str | Slot, ...]

    @classmethod
    def parse(cls, source: str) -> Template:
        """Read ``{one|other}``, ``{name=one|other}``, and ``{name}`` for what was chosen there; ``{{`` is a brace.

        Parameters
        ----------
        source : the text

        Raises
        ------
        DataError
            If a brace has no partner, or a slot offers one text twice or nothing; says at which character.

        Examples
        --------
        >>> Template.parse("Is {city=Oslo|Rome} large? Is {city} {old|new}?").n_texts
        4
        """
        parts: list[str | Slot] = []
        start = 0
        for token in _TOKEN.finditer(source):
            parts.append(source[start : token.start()])
            parts.append(_part(token, source))
            start = token.end()
        parts.append(source[start:])
        return cls(tuple(part for part in parts if part))

    @property
    def n_texts(self) -> int:
        """How many choices there are, all slots together."""
        return math.prod(len(slot.choices) for slot in self._slots() if slot.choices)

    @property
    def names(self) -> frozenset[str]:
        """Under which choices are made here."""
        return frozenset(slot.name for slot in self._slots() if slot.choices and slot.name)

    @property
    def needs(self) -> frozenset[str]:
        """Names whose choice must have been made elsewhere."""
        return frozenset(slot.name for slot in self._slots() if not slot.choices) - self.names

    def choices(self, number: int) -> dict[str, str]:
        """What stands under each name in one of the texts.

        Parameters
        ----------
        number : from 0 to ``n_texts - 1``

        Examples
        --------
        >>> Template.parse("Is {city=Oslo|Rome} large?").choices(1)
        {'city': 'Rome'}
        """
        return {slot.name: choice for slot, choice in self._chosen(number) if slot.name}

    def text(self, number: int, given: Mapping[str, str]) -> str:
        """One of the texts.

        Parameters
        ----------
        number : from 0 to ``n_texts - 1``
        given : what stands under the names that it ``needs``

        Examples
        --------
        >>> Template.parse("{city} is {old|new}.").text(1, {"city": "Rome"})
        'Rome is new.'
        """
        chosen = self._chosen(number)
        known = {**given, **self.choices(number)}
        return "".join(
            part if isinstance(part, str) else next(chosen)[1] if part.choices else known[part.name]
            for part in self.parts
        )

    def _slots(self) -> Iterator[Slot]:
        return (part for part in self.parts if isinstance(part, Slot))

    def _chosen(self, number: int) -> Iterator[tuple[Slot, str]]:
        for slot in self._slots():
            if slot.choices:
                number, at = divmod(number, len(slot.choices))
                yield slot, slot.choices[at]


def literal(text: str) -> str:
    """The template of a text that has no slots.

    Examples
    --------
    >>> Template.parse(literal("f = {1}")).text(0, {})
    'f = {1}'
    """
    return text.replace("{", "{{").replace("}", "}}")


def _part(token: re.Match[str], source: str) -> str | Slot:
    if token[0] in ("{{", "}}"):
        return token[0][0]
    place = f"character {token.start() + 1} of {source!r:.80}"
    if token[1] is None:
        raise DataError(f"{place}: the brace {token[0]} has no partner; for a plain brace write it twice")
    named = _NAMED.fullmatch(token[1])
    name, inside = (named[1], named[2]) if named else ("", token[1])
    choices = inside.split("|")
    if len(choices) == 1 and not named:
        if not inside.isidentifier():
            raise DataError(f"{place}: {token[0]} is neither a name nor a choice such as {{one|other}}")
        return Slot(inside, ())
    if len(set(choices)) < len(choices):
        raise DataError(f"{place}: {token[0]:.60} offers the same text twice")
    return Slot(name, tuple(choices))
