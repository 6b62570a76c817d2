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
from diptych.errors import ConfigError
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


def panel_of(*rules: Rule, a: list[dict[str, Any]], b: list[dict[str, Any]]) -> Result:
    """A comparison by several judges, of whom the first proposes."""
    from contextlib import ExitStack

    names = [f"scripted/{i}" for i in range(len(rules))]
    values = {"lenses": "judge", "judge": names[0], "other_judges": names[1:], "name_a": "plain", "name_b": "tuned"}
    config = CompareConfig.parse(values, source="test")
    with ExitStack() as stack:
        judges = [stack.enter_context(assistant(rule, name)) for rule, name in zip(rules, names, strict=True)]
        readers = Readers(judge=judges[0], panel=tuple(judges[1:]))
        prepared = prepare(a, b, config=config)
        return analyse(prepared, threads=1, lenses=Lenses(), readers=readers, progress=Silent())


def test_several_judges_are_one_measure_and_each_stands_beside_it() -> None:
    """The second sees a warning in every other answer that has one; the third cannot be read when it is of wind."""
    plain = reader(proposes=["warns the reader"], holds=warns)
    strict = reader(proposes=["never asked"], holds=lambda text, line: warns(text, line) and len(text) % 2 == 0)
    a, b = arm(0.1, seed=1, n=200), arm(0.7, seed=2, n=200)
    result = panel_of(plain, strict, lambda asked: "?" if "wind" in asked else plain(asked), a=a, b=b)
    finding = by_sentence(result.findings, "warns the reader")
    assert "3 judges say" in finding.statement and result.family_size == 2
    of_one = by_sentence(judged(a, b, plain)[0].findings, "warns the reader")
    assert of_one.effect * 0.7 < finding.effect < of_one.effect * 0.95
    entry = next(one for one in result.judges if one["id"] == of_one.id)
    first, second, third = entry["judges"]
    assert [one["judge"] for one in entry["judges"]] == ["scripted/0", "scripted/1", "scripted/2"]
    assert (first["effect"], first["ci_low"]) == pytest.approx((of_one.effect, of_one.ci_low))
    assert 0.2 < second["effect"] / first["effect"] < 0.8 and first["n_missing"] == second["n_missing"] == 0
    assert third["n_missing"] == next(one.n_missing for one in result.tested if one.id == of_one.id) > 10
    agreed = {(one["first"], one["second"]): one for one in entry["agreement"]}
    between = agreed["scripted/0", "scripted/1"]
    assert 0.5 < between["same"]["low"] < between["same"]["value"] < 0.95
    assert 0.1 < between["correlation"]["low"] < between["correlation"]["value"] < 0.9
    last = agreed["scripted/0", "scripted/2"]["same"]
    assert last["value"] == 1.0 and last["n"] < between["same"]["n"]


def test_exchanging_the_arms_turns_what_each_judge_says() -> None:
    rules = [reader(proposes=["warns the reader"], holds=warns)] * 2
    a, b = arm(0.1, seed=1), arm(0.7, seed=2)
    there, back = panel_of(*rules, a=a, b=b).judges, panel_of(*rules, a=b, b=a).judges
    assert len(there) == 2
    for one, other in zip(there, back, strict=True):
        for mine, theirs in zip(one["judges"], other["judges"], strict=True):
            assert (mine["mean_a"], mine["effect"]) == (theirs["mean_b"], -theirs["effect"])
            assert (mine["ci_low"], mine["ci_high"]) == pytest.approx((-theirs["ci_high"], -theirs["ci_low"]))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"judge": "scripted/x", "other_judges": "scripted/x", "lenses": "judge"}, "name each judge once"),
        ({"other_judges": "scripted/y", "lenses": "surface"}, "name that lens, and its judge"),
        ({"judge": "scripted/x", "other_judges": "nobody", "lenses": "judge"}, "nobody"),
    ],
)
def test_judges_that_do_not_fit_are_refused(values: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        CompareConfig.parse(values, source="test")


def claimed(
    a: list[dict[str, Any]], b: list[dict[str, Any]], *claims: str, n_judges: int = 1
) -> tuple[Result, list[str]]:
    """A comparison by sentences of one's own."""
    rule = reader(proposes=["is never asked for"], holds=warns)
    names = [f"scripted/{i}" for i in range(n_judges)]
    values = {"lenses": "claims", "claims": list(claims), "judge": names[0], "other_judges": names[1:]}
    config = CompareConfig.parse(values, source="test")
    from contextlib import ExitStack

    with ExitStack() as stack:
        judges = [stack.enter_context(assistant(rule, name)) for name in names]
        readers = Readers(judge=judges[0], panel=tuple(judges[1:]))
        prepared = prepare(a, b, config=config)
        result = analyse(prepared, threads=1, lenses=Lenses(), readers=readers, progress=Silent())
        return result, [question for judge in judges for question in asked_of(judge)]


def test_sentences_of_ones_own_are_tested_on_all_prompts_and_nothing_else_is_asked() -> None:
    a, b = arm(0.1, seed=1), arm(0.7, seed=2)
    result, asked = claimed(a, b, "warns the reader", "is about food")
    assert result.family_size == 2 and len(result.findings) == 1
    finding = by_sentence(result.findings, "warns the reader")
    assert (finding.tested_on, finding.n_prompts, finding.lens) == ("all prompts", 80, "claims")
    assert all(map(is_judged, asked)) and len(asked) == len({(row.prompt, row.response) for row in result.table.rows})
    none, _ = claimed(arm(0.4, seed=1), arm(0.4, seed=2), "warns the reader")
    assert none.findings == []
    several, _ = claimed(a, b, "warns the reader", n_judges=2)
    assert [len(entry["judges"]) for entry in several.judges] == [2]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"claims": ["warns"], "lenses": "claims"}, "give --judge PROVIDER/MODEL"),
        ({"claims": ["warns"], "lenses": "surface"}, "go together"),
        ({"claims": [" "], "lenses": "claims", "judge": "scripted/x"}, "has 0 characters"),
        ({"claims": ["warns", "warns "], "lenses": "claims", "judge": "scripted/x"}, "name each sentence once"),
    ],
)
def test_sentences_that_do_not_fit_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        CompareConfig.parse(values, source="test")
