"""Lens ``phrases``: word n-grams (1 to 4) that one arm uses in more responses, chosen on one half of the prompts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
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


_TOKEN = re.compile(f"{WORD.pattern}|{_BREAK.pattern}")
_END = -1


class PhrasesLens:
    """Proposes phrases by log-odds with an informative Dirichlet prior (Monroe, Colaresi & Quinn 2008, eq. 16, 22)."""

    blinded: ClassVar[Literal[False]] = False

    def __init__(self) -> None:
        self._words = Words()

    def propose(self, discovery: Discovery, tools: Tools) -> PhrasesProposal:
        phrases, matrix = frequent_phrases([row.response for row in discovery], self._words)
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
        self._phrases = [[self._words.numbers[word] for word in phrase.split(" ")] for phrase in phrases]

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        tokens, text_of = self._words.joined([row.response for row in responses])
        values = np.zeros((len(responses), len(self._phrases)))
        for column, (first, *others) in enumerate(self._phrases):
            at = np.flatnonzero(tokens == first)
            for i, number in enumerate(others, start=1):
                at = at[tokens[at + i] == number]
            values[text_of[at], column] = 1.0
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


class Numbers(dict[str, int]):
    """The number of each lower-case word, by the word as it is written; the end of a run has -1.

    Parameters
    ----------
    words : by number
    """

    def __init__(self) -> None:
        self.words: list[str] = []

    def __missing__(self, token: str) -> int:
        if _BREAK.match(token):
            return self.setdefault(token, _END)
        word = token.lower()
        if word not in self:
            self[word] = len(self.words)
            self.words.append(word)
        return self.setdefault(token, self[word])


class Words(dict[str, NDArray[np.int32]]):
    """The words of each text by number, -1 where a run ends, int32; taken apart when they are first asked for."""

    def __init__(self) -> None:
        self.numbers = Numbers()

    def __missing__(self, text: str) -> NDArray[np.int32]:
        numbers = [*map(self.numbers.__getitem__, _TOKEN.findall(text)), _END]
        return self.setdefault(text, np.array(numbers, dtype=np.int32))

    def joined(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """All words of some texts, one text after another, and for each word the index of its text."""
        parts = [self[text] for text in texts]
        tokens = np.concatenate([np.zeros(0, np.int32), *parts])
        return tokens, np.repeat(np.arange(len(parts)), [len(part) for part in parts])


def frequent_phrases(texts: Sequence[str], words: Words) -> tuple[list[str], sparse.csr_array]:
    """Phrases of 1 to 4 words that occur in enough texts.

    Parameters
    ----------
    texts : n texts
    words : takes texts apart, or has done so

    Returns
    -------
    phrases : m phrases, sorted
    matrix : float64 (n, m), 1 where the text contains the phrase

    Notes
    -----
    Level by level (Agrawal & Srikant 1994): a phrase can only be frequent if it is when its last word is left off, so
    longer ones are looked for only where a frequent shorter one stands.
    """
    tokens, text_of = words.joined(texts)
    names, found = words.numbers.words, dict[str, NDArray[np.int64]]()
    at, phrase_at = np.arange(len(tokens)), np.zeros(len(tokens), np.int64)
    for n_words in range(1, MAX_WORDS + 1):
        last = tokens[at + n_words - 1]  # a run's end stands behind every phrase
        at, phrase_at, last = at[last != _END], phrase_at[last != _END], last[last != _END]
        _, example, phrase_at = np.unique(phrase_at * len(names) + last, return_index=True, return_inverse=True)
        phrase, text = np.divmod(np.unique(phrase_at * len(texts) + text_of[at]), max(len(texts), 1))
        n_texts = np.bincount(phrase, minlength=len(example))
        frequent = n_texts >= MIN_RESPONSES
        stops = np.cumsum(n_texts)
        for j in np.flatnonzero(frequent).tolist():
            numbers = tokens[at[example[j]] :][:n_words].tolist()
            found[" ".join(names[number] for number in numbers)] = text[stops[j] - n_texts[j] : stops[j]]
        at, phrase_at = at[frequent[phrase_at]], phrase_at[frequent[phrase_at]]
    phrases = sorted(found)
    indices = np.concatenate([np.zeros(0, np.int64), *(found[phrase] for phrase in phrases)])
    indptr = np.cumsum([0, *(len(found[phrase]) for phrase in phrases)])
    by_phrase = sparse.csc_array((np.ones(len(indices)), indices, indptr), shape=(len(texts), len(phrases)))
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
