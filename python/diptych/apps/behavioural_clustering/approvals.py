"""Who approves of what: a tensor of answers, statements × models × personas × draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diptych._types import FloatMatrix, Json
from diptych.data import Response, Responses
from diptych.data.answers import Approval
from diptych.data.catalogue import Persona
from diptych.data.statements import Statements

NAMES = {approval: approval.name.lower() for approval in Approval}
"""What ``approvals.jsonl`` calls each answer."""


@dataclass(frozen=True)
class Approvals:
    """Every answer, read.

    Parameters
    ----------
    statements : n of them
    models : names, m of them
    personas : system messages, l of them
    values : int8 (n, m, l, draws): 1 approves, 0 disapproves, -1 gives no answer, -2 was not answered
    responses : of each model and persona, (m, l) by their numbers
    """

    statements: Statements
    models: tuple[str, ...]
    personas: tuple[Persona, ...]
    values: NDArray[np.int8]
    responses: Mapping[tuple[int, int], Responses]

    @classmethod
    def read(
        cls,
        statements: Statements,
        models: Sequence[str],
        personas: Sequence[Persona],
        draws: int,
        responses: Mapping[tuple[int, int], Responses],
        reading: Callable[[Response], Approval],
    ) -> Approvals:
        """Put every answer in its place.

        Parameters
        ----------
        statements, models, personas, draws, responses : what was asked, and what came of it
        reading : what a response says
        """
        values = np.full((len(statements), len(models), len(personas), draws), Approval.MISSING, dtype=np.int8)
        index = {row.statement_id: i for i, row in enumerate(statements.rows)}
        for (m, persona), rows in responses.items():
            for row in rows:
                values[index[row.prompt_id], m, persona, row.draw] = reading(row)
        return cls(statements, tuple(models), tuple(personas), values, responses)

    def shares(self, approval: Approval) -> FloatMatrix:
        """Share of each statement's draws that come to ``approval``: float64 (n, m, l), NaN where none was answered."""
        there = (self.values != Approval.MISSING).sum(axis=3)
        with np.errstate(invalid="ignore"):
            return np.where(there > 0, (self.values == approval).sum(axis=3) / there, np.nan)

    def rows(self) -> Iterator[Json]:
        """One object for each answer, as in ``approvals.jsonl``."""
        index = {row.statement_id: i for i, row in enumerate(self.statements.rows)}
        for (m, persona), responses in sorted(self.responses.items()):
            for row in responses:
                i = index[row.prompt_id]
                yield {
                    "statement_id": row.prompt_id,
                    "statement": self.statements.rows[i].text,
                    "category": self.statements.rows[i].category,
                    "model": self.models[m],
                    "section": self.personas[persona].section,
                    "label": self.personas[persona].label,
                    "draw": row.draw,
                    "answer": NAMES[Approval(int(self.values[i, m, persona, row.draw]))],
                    "response": row.response,
                    "finish_reason": row.finish_reason,
                }
