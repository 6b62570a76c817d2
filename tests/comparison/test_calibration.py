"""How often would we cry wolf? A corpus against itself, whole pipeline each time."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import diptych
from diptych import Result
from diptych.bench.corpora import generate_corpus, generate_prompts

ALPHA = 0.05
Rows = list[dict[str, Any]]


def allowed(n_runs: int) -> int:
    """Runs with a finding that α plus two Monte-Carlo standard errors allow."""
    return int(n_runs * (ALPHA + 2 * np.sqrt(ALPHA * (1 - ALPHA) / n_runs)))


def halves(rows: Rows, seed: int) -> tuple[Rows, Rows]:
    shuffled = random.Random(seed).sample(rows, len(rows))
    return shuffled[: len(rows) // 2], shuffled[len(rows) // 2 :]


def compare(a: Rows, b: Rows, seed: int, cache: Path, **settings: Any) -> Result:
    return diptych.compare(a, b, name_a="a", name_b="b", seed=seed, threads=1, cache_dir=cache, **settings)


@pytest.fixture(scope="module")
def corpus() -> Rows:
    return [answer.as_row() for answer in generate_corpus(generate_prompts(200, seed=1), seed=1)]


def test_random_halves_of_a_made_corpus_seldom_differ(corpus: Rows, tmp_path: Path) -> None:
    n_runs = 15
    results = [compare(*halves(corpus, seed), seed, tmp_path) for seed in range(n_runs)]
    assert all(result.table.pairing == "unpaired" for result in results)
    assert sum(bool(result.findings) for result in results) <= allowed(n_runs)
    assert stats.kstest([result.global_test.p_value for result in results], "uniform").pvalue > 0.01


def test_exchanging_answers_at_random_seldom_makes_a_difference(corpus: Rows, tmp_path: Path) -> None:
    other = [answer.as_row() for answer in generate_corpus(generate_prompts(200, seed=1), seed=2)]
    n_runs, found = 15, 0
    for seed in range(n_runs):
        flips = np.random.default_rng(seed).integers(0, 2, len(corpus)).astype(bool)
        a = [y if flip else x for x, y, flip in zip(corpus, other, flips, strict=True)]
        b = [x if flip else y for x, y, flip in zip(corpus, other, flips, strict=True)]
        found += bool(compare(a, b, seed, tmp_path).findings)
    assert found <= allowed(n_runs)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_random_halves_of_a_real_models_answers_seldom_differ(shared_data: Path, tmp_path: Path) -> None:
    rows = json.loads((shared_data / "alpaca_eval" / "gpt4_1106_preview.json").read_text(encoding="utf-8"))
    n_runs = 50
    results = [compare(*halves(rows, seed), seed, tmp_path) for seed in range(n_runs)]
    assert sum(bool(result.findings) for result in results) <= allowed(n_runs)


def test_manners_that_go_with_the_topic_are_found_by_prompts_and_not_by_topics(tmp_path: Path) -> None:
    """In each topic a coin says which arm hopes to have helped: over all topics the arms are alike."""
    prompts = generate_prompts(240, seed=1)
    arms = [[answer.as_row() for answer in generate_corpus(prompts, seed=seed)] for seed in (1, 2)]
    n_runs, found = 12, {"by prompts": 0, "by topics": 0}
    for seed in range(n_runs):
        coins = np.random.default_rng(seed).integers(0, 2, 12).tolist()
        a, b = (
            [
                {**row, "topic": i % 12, "response": row["response"] + " I hope this helps!" * (coins[i % 12] == side)}
                for i, row in enumerate(rows)
            ]
            for side, rows in enumerate(arms)
        )
        for how, field in (("by prompts", None), ("by topics", "topic")):
            found[how] += bool(compare(a, b, seed, tmp_path, group_field=field, lenses="surface").findings)
    assert found["by topics"] <= allowed(n_runs) < found["by prompts"]
