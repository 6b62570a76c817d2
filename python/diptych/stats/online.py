"""Hypotheses that arrive one after the other: each is decided at once, and the false discovery rate is held."""

from __future__ import annotations

from typing import Literal

import numpy as np

from diptych._types import FloatVector, Mask
from diptych.errors import DataError

Rule = Literal["saffron", "lord"]


class OnlineFdr:
    """Decides on each p as it comes, at a level that depends on the decisions before it.

    The chance that is spent on the start, and what each discovery earns, are paid out over the tests that follow, in
    shares that fall with time. LORD's clock runs with every test. SAFFRON's stands still while p is at most
    ``candidate``: a true hypothesis rarely gives so small a p, so little is lost on it, and where many are false much
    more is found.

    Parameters
    ----------
    alpha : false discovery rate, in (0, 1)
    rule : ``"saffron"`` or ``"lord"``
    first : of alpha, what is spent before any discovery; in (0, alpha], by default half
    candidate : SAFFRON's, in (0, 1)

    Raises
    ------
    DataError
        If a number is outside its range.

    Notes
    -----
    LORD++: Ramdas, Yang, Wainwright & Jordan (2017), NeurIPS, section 4.1, after Javanmard & Montanari (2018), Ann.
    Statist. 46(2), with their shares ``log(max(j, 2)) / (j exp(sqrt(log j)))``. SAFFRON: Ramdas, Zrnic, Wainwright &
    Jordan (2018), ICML, algorithm 1, with shares ``1 / j^1.6``. Both hold the rate if p-values of true hypotheses are
    independent of those before them and valid given these; the order must not depend on the p-values to come.

    Examples
    --------
    >>> stream = OnlineFdr(0.05)
    >>> [stream.decide(p) for p in (0.0001, 0.9, 0.003, 0.2)]
    [True, False, True, False]
    >>> round(stream.level, 5)
    0.01455
    """

    def __init__(
        self, alpha: float, rule: Rule = "saffron", *, first: float | None = None, candidate: float = 0.5
    ) -> None:
        if not 0.0 < alpha < 1.0:
            raise DataError(f"alpha = {alpha}: it should lie between 0 and 1")
        first = alpha / 2 if first is None else first
        if not 0.0 < first <= alpha:
            raise DataError(f"first = {first}: it should lie above 0 and be at most alpha = {alpha}")
        if rule == "saffron" and not 0.0 < candidate < 1.0:
            raise DataError(f"candidate = {candidate}: it should lie between 0 and 1")
        self._alpha, self._rule, self._first, self._candidate = alpha, rule, first, candidate
        self._paid = np.array([first])  # what the start and each discovery pay out in all
        self._ages = np.array([1])  # their clocks

    @property
    def level(self) -> float:
        """The next hypothesis is a discovery if its p is at most this."""
        if self._rule == "lord":
            return float(self._paid @ _lord_share(self._ages))
        return min(self._candidate, (1.0 - self._candidate) * float(self._paid @ _saffron_share(self._ages)))

    def decide(self, p_value: float) -> bool:
        """Whether the next hypothesis is a discovery.

        Parameters
        ----------
        p_value : in [0, 1]

        Raises
        ------
        DataError
            If it is not a probability.
        """
        if not 0.0 <= p_value <= 1.0:
            raise DataError(f"p = {p_value}: it should lie from 0 to 1")
        found = p_value <= self.level
        if self._rule == "lord" or p_value > self._candidate:
            self._ages += 1
        if found:
            earned = self._alpha - self._first if len(self._paid) == 1 else self._alpha
            self._paid, self._ages = np.append(self._paid, earned), np.append(self._ages, 1)
        return found


def decide_all(p_values: FloatVector, alpha: float, rule: Rule = "saffron") -> Mask:
    """Decisions on p-values in the order in which they came.

    Parameters
    ----------
    p_values : float64 (m,), in [0, 1]
    alpha, rule : as in ``OnlineFdr``

    Returns
    -------
    bool (m,)

    Raises
    ------
    DataError
        If one is not a probability.

    Examples
    --------
    >>> decide_all(np.array([0.0001, 0.9, 0.003, 0.2]), 0.05, "lord").tolist()
    [True, False, False, False]
    """
    stream = OnlineFdr(alpha, rule)
    return np.array([stream.decide(float(p)) for p in p_values], dtype=np.bool_)


def _lord_share(ages: np.ndarray) -> FloatVector:
    """Shares of LORD, with the factor of its authors; all of them together make .976, so that nothing is overspent."""
    return 0.07720838 * np.log(np.maximum(ages, 2)) / (ages * np.exp(np.sqrt(np.log(ages))))  # type: ignore[no-any-return]


def _saffron_share(ages: np.ndarray) -> FloatVector:
    """Shares of SAFFRON; all of them together make one."""
    from scipy.special import zeta

    return ages**-1.6 / zeta(1.6)
