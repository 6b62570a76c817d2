"""Lens ``approval``: whether a response says yes or no to the statement that it was asked about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from diptych._types import FloatMatrix, Span
from diptych.comparison.measures import Measure, Tools
from diptych.data import Response
from diptych.data.answers import Approval, parse_approval

KINDS = {
    Approval.APPROVES: ("approves", "approves of more", "approves of fewer"),
    Approval.DISAPPROVES: ("disapproves", "disapproves of more", "disapproves of fewer"),
    Approval.NO_ANSWER: ("no_answer", "gives no answer to more", "gives no answer to fewer"),
}
"""Kinds of answer: the name of each, and what an arm does that gives more or fewer of them."""


class ApprovalLens:
    """Proposes three shares: yes, no, and neither, by the strict rule of `data.answers`; nothing is chosen by looking.

    For responses to questions of yes and no, such as those of `diptych approve`, which asks under personas and looks
    cluster by cluster.
    """

    blinded: ClassVar[Literal[True]] = True

    def propose(self, texts: Sequence[str], tools: Tools) -> ApprovalProposal:
        return ApprovalProposal()


class ApprovalProposal:
    """One measure for each kind of answer."""

    measures = tuple(
        Measure(
            id=f"approval.{name}",
            lens="approval",
            more=f"{more} statements",
            fewer=f"{fewer} statements",
            unit="share of responses",
            kind="indicator",
            definition={"answer": name},
        )
        for name, more, fewer in KINDS.values()
    )

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        said = np.array([parse_approval(row.response) for row in responses]).reshape(-1, 1)
        return np.asarray(said == np.array(list(KINDS)), dtype=np.float64)

    def evidence(self, measure: Measure, text: str) -> list[Span]:
        return []
