"""Whether planted truths were recovered: held against the findings of a blind run by one rule, fixed beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from diptych._types import FloatMatrix, FloatVector, Mask, Vectors
from diptych.apps.interventions.blind_run import BlindRun, Measured
from diptych.apps.interventions.truths import Truth
from diptych.errors import DataError
from diptych.stats.agreement import AGREES

LEAST_OF_EACH = 5
"""Answers of the second arm with the mark, and without; with fewer of either, the first arm is looked at too.

With fewer of either in both together nothing is told: a number that has nothing to do with a mark follows one marked
answer by chance in one case of six, and five in one of a hundred.
"""
FALSE_MATCHES = 0.05
"""Share of truths that were not planted that may find a sentence as near as a planted one must be."""
LEAST_MISMATCHED = 20
"""Truths that were not planted; the share above is 1 in so many."""

MOST_RATED = 20
"""Hypotheses of a run that are rated, the strongest."""
Rate = Callable[[Sequence[str], Sequence[str]], FloatMatrix]
"""Statements and truths to ratings, 1 to 100, NaN where there is none."""
Embed = Callable[[Sequence[str]], Vectors]
"""Texts to unit vectors."""


@dataclass(frozen=True)
class Rated:
    """How near a model found the nearest hypothesis to a truth.

    Parameters
    ----------
    value : 1 to 100; None where no rating could be read
    finding : sentence of that hypothesis
    rank : of that hypothesis
    threshold : above which 1 truth of 20 that was not planted is rated, at most
    recovered : whether the value is
    """

    value: float | None
    finding: str | None
    rank: int | None
    threshold: float
    recovered: bool


@dataclass(frozen=True)
class Recovery:
    """What became of one truth in one run.

    Parameters
    ----------
    truth : its id
    text : its sentence
    by : ``"mark"``, or ``"similarity"`` where it has none
    rank : of the hypothesis that stands for it best, from 1; None without one
    finding : sentence of the finding by which that does; without one, of the nearest; None where nothing was found
    agreement : of that finding with the mark, -1 to 1, or its cosine
    threshold : that this had to reach
    before, after : share of the answers of either arm that have the mark; None without one
    rated : what a model made of it; None where none was asked
    """

    truth: str
    text: str
    by: str
    rank: int | None
    finding: str | None
    agreement: float | None
    threshold: float
    before: float | None = None
    after: float | None = None
    rated: Rated | None = None


@dataclass(frozen=True)
class RunScore:
    """What became of all truths in one run.

    Parameters
    ----------
    run : name of its folder
    kind : of run, in a word
    dose : share of planted rows; 0 for a control, None where it is not known
    truths : one each
    n_hypotheses : of the run
    n_true : of those, how many stand for a truth
    n_findings : of the run, also those that only say that the models differ
    """

    run: str
    kind: str
    dose: float | None
    truths: tuple[Recovery, ...]
    n_hypotheses: int
    n_true: int
    n_findings: int


def score_run(
    name: str,
    dose: float | None,
    run: BlindRun,
    truths: Sequence[Truth],
    others: Sequence[str],
    embed: Embed,
    rate: Rate | None = None,
) -> RunScore:
    """Hold every truth against every finding of a run.

    A finding stands for a truth with a mark when it follows the mark, in its direction, with a correlation of at least
    ``AGREES``, and the mark is found more often in the second arm. It is looked at in the second arm's answers, on the
    prompts that the finding was tested on; see ``LEAST_OF_EACH``. For a truth without a mark, a finding's sentence must
    be nearer to it than to nearly every truth that was not planted; see ``threshold_of``.

    Parameters
    ----------
    name : of its folder
    dose : as for ``RunScore``
    run : what it brought to light
    truths : that were planted; of a control, those that were planted elsewhere
    others : sentences that are true of no run
    embed : for truths without a mark
    rate : a model's ratings of statements and truths, which stand beside the rule and change nothing in it

    Raises
    ------
    DataError
        If a truth has no mark and there are too few ``others``.
    """
    marked = [_by_mark(truth, run) for truth in truths if truth.mark is not None]
    plain = [truth for truth in truths if truth.mark is None]
    found = {one.truth: (one, ranks) for one, ranks in [*marked, *_by_similarity(plain, run, others, embed)]}
    true = {rank for _, ranks in found.values() for rank in ranks}
    recovered = tuple(found[truth.id][0] for truth in truths)
    if rate is not None:
        statements = [one[0].statement for one in run.hypotheses[:MOST_RATED]]
        rated = _rated(truths, statements, others, rate)
        recovered = tuple(replace(one, rated=by) for one, by in zip(recovered, rated, strict=True))
    return RunScore(name, run.kind, dose, recovered, len(run.hypotheses), len(true), run.n_findings)


def _ranked(run: BlindRun) -> list[tuple[int, Measured]]:
    """Every statement, with the rank of its hypothesis."""
    return [(rank, said) for rank, one in enumerate(run.hypotheses, start=1) for said in one]


def _rated(truths: Sequence[Truth], statements: Sequence[str], others: Sequence[str], rate: Rate) -> list[Rated]:
    if not statements:
        return [Rated(None, None, None, 100.0, recovered=False)] * len(truths)
    ratings = rate(statements, [*(truth.text for truth in truths), *others])
    threshold = threshold_of(np.nan_to_num(ratings[:, len(truths) :], nan=100.0).T)  # the worst of what was not read
    known = np.nan_to_num(ratings, nan=0.0)
    best = known[:, : len(truths)].argmax(axis=0)
    return [
        Rated(None, None, None, threshold, recovered=False)
        if known[i, j] == 0.0
        else Rated(float(known[i, j]), statements[i], i + 1, threshold, bool(known[i, j] > threshold))
        for j, i in enumerate(best.tolist())
    ]


def _by_mark(truth: Truth, run: BlindRun) -> tuple[Recovery, set[int]]:
    """What became of it, and the ranks of all hypotheses that stand for it."""
    marked = np.array([bool(truth.shown_by(text)) for text in run.responses], dtype=np.bool_)
    before, after = (float(marked[side].mean()) for side in (~run.is_after, run.is_after))
    scored = [(_follows(said, marked, run.is_after), rank, said.statement) for rank, said in _ranked(run)]
    ranks = {rank for r, rank, _ in scored if r >= AGREES} if after > before else set()
    r, rank, finding = max(scored, key=lambda one: (one[0], -one[1]), default=(None, None, None))
    found = Recovery(
        truth.id, truth.text, "mark", rank if rank in ranks else None, finding, r, AGREES, before, after
    )  # fmt: skip
    return found, ranks


def _follows(said: Measured, marked: Mask, is_after: Mask) -> float:
    tested = ~np.isnan(said.values)
    for rows in (tested & is_after, tested):
        n_marked = int(marked[rows].sum())
        if min(n_marked, int(rows.sum()) - n_marked) >= LEAST_OF_EACH:
            return said.follows(marked, rows)
    return 0.0


def _by_similarity(
    truths: Sequence[Truth], run: BlindRun, others: Sequence[str], embed: Embed
) -> list[tuple[Recovery, set[int]]]:
    if not truths:
        return []
    said = [(one.statement, rank) for rank, one in _ranked(run)]
    if not said:
        return [(Recovery(one.id, one.text, "similarity", None, None, None, 1.0), set()) for one in truths]
    statements = embed([statement for statement, _ in said])
    threshold = threshold_of(embed(list(others)) @ statements.T) if others else threshold_of(np.empty((0, 0)))
    return [
        _nearest(truth, row, said, threshold)
        for truth, row in zip(truths, embed([truth.text for truth in truths]) @ statements.T, strict=True)
    ]


def _nearest(
    truth: Truth, similarities: Vectors, said: Sequence[tuple[str, int]], threshold: float
) -> tuple[Recovery, set[int]]:
    ranks = {rank for value, (_, rank) in zip(similarities, said, strict=True) if value > threshold}
    nearest = int(np.argmax(similarities))
    finding, rank = said[nearest]
    recovered = rank if rank in ranks else None
    return Recovery(
        truth.id, truth.text, "similarity", recovered, finding, float(similarities[nearest]), threshold
    ), ranks


def threshold_of(similarities: Vectors | FloatVector) -> float:
    """How near a finding must be to a truth: so near that 1 truth of 20 that was not planted finds one as near.

    Parameters
    ----------
    similarities : (n_truths, n_findings), cosines of truths that were not planted

    Notes
    -----
    Of each such truth the nearest finding counts, so that more findings make the rule stricter. The value is the
    ``ceil((n + 1) 0.95)``-th of ``n``, as in split conformal prediction: another truth like these exceeds it with a
    probability of at most 5 %.

    Raises
    ------
    DataError
        If there are fewer than 20 truths.

    Examples
    --------
    >>> threshold_of(np.arange(40.0).reshape(40, 1) / 40)
    0.95
    """
    n = len(similarities)
    if n < LEAST_MISMATCHED:
        raise DataError(
            f"a truth without a mark is told by its wording, which takes {LEAST_MISMATCHED} truths that were not "
            f"planted to compare with, and there are {n}. Plant fewer of the built-in ones, or give each truth a mark."
        )
    nearest = np.sort(np.asarray(similarities, dtype=np.float64).max(axis=1))
    return float(nearest[min(int(np.ceil((n + 1) * (1.0 - FALSE_MATCHES))), n) - 1])
