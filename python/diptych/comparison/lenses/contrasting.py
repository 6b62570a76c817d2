"""What two collections of texts propose to look for: kinds of text, phrases, and names of kinds for a judge.

Of a rare behaviour there may be no natural text at hand, and plenty in texts that were made to bring it out. Whatever
is proposed here is fixed before a response is measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from diptych._types import FloatMatrix, FloatVector, Json, Labels, Mask, Span, Vectors
from diptych.clustering.judging import HeldOut, Item, Label, score_texts, validate_labels
from diptych.clustering.labels import keywords
from diptych.clustering.naming import Contrast, Shown, propose_labels, show_clusters
from diptych.clustering.sides import Sides, Way, cluster_sides, shares_apart
from diptych.comparison.lenses.kinds import kind_measure, word_spans
from diptych.comparison.lenses.log_odds import choose_phrases
from diptych.comparison.lenses.phrases import PhrasesProposal, Words, frequent_phrases, phrase_measure
from diptych.comparison.measures import Measure, Proposal, Tools
from diptych.comparison.proposing import LOG_RATIO
from diptych.data import Response
from diptych.models.assistant import Assistant
from diptych.stats.auc import Auc, auc
from diptych.utils.hashing import derive_seed, hash_rows
from diptych.utils.names import slug
from diptych.utils.text import printable, shorten

MAX_KINDS, MAX_PHRASES = 10, 20
"""More are not proposed: each costs the others some of their power."""
MIN_TEXTS = 5
"""A kind or a phrase in fewer texts is not proposed."""
MIN_APART = 2.0
"""Standard errors by which the shares of a kind or a phrase differ between the sides; others are not proposed."""
MAX_ALIKE = 0.9
"""Of two phrases that share more of their texts (Jaccard), the weaker is not proposed: one that stands in a few more
texts may be common in the responses, where the other is rare."""
SAME = 0.5
"""Phrases are as strong where what sets the sides apart differs by less, in standard errors."""
N_TYPICAL, MAX_TYPICAL = 3, 300
"""Texts that are shown with what they propose, and how long each may be."""


@dataclass(frozen=True)
class Collections:
    """Texts of two sides, in an order of their own.

    Parameters
    ----------
    texts : n
    is_b : bool (n,), which speak for the second side
    vectors : float32 (n, d)
    log_ratios : float64 (n,), how much likelier the second model finds each, in nats a token; NaN where unknown
    """

    texts: tuple[str, ...]
    is_b: Mask
    vectors: Vectors
    log_ratios: FloatVector

    @classmethod
    def of(cls, a: Sequence[Response], b: Sequence[Response], tools: Tools) -> Collections:
        """Sorted, so that nothing depends on the order in which they came.

        Parameters
        ----------
        a, b : texts of either side
        tools : embed them
        """
        both = sorted((row.response, side, _log_ratio(row)) for side, rows in ((False, a), (True, b)) for row in rows)
        texts, is_b, log_ratios = zip(*both, strict=True)
        return cls(texts, np.array(is_b, dtype=np.bool_), tools.embed(texts), np.array(log_ratios))

    def shares(self, has: Mask) -> Json:
        """How much of either side has something.

        Parameters
        ----------
        has : bool (n,)
        """
        a, b = has[~self.is_b], has[self.is_b]
        known = self.log_ratios[has & ~np.isnan(self.log_ratios)]
        shares = {"share_a": float(a.mean()), "share_b": float(b.mean()), "n_a": len(a), "n_b": len(b)}
        return {**shares, "log_ratio": round(float(known.mean()), 6) if len(known) else None}


def _log_ratio(row: Response) -> float:
    said = row.meta.get(LOG_RATIO)
    return float(said) if isinstance(said, int | float) and math.isfinite(said) else math.nan


class ContrastProposal:
    """Several proposals as one."""

    def __init__(self, parts: Sequence[Proposal]) -> None:
        self._parts = tuple(parts)
        self.measures = tuple(measure for part in parts for measure in part.measures)

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        return np.concatenate(
            [np.empty((len(responses), 0)), *(part.values(responses) for part in self._parts)], axis=1
        )

    def evidence(self, measure: Measure, text: str) -> list[Span]:
        [part] = [part for part in self._parts if measure in part.measures]
        return part.evidence(measure, text)


def propose_by_contrast(
    a: Sequence[Response], b: Sequence[Response], tools: Tools, *, lens: str, prefix: str = "", way: Way = "joint"
) -> ContrastProposal:
    """Everything in which the sides differ.

    Parameters
    ----------
    a, b : texts of either side; nothing is proposed where one has none
    tools : of the run; with a labeller there are names of kinds too
    lens, prefix : of the ids
    way : how the texts are put into clusters
    """
    if not a or not b:
        return ContrastProposal([])
    collections = Collections.of(a, b, tools)
    name = f"{lens}.{prefix}"
    parts: list[Proposal] = [_phrases(collections, lens, prefix)]
    sides = cluster_sides(collections.vectors, collections.is_b, way=way, seed=tools.seed, threads=tools.threads)
    sizes = sides.n_a + sides.n_b
    ranked = sorted(range(len(sizes)), key=lambda c: (-abs(round(float(sides.apart[c]), 9)), c))
    kinds = [c for c in ranked if sizes[c] >= MIN_TEXTS and abs(sides.apart[c]) >= MIN_APART][:MAX_KINDS]
    labels = _labels(collections, sides, kinds, tools)
    parts.append(KindsProposal(collections, sides, kinds, labels, tools, lens, prefix))
    judge = tools.readers.judge or tools.readers.labeller
    confirmed = {c: label for c, label in labels.items() if label is not None and label.is_validated}
    if judge is not None and confirmed:
        parts.append(LabelsProposal(judge, collections, sides, confirmed, f"{name}label", seed=tools.seed))
    return ContrastProposal([part for part in parts if part.measures])


def _phrases(collections: Collections, lens: str, prefix: str) -> Proposal:
    """Phrases in more texts of one side: does a response contain one? Of those as strong, the longest says most."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    words = Words()
    phrases, matrix = frequent_phrases(collections.texts, words, least=MIN_TEXTS)
    if not phrases:
        return PhrasesProposal((), words)
    count_a, count_b = (np.asarray(matrix[rows].sum(axis=0), float) for rows in (~collections.is_b, collections.is_b))
    n_b = float(collections.is_b.sum())
    scores = np.abs(shares_apart(count_a, count_b, len(collections.texts) - n_b, n_b))
    scores[[ENGLISH_STOP_WORDS.issuperset(phrase.split(" ")) for phrase in phrases]] = 0.0
    rounded = np.where(scores >= MIN_APART, np.round(scores / SAME) * SAME, 0.0)
    chosen = choose_phrases(phrases, matrix, rounded, most=MAX_PHRASES, max_overlap=MAX_ALIKE)
    measures = []
    for rank, j in enumerate(chosen, start=1):
        has = matrix[:, [j]].toarray()[:, 0] > 0
        made = phrase_measure(lens, f"{prefix}phrase_{rank:02d}_{slug(phrases[j], max_length=40)}", phrases[j])
        measures.append(_proposed(made, "phrase", collections, has, np.flatnonzero(has).tolist()))
    return PhrasesProposal(tuple(measures), words)


def _proposed(measure: Measure, by: str, collections: Collections, has: Mask, typical: Sequence[int]) -> Measure:
    """The measure, with what it was in the texts that proposed it."""
    shown = list(dict.fromkeys(collections.texts[i] for i in typical))[:N_TYPICAL]
    proposed = {"by": by, **collections.shares(has), "texts": [shorten(printable(text), MAX_TYPICAL) for text in shown]}
    return replace(measure, definition={**measure.definition, "proposed": proposed})


class KindsProposal:
    """For each kind: is the response nearest to its centroid, and within its reach?"""

    def __init__(
        self,
        collections: Collections,
        sides: Sides,
        kinds: Sequence[int],
        labels: dict[int, Label | None],
        tools: Tools,
        lens: str,
        prefix: str,
    ) -> None:
        self._sides, self._kinds, self._tools = sides, list(kinds), tools
        words = checked_words(collections.texts, sides.labels, len(sides.radii), seed=tools.seed)
        self.measures = tuple(
            self._measure(collections, c, words[c], labels[c], (lens, f"{prefix}kind_{c:02d}")) for c in kinds
        )

    def _measure(
        self, collections: Collections, c: int, words: CheckedWords, label: Label | None, name: tuple[str, str]
    ) -> Measure:
        definition = {"cluster": c, "keywords": list(words.words), "radius": round(float(self._sides.radii[c]), 6)}
        area = words.auc
        if area is not None:
            definition["keywords_auc"] = [round(value, 6) for value in (area.value, area.low, area.high)]
        has = self._sides.labels == c
        measure = kind_measure(*name, words.words, definition, label)
        return _proposed(measure, "kind", collections, has, typical(collections, self._sides, c))

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        vectors = self._tools.embed([row.response for row in responses])
        return np.asarray(self._sides.holds(vectors)[:, self._kinds], dtype=np.float64)

    def evidence(self, measure: Measure, text: str) -> list[Span]:
        return word_spans(measure.definition["keywords"], text)


def typical(collections: Collections, sides: Sides, c: int) -> list[int]:
    """Texts of a cluster, those nearest to its centroid first.

    Parameters
    ----------
    collections, sides : texts, and their clusters
    c : the cluster
    """
    rows = np.flatnonzero(sides.labels == c)
    distances = ((collections.vectors[rows] - sides.centroids[c]) ** 2).sum(axis=1)
    return [int(rows[i]) for i in np.argsort(np.round(distances, 6), kind="stable")]


@dataclass(frozen=True, slots=True)
class CheckedWords:
    """Words that set a cluster apart, and how well they find it again among texts that did not choose them.

    Parameters
    ----------
    words : strongest first
    auc : of how many of them stand in a text; None where none were held out, or none left to choose by
    """

    words: tuple[str, ...]
    auc: Auc | None


def checked_words(texts: Sequence[str], labels: Labels, n_clusters: int, *, seed: int) -> list[CheckedWords]:
    """The words of each cluster, chosen on two thirds of the texts and checked on the others.

    Parameters
    ----------
    texts : n
    labels : int32 (n,), cluster of each
    n_clusters : k
    seed : of which texts are held out; equal ones go together

    Examples
    --------
    >>> texts = [f"{word} {n}" for n in range(30) for word in ("apple pie", "fast cars")]
    >>> found = checked_words(texts, np.array([0, 1] * 30, np.int32), 2, seed=0)
    >>> [(one.words, one.auc.value) for one in found]
    [(('apple', 'pie'), 1.0), (('cars', 'fast'), 1.0)]
    """
    digests = hash_rows("diptych/held-out/1", [[str(seed)] * len(texts), list(texts)])
    held = np.array([int(digest[0]) % 3 == 0 for digest in digests], dtype=np.bool_)
    chosen_by = np.where(held, -1, labels).astype(np.int32)
    found = []
    every = keywords(texts, labels, n_clusters)
    for c, words in enumerate(keywords(texts, chosen_by, n_clusters)):
        if not words:  # all of its texts were held out, as when they are one text
            found.append(CheckedWords(every[c], None))
            continue
        counts = np.array([float(len(word_spans(words, text))) for text in texts])
        inside, outside = counts[held & (labels == c)], counts[held & (labels != c)]
        area = auc(inside, outside, seed=derive_seed(seed, f"words {c}")) if len(inside) and len(outside) else None
        found.append(CheckedWords(words, area))
    return found


def _labels(collections: Collections, sides: Sides, kinds: Sequence[int], tools: Tools) -> dict[int, Label | None]:
    """Names by a labeller, each judged on texts that it has not seen."""
    labeller = tools.readers.labeller
    if labeller is None or not kinds:
        return dict.fromkeys(kinds)
    shown = [_show(collections, sides, c, seed=tools.seed) for c in kinds]
    contrasts: list[Contrast] = [one.contrast for one in shown]
    held_out: list[HeldOut] = [one.held_out for one in shown]
    candidates = propose_labels(labeller, contrasts, seed=tools.seed)
    judge = tools.readers.judge or labeller
    return dict(zip(kinds, validate_labels(judge, candidates, held_out, seed=tools.seed), strict=True))


def _show(collections: Collections, sides: Sides, c: int, *, seed: int) -> Shown:
    """Texts to name a kind by: those of one side beside the other's of the kind, or, where it has few, neighbours."""
    inside = sides.labels == c
    major = bool(sides.n_b[c] / sides.n_b.sum() > sides.n_a[c] / sides.n_a.sum())
    is_major = collections.is_b == major
    if (inside & ~is_major).sum() >= MIN_TEXTS * 2:
        rows, labels = np.flatnonzero(inside), np.where(is_major[inside], 0, -1)
    else:
        rows, labels = np.arange(len(inside)), np.where(inside, 0, -1)
    texts = [collections.texts[i] for i in rows]
    [shown] = show_clusters(texts, collections.vectors[rows], labels.astype(np.int32), 1, seed=seed)
    return shown


class LabelsProposal:
    """For each name of a kind that was confirmed: does a blind judge say that it holds of the response?"""

    def __init__(
        self,
        judge: Assistant,
        collections: Collections,
        sides: Sides,
        labels: dict[int, Label],
        name: str,
        *,
        seed: int,
    ) -> None:
        self._judge, self._sentences, self._seed = judge, [label.text for label in labels.values()], seed
        self.measures = tuple(
            _proposed(
                _label_measure(f"{name}_{c:02d}_{slug(label.text, max_length=40)}", label, judge.model.name),
                "label",
                collections,
                sides.labels == c,
                typical(collections, sides, c),
            )
            for c, label in labels.items()
        )

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        """1 where a name holds, 0 where not; NaN without a verdict."""
        items = [Item(row.response, row.prompt) for row in responses]
        return score_texts(self._judge, items, self._sentences, seed=self._seed)

    def evidence(self, measure: Measure, text: str) -> list[Span]:
        return []


def _label_measure(name: str, label: Label, judge: str) -> Measure:
    return Measure(
        id=name,
        lens=name.partition(".")[0],
        more=f"gives more responses of which a judge says: “{label.text}”",
        fewer=f"gives fewer responses of which a judge says: “{label.text}”",
        unit="share of responses",
        kind="indicator",
        definition={"sentence": label.text, "judge": judge, "label": label.as_json()},
    )
