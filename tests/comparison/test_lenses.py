"""Lenses: what they count is what a person would count, and the evidence they mark is what they counted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from diptych._types import Silent
from diptych.clustering.consensus import N_RECLUSTERINGS
from diptych.comparison.lenses.clusters import ClustersLens
from diptych.comparison.lenses.log_odds import LogOddsLens
from diptych.comparison.lenses.phrases import (
    MIN_RESPONSES,
    PhrasesLens,
    PhrasesProposal,
    Words,
    frequent_phrases,
    phrase_measure,
    runs_of_words,
)
from diptych.comparison.lenses.scores import ScoresLens, check_scores
from diptych.comparison.lenses.surface import FEATURES, IN_ANY_CASE, WORD, SurfaceLens, SurfaceProposal, Text
from diptych.comparison.measures import Discovery, Survival, Tools, find_spans
from diptych.data import Records, Response, Responses
from diptych.errors import DataError

TOOLS = Tools(lambda texts: np.zeros((len(texts), 1), np.float32), 0, Silent())
MARKDOWN = st.text(st.sampled_from("ab I.!?\n#*-`|()[]\"“”1,é漢😀'x"), max_size=60)


LEAST = 5


def responses(texts: Sequence[str]) -> list[Response]:
    return [Response(prompt_id=str(i), prompt="?", response=text, arm="a") for i, text in enumerate(texts)]


def discovery(texts: Sequence[str], n_b: int) -> Discovery:
    return Discovery(responses(texts), [i >= len(texts) - n_b for i in range(len(texts))], frozenset())


def measured(name: str, text: str) -> float:
    column = [feature.name for feature in FEATURES].index(name)
    return float(SurfaceProposal([column], {}).values(responses([text]))[0, 0])


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("words", "Don't re-do it, 3 times.", 5), ("words", "", 0), ("words", "漢字 é", 2),
        ("sentences", "One. Two! Three?", 3), ("sentences", "no end", 1), ("sentences", "One. Two", 2),
        ("repeats_itself", "It is so. I say it is so. It is so.", 0), ("repeats_itself", "I like the sea. I like the sea", 1),
        ("repeats_itself", "I like the sea.\n- I LIKE the sea", 1), ("repeats_itself", "yes yes\nyes yes", 0), ("sentences", " ", 0), ("sentences",
                "3.5 is a number.", 1),
        ("paragraphs", "a\nb\n\nc", 2), ("paragraphs", "", 0),
        ("list_items", "- a\n* b\n1. c\nd", 3), ("has_list", "- a\n- b", 1), ("has_list", "a-b", 0),
        ("numbered_items", "1. a\n2) b\n- c", 2), ("headings", "# A\ntext\n**B**\n#no", 2),
        ("tables", "| a | b |\n|---|---|", 2), ("code_blocks", "```py\nx\n```\n```\ny\n```", 2),
        ("bold", "a **b** and **c d**", 2), ("links", "see https://x.org/a and http://y", 2),
        ("questions", "Why? How??", 3), ("ends_with_question", "Yes. Why?  \n", 1), ("ends_with_question", "Why? Yes.",
                0),
        ("exclamations", "No!!", 2), ("numbers", "1,000 and 3.5 of all ten", 25),
        ("first_person", "I am me", pytest.approx(200 / 3)), ("hedges", "It may well be", 25),
        ("refuses", "I can\u2019t help with that.", 1), ("refuses", "I cannot find it.", 0),
        ("apologises", "So SORRY!", 1),
        ("warns", "Please note: hot.", 1), ("opens_eagerly", "Sure! Here", 1), ("opens_eagerly", "Not sure", 0),
        ("emoji", "a 😀😀", 2), ("non_latin", "ab漢字", 0.5), ("non_latin", "123", 0), ("type_token_ratio", "a b A c",
                0.75),
        ("words_per_sentence", "One two. Three.", 1.5), ("letters_per_word", "ab abcd", 3),
    ],
)  # fmt: skip
def test_a_feature_counts_what_a_person_would(name: str, text: str, value: float) -> None:
    assert measured(name, text) == value


@given(st.lists(MARKDOWN, min_size=1, max_size=4))
def test_surface_values_are_not_negative_and_depend_on_their_own_text_only(texts: list[str]) -> None:
    proposal = SurfaceProposal(list(range(len(FEATURES))), {})
    values = proposal.values(responses(texts))
    assert values.shape == (len(texts), len(FEATURES))
    assert not (values < 0).any()
    assert not np.isinf(values).any()
    wordless = [WORD.search(text) is None for text in texts]
    assert np.isnan(values).any(axis=1).tolist() == wordless, "what is per word is missing where there is no word"
    alone = np.concatenate([proposal.values(responses([text])) for text in texts])
    np.testing.assert_array_equal(values, alone)
    for j, measure in enumerate(proposal.measures):
        if measure.kind == "indicator":
            assert set(values[:, j]) <= {0.0, 1.0}


@given(MARKDOWN)
def test_marks_are_in_order_inside_the_text_and_there_when_something_was_counted(text: str) -> None:
    proposal = SurfaceProposal(list(range(len(FEATURES))), {})
    values = proposal.values(responses([text]))[0]
    for measure, value in zip(proposal.measures, values, strict=True):
        spans = proposal.evidence(measure, text)
        assert all(0 <= start < end <= len(text) for start, end in spans)
        assert all(first[1] <= second[0] for first, second in pairwise(spans))
        if measure.kind == "indicator" and measure.id != "surface.empty":  # emptiness leaves nothing to mark
            assert bool(spans) == bool(value), measure.id


@pytest.mark.parametrize(
    "text",
    [
        "word " * 40_000,
        "x" * 200_000,
        "!" * 200_000 + "x",
        "\n" * 200_000,
        "? " * 100_000,
        "**" * 100_000,
        "(" * 200_000,
        '"' * 200_000,
        "| " * 100_000,
        "1," * 100_000,
        "so it is. " * 20_000,
        ".a" * 100_000,
    ],
)
def test_a_repetition_loop_takes_no_quadratic_time(text: str) -> None:
    """At 200,000 characters a quadratic pattern would run into the time limit of a test."""
    proposal = SurfaceProposal(list(range(len(FEATURES))), {})
    proposal.values(responses([text]))
    for measure in proposal.measures:
        proposal.evidence(measure, text)


@given(st.text(st.sampled_from("iI\u0131\u0130sS\u017fkK\u212a'thanormelcudy Σé漢?.\n"), max_size=30))
@example("I thin\u212a so, \u0130t depends, \u017feems, \u0131'm sorry")
def test_a_folded_text_shows_what_the_text_shows_in_any_case(text: str) -> None:
    assert len(IN_ANY_CASE) > 5
    for in_any_case, in_folded in IN_ANY_CASE.items():
        found = [match.span() for match in in_any_case.finditer(text)]
        assert [match.span() for match in in_folded.finditer(Text(text).folded)] == found


def test_surface_proposes_only_what_varies() -> None:
    ids = {measure.id for measure in SurfaceLens().propose(["One two.", "One two three."], TOOLS).measures}
    assert "surface.words" in ids
    assert "surface.emoji" not in ids


def naive_phrases(texts: Sequence[str]) -> dict[str, set[int]]:
    """Every phrase of 1 to 4 words and the texts that hold it, written down the obvious way."""
    found: dict[str, set[int]] = {}
    for t, text in enumerate(texts):
        for run in runs_of_words(text):
            for n in range(1, 5):
                for i in range(len(run.words) - n + 1):
                    found.setdefault(" ".join(run.words[i : i + n]), set()).add(t)
    return {p: ts for p, ts in found.items() if len(ts) >= LEAST}


@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "c", ".", "D"]), max_size=8).map(" ".join), min_size=8, max_size=14)
)
def test_frequent_phrases_are_those_of_the_obvious_count(texts: list[str]) -> None:
    phrases, matrix = frequent_phrases(texts, Words(), least=LEAST)
    wanted = naive_phrases(texts)
    assert phrases == sorted(wanted)
    dense = matrix.toarray()
    assert {p: set(np.flatnonzero(dense[:, j]).tolist()) for j, p in enumerate(phrases)} == wanted


@given(st.lists(st.sampled_from(["hope", "this", "helps", ".", "THIS", "x"]), max_size=10).map(" ".join))
def test_a_phrase_is_marked_exactly_where_it_is_measured(text: str) -> None:
    phrases = ("hope this", "this", "this helps x")
    measures = tuple(phrase_measure("phrases", str(n), phrase) for n, phrase in enumerate(phrases))
    proposal = PhrasesProposal(measures, Words())
    values = proposal.values(responses([text]))[0]
    for measure, value in zip(proposal.measures, values, strict=True):
        spans = proposal.evidence(measure, text)
        assert bool(spans) == bool(value)
        assert {text[start:end].lower() for start, end in spans} <= {measure.definition["phrase"]}


def test_a_phrase_is_proposed_though_it_is_the_only_one() -> None:
    texts = [*(f"{i}" for i in range(20)), *["Yes."] * 20]
    lone = discovery(texts, n_b=20)
    assert [measure.definition for measure in LogOddsLens().propose(lone, TOOLS).measures] == [{"phrase": "yes"}]
    scan = PhrasesLens().propose(texts, TOOLS)
    assert [measure.definition for measure in scan.chosen([0]).measures] == [{"phrase": "yes"}]
    assert scan.values(responses(texts)).tolist() == [[0.0]] * 20 + [[1.0]] * 20
    assert LogOddsLens().propose(discovery(["Yes."] * 40, n_b=20), TOOLS).measures == ()
    assert PhrasesLens().propose(["Yes."] * 40, TOOLS).n_measures == 0, "what every response says sets nothing apart"


def test_of_a_phrase_and_its_pieces_in_the_same_responses_only_the_whole_is_offered() -> None:
    texts = [f"It is {i}. So far so good" for i in range(20)] + [f"It is {i}. I hope this helps" for i in range(20)]
    seen = [measure.definition["phrase"] for measure in LogOddsLens().propose(discovery(texts, 20), TOOLS).measures]
    scan = PhrasesLens().propose(texts, TOOLS)
    blind = [measure.definition["phrase"] for measure in scan.chosen(range(scan.n_measures)).measures]
    for proposed in (seen, blind):
        assert "i hope this helps" in proposed
        assert "hope" not in proposed
    assert set(blind) == {"i hope this helps", "so far so good"}


def test_phrases_of_stop_words_alone_are_not_offered() -> None:
    texts = ["of the sea", *["as it is, in the sea"] * 20, *(f"{i}" for i in range(20))]
    scan = PhrasesLens().propose(texts, TOOLS)
    offered = {measure.definition["phrase"] for measure in scan.chosen(range(scan.n_measures)).measures}
    assert any("sea" in phrase for phrase in offered)
    assert not any(set(phrase.split(" ")) <= {"as", "it", "is", "in", "the"} for phrase in offered)


def test_frequent_phrases_are_offered_and_rare_ones_are_not() -> None:
    texts = [*["a sea"] * MIN_RESPONSES, *["the sky"] * (MIN_RESPONSES - 1), *(f"{i}" for i in range(40))]
    scan = PhrasesLens().propose(texts, TOOLS)
    assert [measure.definition["phrase"] for measure in scan.chosen(range(scan.n_measures)).measures] == ["a sea"]
    assert scan.n_measures == 1
    assert scan.measure.definition["n_phrases"] == 1


def test_scores_are_read_from_the_records_and_missing_ones_are_nan() -> None:
    rows = [Response("1", "?", ".", "a", meta={"r": value}) for value in (1, "2.5", None, True)]
    tools = Tools(TOOLS.embed, 0, Silent(), ("r", "absent"))
    proposal = ScoresLens().propose([], tools)
    np.testing.assert_array_equal(proposal.values(rows), [[1, np.nan], [2.5, np.nan], [np.nan, np.nan], [1, np.nan]])


def test_two_score_fields_whose_slugs_are_equal_are_two_measures() -> None:
    tools = Tools(TOOLS.embed, 0, Silent(), ("a b", "a-b", "c"))
    measures = ScoresLens().propose([], tools).measures
    assert len({measure.id for measure in measures}) == 3
    assert measures[2].id == "scores.c"


@pytest.mark.parametrize("value", ["NaN", "inf", "-1e999", "high", "", [1], {"a": 1}])
def test_a_score_that_is_no_finite_number_is_refused_with_its_place(value: object) -> None:
    rows = [{"prompt": str(i), "response": ".", "r": score} for i, score in enumerate((1, None, value))]
    arm = Responses.from_records(Records(rows, "x.csv", [2, 3, 7], "line"), arm="a")
    with pytest.raises(DataError, match="x.csv, line 7: score field 'r' is .* expected a finite number"):
        check_scores([arm], ["r"])
    with pytest.raises(DataError, match="x.csv: no record has a score field 'q'; other fields found: 'r'"):
        check_scores([arm], ["q"])


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=8))
def test_spans_that_are_kept_never_overlap_and_none_is_empty(spans: list[tuple[int, int]]) -> None:
    kept = find_spans(iter(spans))
    assert all(start < end for start, end in kept)
    assert all(first[1] <= second[0] for first, second in pairwise(kept))
    assert set(kept) <= set(spans)
    assert bool(kept) == any(start < end for start, end in spans)


def test_a_cluster_apart_survives_other_seeds_and_a_piece_of_one_cloud_does_not() -> None:
    rng = np.random.default_rng(0)
    apart = rng.normal(size=(40, 2)) * 0.01 + [30.0, 0.0]
    cloud = rng.normal(size=(360, 2))
    vectors = np.concatenate([apart, cloud]).astype(np.float32)
    texts = [f"text {i}" for i in range(len(vectors))]
    index = {text: i for i, text in enumerate(texts)}
    tools = Tools(lambda some: vectors[[index[text] for text in some]], 0, Silent())
    proposal = ClustersLens().propose(texts, tools)
    home = int(proposal.labels(responses(texts[:1]))[0])
    survivals = {measure.definition["cluster"]: proposal.survival(measure) for measure in proposal.measures}
    assert survivals[home] == Survival(N_RECLUSTERINGS, N_RECLUSTERINGS)
    assert min(survival.n for survival in survivals.values()) < N_RECLUSTERINGS
