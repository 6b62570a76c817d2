"""Numbers and dates as a reader wants them, each with the exact value behind it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from diptych._types import Json

SHARES = ("share of responses", "share of letters")
"""Units that are shown in per cent, and their differences in percentage points."""

_MINUS, _SPACE = "\u2212", "\u00a0"
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_MAX_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as it is printed, and as it stands in the run's files."""

    text: str
    exact: float | int | None


@dataclass(frozen=True, slots=True)
class Scale:
    """How the numbers of one measure are printed: all with the same decimals, shares in per cent.

    Parameters
    ----------
    unit : of the measure, as in ``findings.json``
    decimals : after the point
    """

    unit: str
    decimals: int

    @property
    def is_share(self) -> bool:
        """Is the unit shown as percentages?"""
        return self.unit in SHARES

    def mean(self, value: float) -> Figure:
        """``60 %``, or ``175.4`` without its unit."""
        suffix = f"{_SPACE}%" if self.is_share else ""
        return Figure(fixed(self._scaled(value), self.decimals) + suffix, value)

    def difference(self, value: float) -> Figure:
        """With a sign and without its unit."""
        scaled = self._scaled(value)
        text = fixed(scaled, self.decimals)
        return Figure("+" + text if scaled > 0 else text, value)

    @property
    def difference_unit(self) -> str:
        """What a difference is counted in."""
        return "points" if self.is_share else self.unit

    def _scaled(self, value: float) -> float:
        return 100.0 * float(value) if self.is_share else float(value)


def scale_for(unit: str, low: float, high: float, others: Iterable[float] = ()) -> Scale:
    r"""The scale whose decimals fit the width of an interval.

    Parameters
    ----------
    unit : of the measure
    low, high : the interval
    others : further numbers to print; decimals are added, up to two, until none that differs from 0 reads as 0

    Notes
    -----
    Decimals by the Particle Data Group's rule (Review of Particle Physics, §5.3): the half width keeps two digits
    when they are 10 to 35, else one.

    Examples
    --------
    >>> scale = scale_for("words", -151.7, -132.8)
    >>> scale.difference(-141.8).text == "\u2212142"
    True
    >>> scale_for("share of responses", -0.0731, -0.0304).difference(-0.0473).text == "\u22124.7"
    True
    """
    factor = 100.0 if unit in SHARES else 1.0
    half = factor * abs(high - low) / 2.0
    values = [factor * abs(value) for value in (low, high, *others) if value]
    if half > 0.0:
        exponent = math.floor(math.log10(half))
        decimals = -exponent if half / 10.0**exponent >= 3.55 else 1 - exponent
    else:
        decimals = 2 - math.floor(math.log10(max(values))) if values else 0
    decimals = min(max(decimals, 0), _MAX_DECIMALS)
    for _ in range(2):
        if any(value < 0.5 * 10.0**-decimals for value in values):
            decimals = min(decimals + 1, _MAX_DECIMALS)
    return Scale(unit, decimals)


def fixed(value: float, decimals: int) -> str:
    r"""With thousands separators and a true minus sign, zero without a sign; very large numbers in powers of ten.

    Examples
    --------
    >>> fixed(-1234.56, 1) == "\u22121,234.6"
    True
    """
    if abs(value) >= 1e9:
        return f"{value:.3g}".replace("-", _MINUS)
    text = f"{value:,.{decimals}f}"
    return text.lstrip("-") if not text.strip("-0.,") else text.replace("-", _MINUS)


def significant(value: float, digits: int = 2) -> str:
    """With so many significant digits, for numbers without an interval.

    Examples
    --------
    >>> significant(0.04182), significant(383.0), significant(1.0)
    ('0.042', '383', '1')
    """
    value = float(value)
    if value == 0.0 or value == int(value):
        return fixed(value, 0)
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return fixed(value, min(decimals, _MAX_DECIMALS))


def probability(value: float) -> Figure:
    r"""Two significant digits, or ``< 0.0001``.

    Examples
    --------
    >>> probability(3e-9).text, probability(0.0214).text
    ('<\xa00.0001', '0.021')
    """
    value = float(value)
    return Figure(f"<{_SPACE}0.0001" if value < 0.0001 else significant(value), value)


def effect_size(value: float | None) -> Figure:
    """Two decimals; a dash where there is none."""
    return Figure("–", None) if value is None else Figure(fixed(float(value), 2), value)


def count(value: int) -> str:
    """With thousands separators."""
    return f"{int(value):,}"


def moment(text: str) -> str:
    """``23 November 2026, 05:57 UTC``; text that is no date stays as it is.

    Examples
    --------
    >>> moment("2026-11-23T05:57:05+00:00")
    '23 November 2026, 05:57 UTC'
    """
    try:
        when = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return text
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}, {when:%H:%M} UTC"


def equivalence(judged: Json) -> str:
    r"""What came of a margin of equivalence.

    Parameters
    ----------
    judged : an entry of ``equivalent`` in ``findings.json``

    Examples
    --------
    >>> entry = {"name": "words", "margin": 10.0, "unit": "words", "n_measures": 1, "n_equivalent": 1}
    >>> equivalence(entry).replace("\xa0", " ")
    '1 of 1 measure is equivalent within ±10 words (words)'
    """
    scale, margin = Scale(str(judged["unit"]), 0), float(judged["margin"])
    n, of = int(judged["n_equivalent"]), int(judged["n_measures"])
    within = f"±{100.0 * margin if scale.is_share else margin:g}{_SPACE}{scale.difference_unit}"
    if not of:
        return f"no measure was tested that the margin of {judged['name']} is for"
    measures = "measure is" if of == n == 1 else "measures is" if n == 1 else "measures are"
    return f"{count(n)} of {count(of)} {measures} equivalent within {within} ({judged['name']})"


@dataclass(frozen=True, slots=True)
class Shown:
    """The interval of a measure that is printed."""

    low: float
    high: float


def interval_of(entry: Json) -> Shown:
    """The simultaneous interval where there is one, else that of the measure by itself.

    Parameters
    ----------
    entry : a tested measure, as in ``findings.json``

    Examples
    --------
    >>> interval_of({"ci_low": -1.0, "ci_high": 1.0, "simultaneous_low": -2.0, "simultaneous_high": 2.0})
    Shown(low=-2.0, high=2.0)
    """
    if entry["simultaneous_low"] is not None:
        return Shown(float(entry["simultaneous_low"]), float(entry["simultaneous_high"]))
    return Shown(float(entry["ci_low"]), float(entry["ci_high"]))


def nice_ceiling(value: float) -> float:
    """The next round number, two digits at most: where an axis ends.

    Examples
    --------
    >>> nice_ceiling(0.285), nice_ceiling(151.0), nice_ceiling(0.0)
    (0.3, 200.0, 1.0)
    """
    if not value > 0.0:
        return 1.0
    base = 10.0 ** math.floor(math.log10(value))
    steps = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
    return round(next(step for step in steps if step * base >= value * (1.0 - 1e-12)) * base, 12)
