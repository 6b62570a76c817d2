"""Means of a measure by unit: draws are averaged in their prompt, and prompts, where they come in groups, in theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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

    Draws weigh equally in a prompt, and prompts in a group, however many draws each has. Paired, a prompt without a
    measurement in one arm is left out of its group in both, so that a group's means are over the same prompts.

    Parameters
    ----------
    table : what belongs to which prompt, unit and arm
    values : float64 (n_rows, m), NaN where missing
    """
    n_prompts, m = len(table.unit_of_prompt), values.shape[1]
    prompts = _means(values, (table.is_b.astype(np.int64), table.prompt_of_row), (2, n_prompts, m))
    of_prompts = ArmMeans(prompts[0], prompts[1])
    if not table.is_grouped:
        return UnitMeans(prompts[0], prompts[1], of_prompts)
    if table.pairing == "paired":
        prompts = np.where(np.isnan(prompts).any(axis=0), np.nan, prompts)
    groups = _means(prompts, (slice(None), table.unit_of_prompt), (2, len(table.units), m))
    return UnitMeans(groups[0], groups[1], of_prompts)


def _means(values: FloatMatrix, where: Any, shape: tuple[int, int, int]) -> FloatMatrix:
    """Means of the values that go to the same place; NaN where none does."""
    sums, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, where, np.nan_to_num(values, nan=0.0))
    np.add.at(counts, where, (~np.isnan(values)).astype(np.float64))
    with np.errstate(invalid="ignore"):
        return np.where(counts > 0, sums / counts, np.nan)


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
    is_missing = np.isnan(prompts.first[chosen]), np.isnan(prompts.second[chosen])
    units = table.unit_of_prompt[chosen]
    if table.pairing == "paired":
        present = ~is_missing[0] & ~is_missing[1]
        more = _by_unit(is_missing[1].astype(np.int64) - is_missing[0], units)
        drop_out_p = sign_test((more > 0).sum(axis=0), (more < 0).sum(axis=0))
    else:
        present = ~(is_missing[0] & is_missing[1])
        lacks = (_by_unit((~present).astype(np.int64), units) > 0).astype(np.int64)
        drop_out_p = shares_test(lacks, table.first_units[tested])
    n_prompts = present.sum(axis=0)
    return PromptCounts(n_prompts, len(present) - n_prompts, drop_out_p)


def _by_unit(counts: NDArray[np.int64], units: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums over the prompts of each unit, in the order of the units."""
    _, index = np.unique(units, return_inverse=True)
    sums = np.zeros((int(index.max(initial=-1)) + 1, counts.shape[1]), dtype=np.int64)
    np.add.at(sums, index, counts)
    return sums
