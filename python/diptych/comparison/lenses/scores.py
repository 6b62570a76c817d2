"""Lens ``scores``: numbers that came with the records, such as a reward or a judge's mark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from diptych._types import FloatMatrix, Span
from diptych.comparison.measures import Measure, Tools
from diptych.comparison.pairing import Table
from diptych.data import Response, Responses
from diptych.errors import DataError
from diptych.utils.names import slug


class ScoresLens:
    """Proposes the fields that the user named with ``--score-field``; nothing is chosen by looking."""

    blinded: ClassVar[Literal[True]] = True

    def propose(self, texts: Sequence[str], tools: Tools) -> ScoresProposal:
        return ScoresProposal(tools.score_fields)


class ScoresProposal:
    """One measure per field. A record without the field, or with null, is a missing measurement."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        self._fields = fields
        slugs = [slug(name) for name in fields]
        ids = [s if slugs.count(s) == 1 else f"{s}_{n}" for n, s in enumerate(slugs, start=1)]
        self.measures = tuple(
            Measure(
                id=f"scores.{unique}",
                lens="scores",
                more=f"scores higher on “{name}”",
                fewer=f"scores lower on “{name}”",
                unit=name,
                kind="number",
                definition={"field": name},
            )
            for name, unique in zip(fields, ids, strict=True)
        )

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        columns = [[_score(row, name) for row in responses] for name in self._fields]
        return np.array(columns, dtype=np.float64).reshape(len(self._fields), len(responses)).T

    def evidence(self, measure: Measure, text: str) -> list[Span]:
        return []


def check_scores(arms: Sequence[Responses], fields: Sequence[str]) -> None:
    """Refuse scores that cannot be tested, before anything is computed.

    Raises
    ------
    DataError
        If a score is not a finite number, or no record of an arm has one; names the place or the fields found.
    """
    for arm in arms:
        for name in fields:
            present = [row for row in arm if row.meta.get(name) is not None]
            if not present and any(name in row.meta for row in arm):
                raise DataError(
                    f"{arm.source}: score field {name!r} is null in every record, so there is nothing to compare.\n"
                    "Score the responses again, or leave the field out."
                )
            if not present:
                found = ", ".join(repr(key) for key in arm[0].meta) or "none"
                raise DataError(f"{arm.source}: no record has a score field {name!r}; other fields found: {found}.")
            for row in present:
                if math.isnan(_score(row, name)):
                    raise DataError(
                        f"{arm.source}, {row.place}: score field {name!r} is {row.meta[name]!r:.40}, expected a finite "
                        "number.\nLeave the field out, or write null, where there is no score."
                    )


def check_common_scores(table: Table, fields: Sequence[str]) -> None:
    """Refuse scores of which no difference can be taken.

    Parameters
    ----------
    table : the responses as compared
    fields : that were declared to be scores

    Raises
    ------
    DataError
        If no prompt has a score in both arms (paired), or an arm has none (unpaired); says how many have which.
    """
    for name in fields:
        scored: tuple[set[int], set[int]] = (set(), set())
        for row, prompt, is_b in zip(table.rows, table.prompt_of_row.tolist(), table.is_b.tolist(), strict=True):
            if row.meta.get(name) is not None:
                scored[is_b].add(prompt)
        paired = table.pairing == "paired"
        if (paired and not scored[0] & scored[1]) or not all(scored):
            a, b = table.arms
            raise DataError(
                f"score field {name!r} is there for {len(scored[0])} prompts of {a.name!r} and {len(scored[1])} of "
                f"{b.name!r}{', for none of both' if paired else ''}: nothing can be compared.\n"
                "Score the responses of both, or leave the field out."
            )


def _score(row: Response, name: str) -> float:
    """The score, NaN where there is none."""
    try:
        score = float(row.meta.get(name, math.nan))
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return score if math.isfinite(score) else math.nan
