"""Does a test keep its promise? Shares of false alarms with exact intervals, and whether p-values are too small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with an exact interval.

    Parameters
    ----------
    n_hits, n : counts
    low, high : ends of the interval
    """

    n_hits: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """``n_hits / n``."""
        return self.n_hits / self.n


@dataclass(frozen=True, slots=True)
class Smallness:
    """Whether p-values are smaller than they may be.

    Parameters
    ----------
    excess : the greatest ``F(x) - x`` over all x, where F(x) is the share of them that is at most x
    p_value : of such an excess, or a greater one, if each had ``P(p <= x) <= x``
    """

    excess: float
    p_value: float


def exact_share(n_hits: int, n: int, *, level: float = 0.95) -> Share:
    """A share with the interval that holds its level whatever the truth is.

    Parameters
    ----------
    n_hits, n : independent trials, n at least 1, and how many of them hit
    level : confidence

    Notes
    -----
    Clopper & Pearson (1934): each end is the share at which a binomial tail is ``(1 - level) / 2``.

    Examples
    --------
    >>> share = exact_share(0, 20)
    >>> share.value, share.low, round(share.high, 4)
    (0.0, 0.0, 0.1684)
    """
    from scipy.stats import binomtest

    interval = binomtest(n_hits, n).proportion_ci(confidence_level=level, method="exact")
    return Share(n_hits, n, float(interval.low), float(interval.high))


def smallness(p_values: Sequence[float]) -> Smallness:
    """Test that independent p-values are as small as under the null, or greater.

    Parameters
    ----------
    p_values : at least one, in [0, 1]

    Notes
    -----
    One-sided Kolmogorov-Smirnov test, exact for uniform p. A valid p may be stochastically greater than uniform, as one
    of a discrete statistic is; then this test errs towards not rejecting. A two-sided test would call it a fault.

    Examples
    --------
    >>> smallness([0.01, 0.02, 0.03, 0.04]).p_value < 0.001, smallness([0.9, 0.95, 1.0]).p_value > 0.9
    (True, True)
    """
    from scipy.stats import kstest

    result = kstest(list(p_values), "uniform", alternative="greater")
    return Smallness(float(result.statistic), float(result.pvalue))
