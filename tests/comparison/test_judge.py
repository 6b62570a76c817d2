"""The lens judge: proposed on one half in both orders, judged blind on the other, tested like any measure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from diptych._types import Silent
from diptych.comparison.config import CompareConfig
from diptych.comparison.findings import Finding
from diptych.comparison.lenses import Lenses
from diptych.comparison.measures import Readers
from diptych.comparison.prepare import prepare
from diptych.comparison.result import Result
from diptych.comparison.run import analyse
from tests.helpers.readers import Rule, asked_of, assistant, is_judged, quoted, reader

SUBJECTS = ("apples", "wind", "trains", "libraries", "clocks")


def arm(share: float, *, seed: int, n: int = 80, mark: str = "Beware! ") -> list[dict[str, Any]]:
    """Answers of which a share warns."""
    generator = np.random.default_rng(seed)
    warns = generator.random(n) < share
    words = [f"{SUBJECTS[generator.integers(5)]} {generator.integers(1000)}" for _ in range(n)]
    return [
        {"prompt": f"Question {i}?", "response": f"{mark if warns[i] else ''}I tell of {words[i]}."} for i in range(n)
    ]


def warns(text: str, sentence: str) -> bool:
    return "Beware" in text and "warns" in sentence


def judged(a: list[dict[str, Any]], b: list[dict[str, Any]], rule: Rule, **settings: Any) -> tuple[Result, list[str]]:
    """A comparison by this lens alone, and what the judge was asked."""
    config = CompareConfig.parse(
        {"lenses": "judge", "judge": "scripted/echo", "name_a": "plain", "name_b": "tuned", **settings}, source="test"
    )
    with assistant(rule) as one:
        readers = Readers(judge=one, n_pairs=config.judge_pairs, n_sentences=config.judge_sentences)
        result = analyse(prepare(a, b, config=config), threads=1, lenses=Lenses(), readers=readers, progress=Silent())
        return result, asked_of(one)


def by_sentence(findings: list[Finding], sentence: str) -> Finding:
    [finding] = [finding for finding in findings if sentence in finding.statement]
    return finding


def test_a_planted_difference_is_found_in_both_halves_and_what_is_not_there_is_not() -> None:
    rule = reader(proposes=["warns the reader", "is about food"], holds=warns)
    result, asked = judged(arm(0.1, seed=1), arm(0.7, seed=2), rule)
    finding = by_sentence(result.findings, "warns the reader")
    assert finding.statement == "tuned gives more responses of which a judge says: “warns the reader”"
    assert finding.is_replicated and 0.4 < finding.effect < 0.8
    assert all("Beware" in (example.b or "") for example in finding.examples)
    assert len(result.findings) == 1 and result.family_size == 4
    assert sum(map(is_judged, asked)) == len({(row.prompt, row.response) for row in result.table.rows})


def test_the_judge_never_learns_whose_an_answer_is() -> None:
    """Exchanging the arms changes not one question, as a set; no question holds a name."""
    rule = reader(proposes=["warns the reader"], holds=warns)
    a, b = arm(0.1, seed=1), arm(0.7, seed=2)
    result, asked = judged(a, b, rule)
    exchanged, asked_again = judged(b, a, rule)
    assert set(asked) == set(asked_again) and len(asked) == len(asked_again)
    assert not [question for question in asked if "plain" in question or "tuned" in question]
    there, back = (by_sentence(r.findings, "warns the reader") for r in (result, exchanged))
    assert (there.effect, there.p_value) == (-back.effect, back.p_value)


def test_every_pair_is_shown_in_both_orders_and_only_of_the_half_that_is_not_tested() -> None:
    rule = reader(proposes=["warns the reader"], holds=warns)
    result, asked = judged(arm(0.1, seed=1), arm(0.7, seed=2), rule, judge_pairs=10)
    proposing = [question for question in asked if not is_judged(question)]
    pairs = [
        pair
        for question in proposing
        for pair in zip(quoted(question, "author-1"), quoted(question, "author-2"), strict=True)
    ]
    assert len(pairs) == 2 * 2 * 10 and {(y, x) for x, y in pairs} == set(pairs)
    halves = {
        row.response: bool(result.discovery[u])
        for row, u in zip(result.table.rows, result.table.unit_of_row, strict=True)
    }
    of_question = [{halves[text] for text in quoted(q, "author-1")} for q in proposing]
    assert all(len(half) == 1 for half in of_question)
    seen_by = {measure.id: measure.id.split(".")[1].split("_")[0] for measure in result.measures}
    for j, measure in enumerate(result.measures):
        looked_at = np.array([halves[row.response] for row in result.table.rows]) == (seen_by[measure.id] == "first")
        assert np.isnan(result.values[looked_at, j]).all() and not np.isnan(result.values[~looked_at, j]).any()


def test_verdicts_that_are_missing_drop_the_prompt_and_more_of_them_in_one_arm_are_pointed_out() -> None:
    judge = reader(proposes=["warns the reader"], holds=warns)

    def shy(question: str) -> str:
        return "I cannot say." if is_judged(question) and "Grr" in quoted(question)[0] else judge(question)

    a, b = arm(0.2, seed=1), arm(0.2, seed=2)
    for row in b[::3]:
        row["response"] = "Grr. " + row["response"]
    result, _ = judged(a, b, shy)
    assert sum(finding.n_missing for finding in result.tested) == len(b[::3])
    assert sum(finding.n_prompts for finding in result.tested) == 80 - len(b[::3])
    assert all("more often in one arm" in " ".join(finding.warnings) for finding in result.tested)


def test_a_judge_that_says_nothing_leaves_no_finding_and_no_crash() -> None:
    mute: Rule = lambda question: "Hm." if is_judged(question) else json.dumps({"sentences": ["warns"]})  # noqa: E731
    result, _ = judged(arm(0.1, seed=1), arm(0.9, seed=2), mute)
    assert result.findings == [] and [finding.p_value for finding in result.tested] == [1.0, 1.0]
    assert all(finding.warnings for finding in result.tested)
    silent, _ = judged(arm(0.1, seed=1), arm(0.9, seed=2), lambda question: "Hm.")
    assert silent.tested == ()


def test_near_duplicates_are_tested_once_and_no_more_than_asked_for() -> None:
    said = ["warns the reader", "warning readers", "is long", "is calm", "is kind", "is odd"]
    result, _ = judged(arm(0.1, seed=1), arm(0.7, seed=2), reader(proposes=said, holds=warns), judge_sentences=3)
    sentences = [measure.definition["sentence"] for measure in result.measures]
    assert sentences == ["warns the reader", "is long", "is calm"] * 2


def test_unpaired_arms_are_judged_too() -> None:
    b = [{**row, "prompt": f"Other {row['prompt']}"} for row in arm(0.7, seed=2)]
    result, _ = judged(arm(0.1, seed=1), b, reader(proposes=["warns the reader"], holds=warns))
    assert result.table.pairing == "unpaired"
    assert by_sentence(result.findings, "warns the reader").effect > 0.3


def coin(salt: int) -> Callable[[str, str], bool]:
    """A judge that throws a coin for each text and sentence, always the same one."""
    return lambda text, sentence: hashlib.sha256(f"{salt} {text} {sentence}".encode()).digest()[0] < 100


def false_alarms(runs: int) -> int:
    """Runs of one source against itself, by a judge of coins, in which something is found."""
    said = [f"has the property {name}" for name in ("alpha", "beta", "gamma", "delta")]
    found = 0
    for run in range(runs):
        result, _ = judged(
            arm(0.3, seed=2 * run, n=40),
            arm(0.3, seed=2 * run + 1, n=40),
            reader(proposes=said, holds=coin(run)),
            seed=run,
            resamples=200,
            judge_pairs=6,
        )
        found += bool(result.findings)
    return found


def test_one_source_against_itself_by_a_judge_of_coins_is_seldom_found_to_differ() -> None:
    assert false_alarms(20) <= 4  # P(more than 4 of 20) is 0.003 at 5 %


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_false_alarms_by_a_judge_of_coins_keep_to_alpha() -> None:
    runs = 200
    assert false_alarms(runs) / runs <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / runs)
