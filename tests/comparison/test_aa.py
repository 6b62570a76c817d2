"""A model against itself: how it is dealt, what is reported, and that a wrong design is caught."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych import Responses, compare
from diptych.bench.corpora import generate_corpus, generate_prompts
from diptych.bench.stats.designs import without_a_split
from diptych.comparison.aa import _halves, aa
from diptych.comparison.groups import unit_names
from diptych.comparison.prepare import prepare
from diptych.data import Records
from diptych.embeddings.cache import EmbeddingCache
from diptych.embeddings.encoders import LexicalEncoder
from diptych.errors import ConfigError, DataError
from tests.helpers.records import Record, random_words, records

QUICK: Any = {"lenses": "surface", "resamples": 100, "threads": 1}


def with_draws(n: int, n_draws: int) -> list[Record]:
    return [
        {**row, "draw": draw}
        for draw in range(n_draws)
        for row in records(n, answer="Answer {i}, " + "and so on " * draw)
    ]


@pytest.fixture
def dealt(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Responses, Responses]]:
    """The arms of every split, as they go into the pipeline."""
    arms: list[tuple[Responses, Responses]] = []

    def keep(a: Responses, b: Responses, **options: Any) -> Any:
        arms.append((a, b))
        return prepare(a, b, **options)

    monkeypatch.setattr("diptych.comparison.aa.prepare", keep)
    return arms


def test_a_made_corpus_seldom_differs_from_itself() -> None:
    rows = [answer.as_row() for answer in generate_corpus(generate_prompts(120, seed=1), seed=1)]
    result = aa(rows, splits=6, threads=1)
    assert (result.pairing, result.n_prompts, result.n_responses) == ("unpaired", 120, 120)
    assert [check.lens for check in result.lenses] == ["surface", "phrases", "clusters", "regions"]
    for check in result.lenses:
        assert len(check.p_values) == 6
        assert check.n_tested > 6
        assert check.n_small <= 0.2 * check.n_tested
    assert sum(check.n_tested for check in result.lenses) == sum(split.n_tested for split in result.splits)
    assert len({split.seed for split in result.splits}) == 6
    assert result.false_alarms.n_hits == sum(bool(split.findings) for split in result.splits) <= 1
    assert result.warnings == ()


def test_testing_phrases_on_the_half_that_chose_them_is_caught() -> None:
    rows = random_words(80, n_words=100, seed=0)
    settings: Any = {"splits": 25, "threads": 1, "lenses": "log_odds", "resamples": 100}
    right = aa(rows, **settings)
    assert not right.is_above_alpha
    assert right.warnings == ()
    with without_a_split():
        wrong = aa(rows, **settings)
    assert wrong.is_above_alpha
    assert wrong.false_alarms.low > 0.05 > right.false_alarms.low
    assert wrong.lenses[0].n_small > 3 * right.lenses[0].n_small
    assert wrong.warnings == (
        "false alarms are more frequent than the wanted alpha = 0.05; findings of such comparisons cannot be trusted",
        "p-values of lens log_odds are too small",
    )


def test_prompts_are_split_whole_when_not_all_have_draws(dealt: list[tuple[Responses, Responses]]) -> None:
    rows = [*with_draws(41, 2), *records(10, first=50, draw=0)]
    assert aa(rows, splits=5, **QUICK).pairing == "unpaired"
    sides = set()
    for a, b in dealt:
        prompts_a, prompts_b = ({row.prompt_id for row in arm} for arm in (a, b))
        assert not prompts_a & prompts_b
        assert len(a) + len(b) == len(rows)
        assert abs(len(prompts_a) - len(prompts_b)) == 1
        sides.add(frozenset(prompts_a))
    assert len(sides) == 5


def test_draws_are_set_against_draws_of_the_same_prompt(dealt: list[tuple[Responses, Responses]]) -> None:
    result = aa(with_draws(40, 3), splits=4, **QUICK)
    assert (result.pairing, result.n_prompts, result.n_responses) == ("paired", 40, 120)
    for a, b in dealt:
        counts = [Counter(row.prompt_id for row in arm) for arm in (a, b)]
        assert {(counts[0][prompt], counts[1][prompt]) for prompt in counts[0]} == {(1, 2), (2, 1)}
        draws = Counter((row.prompt_id, row.draw) for arm in (a, b) for row in arm)
        assert len(draws) == 120
        assert set(draws.values()) == {1}
        assert {row.draw for row in a} == {0, 1, 2}
        assert ({row.arm for row in a}, {row.arm for row in b}) == ({"a"}, {"b"})


def in_topics(rows: list[Record], n: int = 10) -> list[Record]:
    return [{**row, "topic": f"t{int(row['prompt'].split()[1][:-1]) % n}"} for row in rows]


def test_groups_are_split_whole(dealt: list[tuple[Responses, Responses]]) -> None:
    result = aa(in_topics(random_words(66, n_words=5, seed=0), 21), splits=5, group_field="topic", **QUICK)
    assert (result.pairing, result.n_prompts, result.n_groups) == ("unpaired", 66, 21)
    assert result.as_json()["n_groups"] == 21
    sides = set()
    for a, b in dealt:
        topics = [{row.meta["topic"] for row in arm} for arm in (a, b)]
        assert not topics[0] & topics[1]
        assert abs(len(topics[0]) - len(topics[1])) == 1
        assert len(a) + len(b) == 66
        sides.add(frozenset(topics[0]))
    assert len(sides) == 5


def test_draws_of_one_number_stay_together_in_a_group(dealt: list[tuple[Responses, Responses]]) -> None:
    rows = in_topics(with_draws(40, 3))
    rows = [row for row in rows if not (row["draw"] == 1 and row["prompt"] == "Question 7?")]
    result = aa(rows, splits=6, group_field="topic", **QUICK)
    assert (result.pairing, result.n_prompts, result.n_groups) == ("paired", 40, 10)
    together = set()
    for a, b in dealt:
        counts = [Counter(row.prompt_id for row in arm) for arm in (a, b)]
        assert {(counts[0][prompt], counts[1][prompt]) for prompt in counts[0]} <= {(1, 2), (2, 1), (1, 1)}
        by_prompt: dict[str, dict[str, tuple[int, ...]]] = {}
        for row in sorted(a, key=lambda row: row.draw):
            topic = by_prompt.setdefault(row.meta["topic"], {})
            topic[row.prompt] = (*topic.get(row.prompt, ()), row.draw)
        for prompts in by_prompt.values():
            prompts.pop("Question 7?", None)  # has no draw 1
            dealt_alike = set(prompts.values())
            assert len(dealt_alike) == 1
            together |= dealt_alike
    assert together == {(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)}


def test_conversations_that_are_drawn_as_wholes_need_groups() -> None:
    """Turns of one conversation share its mood: by prompts that is a false alarm, by conversations none."""
    rng = np.random.default_rng(1)
    moods = rng.normal(size=(24, 2))
    rows = [
        {
            "prompt": f"Turn {turn} of {talk}",
            "response": ".",
            "draw": draw,
            "talk": talk,
            "mood": float(moods[talk, draw] + rng.normal() / 3),
        }
        for talk in range(24)
        for turn in range(8)
        for draw in range(2)
    ]
    settings: Any = {"splits": 40, "threads": 1, "lenses": "scores", "score_fields": "mood", "resamples": 200}
    grouped = aa(rows, group_field="talk", **settings)
    assert (grouped.pairing, grouped.n_groups) == ("paired", 24)
    assert grouped.warnings == ()
    seeds = [split.seed for split in grouped.splits]
    by_prompts = [compare_by_prompts(rows, seed) for seed in seeds]
    assert np.mean(by_prompts) > 0.3 > 0.15 > grouped.false_alarms.value


def compare_by_prompts(rows: list[Record], seed: int) -> bool:
    """Whether a comparison finds something that deals whole conversations but takes turns for independent."""
    arm = Responses.from_records(Records(rows, "x", range(len(rows)), "row"), arm="a")
    a, b = _halves(arm, unit_names([arm], "talk"), by_draws=True, seed=seed)
    result = compare(a, b, lenses="scores", score_fields="mood", resamples=200, threads=1, name_a="a", name_b="b")
    return bool(result.findings)


def test_prompts_with_one_response_are_left_out_on_request() -> None:
    result = aa([*with_draws(30, 2), *records(3, first=50, draw=0)], splits=1, pairing="paired", **QUICK)
    assert (result.pairing, result.n_prompts) == ("paired", 30)
    assert result.notices == ("3 prompts have one response only and were left out",)


def test_neither_order_nor_threads_change_anything() -> None:
    rows = random_words(60, n_words=12, seed=2)
    settings: Any = {"splits": 2, "lenses": "surface,phrases,regions", "resamples": 200}
    first = aa(rows, threads=1, **settings).as_json()
    shuffled = random.Random(0).sample(rows, len(rows))
    assert aa(shuffled, threads=2, **settings).as_json() == first
    assert aa(rows, threads=1, seed=1, **settings).as_json()["splits"] != first["splits"]


def test_a_limit_keeps_the_same_prompts_in_every_split(dealt: list[tuple[Responses, Responses]]) -> None:
    assert aa(random_words(80, n_words=5, seed=0), splits=3, limit=50, **QUICK).n_prompts == 50
    assert len({frozenset(row.prompt_id for arm in arms for row in arm) for arms in dealt}) == 1


def test_every_text_is_embedded_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    embedded: list[str] = []
    encode = LexicalEncoder.encode

    def count(self: LexicalEncoder, texts: Any) -> Any:
        embedded.extend(texts)
        return encode(self, texts)

    monkeypatch.setattr(LexicalEncoder, "encode", count)
    rows = random_words(60, n_words=12, seed=2)
    aa(rows, splits=3, **QUICK)
    assert sorted(embedded) == sorted(row["response"] for row in rows)
    aa(rows, splits=1, cache_dir=tmp_path, **QUICK)
    texts = [row["response"] for row in rows]
    _, found = EmbeddingCache(tmp_path).get_many(LexicalEncoder().fingerprint, texts, LexicalEncoder().dim)
    assert found.all()


def test_of_a_scan_the_p_of_the_whole_is_checked() -> None:
    rows = random_words(80, n_words=6, seed=0)
    result = aa(rows, splits=4, lenses="regions", threads=1, resamples=1000)
    assert result.lenses[0].p_values == tuple(min(split.p_values["regions"]) for split in result.splits)


def test_what_cannot_be_split_is_refused() -> None:
    with pytest.raises(DataError, match="list a has one response to each prompt, so there are no draws"):
        aa(records(40), pairing="paired", **QUICK)
    with pytest.raises(DataError, match="too few prompts"):
        aa(records(10), **QUICK)
    for splits in (0, -1, 10**9):
        with pytest.raises(ConfigError, match=f"splits = {splits}: it should be from 1 to 1,000,000"):
            aa(records(40), splits=splits, **QUICK)
