"""Lens ``log_odds``: phrases that one arm uses in more responses, chosen by looking at one half of the prompts.

The lens ``phrases`` finds more and needs no split; this one shows what choosing by comparison costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from scipy import sparse

from diptych._types import FloatVector
from diptych.comparison.lenses.phrases import PhrasesProposal, Words, frequent_phrases, phrase_measure
from diptych.comparison.measures import Discovery, Tools
from diptych.utils.names import slug

MAX_PHRASES = 100
MIN_RESPONSES = 5
"""A phrase in fewer discovery responses is not proposed: its test could hardly pass."""
MIN_SCORE = 1.0
"""Log-odds in standard errors below which a phrase is not proposed: fewer hypotheses, more power for the others."""
MAX_OVERLAP = 0.8
"""Of two phrases that occur in nearly the same responses (Jaccard), the weaker is not proposed."""


class LogOddsLens:
    """Proposes phrases by log-odds with an informative Dirichlet prior (Monroe, Colaresi & Quinn 2008, eq. 16, 22)."""

    blinded: ClassVar[Literal[False]] = False

    def __init__(self) -> None:
        self._words = Words()

    def propose(self, discovery: Discovery, tools: Tools) -> PhrasesProposal:
        texts = [row.response for row in discovery]
        phrases, matrix = frequent_phrases(texts, self._words, least=MIN_RESPONSES)
        if not phrases:
            return PhrasesProposal((), self._words)
        is_b = np.array(discovery.is_b)
        count_a, count_b = (np.asarray(matrix[rows].sum(axis=0), dtype=np.float64) for rows in (~is_b, is_b))
        scores = np.where(count_a + count_b < len(discovery), log_odds(count_a, count_b), 0.0)
        chosen = choose_phrases(phrases, matrix, np.abs(scores))
        measures = (
            phrase_measure("log_odds", f"{discovery.half}_{rank:03d}_{slug(phrases[j], max_length=40)}", phrases[j])
            for rank, j in enumerate(chosen, start=1)
        )
        return PhrasesProposal(tuple(measures), self._words)


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


def choose_phrases(
    phrases: Sequence[str],
    matrix: sparse.csr_array,
    scores: FloatVector,
    *,
    most: int = MAX_PHRASES,
    max_overlap: float = MAX_OVERLAP,
) -> list[int]:
    """The strongest phrases, without those that occur in nearly the same responses as a stronger or longer one.

    Parameters
    ----------
    phrases, matrix : of ``frequent_phrases``
    scores : float64 (m,), of each phrase
    most : at most so many
    max_overlap : of two that share this much of their responses or more (Jaccard), the weaker is left out
    """
    words = [phrase.count(" ") for phrase in phrases]
    order = sorted(range(len(phrases)), key=lambda j: (-round(float(scores[j]), 9), -words[j], phrases[j]))
    columns = matrix.tocsc()
    chosen: list[int] = []
    sets: list[frozenset[int]] = []
    for j in order:
        if len(chosen) == most or scores[j] < MIN_SCORE:
            break
        texts = frozenset(columns.indices[columns.indptr[j] : columns.indptr[j + 1]].tolist())
        if all(len(texts & other) < max_overlap * len(texts | other) for other in sets):
            chosen.append(j)
            sets.append(texts)
    return chosen
