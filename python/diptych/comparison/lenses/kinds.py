"""Kinds of answers, as measures: named by their words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from diptych._types import Json, Span
from diptych.comparison.measures import Measure, find_spans

REMEMBERED = 10_000
"""A lens remembers the words of so many texts, for comparisons that share them."""


def kind_measure(lens: str, name: str, words: Sequence[str], definition: Json) -> Measure:
    """Whether a response is of a kind.

    Parameters
    ----------
    lens, name : together the id
    words : that set the kind apart, strongest first
    definition : everything needed to compute it again
    """
    label = f"“{', '.join(words)}”" if words else "without words"
    return Measure(
        id=f"{lens}.{name}",
        lens=lens,
        more=f"gives more responses of the kind {label}",
        fewer=f"gives fewer responses of the kind {label}",
        unit="share of responses",
        kind="indicator",
        definition=definition,
    )


def word_spans(words: Sequence[str], text: str) -> list[Span]:
    """Where words stand in a text, whole and in any case.

    Examples
    --------
    >>> word_spans(["red", "pear"], "A red pear, reddish")
    [(2, 5), (6, 10)]
    """
    if not words:
        return []
    pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, words)) + r")\b", re.IGNORECASE)
    return find_spans(match.span() for match in pattern.finditer(text))
