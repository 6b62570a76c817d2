"""Markdown in which hostile text stays text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from diptych.utils.text import printable


def as_markdown(rows: Sequence[Sequence[Any]]) -> str:
    """A table in Markdown, in which no text can end a cell, or be taken for a mark.

    Parameters
    ----------
    rows : names of columns first
    """
    lines = ["| " + " | ".join(markdown_cell(value) for value in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]]) + "\n"


def markdown_cell(value: Any) -> str:
    r"""A value on one line, with every mark of Markdown and HTML escaped.

    Examples
    --------
    >>> markdown_cell("a|b *c* <script>"), markdown_cell(0.25), markdown_cell(-0.0), markdown_cell(None)
    ('a\\|b \\*c\\* \\<script\\>', '0.25', '0', '–')
    """
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:z.3g}"
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&-])", r"\\\1", printable(" ".join(str(value).split())))


def markdown_code(text: str) -> str:
    """A text on one line as code, to be copied; a backtick, which would end it, becomes an apostrophe.

    Parameters
    ----------
    text : such as the name of a model

    Examples
    --------
    >>> markdown_code("hf/a-b")
    '`hf/a-b`'
    """
    return f"`{printable(' '.join(text.split())).replace('`', chr(39))}`"
