"""What models that help to read will be asked, at most, before anything is read."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from diptych.clustering import contrasting, naming
from diptych.clustering.algorithms import number_of_clusters
from diptych.comparison import themes
from diptych.comparison.config import CompareConfig
from diptych.comparison.lenses.contrasting import MAX_KINDS
from diptych.comparison.lenses.judge import MAX_SENTENCE, PAIRS_A_QUESTION
from diptych.comparison.lenses.regions import MAX_REPORTED
from diptych.comparison.measures import Role
from diptych.data import Response
from diptych.models.untrusted import MAX_CHARACTERS

_TEXTS_SHOWN = naming.N_TYPICAL + naming.N_BOUNDARY + naming.N_OUTSIDE
_CONTRASTING = {"contrast": 1, "contrast_halves": 2}
"""Lenses that propose by two sides, and how often they do so."""
_ORDERS = 2
"""Each text is judged so often, with the sentences before it and behind it."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is to read.

    Parameters
    ----------
    n_prompts, n_responses : that are compared
    n_characters : of a prompt and a response together, in the mean
    """

    n_prompts: int
    n_responses: int
    n_characters: float

    @classmethod
    def of(cls, rows: Sequence[Response]) -> Self:
        """Of responses that are there.

        Parameters
        ----------
        rows : at least one
        """
        length = sum(len(row.prompt) + len(row.response) for row in rows) / len(rows)
        return cls(len({row.prompt_id for row in rows}), len(rows), length)

    @property
    def shown(self) -> float:
        """Characters of a prompt and a response that a reader sees at most."""
        return min(self.n_characters, 2.0 * MAX_CHARACTERS)


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions of one kind.

    Parameters
    ----------
    n : how many
    n_characters : of each, besides our own words
    """

    n: int
    n_characters: float


Counts = Mapping[Role, Sequence[Asked]]


def of_comparison(settings: CompareConfig, size: Size, *, has_labeller: bool, has_judge: bool) -> Counts:
    """What a comparison of two arms asks.

    Parameters
    ----------
    settings : of the comparison
    size : of the arms together
    has_labeller, has_judge : who there is; a labeller without a judge is its own
    """
    counts: defaultdict[Role, list[Asked]] = defaultdict(list)
    if has_labeller:
        n_clusters = number_of_clusters(size.n_responses) * ("clusters" in settings.lenses)
        n_by_contrast = MAX_KINDS * sum(_CONTRASTING.get(name, 0) for name in settings.lenses)
        n_kinds = n_clusters + MAX_REPORTED * ("regions" in settings.lenses) + n_by_contrast
        n_contrasts = 2 * min(n_clusters, themes.MAX_CONTRASTS)
        n_judged = n_contrasts * naming.N_HELD_OUT
        counts["labeller"].append(Asked(n_contrasts, 2 * contrasting.N_SHOWN * size.shown))
        _add_names(counts, n_kinds, 2 * n_clusters, n_judged, size, has_judge=has_judge)
        if n_by_contrast:  # each response is judged by the names that were confirmed, all in one question
            judged = Asked(size.n_responses, size.shown + MAX_KINDS * naming.MAX_LABEL)
            counts["judge" if has_judge else "labeller"].append(judged)
    if "judge" in settings.lenses and has_judge:
        n_halves = 2 if settings.cross_fit else 1
        n_pairs = min(settings.judge_pairs, size.n_prompts // 2)
        n_questions = n_halves * 2 * math.ceil(n_pairs / PAIRS_A_QUESTION)
        counts["judge"].append(Asked(n_questions, 2 * PAIRS_A_QUESTION * size.shown))
    if has_judge:
        counts["judge"] += verdicts_of(settings, size)
    return counts


def verdicts_of(settings: CompareConfig, size: Size) -> list[Asked]:
    """What each judge is asked about sentences, those that the judge proposes and those of the user.

    Parameters
    ----------
    settings : of the comparison
    size : of the arms together
    """
    share = 1.0 if settings.cross_fit else 1.0 - settings.discovery_fraction
    sentences = settings.judge_sentences * MAX_SENTENCE
    of_judge = [Asked(math.ceil(share * size.n_responses), size.shown + sentences)]
    of_claims = [Asked(size.n_responses, size.shown + sum(map(len, settings.claims)))]
    return of_judge * ("judge" in settings.lenses) + of_claims * ("claims" in settings.lenses)


def of_joint_table(settings: CompareConfig, size: Size, *, has_labeller: bool, has_judge: bool) -> Counts:
    """What the table of clusters over several arms asks.

    Parameters
    ----------
    settings : of the comparisons
    size : of all arms together
    has_labeller, has_judge : as in ``of_comparison``
    """
    counts: defaultdict[Role, list[Asked]] = defaultdict(list)
    if has_labeller and "clusters" in settings.lenses:
        n_clusters = number_of_clusters(size.n_responses)
        _add_names(counts, n_clusters, 2 * n_clusters, 0, size, has_judge=has_judge)
    return counts


def _add_names(
    counts: defaultdict[Role, list[Asked]], n_kinds: int, n_themes: int, n_more: int, size: Size, *, has_judge: bool
) -> None:
    """Names of kinds of answers, of themes of prompts and of both, and further texts that are judged on either side."""
    counts["labeller"].append(Asked(n_kinds + n_themes, _TEXTS_SHOWN * size.shown))
    n_judged = n_kinds * naming.N_HELD_OUT + n_themes * themes.N_HELD_OUT + n_more
    judged = Asked(2 * _ORDERS * n_judged, size.shown + 3 * naming.MAX_LABEL)
    counts["judge" if has_judge else "labeller"].append(judged)
