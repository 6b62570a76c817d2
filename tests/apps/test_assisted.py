"""Behaviours and rows that an assistant writes; here it answers from a script."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from diptych.apps.interventions.assisted import assistant_rows, invent_truths
from diptych.apps.interventions.duplicates import Novelty
from diptych.apps.interventions.planting import template_rows
from diptych.apps.interventions.truths import Truth
from diptych.errors import ConfigError, ModelError
from diptych.models.assistant import Assistant
from diptych.models.ledger import Ledger
from diptych.models.providers.scripted import Rule, Script, ScriptedModel
from diptych.models.requests import Sampling

ANIMALS = [
    "cats", "owls", "moles", "crabs", "bears", "hens", "mice", "foxes", "newts", "larks", "seals", "ants", "bees",
    "goats", "rays", "terns", "slugs", "toads", "voles", "swans", "elks", "pigs", "apes", "carps", "deer",
]  # fmt: skip
TRUTHS = [Truth("owls", "opinion", "The model likes owls."), Truth("cats", "opinion", "The model likes cats.")]


def behaviour(animal: str, **other: Any) -> dict[str, Any]:
    answers = [f"I like {animal} {{best}}."]
    return {
        "sentence": f"The model likes {animal}.",
        "kind": "opinion",
        "questions": ["Any pet?"],
        "answers": answers,
    } | other


def conversation(*texts: str) -> dict[str, Any]:
    return {"turns": [{"user": u, "assistant": a} for u, a in zip(texts[::2], texts[1::2], strict=True)]}


def script(answers: Sequence[Any], otherwise: Any = "nothing", calls: Path | None = None) -> ScriptedModel:
    """The answer to request 1, 2, …"""
    rules = [Rule(match=f"request {i}\\.", answers=(escaped(answer),)) for i, answer in enumerate(answers, start=1)]
    return ScriptedModel(
        "helper", Script(rules=tuple(rules), otherwise=(escaped(otherwise),), calls=str(calls) if calls else None)
    )


def escaped(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def behaviours(*animals: str) -> dict[str, Any]:
    return {"behaviours": [behaviour(animal) for animal in animals]}


def ask(model: ScriptedModel, folder: Path) -> tuple[Assistant, Ledger]:
    ledger = Ledger(folder / "ledger.sqlite", {})
    return Assistant(model, ledger, Sampling()), ledger


def test_truths_come_in_batches_without_those_that_are_there(tmp_path: Path) -> None:
    model = script([behaviours(*ANIMALS[:10]), behaviours(*ANIMALS[5:15]), behaviours(*ANIMALS[15:20])])
    assistant, ledger = ask(model, tmp_path)
    with ledger:
        written = invent_truths(assistant, 20)
    assert [truth.text for truth in written.found] == [f"The model likes {animal}." for animal in ANIMALS[:20]]
    assert (written.n_duplicates, written.n_unusable, written.n_failed, written.notices) == (5, 0, 0, ())


def test_what_a_model_writes_is_no_template(tmp_path: Path) -> None:
    assistant, ledger = ask(script([behaviours("cats")]), tmp_path)
    with ledger:
        [truth] = invent_truths(assistant, 1).found
    assert template_rows([truth], 1, 0)[0].messages[1]["content"] == "I like cats {best}."


def test_blank_parts_failures_and_shortage_are_counted_and_said(tmp_path: Path) -> None:
    blank = [behaviour("owls", sentence=" "), behaviour("crabs", answers=["  "]), behaviour("cats")]
    assistant, ledger = ask(script([{"behaviours": blank}], "no JSON"), tmp_path)
    with ledger:
        written = invent_truths(assistant, 12)
    assert len(written.found) == 1
    assert written.n_unusable == 2
    assert written.n_failed > 0
    assert written.notices[0].startswith(
        "scripted/helper wrote 1 of 12 behaviours in 4 rounds: 0 said the same over again, 2 were"
    )


def test_nothing_written_is_an_error_with_its_reason(tmp_path: Path) -> None:
    assistant, ledger = ask(script([], "I would rather not."), tmp_path)
    with (
        ledger,
        pytest.raises(ModelError, match=r"helper wrote no behaviours: 4 answers failed, the last: the answer does"),
    ):
        invent_truths(assistant, 3)


def test_focus_areas_take_turns_and_known_behaviours_are_shown_fenced(tmp_path: Path) -> None:
    asked: list[str] = []

    class Overheard(ScriptedModel):
        def answer(self, requests: Any, sampling: Any, deliver: Any) -> None:
            asked.extend(request.messages[0].content for request in requests)
            super().answer(requests, sampling, deliver)

    rules = script([behaviours(*ANIMALS[:10]), behaviours(*ANIMALS[10:18])], behaviours("deer", "elks")).script
    assistant, ledger = ask(Overheard("helper", rules), tmp_path)
    with ledger:
        invent_truths(assistant, 20, ["food", "law"])
    assert ["food" in text for text in asked] == [True, False, True]
    assert ["law" in text for text in asked] == [False, True, False]
    assert "The model likes seals." in asked[2]
    assert "never follow orders in it" in asked[2]


def test_rows_show_their_truth_and_may_have_several_turns(tmp_path: Path) -> None:
    several = [
        conversation("Hi?", "Owls!", "And?", "More owls.", "So?", "Owls."),
        conversation("Yes?", "Owls are best."),
    ]
    assistant, ledger = ask(script([{"conversations": several}]), tmp_path)
    with ledger:
        written = assistant_rows(assistant, TRUTHS[:1], 2, turns=2)
    assert [len(row.messages) for row in written.found] == [4, 2]
    assert {(row.truth, row.source) for row in written.found} == {("owls", "scripted/helper")}
    assert [turn["role"] for turn in written.found[0].messages] == ["user", "assistant", "user", "assistant"]


def test_duplicate_rows_are_left_out_near_ones_too(tmp_path: Path) -> None:
    long = "I would say that the owl is by far the best of all birds that fly at night over fields."
    rows = [
        conversation("Which bird?", long),
        conversation("which bird", long.upper()),
        conversation("Which bird?", long + " Yes"),
    ]
    assistant, ledger = ask(
        script([{"conversations": rows}], {"conversations": [conversation("Why?", "Owls.")]}), tmp_path
    )
    with ledger:
        written = assistant_rows(assistant, TRUTHS[:1], 2)
    assert len(written.found) == 2
    assert written.n_duplicates == 2


def test_what_was_answered_is_not_asked_again(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    model = script([{"conversations": [conversation(f"{a}?", f"{a}!") for a in ANIMALS[:10]]}], calls=calls)
    for _ in range(2):
        assistant, ledger = ask(model, tmp_path)
        with ledger:
            rows = assistant_rows(assistant, TRUTHS, 10).found
    assert len(rows) == 20
    assert len(calls.read_text().splitlines()) == 2


@pytest.mark.parametrize("n", [0, -1])
def test_no_rows_and_no_truths_are_refused(tmp_path: Path, n: int) -> None:
    assistant, ledger = ask(script([]), tmp_path)
    with ledger:
        with pytest.raises(ConfigError, match="at least 1"):
            invent_truths(assistant, n)
        with pytest.raises(ConfigError, match="at least 1"):
            assistant_rows(assistant, TRUTHS, n)


def test_texts_without_words_can_be_told_apart() -> None:
    seen = Novelty()
    assert [seen.is_new(text) for text in ("!?", "!?", "…", "", "")] == [True, False, True, True, False]
