"""Words and phrases of two collections: what stands in the one and not in the other, as a table and a cloud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from diptych._types import Json
from diptych.apps.contrastive_decoding.scoring import ScoredText
from diptych.comparison.lenses.log_odds import choose_phrases, log_odds
from diptych.comparison.lenses.phrases import Words, frequent_phrases
from diptych.utils.text import printable

LEAST_TEXTS = 3
"""A phrase in fewer texts is not looked at."""
N_SIZES = 6
_LARGEST = 6.0
"""A phrase whose log-odds are so many standard errors from even has the largest letters."""


@dataclass(frozen=True, slots=True)
class Term:
    """A phrase of one to four words, and where it stands.

    Parameters
    ----------
    phrase : in lower case
    n_a, n_b : texts of each collection that hold it
    log_odds : of b against a, in standard errors; descriptive, for it was chosen for its size
    """

    phrase: str
    n_a: int
    n_b: int
    log_odds: float

    def as_json(self) -> Json:
        """As it stands in ``summary.json``."""
        return {**asdict(self), "log_odds": round(self.log_odds, 4)}


def compare_terms(texts_a: Sequence[str], texts_b: Sequence[str]) -> list[Term]:
    """Phrases in which two collections differ most, at most a hundred, those that lean most to b first.

    Parameters
    ----------
    texts_a, texts_b : the collections

    Examples
    --------
    >>> found = compare_terms(["a red fox"] * 9, ["a grey owl"] * 9)
    >>> [(term.phrase, term.n_a, term.n_b) for term in found]
    [('a grey owl', 0, 9), ('a red fox', 9, 0)]
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    phrases, matrix = frequent_phrases([*texts_a, *texts_b], Words(), least=LEAST_TEXTS)
    kept = [j for j, phrase in enumerate(phrases) if not ENGLISH_STOP_WORDS.issuperset(phrase.split(" "))]
    if not kept:
        return []
    phrases, matrix = [phrases[j] for j in kept], matrix[:, kept]
    is_b = np.arange(len(texts_a) + len(texts_b)) >= len(texts_a)
    n_a, n_b = (np.asarray(matrix[rows].sum(axis=0), dtype=np.float64) for rows in (~is_b, is_b))
    scores = log_odds(n_a, n_b)
    chosen = choose_phrases(phrases, matrix, np.abs(scores))
    terms = [Term(phrases[j], int(n_a[j]), int(n_b[j]), float(scores[j])) for j in chosen]
    return sorted(terms, key=lambda term: (-term.log_odds, term.phrase))


def by_likelier(texts: Sequence[ScoredText]) -> tuple[list[ScoredText], list[ScoredText]]:
    """Texts that a finds likelier, and those that b does; without those that have no token.

    Parameters
    ----------
    texts : scored under both
    """
    sides: tuple[list[ScoredText], list[ScoredText]] = ([], [])
    for one in texts:
        if len(one.divergences):
            sides[int(one.divergences.log_ratio.sum() > 0)].append(one)
    return sides


def cloud(terms: Sequence[Term]) -> list[Json]:
    """The phrases in alphabetical order, each with the class of its size and side, for a page.

    Parameters
    ----------
    terms : of ``compare_terms``

    Examples
    --------
    >>> [word["shade"] for word in cloud([Term("owl", 0, 9, 6.0), Term("fox", 9, 0, -1.5)])]
    ['side-a size-2', 'side-b size-6']
    """
    return [
        {
            "text": printable(term.phrase),
            "shade": f"side-{'b' if term.log_odds > 0 else 'a'} size-{_size(term)}",
            "title": f"in {term.n_a} texts of a, {term.n_b} of b; log-odds {term.log_odds:+.1f} standard errors",
        }
        for term in sorted(terms, key=lambda term: term.phrase)
    ]


def _size(term: Term) -> int:
    return max(1, min(N_SIZES, round(N_SIZES * abs(term.log_odds) / _LARGEST)))
