"""Lens ``phrases``: word n-grams (1 to 4) that one arm uses in more responses, chosen on the discovery half."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import sparse

from diptych._types import FloatMatrix, FloatVector, Span
from diptych.comparison.lenses.surface import WORD
from diptych.comparison.measures import Discovery, Measure, Tools, find_spans
from diptych.data import Response
from diptych.utils.names import slug

MAX_WORDS = 4
MAX_PHRASES = 100
MIN_RESPONSES = 5
"""A phrase in fewer discovery responses is not proposed: its test could hardly pass."""
MIN_SCORE = 1.0
"""Log-odds in standard errors below which a phrase is not proposed: fewer hypotheses, more power for the others."""
MAX_OVERLAP = 0.8
"""Of two phrases that occur in nearly the same responses (Jaccard), the weaker is not proposed."""

_BREAK = re.compile(r"[.!?:;\n()\[\]{}|\"“”*#`]")


class PhrasesLens:
    """Proposes phrases by log-odds with an informative Dirichlet prior (Monroe, Colaresi & Quinn 2008, eq. 16, 22)."""

    def propose(self, discovery: Discovery, tools: Tools) -> PhrasesProposal:
        phrases, matrix = _phrase_matrix([row.response for row in discovery])
        if not phrases:
            return PhrasesProposal(())
        is_b = np.array(discovery.is_b)
        scores = log_odds(
            np.asarray(matrix[~is_b].sum(axis=0)).ravel(), np.asarray(matrix[is_b].sum(axis=0)).ravel()
        )
        return PhrasesProposal(tuple(phrases[j] for j in _choose(phrases, matrix, np.abs(scores))))


class PhrasesProposal:
    """For each phrase: does a response contain it, as whole words, in any case?"""

    def __init__(self, phrases: tuple[str, ...]) -> None:
        self._phrases = phrases
        self.measures = tuple(_as_measure(number, phrase) for number, phrase in enumerate(phrases, start=1))
        self._of = {measure.id: phrase for measure, phrase in zip(self.measures, phrases, strict=True)}

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        columns = {phrase: j for j, phrase in enumerate(self._phrases)}
        values = np.zeros((len(responses), len(self._phrases)))
        for i, row in enumerate(responses):
            for phrase, _ in n_grams(row.response):
                if phrase in columns:
                    values[i, columns[phrase]] = 1.0
        return values

    def evidence(self, measure: Measure, text: str) -> list[Span]:
        wanted = self._of[measure.id]
        return find_spans(span for phrase, span in n_grams(text) if phrase == wanted)


def n_grams(text: str, max_words: int = MAX_WORDS) -> Iterator[tuple[str, Span]]:
    """Every run of 1 to ``max_words`` words that no sentence end, line end or bracket breaks, with its place.

    Examples
    --------
    >>> [phrase for phrase, _ in n_grams("Hope this helps! Bye")]
    ['hope', 'hope this', 'hope this helps', 'this', 'this helps', 'helps', 'bye']
    """
    begin = 0
    for end in [match.start() for match in _BREAK.finditer(text)] + [len(text)]:
        words = [(match[0].lower(), match.start(), match.end()) for match in WORD.finditer(text, begin, end)]
        for first, (_, start, _) in enumerate(words):
            for last in range(first, min(first + max_words, len(words))):
                yield " ".join(word for word, _, _ in words[first : last + 1]), (start, words[last][2])
        begin = end


def log_odds(count_a: FloatVector, count_b: FloatVector) -> FloatVector:
    """Log-odds ratio of each phrase, b against a, in standard errors; positive where b uses it more.

    Parameters
    ----------
    count_a, count_b : (m,), responses of each arm that contain the phrase

    Notes
    -----
    Monroe, Colaresi & Quinn (2008), "Fightin' Words", eq. 16 and 22, with the pooled counts as prior, scaled to a
    mean of one response per phrase.
    """
    pooled = count_a + count_b
    prior = pooled / pooled.sum() * len(pooled)
    total = prior.sum()

    def odds(count: FloatVector) -> FloatVector:
        return np.log((count + prior) / (count.sum() + total - count - prior))

    variance = 1.0 / (count_a + prior) + 1.0 / (count_b + prior)
    return np.asarray((odds(count_b) - odds(count_a)) / np.sqrt(variance))


def _as_measure(number: int, phrase: str) -> Measure:
    return Measure(
        id=f"phrases.{number:03d}_{slug(phrase, max_length=40)}",
        lens="phrases",
        more=f"says “{phrase}” in more responses",
        fewer=f"says “{phrase}” in fewer responses",
        unit="share of responses",
        kind="indicator",
        definition={"phrase": phrase},
    )


def _phrase_matrix(texts: Sequence[str]) -> tuple[list[str], sparse.csr_array]:
    """Phrases in enough texts but not in all, sorted, and which text contains which."""
    counts: dict[str, int] = {}
    sets = [{phrase for phrase, _ in n_grams(text)} for text in texts]
    for phrases in sets:
        for phrase in phrases:
            counts[phrase] = counts.get(phrase, 0) + 1
    kept = sorted(phrase for phrase, count in counts.items() if MIN_RESPONSES <= count < len(texts))
    column = {phrase: j for j, phrase in enumerate(kept)}
    rows = [[column[phrase] for phrase in phrases if phrase in column] for phrases in sets]
    indptr = np.cumsum([0, *map(len, rows)])
    indices = np.array([j for row in rows for j in sorted(row)], dtype=np.int64)
    return kept, sparse.csr_array((np.ones(len(indices)), indices, indptr), shape=(len(texts), len(kept)))


def _choose(phrases: Sequence[str], matrix: sparse.csr_array, scores: FloatVector) -> list[int]:
    """The strongest phrases, without those that occur in nearly the same responses as a stronger or longer one."""
    words = [phrase.count(" ") for phrase in phrases]
    order = sorted(range(len(phrases)), key=lambda j: (-round(float(scores[j]), 9), -words[j], phrases[j]))
    columns = matrix.tocsc()
    chosen: list[int] = []
    sets: list[frozenset[int]] = []
    for j in order:
        if len(chosen) == MAX_PHRASES or scores[j] < MIN_SCORE:
            break
        texts = frozenset(columns.indices[columns.indptr[j] : columns.indptr[j + 1]].tolist())
        if all(len(texts & other) < MAX_OVERLAP * len(texts | other) for other in sets):
            chosen.append(j)
            sets.append(texts)
    return chosen
