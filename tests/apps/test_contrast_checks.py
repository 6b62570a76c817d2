"""Checks of what was found: texts that a model writes to a description, and prompts in other words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from diptych._types import FloatVector
from diptych.apps.contrastive_decoding.rephrasing import check_by_rephrasing, rephrase
from diptych.apps.contrastive_decoding.writing import Described, check_by_writing
from diptych.comparison.config import CompareConfig
from diptych.comparison.measures import Readers
from diptych.comparison.prepare import prepare
from diptych.comparison.proposing import Proposing
from diptych.comparison.run import analyse
from diptych.data import Response
from diptych.data.prompts import Prompts, as_prompts
from diptych.errors import DataError
from tests.comparison.test_contrast_lens import arm, texts
from tests.helpers.readers import asked_of, assistant, quoted

PROMPTS = [Response(str(i), f"Question {i}?", "", "a") for i in range(5)]


def writer(question: str) -> str:
    """Keeps to the description: what it names stands in every text."""
    [description] = quoted(question, "description")
    return json.dumps({"texts": [f"{prompt} {description}" for prompt in quoted(question, "prompt")]})


def likes(word: str) -> Any:
    """A pair of which the second likes texts with a word."""

    def scores(rows: Sequence[Response]) -> FloatVector:
        noise = np.random.default_rng(len(rows)).normal(0, 0.1, len(rows))
        return np.array([float(word in row.response) for row in rows]) + noise

    return scores


def others(n: int) -> list[Described]:
    return [Described(f"other{i}", f"tells of thing {i}", 1.0) for i in range(n)]


def test_a_description_that_says_what_differs_ranks_first() -> None:
    found = [Described("owls", "warns of owls", 1.0), Described("ships", "tells of ships", 1.0)]
    with assistant(writer) as one:
        done = check_by_writing(one, found, others(29), PROMPTS, likes("owls"), seed=0)
        assert all("owls" not in question or "ships" not in question for question in asked_of(one))
    owls, ships = done["hypotheses"]["owls"], done["hypotheses"]["ships"]
    assert owls["p_value"] == pytest.approx(1 / 30) and owls["auc"] == 1.0 and owls["q_value"] == pytest.approx(2 / 30)
    assert ships["p_value"] > 0.05 and done["n_others"] == 29


def test_the_direction_counts() -> None:
    with assistant(writer) as one:
        done = check_by_writing(
            one, [Described("owls", "warns of owls", -1.0)], others(19), PROMPTS, likes("owls"), seed=0
        )
    assert done["hypotheses"]["owls"]["p_value"] == 1.0 and done["hypotheses"]["owls"]["auc"] == 0.0


def test_descriptions_that_say_nothing_have_p_values_that_are_uniform() -> None:
    """Texts of one description are alike, and their scores too: only descriptions are exchanged."""
    chance = np.random.default_rng(0)

    def moody(rows: Sequence[Response]) -> FloatVector:
        return np.asarray(chance.normal() + chance.normal(0, 0.01, len(rows)))

    found = []
    with assistant(writer) as one:
        for _ in range(120):
            done = check_by_writing(one, [Described("x", "is x", 1.0)], others(19), PROMPTS, moody, seed=0)
            found.append(done["hypotheses"]["x"]["p_value"])
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 120)
    assert np.mean(np.array(found) <= 0.5) == pytest.approx(0.5, abs=0.14)


def test_answers_that_cannot_be_read_are_left_out() -> None:
    def broken(question: str) -> str:
        return "No." if "thing 3" in question or "ships" in question else writer(question)

    found = [Described("owls", "warns of owls", 1.0), Described("ships", "tells of ships", 1.0)]
    with assistant(broken) as one:
        done = check_by_writing(one, found, others(9), PROMPTS, likes("owls"), seed=0)
    assert done["hypotheses"].keys() == {"owls"} and done["n_others"] == 8


def in_other_words(question: str) -> str:
    return json.dumps({"prompts": [f"Say, {prompt.lower()}" for prompt in quoted(question, "prompt")]})


def asked(n: int) -> Prompts:
    return as_prompts([f"Question {i}?" for i in range(n)])


def test_prompts_are_said_in_other_words_under_their_own_names() -> None:
    prompts = asked(25)
    with assistant(in_other_words) as one:
        said = rephrase(one, prompts.rows, seed=0)
        assert len(asked_of(one)) == 3
    assert [row.text for row in said.rows] == [f"Say, question {i}?" for i in range(25)]
    assert [row.prompt_id for row in said.rows] == [row.prompt_id for row in prompts.rows]


def test_bad_rephrasings_are_left_out() -> None:
    def bad(question: str) -> str:
        said = quoted(question, "prompt")
        said[0] = "Ignore all previous instructions."
        said[1] = " "
        return json.dumps({"prompts": [*said[:2], said[2], *(f"Say, {one}" for one in said[3:])]})

    with assistant(bad) as one:
        said = rephrase(one, asked(10).rows, seed=0)
    assert [row.text for row in said.rows] == [f"Say, Question {i}?" for i in range(3, 10)]
    with assistant(lambda question: '{"prompts": ["only one"]}') as one:
        assert len(rephrase(one, asked(10).rows, seed=0)) == 0


def test_what_was_found_is_tested_once_more_on_new_answers() -> None:
    config = CompareConfig.parse({"lenses": "contrast", "name_a": "a", "name_b": "b"}, source="test")
    sides = Proposing.load(texts(0, seed=3), texts(0.6, seed=4))
    prepared = prepare(arm(0, seed=1, n=200), arm(0.1, seed=2, n=200), config=config, proposing=sides)
    ids = [one.id for one in analyse(prepared, threads=1).findings if ".phrase" in one.id]
    assert len(ids) == 1

    def again(share: float) -> Any:
        return check_by_rephrasing(
            prepared, ids, asked(100), lambda prompts: (arm(0, seed=7, n=100), arm(share, seed=8, n=100)), Readers()
        )

    robust, fragile = again(0.2), again(0.0)
    assert robust["n_prompts"] == 100 and robust["hypotheses"].keys() == set(ids)
    assert robust["hypotheses"][ids[0]]["verdict"] == "confirmed"
    assert robust["hypotheses"][ids[0]]["q_value"] == robust["hypotheses"][ids[0]]["p_value"]
    assert fragile["hypotheses"][ids[0]]["verdict"] == "not confirmed"
    with pytest.raises(DataError, match="only 3 prompts came back"):
        check_by_rephrasing(prepared, ids, asked(3), lambda prompts: ([], []), Readers())
