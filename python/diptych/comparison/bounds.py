"""Intervals of the measures of one part: each by itself, and all of the run together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diptych._types import FloatMatrix, Mask
from diptych.stats.intervals import Intervals, fill_in, paired_intervals, unpaired_intervals
from diptych.stats.share_intervals import paired_share_intervals, unpaired_share_intervals


@dataclass(frozen=True, slots=True)
class Levels:
    """Confidences: of each share, and of the numbers, each or together."""

    share: float
    number: float


@dataclass(frozen=True, slots=True)
class Bounds:
    """Intervals that hold each by itself, and those that hold together; NaN where these are not wanted.

    The latter contain the former: a bootstrap's interval is lopsided alone and symmetric together, and of a very skewed
    number one end could lie farther out alone.
    """

    alone: Intervals
    together: Intervals

    @classmethod
    def of(cls, alone: Intervals, together: Intervals | None) -> Bounds:
        """Widen what holds together by what holds alone, where it is wanted.

        Parameters
        ----------
        alone, together : of the same measures
        """
        if together is None:
            unknown = np.full(len(alone.low), np.nan)
            return cls(alone, Intervals(unknown, unknown, unknown))
        low, high = np.minimum(together.low, alone.low), np.maximum(together.high, alone.high)
        return cls(alone, Intervals(low, high, together.error))


def levels_together(alpha: float, n_shares: int, n_numbers: int) -> Levels:
    """What intervals must hold so that the chance of any that misses is at most ``alpha``.

    Parameters
    ----------
    alpha : of the part
    n_shares : shares that are compared, or were chosen from
    n_numbers : numbers

    Notes
    -----
    Bonferroni over the two kinds, then over the shares; the numbers' intervals hold together by themselves. The kinds
    count alike, however many measures they have: the numbers' level stays where a bootstrap can tell it.

    Examples
    --------
    >>> levels_together(0.05, 25, 3)
    Levels(share=0.999, number=0.975)
    """
    each = alpha / max((n_shares > 0) + (n_numbers > 0), 1)
    return Levels(share=1.0 - each / max(n_shares, 1), number=1.0 - each)


def bounds(
    values: FloatMatrix, present: Mask, in_first: Mask | None, share: Mask, *, levels: Levels, seed: int, together: bool
) -> Intervals:
    """Intervals of differences, second arm minus first.

    Parameters
    ----------
    values : float64 (n_units, m): paired differences, or when unpaired the values
    present : bool (n_units, m)
    in_first : bool (n_units,), who is in the first of two groups; None when paired
    share : bool (m,), measures that are 0 or 1 for each response
    levels : of the two kinds
    seed : of the bootstrap
    together : whether the numbers' level is that of all at once
    """
    number = ~share
    if in_first is None:
        shares = paired_share_intervals(values[:, share], present[:, share], level=levels.share)
        numbers = paired_intervals(
            values[:, number], present[:, number], seed=seed, level=levels.number, together=together
        )
    else:
        shares = unpaired_share_intervals(values[:, share], present[:, share], in_first, level=levels.share)
        numbers = unpaired_intervals(
            values[:, number], present[:, number], in_first, seed=seed, level=levels.number, together=together
        )
    empty = np.full(len(share), np.nan)
    return fill_in(fill_in(Intervals(empty, empty, empty), share, shares), number, numbers)
