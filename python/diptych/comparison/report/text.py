"""Model text on its way to the page: cut at the evidence, unprintable characters made visible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diptych.utils.text import printable


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a response, and whether it shows the measure."""

    text: str
    is_marked: bool


def visible(text: str) -> str:
    r"""The text with line ends as ``\n`` and control, direction and invisible characters written out.

    Examples
    --------
    >>> visible("one\r\ntwo\x00")
    'one\ntwo\\x00'
    """
    return printable(text.replace("\r\n", "\n"))


def pieces(text: str, spans: Sequence[Sequence[int]]) -> tuple[Piece, ...]:
    """The raw text, cut at its spans; spans that are empty, overlap or lie outside are ignored.

    Parameters
    ----------
    text : as the model wrote it
    spans : (start, end) in characters of ``text``

    Examples
    --------
    >>> [(piece.text, piece.is_marked) for piece in pieces("I hope so.", [(2, 6)])]
    [('I ', False), ('hope', True), (' so.', False)]
    """
    cut: list[Piece] = []
    done = 0
    for start, end in spans:
        if done <= start < end <= len(text):
            cut += [Piece(visible(text[done:start]), False), Piece(visible(text[start:end]), True)]
            done = end
    cut.append(Piece(visible(text[done:]), False))
    return tuple(piece for piece in cut if piece.text)
