"""Texts that say the same over again."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NEAR = 0.8
"""Two texts are near duplicates from this share of common pairs of words on (Jaccard)."""


class Novelty:
    """Remembers texts, and tells which are new.

    Two texts are the same if they have the same words, or share at least 80 % of their pairs of neighbouring words,
    case and punctuation aside.

    Examples
    --------
    >>> seen = Novelty()
    >>> [seen.is_new(text) for text in ("I like tea.", "I LIKE tea!", "I like coffee.")]
    [True, False, True]
    """

    def __init__(self) -> None:
        self._seen: list[frozenset[tuple[str, ...]]] = []

    def is_new(self, text: str) -> bool:
        """Whether no text before was the same; from now on this one was.

        Parameters
        ----------
        text : any
        """
        pairs = _pairs(text)
        if any(_share(pairs, other) >= _NEAR for other in self._seen):
            return False
        self._seen.append(pairs)
        return True


def _pairs(text: str) -> frozenset[tuple[str, ...]]:
    words: Sequence[str] = re.findall(r"\w+", text.casefold()) or [text]
    return frozenset(zip(("", *words), (*words, ""), strict=True))


def _share(a: frozenset[tuple[str, ...]], b: frozenset[tuple[str, ...]]) -> float:
    return len(a & b) / len(a | b)
