"""Prompts through a model: each asked once, in a canonical order, within the budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from diptych.errors import BudgetError, ConfigError, ModelError
from diptych.models.generation import Question, count_failures, generate
from diptych.models.ledger import Ledger
from diptych.models.prices import per_million
from diptych.models.providers.scripted import Script, ScriptedModel
from diptych.models.requests import Answer, Deliver, Failure, Message, Reply, Request, Sampling

QUESTIONS = [Question(f"q{n}", (Message("user", f"Question {n}?"),)) for n in range(20)]
SAMPLING = Sampling(max_tokens=10)


class Counting(ScriptedModel):
    """Counts what it is asked, in which order, and hands answers over last first."""

    def __init__(self, script: Script = Script(), *, backwards: bool = False) -> None:  # noqa: B008 - it is frozen
        super().__init__("echo", script)
        self.asked: list[Request] = []
        self.backwards = backwards

    def answer(self, requests: Sequence[Request], sampling: Sampling, deliver: Deliver) -> None:
        self.asked += requests
        order = reversed(range(len(requests))) if self.backwards else range(len(requests))
        for index in order:
            deliver(index, self._say(requests[index], sampling))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite", {}) as opened:
        yield opened


def texts(answers: Sequence[Answer]) -> list[str]:
    return [answer.text for answer in answers if isinstance(answer, Reply)]


def test_every_draw_of_every_question_is_asked_once_and_never_again(ledger: Ledger) -> None:
    model = Counting()
    first = generate(model, QUESTIONS, draws=3, sampling=SAMPLING, ledger=ledger)
    assert [(one.question.prompt_id, one.draw) for one in first] == [(f"q{n}", d) for n in range(20) for d in range(3)]
    assert len(model.asked) == len(set(model.asked)) == 60
    again = generate(model, QUESTIONS, draws=3, sampling=SAMPLING, ledger=ledger)
    assert (again, len(model.asked)) == (first, 60)


def test_more_draws_ask_only_for_those(ledger: Ledger) -> None:
    model = Counting()
    generate(model, QUESTIONS, sampling=SAMPLING, ledger=ledger)
    generate(model, QUESTIONS, draws=2, sampling=SAMPLING, ledger=ledger)
    assert [request.draw for request in model.asked] == [0] * 20 + [1] * 20


def test_the_order_of_arrival_changes_nothing(tmp_path: Path) -> None:
    found = []
    for number, backwards in enumerate((False, True)):
        with Ledger(tmp_path / f"{number}.sqlite", {}) as ledger:
            found.append(generate(Counting(backwards=backwards), QUESTIONS, sampling=SAMPLING, ledger=ledger))
    assert found[0] == found[1]


def test_what_came_before_an_error_is_kept(ledger: Ledger) -> None:
    class Stops(Counting):
        def answer(self, requests: Sequence[Request], sampling: Sampling, deliver: Deliver) -> None:
            super().answer(requests[:7], sampling, deliver)
            raise ModelError("no credit")

    with pytest.raises(ModelError, match="no credit"):
        generate(Stops(), QUESTIONS, sampling=SAMPLING, ledger=ledger)
    model = Counting()
    assert len(generate(model, QUESTIONS, sampling=SAMPLING, ledger=ledger)) == 20
    assert len(model.asked) == 13


def test_failures_are_listed_with_reasons_and_asked_again(ledger: Ledger) -> None:
    failing = Counting(Script(failure_rate=0.3, failure_kind="timeout"))
    answers = generate(failing, QUESTIONS, sampling=SAMPLING, ledger=ledger)
    failed = count_failures(answers)
    assert 0 < failed["timeout"] < 20
    assert next(one.answer.reason for one in answers if isinstance(one.answer, Failure)) == "the script says so"
    model = Counting()
    again = generate(model, QUESTIONS, sampling=SAMPLING, ledger=ledger)
    assert (len(model.asked), count_failures(again)) == (failed["timeout"], {})


def test_too_many_failures_stop_the_run(ledger: Ledger) -> None:
    failing = Counting(Script(failure_rate=1.0))
    with pytest.raises(ModelError, match="4 requests to scripted/echo failed, --max-failures allows 3"):
        generate(failing, QUESTIONS, sampling=SAMPLING, ledger=ledger, max_failures=3)


def test_a_request_that_a_model_forgets_is_a_failure(ledger: Ledger) -> None:
    class Forgets(Counting):
        def answer(self, requests: Sequence[Request], sampling: Sampling, deliver: Deliver) -> None:
            super().answer(requests[1:], sampling, lambda index, answer: deliver(index + 1, answer))

    answers = generate(Forgets(), QUESTIONS, sampling=SAMPLING, ledger=ledger)
    assert [isinstance(one.answer, Failure) for one in answers] == [True] + [False] * 19


@pytest.mark.parametrize("dollars", [0.0, 25.0, 100.0, 300.0, 1e6])
def test_the_budget_is_never_crossed_and_the_run_goes_on(ledger: Ledger, dollars: float) -> None:
    """An answer may take 10 tokens and takes 2; the bound on the input is loose: the first round stops early."""
    price = per_million(1e6, 1e6)
    worst = len("Question 10?") + 16 + 10
    model = Counting()
    budget = {"sampling": SAMPLING, "ledger": ledger, "price": price}
    if dollars < 19 * 4 + worst:
        with pytest.raises(BudgetError, match="The same command with a greater --max-cost goes on"):
            generate(model, QUESTIONS, max_cost=dollars, **budget)  # type: ignore[arg-type]
        spent = ledger.spent().usd
        assert spent <= dollars
        assert dollars - spent < worst
    else:
        generate(model, QUESTIONS, max_cost=dollars, **budget)  # type: ignore[arg-type]
    generate(model, QUESTIONS, **budget)  # type: ignore[arg-type]
    assert (ledger.spent().usd, len(model.asked)) == (20 * 4, 20)


def test_a_budget_needs_a_price(ledger: Ledger) -> None:
    with pytest.raises(ConfigError, match="price of this model is unknown"):
        generate(Counting(), QUESTIONS, sampling=SAMPLING, ledger=ledger, max_cost=1.0)
    assert ledger.spent().n_answers == 0


def test_an_unknown_price_stays_unknown(ledger: Ledger) -> None:
    generate(Counting(), QUESTIONS, sampling=SAMPLING, ledger=ledger)
    assert ledger.spent().n_unpriced == 20
