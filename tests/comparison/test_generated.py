"""From Python: a model asked, its responses compared, and nothing asked twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import diptych
from diptych.data.prompts import as_prompts
from diptych.errors import BudgetError, ConfigError, DataError, ModelError, RunError
from diptych.models.providers.scripted import Rule, Script, ScriptedModel

POLITE = ScriptedModel("polite", Script(rules=(Rule(system="polite", answers=("I am so glad that you ask!",)),)))
QUESTIONS = [f"Question {i}?" for i in range(30)]


def test_what_was_generated_can_be_compared(tmp_path: Path) -> None:
    arms = [
        diptych.generate(POLITE, QUESTIONS, ledger=tmp_path / f"{name}.sqlite", system=system)
        for name, system in (("a", None), ("b", "Be polite."))
    ]
    result = diptych.compare(*arms, lenses="surface")
    assert "b uses more exclamation marks" in [finding.statement for finding in result.findings]
    made = [entry["generated"] for entry in result.manifest["inputs"]]
    assert made[0]["prompts"]["digest"] != made[1]["prompts"]["digest"]


def test_a_ledger_answers_what_it_was_answered(tmp_path: Path) -> None:
    calls = tmp_path / "calls.txt"
    settings: dict[str, Any] = {"ledger": tmp_path / "l.sqlite", "options": {"calls": str(calls)}}
    first = diptych.generate("scripted/echo", QUESTIONS, **settings)
    again = diptych.generate("scripted/echo", QUESTIONS, draws=2, **settings)
    assert len(calls.read_text().splitlines()) == 60
    assert [row for row in again if row.draw == 0] == list(first)
    with pytest.raises(RunError, match="sampling.temperature: None there, 0.5 now"):
        diptych.generate("scripted/echo", QUESTIONS, temperature=0.5, **settings)


def test_records_files_and_texts_may_stand_for_prompts(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("Why?\nHow?\n")
    loaded = as_prompts(tmp_path / "p.txt")
    assert [row.text for row in loaded.rows] == ["Why?", "How?"]
    assert as_prompts(loaded) is loaded
    assert as_prompts(["Why?", "How?"]).digest == loaded.digest == as_prompts(str(tmp_path / "p.txt")).digest
    mixed = as_prompts(["Why?", {"prompt": "How?", "system": "Be brief.", "topic": 1}])
    assert [(row.system, dict(row.fields)) for row in mixed.rows] == [(None, {}), ("Be brief.", {"topic": 1})]
    with pytest.raises(DataError, match="the list of prompts is empty"):
        as_prompts([])


def test_what_stops_it_is_an_error_that_says_why(tmp_path: Path) -> None:
    ledger = tmp_path / "l.sqlite"
    with pytest.raises(BudgetError):
        diptych.generate("scripted/echo", QUESTIONS, ledger=ledger, price="1000,1000", max_cost=0.01)
    with pytest.raises(ConfigError, match="price of this model is unknown"):
        diptych.generate(POLITE, QUESTIONS, ledger=tmp_path / "m.sqlite", max_cost=1.0)
    with pytest.raises(ConfigError, match="temprature"):
        diptych.generate("scripted/echo", QUESTIONS, ledger=ledger, temprature=1.0)
    failing = ScriptedModel("f", Script(failure_rate=1.0, failure_kind="timeout"))
    with (
        pytest.warns(UserWarning, match="timeout: the script says so"),
        pytest.raises(ModelError, match=r"no request to scripted/f was answered \(timeout\)"),
    ):
        diptych.generate(failing, QUESTIONS, ledger=tmp_path / "n.sqlite")


def test_answers_that_were_cut_are_said(tmp_path: Path) -> None:
    cut = diptych.generate("scripted/echo", ["one two three", "one"], ledger=tmp_path / "l.sqlite", max_tokens=2)
    assert cut.notices == ("50 % of the answers of scripted/echo were cut at 2 tokens",)
