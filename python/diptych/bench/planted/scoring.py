"""Whether a claim is true: scored against what was planted, without any model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from diptych._types import FloatVector, Mask
from diptych.comparison.pairing import Table
from diptych.comparison.units import unit_means
from diptych.stats.agreement import AGREES, agreement

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
