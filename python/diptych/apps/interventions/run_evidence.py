"""A run, as its findings are looked up in it: what each measured, on which responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatVector, Json, Mask
from diptych.apps.interventions.blind_run import Measured
from diptych.comparison.folder import Documents


@dataclass(frozen=True)
class Evidence:
    """What is behind the findings of a run.

    Parameters
    ----------
    documents : of the run
    """

    documents: Documents

    @property
    def findings(self) -> Sequence[Json]:
        """Of ``findings.json``, strongest first."""
        found: Sequence[Json] = self.documents.findings["findings"]
        return found

    @cached_property
    def is_after(self) -> Mask:
        """Whose each response is: bool (n_rows,), True for the second arm's."""
        after = self.documents.findings["arms"][1]["name"]
        return np.array([row["arm"] == after for row in self.documents.responses], dtype=np.bool_)

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {measure["id"]: j for j, measure in enumerate(self.documents.measures["measures"])}

    @cached_property
    def _halves(self) -> NDArray[np.str_]:
        return np.array([f"{row['half']} half" for row in self.documents.responses])

    def values(self, finding: Json) -> FloatVector:
        """What a finding measured: float64 (n_rows,), NaN where missing.

        Parameters
        ----------
        finding : of this run
        """
        column: FloatVector = self.documents.values[:, self._columns[finding["id"]]]
        return column

    def is_indicator(self, finding: Json) -> bool:
        """Whether those values are 0 or 1.

        Parameters
        ----------
        finding : of this run
        """
        return bool(self.documents.measures["measures"][self._columns[finding["id"]]]["kind"] == "indicator")

    def tested(self, finding: Json) -> Mask:
        """The responses that a finding rests on: bool (n_rows,), those of the prompts that had no part in its choice.

        Parameters
        ----------
        finding : of this run
        """
        halves = self._halves == finding["tested_on"]
        rows = halves if halves.any() else np.ones_like(halves)
        there: Mask = rows & ~np.isnan(self.values(finding))
        return there

    def measured(self, finding: Json) -> Measured:
        """A finding with what it measured of the responses that it rests on.

        Parameters
        ----------
        finding : of this run
        """
        values = np.where(self.tested(finding), self.values(finding), np.nan)
        return Measured(str(finding["statement"]), values, self.is_indicator(finding), finding["effect"] > 0)

    def alike(self, first: Json, second: Json) -> float:
        """Correlation of two findings within the second arm, -1 to 1; below 0 where they say opposite things.

        Both arms together would make any two differences between them look alike. An indicator and a number have 0: two
        habits that both lengthen an answer are not one.

        Parameters
        ----------
        first, second : of this run
        """
        one, other = self.values(first), self.values(second)
        rows = self.is_after & ~np.isnan(one) & ~np.isnan(other)
        same_kind = self.is_indicator(first) == self.is_indicator(second)
        if not same_kind or not rows.any() or not np.ptp(one[rows]) or not np.ptp(other[rows]):
            return 0.0
        r = float(np.corrcoef(one[rows], other[rows])[0, 1])
        return r if (first["effect"] > 0) == (second["effect"] > 0) else -r
