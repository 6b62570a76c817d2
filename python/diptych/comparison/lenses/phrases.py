"""Lens ``phrases``: word n-grams (1 to 4) that one arm uses in more responses, chosen on one half of the prompts."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from scipy import sparse

from diptych._types import FloatMatrix, FloatVector, Span
from diptych.comparison.lenses.surface import WORD
from diptych.comparison.measures import Discovery, Half, Measure, Tools, find_spans
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

    blinded: ClassVar[Literal[False]] = False

    def __init__(self) -> None:
        self._words = Words()

    def propose(self, discovery: Discovery, tools: Tools) -> PhrasesProposal:
        phrases, matrix = frequent_phrases([self._words[row.response] for row in discovery])
        if not phrases:
            return PhrasesProposal((), discovery.half, self._words)
        is_b = np.array(discovery.is_b)
        count_a, count_b = (np.asarray(matrix[rows].sum(axis=0), dtype=np.float64) for rows in (~is_b, is_b))
        scores = np.where(count_a + count_b < len(discovery), log_odds(count_a, count_b), 0.0)
        chosen = _choose(phrases, matrix, np.abs(scores))
        return PhrasesProposal(tuple(phrases[j] for j in chosen), discovery.half, self._words)


class PhrasesProposal:
    """For each phrase: does a response contain it, as whole words, in any case?"""

    def __init__(self, phrases: tuple[str, ...], half: Half, words: Words | None = None) -> None:
        self._words = Words() if words is None else words
        self.measures = tuple(_as_measure(half, number, phrase) for number, phrase in enumerate(phrases, start=1))
        self._phrases = [tuple(phrase.split(" ")) for phrase in phrases]

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        starting_with: dict[str, list[tuple[int, tuple[str, ...]]]] = {}
        for column, words in enumerate(self._phrases):
            starting_with.setdefault(words[0], []).append((column, words))
        values = np.zeros((len(responses), len(self._phrases)))
        for i, row in enumerate(responses):
            for run in self._words[row.response]:
                for start, word in enumerate(run):
                    for column, words in starting_with.get(word, ()):
                        if run[start : start + len(words)] == words:
                            values[i, column] = 1.0
        return values

    def evidence(self, measure: Measure, text: str) -> list[Span]:
        words = tuple(measure.definition["phrase"].split(" "))
        return find_spans(
            (run.spans[start][0], run.spans[start + len(words) - 1][1])
            for run in runs_of_words(text)
            for start in range(len(run.words) - len(words) + 1)
            if run.words[start : start + len(words)] == words
        )


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive lower-case words that no sentence end, line end or bracket breaks, and the place of each."""

    words: tuple[str, ...]
    spans: tuple[Span, ...]


def runs_of_words(text: str) -> Iterator[Run]:
    """The runs of a text, in order.

    Examples
    --------
    >>> [run.words for run in runs_of_words("Hope this helps! Bye")]
    [('hope', 'this', 'helps'), ('bye',)]
    """
    begin = 0
    for end in [match.start() for match in _BREAK.finditer(text)] + [len(text)]:
        matches = list(WORD.finditer(text, begin, end))
        if matches:
            yield Run(tuple(match[0].lower() for match in matches), tuple(match.span() for match in matches))
        begin = end


class Words(dict[str, tuple[tuple[str, ...], ...]]):
    """The runs of words of each text, taken apart when they are first asked for."""

    def __missing__(self, text: str) -> tuple[tuple[str, ...], ...]:
        runs = tuple(tuple(sys.intern(word) for word in run.words) for run in runs_of_words(text))
        self[text] = runs
        return runs


def frequent_phrases(runs: Sequence[Sequence[tuple[str, ...]]]) -> tuple[list[str], sparse.csr_array]:
    """Phrases of 1 to 4 words that occur in enough texts.

    Parameters
    ----------
    runs : the runs of words of n texts

    Returns
    -------
    phrases : m phrases, sorted
    matrix : float64 (n, m), 1 where the text contains the phrase

    Notes
    -----
    Level by level (Agrawal & Srikant 1994): a phrase can only be frequent if it is when its last word is left off, so
    longer ones are looked for only where a frequent shorter one stands.
    """
    # level[t][r][i] is the phrase of the present length that begins at word i of run r of text t, or None
    level: list[list[list[str | None]]] = [[[""] * len(run) for run in text] for text in runs]
    found: dict[str, list[int]] = {}
    for n_words in range(1, MAX_WORDS + 1):
        level = [
            [
                [None if head is None or i + n_words > len(run) else f"{head} {run[i + n_words - 1]}"
                 for i, head in enumerate(heads)]
                for heads, run in zip(text_level, text, strict=True)
            ]
            for text_level, text in zip(level, runs, strict=True)
        ]  # fmt: skip
        where: dict[str, list[int]] = {}
        for t, text_level in enumerate(level):
            for phrase in {phrase for heads in text_level for phrase in heads if phrase is not None}:
                where.setdefault(phrase, []).append(t)
        frequent = {phrase: ts for phrase, ts in where.items() if len(ts) >= MIN_RESPONSES}
        level = [[[p if p in frequent else None for p in heads] for heads in text_level] for text_level in level]
        found.update((phrase[1:], ts) for phrase, ts in frequent.items())
    phrases = sorted(found)
    indices = np.array([t for phrase in phrases for t in found[phrase]], dtype=np.int64)
    indptr = np.cumsum([0, *(len(found[phrase]) for phrase in phrases)])
    by_phrase = sparse.csc_array((np.ones(len(indices)), indices, indptr), shape=(len(runs), len(phrases)))
    return phrases, by_phrase.tocsr()


def log_odds(count_a: FloatVector, count_b: FloatVector) -> FloatVector:
    """Log-odds ratio of each phrase, b against a, in standard errors; positive where b uses it more.

    Parameters
    ----------
    count_a, count_b : (m,), responses of each arm that contain the phrase

    Notes
    -----
    Monroe, Colaresi & Quinn (2008), "Fightin' Words", eq. 16 and 22, with the pooled counts as prior, scaled to a
    mean of one response per phrase. An arm's odds are against all its phrases, so that one that merely writes more does
    not seem to favour every phrase.

    Examples
    --------
    >>> log_odds(np.array([9.0, 1.0]), np.array([1.0, 9.0])).round(1).tolist()
    [-4.2, 4.2]
    """
    pooled = count_a + count_b
    prior = pooled / pooled.mean()
    total = prior.sum()

    def odds(count: FloatVector) -> FloatVector:
        others = np.maximum(count.sum() + total - count - prior, 1.0)  # none where there is but one phrase
        return np.asarray(np.log((count + prior) / others))

    variance = 1.0 / (count_a + prior) + 1.0 / (count_b + prior)
    return np.asarray((odds(count_b) - odds(count_a)) / np.sqrt(variance))


def _as_measure(half: Half, number: int, phrase: str) -> Measure:
    return Measure(
        id=f"phrases.{half}_{number:03d}_{slug(phrase, max_length=40)}",
        lens="phrases",
        more=f"says “{phrase}” in more responses",
        fewer=f"says “{phrase}” in fewer responses",
        unit="share of responses",
        kind="indicator",
        definition={"phrase": phrase},
    )


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
