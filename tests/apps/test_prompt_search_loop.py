"""The loop of the search, with a measure that is known: what the assistant is told decides how far it climbs."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from diptych._types import Json, Silent, Vectors
from diptych.apps.contrastive_decoding.search.asking import Asker
from diptych.apps.contrastive_decoding.search.config import SearchConfig
from diptych.apps.contrastive_decoding.search.pair import Drawn, Measured, Pair
from diptych.apps.contrastive_decoding.search.search import Search, Searched
from diptych.data.instructions import Instructions
from diptych.embeddings.encoders import LexicalEncoder
from diptych.models.assistant import Assistant
from diptych.models.interview import Interview
from diptych.models.ledger import Ledger
from diptych.models.requests import Deliver, Reply, Request, Sampling
from diptych.utils.text import json_text

WORDS = ["apple", "bread", "chair", "drum", "eagle", "forest", "glass", "hill", "island", "jar", "kite", "lamp"]
VALUES = {word: i / len(WORDS) for i, word in enumerate(WORDS)}
SEEDS = ["apple bread", "chair apple", "drum bread", "bread chair"]


class KnownPair:
    """Divergence is the mean value of a prompt's words, a little more in one draw and less in the other."""

    def measure(self, prompts: Sequence[str], draws: range) -> list[Measured]:
        return [self._one(prompt) for prompt in prompts]

    def _one(self, prompt: str) -> Measured:
        if "unmeasurable" in prompt:
            return Measured(prompt, reason="a: the prompt has 9 tokens")
        value = float(np.mean([VALUES.get(word, 0.0) for word in prompt.split()]))
        drawn = tuple(Drawn(n, Reply("x", "stop"), Reply(f"about {prompt}", "stop")) for n in (0, 1))
        values = [{"js": value + off, "kl_ab": 0.0, "kl_ba": 0.0} for off in (-0.01, 0.01)]
        return Measured(prompt, drawn, tuple(cast(Any, (one, one)) for one in values))


class Climber:
    """Goes by the numbers before the prompts that it is shown: words of the best, and one of any."""

    name = "test/climber"

    @property
    def identity(self) -> Json:
        return {"provider": "test"}

    def check(self, sampling: Sampling) -> None: ...

    def close(self) -> None: ...

    def answer(self, requests: Sequence[Request], sampling: Sampling, deliver: Deliver) -> None:
        for number, request in enumerate(requests):
            deliver(number, Reply(self.say(request.messages[-1].content), "stop"))

    def say(self, asked: str) -> str:
        draw = random.Random(asked)
        if "<response-" in asked:
            return "Yes." if "kite" in asked else "No."
        shown = re.findall(r"(?:divergence: ([\d.e-]+)\n)?<text-\w+>\n(.*)\n", asked)
        scored = sorted(((float(value), text) for value, text in shown if value), reverse=True)
        best = [word for _, text in scored[:3] for word in text.split()] or WORDS
        return json_text(
            {"prompts": [f"{draw.choice(best)} {draw.choice(best)} {draw.choice(WORDS)}" for _ in range(4)]}
        )


def embed(texts: Sequence[str]) -> Vectors:
    return LexicalEncoder().encode(texts)


def search(folder: Path, climber: Any = None, seeds: Sequence[str] = SEEDS, budget: int | None = None, **changes: Any) -> Searched:  # fmt: skip
    settings = {"rounds": 12, "per_round": 4, "shown": 6, **changes}
    config = SearchConfig.parse(settings)
    told = Instructions.load().model_copy(update={"custom_selection_criterion": "Does it fly?"})
    with closing(Ledger(folder / f"{len(list(folder.iterdir()))}.sqlite", {})) as ledger:
        interview = Interview(Assistant(climber or Climber(), ledger, Sampling()), budget)
        asker = Asker(interview, told, config.seed)
        return Search(config, cast(Pair, KnownPair()), asker, embed, Silent()).run(seeds)


def gain(found: Searched) -> float:
    return float(np.mean([one.divergence.mean for one in found.found[-12:]]))


def test_it_climbs_by_showing_what_diverges(tmp_path: Path) -> None:
    """The control shows any prompts alike."""
    gains = [
        np.mean([gain(search(tmp_path, divergence_weight=weight, diversity_weight=0, seed=seed)) for seed in range(6)])
        for weight in (4.0, 0.0)
    ]
    assert gains[0] > gains[1] + 0.1


def test_the_controls_tell_nothing_of_divergence(tmp_path: Path) -> None:
    """Neither by their numbers nor by their order; what is told otherwise stands in the order of divergence."""
    kept = {}
    for show in ("divergence", "random", "nothing"):
        heard = Listening()
        pool = [f"{word} {word}" for word in WORDS]
        for seed in range(40):
            search(tmp_path, heard, pool, rounds=1, shown=8, show=show, diversity_weight=0, seed=seed)
        found = []
        for asked in heard.asked:
            shown = re.findall(r"(?:divergence: ([\d.e-]+)\n)?<text-\w+>\n(.*)\n", asked)
            assert len(shown) == 8 and {bool(value) for value, _ in shown} == {show != "nothing"}
            values = [float(value) for value, _ in shown if value]
            assert values == sorted(values, reverse=True)
            truth = [VALUES[text.split()[0]] for _, text in shown]
            found.append(np.corrcoef(truth, range(8))[0, 1])
        kept[show] = float(np.mean(found))
    assert kept["divergence"] < -0.9
    assert abs(kept["random"]) < 0.25 and abs(kept["nothing"]) < 0.25


def test_the_same_search_is_the_same(tmp_path: Path) -> None:
    one, again, other = (search(tmp_path, seed=seed) for seed in (1, 1, 2))
    assert one.found == again.found and one.rounds == again.rounds
    assert [x.text for x in one.found] != [x.text for x in other.found]


def test_no_prompt_comes_twice_and_searches_are_apart(tmp_path: Path) -> None:
    found = search(tmp_path, searches=3, rounds=4)
    texts = [one.text for one in (*found.seeds, *found.found)]
    assert len(set(texts)) == len(texts)
    assert {one.search for one in found.found} == {1, 2, 3}
    assert [(one["search"], one["round"]) for one in found.rounds] == [(s, r) for s in (1, 2, 3) for r in (1, 2, 3, 4)]
    assert all(one.round == 0 and one.search == 0 for one in found.seeds)
    best = max(one["pool"]["max"] for one in found.rounds)
    assert found.rounds[4]["pool"]["max"] < best, "a search begins from the seeds, not from what another found"


def test_without_seeds_it_begins_with_nothing_shown(tmp_path: Path) -> None:
    """The original died without seeds."""
    found = search(tmp_path, seeds=(), rounds=3)
    assert len(found.rounds) == 3 and not found.seeds
    assert found.rounds[0]["shown"] is None and found.rounds[1]["shown"] is not None


def test_diversity_can_be_off_and_then_nothing_is_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(texts: Sequence[str]) -> Vectors:
        raise AssertionError("embedded")

    monkeypatch.setitem(globals(), "embed", never)
    found = search(tmp_path, diversity_weight=0, rounds=3)
    assert len(found.rounds) == 3 and found.rounds[0]["pool_diversity"] is None


def test_a_criterion_is_asked_only_where_it_counts(tmp_path: Path) -> None:
    plain = search(tmp_path, rounds=3)
    assert {one.meets for one in plain.found} == {None}
    counted = search(tmp_path, rounds=6, criterion_weight=1)
    assert {one.meets for one in counted.found} == {True, False}
    only = search(tmp_path, rounds=6, require_criterion=True, max_failed_rounds=30)
    assert {one.meets for one in only.found} == {True}
    assert only.counts["prompts that do not meet the criterion"] > 0
    assert all("kite" in one.text for one in only.found)


class Stubborn(Climber):
    """Says the same whatever it is asked."""

    def __init__(self, *prompts: str) -> None:
        self.prompts = prompts

    def say(self, asked: str) -> str:
        return json_text({"prompts": list(self.prompts)})


def test_an_assistant_with_nothing_new_ends_the_search(tmp_path: Path) -> None:
    found = search(tmp_path, Stubborn("kite", " KITE ", "Apple  bread"))
    assert [one.text for one in found.found] == ["kite"] and len(found.rounds) == 1
    assert found.stopped == "search 1 ended in round 2: 5 answers in a row gave nothing new" and not found.by_budget
    assert found.counts["prompts that were there before"] == 2 + 5 * 3


def test_what_cannot_be_measured_is_told_and_a_round_of_it_counts_as_none(tmp_path: Path) -> None:
    found = search(tmp_path, Stubborn("unmeasurable one"), seeds=["unmeasurable seed", "apple"])
    assert [one.prompt for one in found.unmeasured] == ["unmeasurable seed", "unmeasurable one"]
    assert not found.found and [one.text for one in found.seeds] == ["apple"]


@pytest.mark.parametrize("budget", [1, 3, 7])
def test_a_budget_is_kept_to_the_request(tmp_path: Path, budget: int) -> None:
    found = search(tmp_path, budget=budget)
    assert found.by_budget and len(found.rounds) == budget
    whole = search(tmp_path)
    assert found.found == whole.found[: len(found.found)], "more budget goes on where it stopped"


class Listening(Climber):
    """Keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def say(self, asked: str) -> str:
        self.asked.append(asked)
        return super().say(asked)


def test_prompts_unlike_the_others_are_shown_more_often(tmp_path: Path) -> None:
    """Nine alike and one apart, all of one divergence."""
    pool = [*(f"apple apple apple {letter}" for letter in "abcdefghi"), "zebra quartz"]
    shares = {}
    for weight in (0.0, 3.0):
        heard = Listening()
        for seed in range(30):
            search(tmp_path, heard, pool, rounds=1, shown=3, divergence_weight=0.0, diversity_weight=weight, seed=seed)
        shares[weight] = np.mean(["zebra quartz" in asked for asked in heard.asked])
    assert shares[3.0] > 0.8 and shares[0.0] < 0.6
