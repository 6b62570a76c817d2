"""Whether a claim is true: scored against what was planted, without any model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from diptych._types import FloatVector, Mask
from diptych.comparison.pairing import Table
from diptych.comparison.units import unit_means

AGREES = 0.5
"""A measure stands for a plant when its correlation with it is at least this."""
CARRIES = 0.5
"""A claim is false when planted prompts carry less than this share of its effect."""


@dataclass(frozen=True)
class Claim:
    """That the second arm scores higher (or lower) in a measure.

    Parameters
    ----------
    lens : who proposed the measure
    values : float64 (n_rows,), NaN where missing
    indicator : whether the measure is 0 or 1
    tested : bool (n_units,), the prompts that the claim rests on
    up : whether it says higher
    """

    lens: str
    values: FloatVector
    indicator: bool
    tested: Mask
    up: bool


@dataclass(frozen=True)
class Score:
    """What came of the claims of one run.

    Parameters
    ----------
    n_claims, n_false : how many, and how many of them are false
    recovered : of each planted kind, the lenses with a claim that stands for it
    first_true : rank of the first claim that stands for a plant, counted from 1; None without one
    """

    n_claims: int
    n_false: int
    recovered: dict[str, list[str]]
    first_true: int | None

    @property
    def false_share(self) -> float:
        """False discovery proportion; 0 without a claim."""
        return self.n_false / max(self.n_claims, 1)


def score_claims(claims: Sequence[Claim], table: Table, planted: Mapping[str, Mask]) -> Score:
    """Score the claims of one run.

    Parameters
    ----------
    claims : strongest first
    table : the responses
    planted : of each kind, bool (n_units,), units whose answer of the second arm was changed
    """
    anywhere = np.zeros(len(table.units), dtype=np.bool_)
    for mask in planted.values():
        anywhere |= mask
    stands_for = [[kind for kind, mask in planted.items() if _stands_for(claim, table, mask)] for claim in claims]
    return Score(
        n_claims=len(claims),
        n_false=sum(carried(claim, table, anywhere) < CARRIES for claim in claims),
        recovered={
            kind: sorted({claim.lens for claim, kinds in zip(claims, stands_for, strict=True) if kind in kinds})
            for kind in planted
        },
        first_true=next((rank for rank, kinds in enumerate(stands_for, start=1) if kinds), None),
    )


def _stands_for(claim: Claim, table: Table, planted: Mask) -> bool:
    """Whether the measure follows the plant on the rows that it was tested on, in the direction of the claim."""
    rows = claim.tested[table.unit_of_row] & ~np.isnan(claim.values)
    is_planted = planted[table.unit_of_row] & table.is_b
    r = agreement(claim.values[rows], is_planted[rows], indicator=claim.indicator)
    return (r if claim.up else -r) >= AGREES


def agreement(values: FloatVector, planted: Mask, *, indicator: bool) -> float:
    """Correlation of a measure with the plant, -1 to 1; 0 where either does not vary.

    Parameters
    ----------
    values, planted : one entry a row
    indicator : whether the measure is 0 or 1

    Notes
    -----
    Of an indicator: phi. Of a number: ``r = d / sqrt(d^2 + 4)``, ``d`` being the difference of the means of planted and
    other rows over the root of their mean variance: the correlation if there were as many of either (Cohen 1988,
    2.2.6). The plain one would be small for every rare plant, because most of a number's spread has nothing to do with
    it. ``r = 0.5`` is ``d = 1.15``.

    Examples
    --------
    >>> agreement(np.array([0.0, 0.0, 1.0, 1.0]), np.array([False, False, True, True]), indicator=True)
    1.0
    """
    groups = values[planted], values[~planted]
    if not all(map(len, groups)) or np.ptp(values) == 0.0:
        return 0.0
    if indicator:
        return float(np.corrcoef(values, planted)[0, 1])
    difference = float(groups[0].mean() - groups[1].mean())
    variance = float(np.mean([group.var() for group in groups]))
    return difference / math.sqrt(difference**2 + 4.0 * variance) if difference else 0.0


def carried(claim: Claim, table: Table, planted: Mask) -> float:
    """Share of a claim's effect that planted prompts carry; 0 where there is no effect in the claimed direction.

    Parameters
    ----------
    claim : its effect is the mean over prompts of second minus first arm
    table : the responses
    planted : bool (n_units,)
    """
    differences = unit_means(table, claim.values[:, None]).differences[:, 0]
    there = claim.tested & ~np.isnan(differences)
    effect = float(differences[there].sum()) * (1.0 if claim.up else -1.0)
    with_plants = float(differences[there & planted].sum()) * (1.0 if claim.up else -1.0)
    return with_plants / effect if effect > 0.0 else 0.0
