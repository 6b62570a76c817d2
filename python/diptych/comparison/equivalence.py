"""Margins of equivalence: how small a difference is no difference, and which measures are shown to stay within it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from diptych._types import Json
from diptych.comparison.measures import Measure
from diptych.errors import ConfigError
from diptych.utils.names import check_name

if TYPE_CHECKING:
    from diptych.comparison.findings import Finding

SHARE = "share of responses"
"""Unit that a margin without a name stands for."""
BOUNDED = (SHARE, "share of letters")
"""Units in which no difference is above 1."""


def parse_margins(given: object) -> dict[str, float]:
    """Margins by unit or measure, from any form in which they may be given.

    Parameters
    ----------
    given : a number, which is for shares of responses; text such as ``"0.05,surface.words=10"``; a list of such texts;
        or a mapping

    Raises
    ------
    ValueError
        If it is none of these, a margin is not above 0 and finite, is above 1 for shares, or is given twice.

    Examples
    --------
    >>> parse_margins(["0.05", "surface.words=10"])
    {'share of responses': 0.05, 'surface.words': 10.0}
    """
    if isinstance(given, Mapping):
        pairs = [(str(name), margin) for name, margin in given.items()]
    else:
        texts = given if isinstance(given, list | tuple) else [given]
        pairs = [_pair(part) for text in texts for part in str(text).split(",")]
    margins: dict[str, float] = {}
    for name, value in pairs:
        margin = _margin(name, value)
        if name in margins:
            raise ValueError(f"{name} has two margins, {margins[name]:g} and {margin:g}; keep one")
        margins[name] = margin
    return margins


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.rpartition("=")
    return (name.strip() if equals else SHARE), value.strip()


def _margin(name: str, value: object) -> float:
    try:
        margin = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        margin = math.nan
    if not 0.0 < margin < math.inf:
        raise ValueError(
            f"{value!r} is no margin: give a number above 0, such as 0.05, or words=10 or surface.words=10"
        )
    if name in BOUNDED:
        _check_bounded(margin, name)
    return margin


def _check_bounded(margin: float, name: str) -> None:
    if margin > 1.0:
        raise ConfigError(f"a margin of {margin:g} for {name}: shares differ by 1 at most; 5 points are 0.05")


@dataclass(frozen=True, slots=True)
class Known:
    """What a margin may be for.

    Parameters
    ----------
    units : of the measures
    measures : unit of each measure, by id
    lenses : that run
    is_complete : whether every lens has proposed what it proposes
    """

    units: tuple[str, ...]
    measures: Mapping[str, str]
    lenses: tuple[str, ...]
    is_complete: bool = False

    @classmethod
    def before(cls, lenses: Sequence[str], score_fields: Sequence[str]) -> Known:
        """What is known of a run before it looks at a response: every unit, and what ``surface`` can propose.

        Parameters
        ----------
        lenses : that run
        score_fields : each its own unit
        """
        from diptych.comparison.lenses.surface import every_measure

        measures = {measure.id: measure.unit for measure in every_measure()} if "surface" in lenses else {}
        if "likelihood" in lenses:
            measures["likelihood.ratio"] = "nats a token"
        shares = [SHARE] if set(lenses) - {"scores", "likelihood"} else []
        return cls(tuple(dict.fromkeys([*shares, *measures.values(), *score_fields])), measures, tuple(lenses))

    def and_proposed(self, measures: Iterable[Measure]) -> Known:
        """The same after all lenses have proposed.

        Parameters
        ----------
        measures : of the ledger; phrases and regions, each of which stand there as one, have no names before the test
        """
        proposed = {measure.id: measure.unit for measure in measures if measure.id != measure.lens}
        return replace(self, measures={**self.measures, **proposed}, is_complete=True)


def check_margins(margins: Mapping[str, float], known: Known) -> None:
    """Refuse a margin that is for nothing: before the lenses have proposed, as far as it can be told.

    Parameters
    ----------
    margins : by unit or measure
    known : what they may be for

    Raises
    ------
    UnknownNameError
        If no measure has that id or unit; names the units, or the measures of the lens.
    ConfigError
        If a share may differ by more than 1.
    """
    for name, margin in margins.items():
        lens, dot, _ = name.partition(".")
        if name in known.units:
            continue
        if dot:
            check_name("lens of a margin", lens, known.lenses)
        of_lens = [measure for measure in known.measures if measure.startswith(f"{lens}.")] if dot else []
        if of_lens or known.is_complete or not dot:
            check_name("measure or unit", name, of_lens or known.units)
            if known.measures[name] in BOUNDED:
                _check_bounded(margin, name)


def margin_of(measure_id: str, unit: str, margins: Mapping[str, float]) -> float | None:
    """The margin of a measure: its own, else that of its unit; None where there is neither.

    Parameters
    ----------
    measure_id, unit : of the measure
    margins : by unit or measure

    Examples
    --------
    >>> margin_of("surface.words", "words", {"words": 20.0, "surface.words": 10.0})
    10.0
    """
    return margins.get(measure_id, margins.get(unit))


def is_within(low: float, high: float, margin: float) -> bool:
    """Whether an interval shows that the difference is smaller than the margin.

    Parameters
    ----------
    low, high : the interval
    margin : above 0

    Notes
    -----
    It must lie inside ±margin. With an interval of level 1 - 2α this is the test of two one-sided hypotheses at α
    (Schuirmann 1987); at 1 - α, as here, it errs to the safe side, and intervals that hold together make it a claim
    about all measures at once. An interval of no width comes from a number that was the same in every prompt: it tells
    nothing about the spread, and shows nothing.

    Examples
    --------
    >>> is_within(-0.01, 0.03, 0.05), is_within(-0.01, 0.05, 0.05), is_within(0.0, 0.0, 0.05)
    (True, False, False)
    """
    return -margin < low < high < margin


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of one margin.

    Parameters
    ----------
    name : the unit or the measure that it is for
    margin : in ``unit``
    unit : of the measures
    n_measures : how many it applies to
    equivalent : ids of those that are shown to stay within it
    """

    name: str
    margin: float
    unit: str
    n_measures: int
    equivalent: tuple[str, ...]

    def as_json(self) -> Json:
        """As in ``findings.json``."""
        return {
            "name": self.name,
            "margin": self.margin,
            "unit": self.unit,
            "n_measures": self.n_measures,
            "n_equivalent": len(self.equivalent),
            "measures": list(self.equivalent),
        }


def judge(findings: Sequence[Finding], margins: Mapping[str, float]) -> list[Judged]:
    """How many measures stay within each margin.

    Parameters
    ----------
    findings : everything that was tested
    margins : by unit or measure; a measure counts under its own, if it has one
    """
    judged = []
    for name, margin in margins.items():
        of_it = [f for f in findings if f.id == name or (f.unit == name and f.id not in margins)]
        unit = of_it[0].unit if of_it else name
        equivalent = tuple(finding.id for finding in of_it if finding.is_equivalent)
        judged.append(Judged(name, margin, unit, len(of_it), equivalent))
    return judged
