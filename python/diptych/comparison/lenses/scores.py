"""Lens ``scores``: numbers that came with the records, such as a reward or a judge's mark."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from diptych._types import FloatMatrix, Span
from diptych.comparison.measures import Discovery, Measure, Tools
from diptych.data import Response
from diptych.errors import DataError
from diptych.utils.names import slug


class ScoresLens:
    """Proposes the fields that the user named with ``--score-field``; nothing is chosen by looking."""

    def propose(self, discovery: Discovery, tools: Tools) -> ScoresProposal:
        return ScoresProposal(tools.score_fields)


class ScoresProposal:
    """One measure per field. A record without the field, or with null, is a missing measurement."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        self._fields = fields
        self.measures = tuple(
            Measure(
                id=f"scores.{slug(name)}",
                lens="scores",
                more=f"scores higher on “{name}”",
                fewer=f"scores lower on “{name}”",
                unit=name,
                kind="number",
                definition={"field": name},
            )
            for name in fields
        )

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        columns = [[_score(row, name) for row in responses] for name in self._fields]
        return np.array(columns, dtype=np.float64).reshape(len(self._fields), len(responses)).T

    def evidence(self, measure: Measure, text: str) -> list[Span]:
        return []


def _score(row: Response, name: str) -> float:
    value = row.meta.get(name)
    if value is None:
        return math.nan
    try:
        score = float(value)
    except (TypeError, ValueError):
        score = math.nan
    if not math.isfinite(score):
        raise DataError(
            f"arm {row.arm}, {row.place}: score field {name!r} is {value!r}, expected a finite number.\n"
            "Leave the field out, or write null, where there is no score."
        )
    return score
