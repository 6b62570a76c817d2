"""Lens ``phrases``: in which words do the arms differ? A scan over every word n-gram (1 to 4) that is not rare."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from diptych._types import FloatMatrix, Mask, Span
from diptych.comparison.lenses.surface import WORD
from diptych.comparison.measures import Measure, Tools, find_spans
from diptych.data import Response
from diptych.utils.hashing import content_hash
from diptych.utils.names import slug

MAX_WORDS = 4
MIN_RESPONSES = 16
"""A phrase stands in at least so many responses, and at least in one of 400: even if all of fewer were of one arm, its
test could not pass, corrected for a few thousand others."""
MAX_PHRASES = 4_000
MAX_VALUES = 40_000_000
"""Of more phrases than this, or than this by responses, the most frequent are tested."""
MAX_OVERLAP = 0.8
"""A phrase that hardly stands without a longer one (in this share of its responses or more) is not offered."""
MAX_ALIKE = 0.5
"""Of two phrases that are found in nearly the same responses (Jaccard), the weaker is not reported."""
MAX_REPORTED = 20

_BREAK = re.compile(r"[.!?:;\n()\[\]{}|\"“”*#`]")
_TOKEN = re.compile(f"{WORD.pattern}|{_BREAK.pattern}")
_END = -1


class PhrasesLens:
    """Offers every phrase of the responses of both arms that is frequent enough to be found at all.

    Which phrases these are depends on the responses, not on who wrote them, so every prompt is tested on. They are many
    and overlap, so they are tested together and corrected for each other (step-down max-|z|), and only the strongest
    are reported. Choosing a hundred by log-odds on one half, for a test on the other, gives up half of the prompts to
    be spared that correction, and finds less: lens ``log_odds`` does so.
    """

    blinded: ClassVar[Literal[True]] = True

    def __init__(self) -> None:
        self._words = Words()

    def propose(self, texts: Sequence[str], tools: Tools) -> PhrasesScan:
        least = max(MIN_RESPONSES, len(texts) // 400)
        phrases, matrix = frequent_phrases(texts, self._words, least=least)
        n_texts = np.bincount(matrix.indices, minlength=len(phrases))
        kept = _apart(phrases, n_texts, len(texts))
        most = min(MAX_PHRASES, MAX_VALUES // max(len(texts), 1))
        chosen = np.sort(kept[np.argsort(-n_texts[kept], kind="stable")[:most]])
        index = {text: i for i, text in enumerate(texts)}
        return PhrasesScan(tuple(phrases[j] for j in chosen), matrix.tocsc()[:, chosen].tocsr(), index, self._words)


def _apart(phrases: Sequence[str], n_texts: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Phrases without those that all texts have, or that hardly stand without a word before or behind them.

    Nor those of stop words alone: an arm that writes more says most of them in more responses, which tells nothing.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    number = {phrase: j for j, phrase in enumerate(phrases)}
    kept: Mask = n_texts < total
    for j, phrase in enumerate(phrases):
        words = phrase.split(" ")
        kept[j] &= not ENGLISH_STOP_WORDS.issuperset(words)
        for shorter in (words[1:], words[:-1]) if len(words) > 1 else ():
            part = number.get(" ".join(shorter))
            if part is not None and n_texts[j] >= MAX_OVERLAP * n_texts[part]:
                kept[part] = False
    return np.flatnonzero(kept)


class PhrasesScan:
    """All frequent phrases, and the chosen ones in words.

    Parameters
    ----------
    phrases : m phrases
    matrix : float64 (n, m), 1 where a text contains a phrase
    index : row of each text
    words : takes texts apart, or has done so
    """

    max_reported: ClassVar[int] = MAX_REPORTED
    max_alike: ClassVar[float] = MAX_ALIKE

    def __init__(self, phrases: tuple[str, ...], matrix: sparse.csr_array, index: dict[str, int], words: Words) -> None:
        self._phrases, self._matrix, self._index, self._words = phrases, matrix, index, words
        self.measure = Measure(
            id="phrases",
            lens="phrases",
            more="says some phrase in more responses",
            fewer="says some phrase in fewer responses",
            unit="share of responses",
            kind="indicator",
            definition={"n_phrases": len(phrases), "phrases": content_hash("diptych/phrases/1", list(phrases))},
        )

    @property
    def n_measures(self) -> int:
        """How many phrases are tested together."""
        return len(self._phrases)

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        """1 where a response contains a phrase: float64 (n, n_measures)."""
        rows = [self._index[row.response] for row in responses]
        return np.asarray(self._matrix[rows].toarray(), dtype=np.float64)

    def chosen(self, numbers: Sequence[int]) -> PhrasesProposal:
        """Some of the phrases as measures."""
        phrases = [self._phrases[number] for number in numbers]
        names = [f"{rank:02d}_{slug(phrase, max_length=40)}" for rank, phrase in enumerate(phrases, start=1)]
        measures = (phrase_measure("phrases", name, phrase) for name, phrase in zip(names, phrases, strict=True))
        return PhrasesProposal(tuple(measures), self._words)


class PhrasesProposal:
    """For each phrase: does a response contain it, as whole words, in any case?"""

    def __init__(self, measures: tuple[Measure, ...], words: Words) -> None:
        self.measures, self._words = measures, words
        phrases = [measure.definition["phrase"].split(" ") for measure in measures]
        self._phrases = [[words.numbers[word] for word in phrase] for phrase in phrases]

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


def frequent_phrases(texts: Sequence[str], words: Words, *, least: int) -> tuple[list[str], sparse.csr_array]:
    """Phrases of 1 to 4 words that occur in enough texts.

    Parameters
    ----------
    texts : n texts
    words : takes texts apart, or has done so
    least : texts that a phrase must occur in

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
        pairs, _ = np.unique(phrase_at * len(texts) + text_of[at], return_counts=True)  # sorts: ten times the speed
        phrase, text = np.divmod(pairs, max(len(texts), 1))
        n_texts = np.bincount(phrase, minlength=len(example))
        frequent = n_texts >= least
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


def phrase_measure(lens: str, name: str, phrase: str) -> Measure:
    """Whether a response contains a phrase.

    Parameters
    ----------
    lens, name : together the id
    phrase : lower-case words, a space between them
    """
    return Measure(
        id=f"{lens}.{name}",
        lens=lens,
        more=f"says “{phrase}” in more responses",
        fewer=f"says “{phrase}” in fewer responses",
        unit="share of responses",
        kind="indicator",
        definition={"phrase": phrase},
    )
