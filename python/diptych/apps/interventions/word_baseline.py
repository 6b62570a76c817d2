"""How well a bag of words tells two kinds of answers apart: what any judge of them should do better than."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diptych._types import FloatVector, Labels, Mask
from diptych.stats.auc import Auc, auc, auc_of_pairs, joined
from diptych.utils.hashing import derive_seed

LEAST_IN_HALF = 2
"""Texts of either side that a half needs, to learn from it or to be judged."""
N_WORDS = 5
"""That are shown of either side."""
_TOKEN = r"(?u)\b[^\W\d_]+\b"


@dataclass(frozen=True)
class Placed:
    """Answers of two arms in clusters, one entry of each field an answer.

    Parameters
    ----------
    texts : n
    is_b : bool (n,), which are of the second arm
    units : what was sampled independently, such as prompts
    first_half : bool (n,), whole units
    labels : int32 (n,), cluster of each, from 0
    names : of the clusters
    is_paired : whether both arms have the same units
    has_shares : whether an arm may have more of a cluster than the other; not where prompts are the clusters
    """

    texts: Sequence[str]
    is_b: Mask
    units: Sequence[str]
    first_half: Mask
    labels: Labels
    names: Sequence[str]
    is_paired: bool
    has_shares: bool = True

    def area(self, scores: FloatVector, first: Mask, second: Mask, *, seed: int) -> Auc | None:
        """How much higher some answers score than others, by units; None where one side has none.

        Parameters
        ----------
        scores : float64 (n,), NaN where there is none
        first, second : bool (n,), the two sides; the first of the first arm, the second of the second, or both turned
        seed : of the permutations
        """
        names = {name: place for place, name in enumerate(dict.fromkeys(self.units))}
        of_row = np.array([names[name] for name in self.units])
        known = ~np.isnan(scores)
        sides = [_means(scores, of_row, side & known, len(names)) for side in (first, second)]
        if not all((~np.isnan(side)).any() for side in sides):
            return None
        if not self.is_paired:
            return auc(*(side[~np.isnan(side)] for side in sides), seed=seed)
        used = ~np.isnan(sides[0]) | ~np.isnan(sides[1])
        return auc_of_pairs(sides[0][used], sides[1][used], seed=seed)


def _means(scores: FloatVector, of_row: Labels, chosen: Mask, n: int) -> FloatVector:
    """Of the chosen rows, by unit; NaN where there is none."""
    sums = np.bincount(of_row[chosen], weights=scores[chosen], minlength=n)
    counts = np.bincount(of_row[chosen], minlength=n)
    means: FloatVector = np.divide(sums, counts, out=np.full(n, np.nan), where=counts > 0)
    return means


@dataclass(frozen=True)
class Separation:
    """How far two kinds of answers are told apart by their words.

    Parameters
    ----------
    auc : of answers of either half, by what was learnt on the other; None where there were too few
    words_a, words_b : that speak most for either side, over all its answers
    """

    auc: Auc | None
    words_a: tuple[str, ...] = ()
    words_b: tuple[str, ...] = ()


class WordBaseline:
    """Logistic regression on counts of words, learnt on one half of the prompts and judged on the other.

    Parameters
    ----------
    placed : the answers
    seed : of the permutations

    Notes
    -----
    Words are runs of letters, in lower case; regularisation C = 1, classes of equal weight. Two-fold cross-validation
    by prompts: no prompt is learnt from and judged. A p-value is twice the smaller of the halves'.

    Examples
    --------
    >>> texts = [f"{word} {i % 7}" for i in range(20) for word in ("tea", "coffee")]
    >>> is_b = np.arange(40) % 2 == 1
    >>> units = [str(i // 2) for i in range(40)]
    >>> placed = Placed(texts, is_b, units, np.arange(40) < 20, np.zeros(40, np.int32), ["0"], True)
    >>> found = WordBaseline(placed, seed=0).separation(~is_b, is_b)
    >>> found.auc.value, found.words_a, found.words_b
    (1.0, ('tea',), ('coffee',))
    """

    def __init__(self, placed: Placed, *, seed: int) -> None:
        from sklearn.feature_extraction.text import CountVectorizer

        self._placed, self._seed = placed, seed
        counter = CountVectorizer(token_pattern=_TOKEN)
        try:
            self._counts: Any = counter.fit_transform(placed.texts)
            self._words: list[str] = counter.get_feature_names_out().tolist()
        except ValueError:  # no text has a word
            self._counts = None

    def separation(self, first: Mask, second: Mask) -> Separation:
        """How far answers of the first arm and of the second are told apart.

        Parameters
        ----------
        first, second : bool (n,), of either arm
        """
        if self._counts is None:
            return Separation(None)
        areas = []
        for name, learnt in (("first", self._placed.first_half), ("second", ~self._placed.first_half)):
            if min(int((side & half).sum()) for side in (first, second) for half in (learnt, ~learnt)) < LEAST_IN_HALF:
                continue
            scores = np.full(len(first), np.nan)
            judged = np.flatnonzero((first | second) & ~learnt)
            scores[judged] = self._fitted(first & learnt, second & learnt).decision_function(self._counts[judged])
            seed = derive_seed(self._seed, f"words of the {name} half") % 2**32
            areas.append(self._placed.area(scores, second & ~learnt, first & ~learnt, seed=seed))
        there = [area for area in areas if area is not None]
        return Separation(joined(there) if there else None, *self._speaking(first, second))

    def learnt_on_first(self, first: Mask, second: Mask) -> FloatVector | None:
        """What every answer scores by words learnt on the first half: float64 (n,), higher for the second arm's.

        Parameters
        ----------
        first, second : bool (n,), of either arm: what is learnt from, as far as it is of the first half

        Returns
        -------
        None where there is too little to learn from
        """
        sides = first & self._placed.first_half, second & self._placed.first_half
        if self._counts is None or min(int(side.sum()) for side in sides) < LEAST_IN_HALF:
            return None
        return np.asarray(self._fitted(*sides).decision_function(self._counts), dtype=np.float64)

    def _fitted(self, first: Mask, second: Mask) -> Any:
        from sklearn.linear_model import LogisticRegression

        rows = np.flatnonzero(first | second)
        return LogisticRegression(class_weight="balanced", solver="liblinear").fit(self._counts[rows], second[rows])

    def _speaking(self, first: Mask, second: Mask) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if not first.any() or not second.any():
            return (), ()
        weights = self._fitted(first, second).coef_[0]
        order = np.argsort(weights, kind="stable")
        words_a = tuple(self._words[j] for j in order[:N_WORDS] if weights[j] < 0)
        words_b = tuple(self._words[j] for j in order[::-1][:N_WORDS] if weights[j] > 0)
        return words_a, words_b
