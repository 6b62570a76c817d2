"""A run in which nobody knew what was changed, of whatever kind, as planted truths are held against it."""

from __future__ import annotations

from dataclasses import dataclass

from diptych._types import FloatVector, Mask
from diptych.stats.agreement import agreement


@dataclass(frozen=True)
class Measured:
    """A statement that passed its test, and what it rests on.

    Parameters
    ----------
    statement : as the run says it, of the second arm
    values : float64 (n_rows,), what was measured of each answer; NaN of those that had no part in its test
    is_indicator : whether these are 0 or 1
    is_more : whether the second arm has more of it
    """

    statement: str
    values: FloatVector
    is_indicator: bool
    is_more: bool

    def follows(self, marked: Mask, rows: Mask) -> float:
        """Correlation with a mark, -1 to 1; below 0 where the statement says the opposite.

        Parameters
        ----------
        marked : bool (n_rows,)
        rows : bool (n_rows,), where to look; only where something was measured
        """
        r = agreement(self.values[rows], marked[rows], indicator=self.is_indicator)
        return r if self.is_more else 0.0 - r


@dataclass(frozen=True)
class BlindRun:
    """What a run brought to light.

    Parameters
    ----------
    kind : of run, in a word
    responses : (n_rows,) texts
    is_after : bool (n_rows,), whether each is of the second arm
    hypotheses : strongest first; of each the statements that say the same, strongest first
    n_findings : also those that only say that the models differ
    """

    kind: str
    responses: tuple[str, ...]
    is_after: Mask
    hypotheses: tuple[tuple[Measured, ...], ...]
    n_findings: int
