"""Prompts through a model into a ledger: each asked once, whatever happens in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from diptych._types import Json, Progress, Silent
from diptych.errors import BudgetError, ConfigError, ModelError
from diptych.models.batch_run import BatchRun
from diptych.models.batches import BatchingClient
from diptych.models.ledger import Asked, Ledger
from diptych.models.prices import Budget, Price
from diptych.models.requests import Answer, Failure, Message, Model, Request, Sampling, request_key


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a model, so often as there are draws.

    Parameters
    ----------
    prompt_id : its name
    messages : the conversation, ending with the user's turn
    schema : JSON schema that each answer shall follow; None for plain text
    """

    prompt_id: str
    messages: tuple[Message, ...]
    schema: Json | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """One draw of one question, and what came of it."""

    question: Question
    draw: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A request that has no answer yet."""

    asked: Asked
    request: Request


def generate(
    model: Model,
    questions: Sequence[Question],
    *,
    draws: int = 1,
    sampling: Sampling,
    ledger: Ledger,
    progress: Progress | None = None,
    price: Price | None = None,
    max_cost: float | None = None,
    max_failures: int | None = None,
) -> list[Answered]:
    """Ask what the ledger does not hold yet; give all answers, in an order that does not depend on their arrival.

    Parameters
    ----------
    model : that is asked
    questions : no two with the same messages
    draws : answers to each
    sampling : how they are drawn
    ledger : takes each answer as it comes
    progress : where it says how far it is
    price : of the model's tokens; None where it is not known
    max_cost : US dollars that all answers in the ledger together may cost
    max_failures : requests that may fail before the rest is left unasked; None for any number

    Returns
    -------
    list of Answered
        question by question, draw by draw; a request that failed has a ``Failure``

    Raises
    ------
    ConfigError
        If the model does not take a parameter, or there is a budget and no price.
    BudgetError
        Before the first request that could cross ``max_cost``.
    ModelError
        If nothing more can be asked, or more than ``max_failures`` requests failed.
    LedgerError
        If an answer cannot be written.
    """
    model.check(sampling)
    budget = Budget(price, max_cost)
    wanted = [
        _wanted(model, question, sampling, draw) for question in questions for draw in range(draws)
    ]  # canonical order
    replies = ledger.replies([one.asked.key for one in wanted])
    missing = {one.asked.key: one for one in wanted if one.asked.key not in replies}
    session = _Session(model, sampling, ledger, budget, progress or Silent(), max_failures)
    session.ask(list(missing.values()))
    found = replies | session.answers
    return [
        Answered(question, draw, found[one.asked.key])
        for one, (question, draw) in zip(wanted, ((q, d) for q in questions for d in range(draws)), strict=True)
    ]


def count_failures(answers: Sequence[Answered]) -> dict[str, int]:
    """How many requests failed, by kind, the most frequent first."""
    kinds = Counter(str(one.answer.kind) for one in answers if isinstance(one.answer, Failure))
    return dict(kinds.most_common())


class _Session:
    """One run of the command: asks what is missing, in as many batches as the budget makes necessary."""

    def __init__(
        self,
        model: Model,
        sampling: Sampling,
        ledger: Ledger,
        budget: Budget,
        progress: Progress,
        max_failures: int | None,
    ) -> None:
        self._model, self._sampling, self._ledger = model, sampling, ledger
        self._budget, self._progress, self._max_failures = budget, progress, max_failures
        self.answers: dict[str, Answer] = {}
        self._n_missing = 0
        self._failures: list[Failure] = []

    def ask(self, missing: list[_Wanted]) -> None:
        if not missing:
            return
        self._progress.start("ask", len(missing))
        self._n_missing, start = len(missing), 0
        missing = self._fetch_batches(missing)
        while start < len(missing):
            rest = [one.request for one in missing[start:]]
            n = self._budget.affordable(rest, self._sampling, self._ledger.spent().usd)
            if not n:
                self._refuse()
            self._ask_batch(missing[start : start + n])
            start += n
        self._progress.finish()

    def _is_used_up(self) -> bool:
        """Whether something is left to ask, and no money."""
        limit = self._budget.max_usd
        return limit is not None and len(self.answers) < self._n_missing and self._ledger.spent().usd >= limit

    def _refuse(self) -> NoReturn:
        raise BudgetError(self._budget.refusal(self._ledger.spent().usd, self._n_missing - len(self.answers)))

    def _fetch_batches(self, missing: list[_Wanted]) -> list[_Wanted]:
        """Come for what an earlier run left with the provider; what is missing still."""
        if not isinstance(self._model, BatchingClient):
            return missing
        asked = {one.asked.key: one for one in missing}
        there = self._ledger.batches(self._model.name)
        left = [name for name, known in there.items() if any(not known[key] for key in asked.keys() & known.keys())]
        if left and not self._model.batched:
            raise ConfigError(
                f"{self._model.provider} still has batches of this run ({', '.join(left)}).\n"
                "The same command with --batch waits for them."
            )
        if left:
            self._batch_run(asked).fetch({key: one.request for key, one in asked.items()})
            self._check_failures()
        return [one for one in missing if one.asked.key not in self.answers]

    def _batch_run(self, asked: Mapping[str, _Wanted]) -> BatchRun:
        assert isinstance(self._model, BatchingClient)

        def keep(came: Mapping[str, Answer]) -> None:
            self._keep([(asked[key], answer) for key, answer in came.items()])

        return BatchRun(self._model, self._sampling, self._ledger, self._progress, keep)

    def _ask_batch(self, batch: list[_Wanted]) -> None:
        if isinstance(self._model, BatchingClient) and self._model.batched:
            asked = {one.asked.key: one for one in batch}
            requests = {key: one.request for key, one in asked.items()}
            run = self._batch_run(asked)
            run.send(requests)
            run.fetch(requests)
            self._check_failures()
            return
        self._model.answer([one.request for one in batch], self._sampling, _Delivery(self, batch))
        silent = f"{self._model.name} did not say what came of it"
        self.take([(one, Failure("bad_response", silent)) for one in batch if one.asked.key not in self.answers])

    def take(self, came: Sequence[tuple[_Wanted, Answer]]) -> None:
        """Keep answers; stop where too many are failures, or calls that came to nothing have used up the budget."""
        self._keep(came)
        if any(answer.lost for _, answer in came) and self._is_used_up():
            self._refuse()
        self._check_failures()

    def _keep(self, came: Sequence[tuple[_Wanted, Answer]]) -> None:
        self._ledger.keep_all(
            [(one.asked, answer, self._budget.cost(answer, one.request, self._sampling)) for one, answer in came]
        )
        self.answers.update((one.asked.key, answer) for one, answer in came)
        self._progress.advance(len(came))
        self._failures += [answer for _, answer in came if isinstance(answer, Failure)]

    def _check_failures(self) -> None:
        if self._failures and self._max_failures is not None and len(self._failures) > self._max_failures:
            last = self._failures[-1]
            raise ModelError(
                f"{len(self._failures)} requests to {self._model.name} failed, --max-failures allows "
                f"{self._max_failures}; the last: {last.kind}, {last.reason}.\n"
                "What was answered is kept; the same command asks the others again."
            )


class _Delivery:
    """Takes the answers to one batch; see ``requests.hand_over``."""

    def __init__(self, session: _Session, batch: Sequence[_Wanted]) -> None:
        self._session, self._batch = session, batch

    def __call__(self, index: int, answer: Answer) -> None:
        self.many([(index, answer)])

    def many(self, came: Sequence[tuple[int, Answer]]) -> None:
        self._session.take([(self._batch[index], answer) for index, answer in came])


def _wanted(model: Model, question: Question, sampling: Sampling, draw: int) -> _Wanted:
    request = Request(question.messages, draw, question.schema)
    key = request_key(model.identity, sampling, request)
    return _Wanted(Asked(key, model.name, question.prompt_id, draw), request)
