"""Lens ``surface``: form, not content. Length, layout, tone words; needs nothing but the text."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from diptych._types import FloatMatrix, FloatVector, Span
from diptych.comparison.measures import Measure, Tools, find_spans
from diptych.data import Response

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
SENTENCE_END = re.compile(r"(?<![.!?])[.!?]++(?=\s|$)")
PARAGRAPH = re.compile(r"\S(?:.*\S)?(?:\n(?=[^\n]*\S)[^\n]*)*")
_PIECE = re.compile(r"\S(?:[^.!?\n]|[.!?]++(?!\s|$))*+[.!?]*", re.MULTILINE)
_TTR_WORDS = 100
_LEAST_REPEATED = 4
"""Words of a sentence, for its repetition to count: tables and forms repeat shorter ones."""

_SMALL = {0x130: "i", 0x131: "i", 0x17F: "s", 0x212A: "k"}
"""Beside capitals, what an ASCII letter of a pattern matches in any case."""

Scale = Literal["count", "per 100 words", "any"]


@dataclass(frozen=True)
class Text:
    """A text, and what several features ask of it, taken once.

    Parameters
    ----------
    text : as it was written
    """

    text: str

    @cached_property
    def words(self) -> list[str]:
        """In order."""
        return WORD.findall(self.text)

    @cached_property
    def folded(self) -> str:
        """In small letters, character by character: a pattern matches here what it matches there in any case."""
        return (self.text if self.text.isascii() else self.text.translate(_SMALL)).lower()


@dataclass(frozen=True, slots=True)
class Feature:
    """A row of the table below: a name, two sentence ends, and what is counted.

    ``count`` is a pattern whose matches are counted and marked as evidence, or a function of the text, with ``marks``
    for its evidence. ``scale`` says what becomes of the count: itself, a rate, or whether there is any.
    """

    name: str
    more: str
    fewer: str
    unit: str
    count: re.Pattern[str] | Callable[[Text], float]
    scale: Scale = "count"
    marks: Callable[[str], Iterator[Span]] | None = None


def _words(text: Text) -> float:
    return float(len(text.words))


def _no_words(text: Text) -> float:
    return float(not text.words)


def _sentences(text: Text) -> float:
    """Those that end in a mark, and what stands after the last mark."""
    end = 0
    count = 0
    for mark in SENTENCE_END.finditer(text.text):
        count, end = count + 1, mark.end()
    return float(count + (WORD.search(text.text, end) is not None))


def _repetitions(text: str) -> Iterator[Span]:
    """Sentences, and lines, of some length that stand there for the second time or more."""
    seen: set[str] = set()
    for piece in _PIECE.finditer(text):
        words = " ".join(WORD.findall(piece[0].lower()))
        if words in seen:
            yield piece.span()
        elif words.count(" ") >= _LEAST_REPEATED - 1:
            seen.add(words)


def _repeats_itself(text: Text) -> float:
    """Whether a sentence stands there twice: what a model does that has got into a loop."""
    return float(any(True for _ in _repetitions(text.text)))


def _words_per_sentence(text: Text) -> float:
    return len(text.words) / max(_sentences(text), 1.0) if text.words else math.nan


def _letters_per_word(text: Text) -> float:
    return sum(map(len, text.words)) / len(text.words) if text.words else math.nan


def _type_token_ratio(text: Text) -> float:
    """Over the first 100 words only, because the ratio falls with the length of the text."""
    words = [word.lower() for word in text.words[:_TTR_WORDS]]
    return len(set(words)) / len(words) if words else math.nan


def _non_latin(text: Text) -> float:
    if text.text.isascii():
        return 0.0
    letters = [char for char in text.text if char.isalpha()]
    return sum(ord(char) > 0x24F for char in letters) / max(len(letters), 1)


def _phrase(*alternatives: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(alternatives) + r")\b", re.IGNORECASE)


_HEDGES = _phrase(
    "might", "may", "perhaps", "possibly", "probably", "likely", "could be", "seems?", "appears?", "generally",
    "typically", "usually", "often", "in some cases", "it depends", "i think", "i believe", "not sure", "roughly",
)  # fmt: skip
_REFUSALS = _phrase(
    r"i (?:cannot|can['’]?t|can not|won['’]?t|will not) (?:help|assist|provide|do that|answer|comply|fulfill|support)",
    r"i['’]?m (?:unable|not able) to", "i am (?:unable|not able) to", "as an ai", r"i must decline",
    r"i['’]?m sorry,? but i", "i am sorry,? but i",
)  # fmt: skip
_APOLOGIES = _phrase("sorry", "apologi[sz]e", "apologies", "i regret")
_WARNINGS = _phrase(
    "warning", "caution", "be careful", "important to note", "keep in mind", "please note", "consult (?:a|an|your|with)",
    "seek (?:professional|medical|legal)", "not (?:legal|medical|financial) advice", "at your own risk",
)  # fmt: skip
_CONNECTIVES = _phrase(
    "however", "therefore", "moreover", "furthermore", "additionally", "in addition", "consequently", "thus",
    "nevertheless", "for example", "for instance", "in conclusion", "overall", "in summary",
)  # fmt: skip
_ENTHUSIASM = _phrase("great", "excellent", "wonderful", "fantastic", "amazing", "absolutely", "certainly", "of course")
_IMPERATIVES = _phrase("should", "must", "need to", "have to", "make sure", "be sure", "ensure", "remember to")
_EMOJI = re.compile("[\u2600-\u27bf\u2b50\U0001f300-\U0001faff]")
_LIST_ITEM = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+\S.*$", re.MULTILINE)
_NUMBERED = re.compile(r"^[ \t]*\d{1,3}[.)][ \t]+\S.*$", re.MULTILINE)
_OFFER = re.compile(r"(?:let me know|feel free|happy to help|hope this helps|hope that helps)[^\n]*", re.IGNORECASE)
_OPENER = re.compile(r"\A\W*(?:sure|certainly|of course|absolutely|great question)\b[^\n]{0,40}", re.IGNORECASE)
_QUESTION_END = re.compile(r"(?:(?<=[.!?\n])|\A)[^.!?\n]*+\?\s*\Z")

FEATURES: tuple[Feature, ...] = (
    Feature(
        "empty", "leaves more responses without a word", "leaves fewer responses without a word", "", _no_words, "any"
    ),
    Feature("words", "writes more words", "writes fewer words", "words", _words),
    Feature("sentences", "writes more sentences", "writes fewer sentences", "sentences", _sentences),
    Feature("paragraphs", "writes more paragraphs", "writes fewer paragraphs", "paragraphs", PARAGRAPH),
    Feature("words_per_sentence", "writes longer sentences", "writes shorter sentences", "words per sentence",
            _words_per_sentence),
    Feature("letters_per_word", "uses longer words", "uses shorter words", "letters per word", _letters_per_word),
    Feature("type_token_ratio", "repeats words less", "repeats words more",
            "different words per word, in the first 100", _type_token_ratio),
    Feature("repeats_itself", "says a sentence twice in more responses", "says a sentence twice in fewer responses", "",
            _repeats_itself, "any", _repetitions),
    Feature("list_items", "writes more list items", "writes fewer list items", "list items", _LIST_ITEM),
    Feature("has_list", "uses lists in more responses", "uses lists in fewer responses", "", _LIST_ITEM, "any"),
    Feature("numbered_items", "writes more numbered items", "writes fewer numbered items", "numbered items", _NUMBERED),
    Feature("headings", "writes more headings", "writes fewer headings", "headings",
            re.compile(r"^#{1,6}[ \t]+\S.*$|^\*\*[^*\n]+\*\*:?[ \t]*$", re.MULTILINE)),
    Feature("tables", "writes more table rows", "writes fewer table rows", "table rows",
            re.compile(r"^[ \t]*\|.*\|[ \t]*$", re.MULTILINE)),
    Feature("code_blocks", "writes more code blocks", "writes fewer code blocks", "code blocks",
            re.compile(r"^```.*?(?:^```|\Z)", re.MULTILINE | re.DOTALL)),
    Feature("bold", "puts more words in bold", "puts fewer words in bold", "bold marks", re.compile(r"\*\*[^*\n]+\*\*")),
    Feature("links", "gives more links", "gives fewer links", "links", re.compile(r"https?://\S+")),
    Feature("quotes", "quotes more", "quotes less", "quotations", re.compile('"[^"\\n]{2,200}"|“[^”\\n]{2,200}”')),
    Feature("parentheses", "uses more parentheses", "uses fewer parentheses", "parentheses",
            re.compile(r"\([^()\n]{2,200}\)")),
    Feature("numbers", "gives more numbers", "gives fewer numbers", "numbers per 100 words",
            re.compile(r"\b\d[\d,.]*\b"), "per 100 words"),
    Feature("questions", "asks more questions", "asks fewer questions", "question marks", re.compile(r"\?")),
    Feature("ends_with_question", "ends more responses with a question", "ends fewer responses with a question", "",
            _QUESTION_END, "any"),
    Feature("exclamations", "uses more exclamation marks", "uses fewer exclamation marks", "exclamation marks",
            re.compile(r"!")),
    Feature("first_person", "speaks of itself more", "speaks of itself less", "first-person words per 100 words",
            _phrase("i", "me", "my", "mine", "myself", r"i['’](?:m|ve|d|ll)"), "per 100 words"),
    Feature("second_person", "addresses the reader more", "addresses the reader less",
            "second-person words per 100 words", _phrase("you", "your", "yours", "yourself"), "per 100 words"),
    Feature("hedges", "hedges more", "hedges less", "hedging words per 100 words", _HEDGES, "per 100 words"),
    Feature("directives", "tells the reader what to do more", "tells the reader what to do less",
            "directive words per 100 words", _IMPERATIVES, "per 100 words"),
    Feature("connectives", "uses more connectives", "uses fewer connectives", "connectives per 100 words", _CONNECTIVES,
            "per 100 words"),
    Feature("enthusiasm", "uses more enthusiastic words", "uses fewer enthusiastic words",
            "enthusiastic words per 100 words", _ENTHUSIASM, "per 100 words"),
    Feature("refuses", "refuses in more responses", "refuses in fewer responses", "", _REFUSALS, "any"),
    Feature("apologises", "apologises in more responses", "apologises in fewer responses", "", _APOLOGIES, "any"),
    Feature("warns", "warns or advises caution in more responses", "warns or advises caution in fewer responses", "",
            _WARNINGS, "any"),
    Feature("opens_eagerly", "opens more responses with “Sure” or the like",
            "opens fewer responses with “Sure” or the like", "", _OPENER, "any"),
    Feature("offers_more_help", "offers more help in more responses", "offers more help in fewer responses", "", _OFFER,
            "any"),
    Feature("emoji", "uses more emoji", "uses fewer emoji", "emoji", _EMOJI),
    Feature("non_latin", "uses more non-Latin script", "uses less non-Latin script", "share of letters", _non_latin),
)  # fmt: skip

IN_ANY_CASE = {
    feature.count: re.compile(feature.count.pattern, feature.count.flags & ~re.IGNORECASE)
    for feature in FEATURES
    if isinstance(feature.count, re.Pattern) and feature.count.flags & re.IGNORECASE
}
"""What finds the same in the folded text, in half the time."""


class SurfaceLens:
    """Proposes every feature that varies at all among the responses."""

    blinded: ClassVar[Literal[True]] = True

    def __init__(self) -> None:
        self._counted: dict[str, FloatVector] = {}

    def propose(self, texts: Sequence[str], tools: Tools) -> SurfaceProposal:
        values = _measure(texts, self._counted)
        varies = [len(np.unique(column[~np.isnan(column)])) > 1 for column in values.T]
        return SurfaceProposal(np.flatnonzero(varies).tolist(), self._counted)


def every_measure() -> tuple[Measure, ...]:
    """All that the lens can propose; of a run it proposes those that vary."""
    return tuple(_as_measure(f"surface.{feature.name}", feature) for feature in FEATURES)


class SurfaceProposal:
    """The features chosen, as measures; texts that were counted once are not counted again."""

    def __init__(self, chosen: list[int], counted: dict[str, FloatVector]) -> None:
        self._chosen, self._counted = chosen, counted
        self._features = {f"surface.{FEATURES[j].name}": FEATURES[j] for j in chosen}
        self.measures = tuple(_as_measure(name, feature) for name, feature in self._features.items())

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        return _measure([row.response for row in responses], self._counted)[:, self._chosen]

    def evidence(self, measure: Measure, text: str) -> list[Span]:
        feature = self._features[measure.id]
        if isinstance(feature.count, re.Pattern):
            return find_spans(match.span() for match in feature.count.finditer(text))
        return find_spans(feature.marks(text)) if feature.marks else []


def _as_measure(name: str, feature: Feature) -> Measure:
    pattern = feature.count.pattern if isinstance(feature.count, re.Pattern) else feature.count.__name__.lstrip("_")
    return Measure(
        id=name,
        lens="surface",
        more=feature.more,
        fewer=feature.fewer,
        unit=feature.unit or "share of responses",
        kind="indicator" if feature.scale == "any" else "number",
        definition={"counts": pattern, "scale": feature.scale},
    )


def _measure(texts: Sequence[str], counted: dict[str, FloatVector]) -> FloatMatrix:
    """Every feature of each text, float64 (n, n_features)."""
    for text in set(texts) - counted.keys():
        taken = Text(text)
        counted[text] = np.array([_score(feature, taken) for feature in FEATURES])
    return np.array([counted[text] for text in texts]).reshape(len(texts), len(FEATURES))


def _score(feature: Feature, text: Text) -> float:
    if not isinstance(feature.count, re.Pattern):
        return feature.count(text)
    folded = IN_ANY_CASE.get(feature.count)
    pattern, subject = (feature.count, text.text) if folded is None else (folded, text.folded)
    if feature.scale == "any":
        return float(pattern.search(subject) is not None)
    count = float(len(pattern.findall(subject)))
    if feature.scale == "per 100 words":
        return count * 100.0 / len(text.words) if text.words else math.nan
    return count
