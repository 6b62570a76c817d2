"""Text of models on its way into a figure, where plotly would take parts of it for markup or mathematics."""

from __future__ import annotations

import re

from diptych.utils.text import printable, shorten

_ENTITIES = {ord(character): f"&#{ord(character)};" for character in "&<>$"}
"""plotly reads ``<b>``, ``<a href>`` and entities in every label, and a browser with MathJax reads ``$…$``."""
_LINE_WIDTH = 80
_LINE = re.compile(rf"\S.{{0,{_LINE_WIDTH - 1}}}(?=\s|$)|\S{{{_LINE_WIDTH}}}")
_MAX_LENGTH = 480


def label(text: str, max_length: int = 60) -> str:
    """The text on one line, cut with an ellipsis, so that plotly shows every character as it is.

    Parameters
    ----------
    text : of anyone
    max_length : in characters, before they are escaped

    Examples
    --------
    >>> label("<b>$1</b> is less")
    '&#60;b&#62;&#36;1&#60;/b&#62; is less'
    """
    return printable(shorten(text, max_length)).translate(_ENTITIES)


def paragraph(text: str, max_length: int = _MAX_LENGTH) -> str:
    """The text in lines of at most 80 characters, for what a pointer shows.

    Parameters
    ----------
    text : of anyone; its own line ends become spaces
    max_length : in characters, before they are escaped

    Examples
    --------
    >>> paragraph("word " * 20).count("<br>")
    1
    """
    lines = _LINE.findall(printable(shorten(text, max_length)))
    return "<br>".join(line.translate(_ENTITIES) for line in lines)
