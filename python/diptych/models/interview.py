"""An assistant that is asked step by step: within a number of requests, with every question and answer on record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from diptych._types import Json
from diptych.errors import BudgetError
from diptych.models.assistant import Assistant
from diptych.models.generation import Question
from diptych.models.passing import refuse_passing
from diptych.models.requests import Answer, Failure


@dataclass
class Interview:
    """What an assistant was asked so far, and what it may still be asked.

    Parameters
    ----------
    assistant : asked through the ledger of the run
    budget : requests that it may get, those that the ledger holds included; None for any number
    interactions : every question and its answer, in order
    counts : of what went wrong

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from diptych.models.ledger import Ledger
    >>> from diptych.models.providers.scripted import Script, ScriptedModel
    >>> from diptych.models.requests import Message, Sampling
    >>> with Ledger(pathlib.Path(tempfile.mkdtemp()) / "ledger.sqlite", {}) as ledger:
    ...     interview = Interview(Assistant(ScriptedModel("echo", Script()), ledger, Sampling()), budget=1)
    ...     interview.ask(Question("1", (Message("user", "Why?"),))).text, len(interview.interactions)
    ('Why?', 1)
    """

    assistant: Assistant
    budget: int | None = None
    interactions: list[Json] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def ask(self, question: Question) -> Answer:
        """Ask one question; as ``ask_all``."""
        return self.ask_all([question])[0]

    def ask_all(self, questions: Sequence[Question]) -> list[Answer]:
        """An answer to each question, in order; the same question twice is asked once.

        Parameters
        ----------
        questions : two with one ``prompt_id`` are the same

        Raises
        ------
        BudgetError
            If the budget, in requests or in money, is used up.
        ModelError
            If the assistant cannot be asked, or a request failed for a reason that passes.
        """
        n_asked = len(self.interactions)
        if self.budget is not None and n_asked + len(questions) > self.budget:
            raise BudgetError(
                f"--budget = {self.budget}: {n_asked} requests were made of {self.assistant.model.name}, the next step "
                f"takes {len(questions)}.\nThe same command with a greater --budget goes on."
            )
        different = {question.prompt_id: question for question in questions}
        said = dict(zip(different, self.assistant.ask(list(different.values())), strict=True))
        answers = [said[question.prompt_id] for question in questions]
        self.interactions += [_as_json(*pair) for pair in zip(questions, answers, strict=True)]
        for answer in said.values():
            if isinstance(answer, Failure):
                self.counts[f"requests that failed ({answer.kind})"] += 1
                refuse_passing(self.assistant.model.name, answer)
        return answers


def _as_json(question: Question, answer: Answer) -> Json:
    asked = {
        "id": question.prompt_id,
        "messages": [{"role": message.role, "content": message.content} for message in question.messages],
    }
    if isinstance(answer, Failure):
        return {**asked, "failure": answer.kind, "reason": answer.reason}
    return {**asked, "answer": answer.text, "finish_reason": answer.finish_reason}
