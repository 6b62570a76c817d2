"""A model that helps to read: names clusters, judges answers, writes summaries."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from diptych._types import Progress
from diptych.models.generation import Question, generate
from diptych.models.ledger import Ledger
from diptych.models.passing import refuse_passing
from diptych.models.prices import Price
from diptych.models.recorded import RecordedModel
from diptych.models.requests import Answer, Failure, Model, Request, Sampling, request_key
from diptych.models.structured import read_object, strict_schema

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Assistant:
    """Asks a model through a ledger: a question whose answer is there is not asked again.

    Parameters
    ----------
    model : that is asked
    ledger : takes each answer as it comes
    sampling : how answers are drawn
    price : of the model's tokens; None where it is not known
    max_cost : US dollars that all answers in the ledger together may cost
    progress : where it says how far it is
    beside : ledgers of other runs, whose answers to the same questions are taken over
    role : what it is in the run, for those who ask how that stands
    stops : whether a failure that passes ends the run: where what is asked next hangs on the answers
    unread : why answers could not be read so far

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from diptych.models.providers.scripted import Script, ScriptedModel
    >>> from diptych.models.requests import Message
    >>> class Verdict(BaseModel):
    ...     flatters: bool
    >>> model = ScriptedModel("judge", Script(otherwise=('{"flatters": true}',)))
    >>> with Ledger(pathlib.Path(tempfile.mkdtemp()) / "ledger.sqlite", {}) as ledger:
    ...     judge = Assistant(model, ledger, Sampling(temperature=0.0))
    ...     judge.ask_objects([Question("1", (Message("user", "Does “You are so wise!” flatter?"),))], Verdict)
    [Verdict(flatters=True)]
    """

    model: Model
    ledger: Ledger
    sampling: Sampling
    price: Price | None = None
    max_cost: float | None = None
    progress: Progress | None = None
    beside: tuple[Path, ...] = ()
    role: str = "assistant"
    stops: bool = False
    unread: list[str] = field(default_factory=list, compare=False)

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """An answer to each question, in order.

        Raises
        ------
        ConfigError, BudgetError, ModelError, LedgerError
            As ``models.generation.generate`` does; ``ModelError`` also as ``stops`` says.
        """
        requests = [Request(question.messages, schema=question.schema) for question in questions]
        keys = [request_key(self.model.identity, self.sampling, request) for request in requests]
        self.ledger.expect(self.role, self.model.name, keys, more=True)
        self._take_over(keys)
        answered = generate(
            self.model,
            questions,
            sampling=self.sampling,
            ledger=self.ledger,
            progress=self.progress,
            price=self.price,
            max_cost=self.max_cost,
        )
        for one in answered if self.stops else ():
            if isinstance(one.answer, Failure):
                refuse_passing(self.model.name, one.answer)
        return [one.answer for one in answered]

    def _take_over(self, keys: Sequence[str]) -> None:
        """What other runs paid for; warns that there is something."""
        if isinstance(self.model, RecordedModel):  # what failed in its run fails again
            return
        for other in self.beside:
            known = self.ledger.replies(keys)
            missing = [key for key in dict.fromkeys(keys) if key not in known]
            if missing and (n := self.ledger.take_over(other, missing)):
                taken = f"{n} answers of {self.model.name} were taken over from {other.parent.name}"
                warnings.warn(taken, stacklevel=3)

    def ask_objects(self, questions: Sequence[Question], form: type[M]) -> list[M | Failure]:
        """An object for each question, in order; a failure where the answer does not fit.

        Parameters
        ----------
        questions : each gets the form's schema; a model that knows no schemas must be told the form in words
        form : of the answers

        Raises
        ------
        ConfigError, BudgetError, ModelError, LedgerError
            As ``models.generation.generate`` does.
        """
        schema = strict_schema(form)
        answers = self.ask([replace(question, schema=schema) for question in questions])
        found = [read_object(answer, form) for answer in answers]
        self.unread.extend(one.reason for one in found if isinstance(one, Failure))
        return found

    def notices(self) -> Iterator[str]:
        """What a reader should know about answers that could not be read."""
        if self.unread:
            [(reason, _)] = Counter(self.unread).most_common(1)
            yield f"{len(self.unread)} answers of {self.model.name} could not be read (most often: {reason})"
