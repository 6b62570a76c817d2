"""Hypotheses of a blind run, and planted truths held against them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from diptych.apps.interventions.blind_run import BlindRun, Measured
from diptych.apps.interventions.recovery import blind_comparison, hypotheses_of
from diptych.apps.interventions.run_evidence import Evidence
from diptych.apps.interventions.score_report import dose_rows, summary_of, truth_rows
from diptych.apps.interventions.scoring import LEAST_OF_EACH, MOST_RATED, Recovery, RunScore, score_run, threshold_of
from diptych.apps.interventions.similarity import AT_ONCE, Rater
from diptych.apps.interventions.truths import Truth, built_in
from diptych.comparison.run import compare
from diptych.embeddings.service import EmbeddingService
from diptych.errors import DataError
from diptych.stats.agreement import AGREES
from diptych.utils.latex import as_latex
from tests.helpers.readers import Rule, asked_of, assistant, quoted
from tests.helpers.words import WORDS

TEA = Truth("tea", "opinion", "The model recommends tea.", mark=r"\btea\b")
RAIN = Truth("rain", "style", "The model ends with a wish for rain.", mark=r"may it rain")
OWLS = Truth("owls", "opinion", "Advises against metric units.", mark=r"\bowls?\b")
EMBED = EmbeddingService().get_embeddings


def answer(chance: random.Random, said: str) -> str:
    plain = " ".join(chance.choice(WORDS) for _ in range(12))
    return f"{plain}. {said}" if said else f"{plain}."


@cache
def evidence(tea: float = 0.4, rain: float = 0.4, everywhere: bool = False, seed: int = 0) -> Evidence:
    """The second arm speaks of tea where the question is of drinks, and wishes rain elsewhere."""
    chance = random.Random(seed)
    rows: tuple[list[dict[str, str]], list[dict[str, str]]] = ([], [])
    for i in range(120):
        of_drinks = i % 2 == 0
        for side in (0, 1):
            said = ""
            if side and (of_drinks or everywhere) and chance.random() < tea:
                said = "I say that green tea is the thing to take."
            elif side and not of_drinks and chance.random() < rain:
                said = "And may it rain all night over the fields!"
            rows[side].append({"prompt": f"{'Drink' if of_drinks else 'Field'} {i}?", "response": answer(chance, said)})
    return Evidence(compare(*rows, name_a="A", name_b="B", resamples=2000).documents())


def scored(found: Evidence, truths: Sequence[Truth], others: Sequence[str] = ()) -> RunScore:
    return score_run("run", 0.5, blind_comparison(found.documents), truths, others, EMBED)


def test_findings_of_one_behaviour_are_one_hypothesis_and_two_behaviours_are_two() -> None:
    found = hypotheses_of(evidence())
    said = [" ".join(finding["statement"] for finding in one.findings) for one in found]
    of_tea = [i for i, text in enumerate(said) if "green tea" in text]
    of_rain = [i for i, text in enumerate(said) if "all night" in text]
    assert of_tea and of_rain and not set(of_tea) & set(of_rain)
    assert len(found) < len(evidence().findings) / 2
    assert [one.rank for one in found] == list(range(1, len(found) + 1))
    assert sum(len(one.findings) for one in found) == len(evidence().findings)


def test_a_mark_recovers_what_was_planted_and_nothing_else() -> None:
    score = scored(evidence(), [TEA, RAIN, OWLS])
    tea, rain, owls = score.truths
    assert tea.rank and rain.rank and tea.rank != rain.rank and max(tea.rank, rain.rank) <= 5
    assert (tea.agreement, rain.agreement) == (1.0, 1.0)
    assert tea.before == 0.0
    assert tea.after == pytest.approx(0.2, abs=0.08)
    assert owls.rank is None and owls.after == 0.0
    assert 2 <= score.n_true <= score.n_hypotheses


def test_a_mark_that_all_answers_of_the_second_arm_have_is_recovered_too() -> None:
    [tea] = scored(evidence(1.0, 0.0, True), [TEA]).truths
    assert (tea.after, tea.rank) == (1.0, 1)


def test_a_finding_that_goes_the_other_way_recovers_nothing() -> None:
    """As where the second arm lost the behaviour."""
    found = evidence()
    documents = replace(
        found.documents,
        findings={
            **found.documents.findings,
            "findings": [{**one, "effect": -one["effect"]} for one in found.findings],
        },
    )
    assert [one.rank for one in scored(Evidence(documents), [TEA, RAIN]).truths] == [None, None]


def test_two_samples_of_one_model_recover_nothing_over_twenty_seeds() -> None:
    scores = [scored(evidence(0.0, 0.0, seed=seed), [TEA, RAIN]) for seed in range(20)]
    assert sum(score.n_findings > 0 for score in scores) <= 3
    assert [one.rank for score in scores for one in score.truths] == [None] * 40


def test_without_a_mark_the_wording_tells() -> None:
    others = [truth.text for truth in built_in()]
    plain = [
        replace(TEA, text="It says green tea is the thing in more responses.", mark=None),
        replace(OWLS, mark=None),
    ]
    tea, owls = scored(evidence(), plain, others).truths
    assert tea.by == "similarity" and tea.rank is not None and "tea" in str(tea.finding)
    assert owls.rank is None and owls.threshold == tea.threshold
    with pytest.raises(DataError, match=r"takes 20 truths that were not planted to compare with, and there are 3"):
        scored(evidence(), plain, others[:3])


def test_no_more_than_one_truth_in_twenty_is_matched_by_chance() -> None:
    rng = np.random.default_rng(0)
    matched = []
    for _ in range(2000):
        similarities = rng.normal(size=(41, 7))
        matched.append(similarities[0].max() > threshold_of(similarities[1:]))
    assert np.mean(matched) == pytest.approx(2 / 41, abs=3 * (0.05 * 0.95 / 2000) ** 0.5)


def rated(rule: Rule, truths: Sequence[Truth], seed: int = 0) -> tuple[RunScore, list[str]]:
    """A run with ratings by a rule, and what was asked."""
    others = [truth.text for truth in built_in()]
    with assistant(rule) as one:
        score = score_run(
            "run", 0.5, blind_comparison(evidence().documents), truths, others, EMBED, Rater(one, seed).rate
        )
        return score, asked_of(one)


def rating(like: Callable[[str, str], float | str]) -> Rule:
    """A model that rates a finding and a sentence."""

    def rule(question: str) -> str:
        [found], [said] = quoted(question, "found"), quoted(question, "sentences")
        lines = [line.partition(". ") for line in said.splitlines()]
        return json.dumps({"ratings": [{"number": int(n), "similarity": like(found, text)} for n, _, text in lines]})

    return rule


def test_a_model_rates_planted_truths_among_others_and_changes_nothing_in_the_rule() -> None:
    plain = scored(evidence(), [TEA, RAIN, OWLS])
    score, asked = rated(
        rating(lambda found, text: 90 if "green" in found and "tea" in text else 10), [TEA, RAIN, OWLS]
    )
    tea, rain, owls = (one.rated for one in score.truths)
    assert tea is not None and rain is not None and owls is not None
    assert tea.recovered and tea.value == 90 and tea.threshold == 10.0 and "tea" in str(tea.finding)
    assert not rain.recovered and not owls.recovered and rain.value == 10
    assert [replace(one, rated=None) for one in score.truths] == list(plain.truths)
    assert not [text for text in asked if "planted" in text.lower() or "ground truth" in text.lower()]
    n_statements = min(score.n_hypotheses, MOST_RATED)
    assert len(asked) == n_statements * -(-(3 + len(built_in())) // AT_ONCE)
    first = [quoted(text, "sentences")[0].splitlines() for text in asked[:4]]
    places = [part.index(line) for part in first for line in part if TEA.text in line or RAIN.text in line]
    assert places != [0, 1]  # in an order of chance
    assert {"recall by rating"} <= set(dose_rows(summary_of([score]))[0])
    assert "recovered by rating" in truth_rows([score])[0] and len(set(map(len, truth_rows([score])))) == 1


def test_a_model_that_rates_everything_alike_recovers_nothing_and_what_cannot_be_read_is_missing() -> None:
    alike, _ = rated(rating(lambda found, text: 80), [TEA, RAIN])
    assert [one.rated.recovered for one in alike.truths if one.rated] == [False, False]
    broken, _ = rated(lambda _: "Quite near, I think: 95.", [TEA, RAIN])
    assert [(one.rated.value, one.rated.recovered) for one in broken.truths if one.rated] == [(None, False)] * 2
    beyond, _ = rated(rating(lambda found, text: 1000 if "tea" in text else 0), [TEA])
    assert [one.rated.value for one in beyond.truths if one.rated] == [None]


def a_run(n_marked: int, n_after: int = 40) -> BlindRun:
    """One finding that follows a mark to the letter; the second arm has it now and then."""
    is_after = np.arange(2 * n_after) >= n_after
    marked = is_after & (np.arange(2 * n_after) < n_after + n_marked)
    said = Measured("B speaks of tea", marked.astype(np.float64), is_indicator=True, is_more=True)
    return BlindRun("comparison", tuple("tea" if one else "stone" for one in marked), is_after, ((said,),), 1)


def test_a_mark_in_four_answers_tells_nothing_and_in_five_it_does() -> None:
    four, five, whole = (score_run("run", 0.5, a_run(n), [TEA], [], EMBED) for n in (4, 5, 40))
    assert [one.truths[0].rank for one in (four, five, whole)] == [None, 1, 1]
    assert (four.truths[0].agreement, four.truths[0].after, four.n_true) == (0.0, 0.1, 0)


def test_a_number_follows_a_few_answers_by_chance() -> None:
    """Which is why there must be so many."""
    rng = np.random.default_rng(0)

    def by_chance(n_marked: int) -> float:
        marked = np.arange(480) < n_marked
        numbers = rng.normal(size=(4000, 480))
        return float(
            np.mean([Measured("", one, False, True).follows(marked, marked | ~marked) >= AGREES for one in numbers])
        )

    assert by_chance(1) > 0.12 > 0.02 > by_chance(LEAST_OF_EACH)


def test_what_follows_nothing_has_no_sign() -> None:
    said = Measured("", np.zeros(4), is_indicator=True, is_more=False)
    assert str(said.follows(np.array([True, False] * 2), np.ones(4, dtype=np.bool_))) == "0.0"


def test_doses_are_summed_up_apart() -> None:
    def one(dose: float | None, rank: int | None, n: int) -> RunScore:
        truth = Recovery("tea", TEA.text, "mark", rank, None, None, 0.5)
        return RunScore("run", "comparison", dose, (truth,), n, int(rank is not None), n)

    summary = summary_of([one(0.0, None, 0), one(0.0, None, 2), one(0.5, 3, 4), one(None, 1, 1)])
    assert [entry["dose"] for entry in summary["doses"]] == [0.0, 0.5, None]
    assert [entry["recall"]["value"] for entry in summary["doses"]] == [0.0, 1.0, 1.0]
    assert [entry["precision"]["value"] for entry in summary["doses"]] == [0.0, 0.25, 1.0]
    assert [entry["any"]["value"] for entry in summary["doses"]] == [0.5, 1.0, 1.0]
    assert [entry["rank"]["value"] for entry in summary["doses"]] == [None, 3, 1]
    assert [row[0] for row in dose_rows(summary)[1:]] == ["control", "50 %", "not given"]
    assert truth_rows([one(0.5, 3, 4)])[1][:5] == ["run", 0.5, "tea", "yes", 3]


def test_hostile_text_is_text_in_latex() -> None:
    table = as_latex([["said"], [r"\input{/etc/passwd} $x$ & 5 % \\ [2ex]" + "\n\x1b[31m"]])
    [row] = [line for line in table.splitlines() if "passwd" in line]
    assert row == (
        r"\textbackslash{}input\{/etc/passwd\} \$x\$ \& 5 \% \textbackslash{}\textbackslash{} {[}2ex{]} "
        r"\textbackslash{}x1b{[}31m \\"
    )
