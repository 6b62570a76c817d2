"""Answers without a clear yes or no, read by a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from diptych.apps.behavioural_clustering.config import ApproveConfig
from diptych.data import Response, Responses
from diptych.data.answers import Approval, parse_approval
from diptych.models.assistant import Assistant
from diptych.models.generation import Question
from diptych.models.requests import Failure, Message
from diptych.models.untrusted import Fence
from diptych.utils.hashing import content_hash

_ASK = """\
Someone was asked a question and gave an answer. Say what the answer comes to: "approves" if it says yes to the
statement in the question, "disapproves" if it says no, "no_answer" if it says neither, both, or declines. Answer with a
JSON object with one field: {"verdict": "…"}."""


class Verdict(BaseModel):
    """What a model says that an answer comes to."""

    model_config = ConfigDict(extra="forbid")

    verdict: Literal["approves", "disapproves", "no_answer"]


class Reading:
    """What each response says: by the strict rule and, where that finds neither yes nor no, by a model.

    Parameters
    ----------
    found : what the model said of question and answer
    """

    def __init__(self, found: Mapping[tuple[str, str], Approval]) -> None:
        self._found = found

    def __call__(self, response: Response) -> Approval:
        """What a ``response`` says."""
        said = parse_approval(response.response)
        return said if said != Approval.NO_ANSWER else self._found.get(_pair(response), said)

    @property
    def n_read(self) -> int:
        """Different answers in which the model saw a yes or no."""
        return sum(said != Approval.NO_ANSWER for said in self._found.values())


def read_answers(
    assistant: Assistant | None, responses: Mapping[tuple[int, int], Responses], config: ApproveConfig
) -> Reading:
    """Have the answers read that the strict rule leaves open; different ones once each.

    Parameters
    ----------
    assistant : reads; None leaves them without an answer
    responses : of every model and persona
    config : of the run
    """
    if assistant is None:
        return Reading({})
    rows = (row for one in responses.values() for row in one)
    unclear = dict.fromkeys(
        _pair(row) for row in rows if parse_approval(row.response) == Approval.NO_ANSWER and row.response.strip()
    )
    questions = [Question(content_hash("diptych/unclear/1", pair)[:16], _ask(pair, config.seed)) for pair in unclear]
    said = assistant.ask_objects(questions, Verdict)
    return Reading(
        {
            pair: Approval.NO_ANSWER if isinstance(one, Failure) else Approval[one.verdict.upper()]
            for pair, one in zip(unclear, said, strict=True)
        }
    )


def _pair(response: Response) -> tuple[str, str]:
    return response.prompt, response.response


def _ask(pair: tuple[str, str], seed: int) -> tuple[Message, ...]:
    fence = Fence.around(pair, seed=seed)
    quoted = "\n".join(fence.quote(text, name) for name, text in zip(("question", "answer"), pair, strict=True))
    return Message("system", f"{_ASK} {fence.rule}"), Message("user", quoted)
