"""The test of one hypothesis on answers that had no part in it, and the decision on it as it comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from diptych._types import FloatMatrix, Silent
from diptych.apps.interventions.investigation.hypotheses import Trial
from diptych.apps.interventions.investigation.sides import Answers
from diptych.apps.interventions.recovery import NAMES
from diptych.comparison.inference import Resampling, Tested, infer
from diptych.comparison.measures import Measure
from diptych.comparison.pairing import Table, pair_arms
from diptych.comparison.units import unit_means
from diptych.data.responses import Responses
from diptych.stats.online import OnlineFdr

MIN_PROMPTS = 6
"""With measurements of both, or a hypothesis is not tested: fewer give no p below 1/32."""
_RESAMPLES = 100_000
"""Of measures that are no shares of single answers; the others' p are exact."""


def paired(answers: Answers) -> Table | None:
    """The answers of both to the same prompts; None where they have none in common.

    Parameters
    ----------
    answers : of A and of B
    """
    a, b = answers
    if not {row.prompt_id for row in a} & {row.prompt_id for row in b}:
        return None
    arms = [Responses(rows, name, has_ids=True) for rows, name in zip((a, b), NAMES, strict=True)]
    return pair_arms(arms[0], arms[1], names=NAMES, pairing="paired")


def infer_alone(table: Table, values: FloatMatrix, measures: Sequence[Measure], *, alpha: float, seed: int) -> Tested:
    """The test of a comparison, of each measure for itself.

    Parameters
    ----------
    table : answers of both
    values : float64 (n_rows, m), NaN where nothing was measured
    measures : m
    alpha : of the run; what is called detectable hangs on it
    seed : of the flips of numbers

    Returns
    -------
    Tested
        with an entry for each measure; no p hangs on another measure
    """
    resampling = Resampling(seed, _RESAMPLES, alpha, family=1, threads=1, progress=Silent(), early=True)
    everywhere = np.ones(len(table.units), dtype=np.bool_)
    return infer(table, unit_means(table, values), everywhere, measures, resampling)


@dataclass
class Stream:
    """Decides on hypotheses in the order in which they come; what was decided stays.

    Each has prompts and answers of its own, which were not there when it was written down. So its p, if it is not true,
    does not hang on those before it, as the rules of ``stats.online`` want.

    Parameters
    ----------
    rule : with what was spent and earned so far
    alpha : of the run
    """

    rule: OnlineFdr
    alpha: float

    def decide(self, trial: Trial, table: Table, values: FloatMatrix, *, seed: int) -> Trial:
        """Test a hypothesis and decide on it; one with too few measurements spends nothing.

        Parameters
        ----------
        trial : not tested yet
        table : answers to its prompts
        values : float64 (n_rows, 1), of its measure
        seed : as for ``infer_alone``
        """
        rows, scores = table.rows, tuple(float(one) for one in values[:, 0])
        trial = replace(trial, rows=rows, scores=scores)
        tested = infer_alone(table, values, [trial.measure], alpha=self.alpha, seed=seed)
        n = int(tested.n_prompts[0])
        if n < MIN_PROMPTS:
            return replace(trial, reason=_too_few(n, table, scores))
        level = self.rule.level
        found = self.rule.decide(float(tested.test.p_value[0]))
        return replace(trial, tested=tested, reason="", level=level, is_found=found)


def _too_few(n: int, table: Table, scores: Sequence[float]) -> str:
    n_missing = int(np.isnan(scores).sum())
    return (
        f"{n} of {table.n_prompts} prompts have a measurement of both, at least {MIN_PROMPTS} are needed; "
        f"{n_missing} of {len(scores)} answers have none"
    )
