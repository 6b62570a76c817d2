"""Means of a measure by unit: draws are averaged in their prompt, and prompts, where they come in groups, in theirs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatMatrix, FloatVector, Mask
from diptych.comparison.pairing import Table
from diptych.stats.exact import shares_test, sign_test


@dataclass(frozen=True)
class ArmMeans:
    """A mean for each prompt, or unit, in each arm: (n, m), NaN where the arm has no measurement there."""

    first: FloatMatrix
    second: FloatMatrix

    @property
    def differences(self) -> FloatMatrix:
        """Second minus first; NaN where either is missing."""
        return self.second - self.first


@dataclass(frozen=True)
class UnitMeans(ArmMeans):
    """Of each unit: (n_units, m).

    Parameters
    ----------
    first, second : the arms in the table's order
    prompts : of each prompt; the same where prompts are the units
    """

    prompts: ArmMeans


def unit_means(table: Table, values: FloatMatrix) -> UnitMeans:
    """Average the draws of each prompt and arm, then the prompts of each group; missing measurements are left out.

    Draws weigh equally in a prompt, and prompts in a group, however many draws each has. Means of unlike numbers of
    draws cannot be exchanged, so ``dealing.even_out`` has left as many in either arm. Paired, a prompt without a
    measurement in one arm is left out of its group in both, so that a group's means are over the same prompts.

    Parameters
    ----------
    table : what belongs to which prompt, unit and arm
    values : float64 (n_rows, m), NaN where missing
    """
    sides = (~table.is_b, table.is_b)
    first, second = (_means(values[s], table.prompt_of_row[s], len(table.unit_of_prompt)) for s in sides)
    prompts = ArmMeans(first, second)
    if not table.is_grouped:
        return UnitMeans(first, second, prompts)
    if table.pairing == "paired":
        is_missing = np.isnan(first) | np.isnan(second)
        first, second = (np.where(is_missing, np.nan, mean) for mean in (first, second))
    first, second = (_means(mean, table.unit_of_prompt, len(table.units)) for mean in (first, second))
    return UnitMeans(first, second, prompts)


def _means(values: FloatMatrix, places: NDArray[np.int64], n: int) -> FloatMatrix:
    """Means of the values that go to each of ``n`` places, float64 (n, m); NaN where none does."""
    is_missing = np.isnan(values)
    counts = _sums((~is_missing).astype(np.float64), places, n)
    with np.errstate(invalid="ignore"):
        return np.where(counts > 0, _sums(np.where(is_missing, 0.0, values), places, n) / counts, np.nan)


def _sums(values: FloatMatrix, places: NDArray[np.int64], n: int) -> FloatMatrix:
    """Sums of the values that go to each of ``n`` places, in the order of the rows: float64 (n, m)."""
    sums = np.zeros((n, values.shape[1]))
    order = np.argsort(places, kind="stable")
    taken, starts = np.unique(places[order], return_index=True)
    if len(taken):
        sums[taken] = np.add.reduceat(values[order], starts, axis=0)
    return sums


@dataclass(frozen=True, slots=True)
class PromptCounts:
    """Prompts behind each measure, one entry per measure.

    Parameters
    ----------
    n_prompts : with a measurement; paired, in both arms
    n_missing : without
    drop_out_p : exact p that measurements are missing equally often in both arms, by units
    """

    n_prompts: NDArray[np.int64]
    n_missing: NDArray[np.int64]
    drop_out_p: FloatVector


def count_prompts(table: Table, prompts: ArmMeans, tested: Mask) -> PromptCounts:
    """How many prompts have been measured, and whether an arm lacks more of them than chance allows.

    Parameters
    ----------
    table : what belongs to which unit
    prompts : of ``UnitMeans``
    tested : bool (n_units,)
    """
    chosen = tested[table.unit_of_prompt]
    units, n_units = table.unit_of_prompt[chosen], len(table.units)
    lacks_first, lacks_second = np.isnan(prompts.first[chosen]), np.isnan(prompts.second[chosen])
    if table.pairing == "paired":
        is_missing = lacks_first | lacks_second
        more = _sums(lacks_second.astype(np.float64) - lacks_first, units, n_units)
        drop_out_p = sign_test((more > 0).sum(axis=0), (more < 0).sum(axis=0))
    else:
        is_missing = lacks_first & lacks_second
        lacking = _sums(is_missing.astype(np.float64), units, n_units)[tested] > 0
        drop_out_p = shares_test(lacking.astype(np.int64), table.first_units[tested])
    n_missing = is_missing.sum(axis=0)
    return PromptCounts(len(units) - n_missing, n_missing, drop_out_p)
