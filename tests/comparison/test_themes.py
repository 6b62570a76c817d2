"""Themes of clusters in the words of a model, and what one arm does inside them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from diptych.comparison.config import CompareConfig
from diptych.comparison.expected import Size
from diptych.comparison.measures import Readers
from diptych.comparison.prepare import prepare
from diptych.comparison.readers import AskedReaders, Reader
from diptych.comparison.result import Result
from diptych.comparison.run import analyse
from tests.helpers.readers import Rule, RuleModel, assistant, is_judged, quoted, verdicts

KINDS = {"inputs": "asks", "responses": "answers", "interactions": "asks and answers"}
SUBJECTS = (
    "pears apples plums cherries", "engines signals rails platforms", "violins flutes drums organs",
    "anchors sails masts harbours", "lions tigers zebras giraffes", "planets comets moons stars",
    "kings queens castles knights", "doctors nurses pills bandages", "bread butter cheese honey",
    "rivers lakes oceans ponds", "hammers nails saws drills",
)  # fmt: skip
"""As many as there will be clusters."""


def arm(manner: str) -> list[dict[str, Any]]:
    """Subjects, to which the prompts belong, each told in a manner."""
    subjects = [SUBJECTS[i % len(SUBJECTS)] for i in range(121)]
    return [
        {"prompt": f"Question {i} on {subject.split()[0]}?", "response": f"{manner} {subject} {subject} {i}"}
        for i, subject in enumerate(subjects)
    ]


def words(texts: list[str]) -> list[str]:
    return [word for text in texts for word in re.findall(r"[A-Za-z]+", text)]


def rule(question: str) -> str:
    """Names a group by a word that all its texts have and the others lack, and judges by that word."""
    if is_judged(question):
        return verdicts(lambda text, sentence: sentence.split()[-1] in text)(question)
    inside, outside = (quoted(part) for part in question.split("Texts of others:"))
    common = set.intersection(*(set(words([text])) for text in inside)) - set(words(outside))
    return json.dumps({"labels": [f"has the word {min(common, default='nothing')}"]})


@contextmanager
def readers(of: Rule = rule) -> Iterator[Readers]:
    with assistant(of) as one:
        yield Readers(labeller=one)


def compare(a: list[dict[str, Any]], b: list[dict[str, Any]], of: Rule = rule, **settings: Any) -> Result:
    given = {"name_a": "calm", "name_b": "keen", "lenses": ("clusters",), **settings}
    config = CompareConfig.parse(given, source="test")
    with readers(of) as found:
        return analyse(prepare(a, b, config=config), threads=1, readers=found)


@pytest.fixture(scope="module")
def planted() -> Result:
    return compare(arm("Well,"), arm("Hurrah,"))


def test_prompts_responses_and_both_together_are_named_and_judged(planted: Result) -> None:
    assert planted.cluster_table
    named = 0
    for one in planted.cluster_table["clusters"]:
        labels = [one["themes"][kind]["label"] for kind in KINDS]
        if one["size"] < 5:
            assert labels == [None] * 3
            continue
        named += 1
        assert all(label["text"].startswith("has the word") for label in labels)
    assert named >= 4
    confirmed = {
        kind: sum(
            (one["themes"][kind]["label"] or {}).get("is_validated", False) for one in planted.cluster_table["clusters"]
        )
        for kind in KINDS
    }
    assert min(confirmed.values()) >= 6, confirmed


def test_inside_a_cluster_it_is_said_what_each_arm_does(planted: Result) -> None:
    assert planted.cluster_table
    told = [said for one in planted.cluster_table["clusters"] for said in one["contrasts"]]
    assert told and len(told) % 2 == 0
    by_arm = {(said["arm"], said["other"], said["label"]["text"]) for said in told}
    assert by_arm == {("calm", "keen", "has the word Well"), ("keen", "calm", "has the word Hurrah")}
    assert all(said["label"]["is_validated"] and said["label"]["auc"] == 1.0 for said in told)


def test_exchanging_the_arms_asks_the_same_and_exchanges_what_is_said(planted: Result) -> None:
    turned = compare(arm("Hurrah,"), arm("Well,"), name_a="keen", name_b="calm")
    assert turned.cluster_table and planted.cluster_table
    for one in turned.cluster_table["clusters"]:
        one["shares"].reverse()
        one["contrasts"].reverse()
    assert turned.cluster_table["clusters"] == planted.cluster_table["clusters"]


def test_arms_that_are_alike_are_not_held_against_each_other() -> None:
    shifted = [{**row, "response": f"{row['response']}{i % 10}"} for i, row in enumerate(arm("Well,"))]
    found = compare(arm("Well,"), shifted)
    assert found.cluster_table
    assert not any(one["contrasts"] for one in found.cluster_table["clusters"])


def test_the_report_and_the_files_show_it(planted: Result, tmp_path: Path) -> None:
    folder = planted.save(tmp_path / "run")
    page = (folder / "report.html").read_text()
    assert "Inside it" in page and "has the word Hurrah" in page and "A model named them" in page
    assert "keen: has the word Hurrah" in (folder / "clusters.csv").read_text()
    assert "has the word Hurrah" in (folder / "clusters.html").read_text()


def test_without_answers_that_can_be_read_the_words_stay() -> None:
    found = compare(arm("Well,"), arm("Hurrah,"), lambda question: "I would rather not.")
    assert found.cluster_table
    themes = [told for one in found.cluster_table["clusters"] for told in one["themes"].values()]
    assert all(told["label"] is None for told in themes) and any(told["keywords"] for told in themes)
    assert not any(one["contrasts"] for one in found.cluster_table["clusters"])


def test_what_is_asked_stays_below_what_a_dry_run_says() -> None:
    config = CompareConfig.parse({"lenses": ("clusters",)}, source="test")
    model = RuleModel(rule)
    [(_, most)] = AskedReaders(config, {"labeller": Reader(model)}).expected(Size(121, 242, 80.0))
    with assistant(rule) as one:
        analyse(prepare(arm("Well,"), arm("Hurrah,"), config=config), threads=1, readers=Readers(labeller=one))
        asked = one.ledger.spent().n_answers
    assert 0.2 * most.n_requests < asked <= most.n_requests
