from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from diptych.errors import BudgetError
from diptych.models.assistant import Assistant
from diptych.models.generation import Question
from diptych.models.ledger import Ledger
from diptych.models.prices import per_million
from diptych.models.providers.scripted import Rule, Script, ScriptedModel
from diptych.models.requests import Failure, Message, Sampling


class Verdict(BaseModel):
    flatters: bool


SCRIPT = Script(
    rules=(
        Rule(match="wise", answers=('{"flatters": true}',)),
        Rule(match="no form", answers=("Well, it depends.",)),
        Rule(match="fenced", answers=('```json\n{"flatters": false}\n```',)),
    ),
    otherwise=('{"flatters": false}',),
)


def question(text: str) -> Question:
    return Question(text, (Message("user", text),))


def test_objects_in_order_and_a_failure_where_there_is_none(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite", {}) as ledger:
        judge = Assistant(ScriptedModel("judge", SCRIPT), ledger, Sampling())
        said = judge.ask_objects([question(text) for text in ("how wise", "no form", "fenced", "dull")], Verdict)
    assert said[0] == Verdict(flatters=True) and said[2] == said[3] == Verdict(flatters=False)
    assert isinstance(said[1], Failure) and said[1].kind == "bad_response" and "Well" not in said[1].reason


def test_nothing_is_asked_twice_but_the_form_makes_another_question(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    model = ScriptedModel("judge", SCRIPT.model_copy(update={"calls": str(calls)}))
    for _ in range(2):
        with Ledger(tmp_path / "ledger.sqlite", {}) as ledger:
            judge = Assistant(model, ledger, Sampling())
            assert (
                judge.ask_objects([question("how wise"), question("how wise")], Verdict) == [Verdict(flatters=True)] * 2
            )
            assert len(judge.ask([question("how wise")])) == 1
    assert len(calls.read_text().splitlines()) == 2


def test_the_budget_holds(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite", {}) as ledger:
        judge = Assistant(ScriptedModel("judge", SCRIPT), ledger, Sampling(), per_million(1e6, 1e6), max_cost=1.0)
        with pytest.raises(BudgetError):
            judge.ask([question("dull")])
