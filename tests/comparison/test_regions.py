"""The lens regions: every branch of the tree, all tested together, the strongest reported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import diptych
from diptych._types import Silent, Vectors
from diptych.comparison import inference
from diptych.comparison.lenses import regions as regions_module
from diptych.comparison.lenses.regions import RegionsLens, grow
from diptych.comparison.measures import Tools
from diptych.comparison.pairing import Table, pair_arms
from diptych.comparison.units import unit_means
from diptych.data import Records, Response, Responses
from diptych.embeddings.service import EmbeddingService
from diptych.stats.exact import sign_test
from diptych.stats.multiplicity import q_values, resamples_for
from diptych.stats.share_intervals import paired_share_intervals


def naive_branches(vectors: Vectors) -> list[set[int]]:
    """The members of every merge, written down the obvious way."""
    from scipy.cluster.hierarchy import ward

    members = [{i} for i in range(len(vectors))]
    for left, right in ward(vectors.astype(np.float64))[:, :2].astype(int):
        members.append(members[left] | members[right])
    return members[len(vectors) :]


@given(st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_branches_are_the_merges_of_the_tree(n: int, seed: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    branches = grow(vectors)
    holds = branches.holds(np.arange(n))
    assert [set(np.flatnonzero(column).tolist()) for column in holds.T] == naive_branches(vectors)
    counts = np.random.default_rng(seed).integers(0, 5, n)
    assert branches.sizes(counts).tolist() == (counts @ holds).tolist()


@pytest.mark.parametrize("n", [0, 1])
def test_a_tree_of_one_leaf_has_no_branch(n: int) -> None:
    assert grow(np.zeros((n, 2), np.float32)).holds(np.arange(n)).shape == (n, 0)


def tools(seed: int = 0) -> Tools:
    return Tools(EmbeddingService().get_embeddings, seed, Silent())


def rows(texts: Sequence[str]) -> list[Response]:
    return [Response(str(i), "?", text, "a") for i, text in enumerate(texts)]


WORDS = ["red", "green", "blue", "fast", "slow", "car", "pear", "apple", "house", "tree"]


def made(n: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, 6)) for _ in range(n)]


@pytest.mark.parametrize("leaves", [4_000, 40])
def test_regions_have_the_sizes_that_are_asked_for(monkeypatch: pytest.MonkeyPatch, leaves: int) -> None:
    """With many texts, near ones are brought together before the tree is grown."""
    monkeypatch.setattr(regions_module, "MAX_LEAVES", leaves)
    texts = [*made(100, 0), *["the same words again"] * 20]
    scan = RegionsLens().propose(texts, tools())
    sizes = scan.values(rows(texts)).sum(axis=0)
    assert scan.n_measures == len(sizes) > 3
    assert sizes.min() >= 10
    assert sizes.max() <= 40


def paired(n: int, seed: int, planted: int = 0) -> Table:
    a, b = made(n, 2 * seed), made(n, 2 * seed + 1)
    b[:planted] = [f"{text} with lemon juice and sugar" for text in b[:planted]]
    arms = []
    for name, texts in (("a", a), ("b", b)):
        records = [{"prompt": f"Question {i}?", "response": text} for i, text in enumerate(texts)]
        arms.append(Responses.from_records(Records(records, name, range(n), "row"), arm=name))
    return pair_arms(arms[0], arms[1])


def scanned(table: Table, seed: int, n_resamples: int) -> tuple[Any, Any, Any]:
    scan = RegionsLens().propose([row.response for row in table.rows], tools())
    values = scan.values(table.rows)
    resampling = inference.Resampling(seed, n_resamples, 0.05, 10, 1, Silent())
    chosen, tested = inference.infer_scan(table, values, scan, np.ones(len(table.units), np.bool_), resampling)
    return values, chosen, tested


def test_the_planted_region_is_the_strongest() -> None:
    table = paired(200, 0, planted=30)
    values, chosen, tested = scanned(table, 0, 9_999)
    planted = np.array(["lemon" in row.response for row in table.rows], dtype=np.float64)
    assert np.corrcoef(values[:, chosen[0]], planted)[0, 1] > 0.8
    assert tested.test.p_value[0] <= 0.001
    assert tested.low[0] > 0 or tested.high[0] < 0
    assert (values[:, chosen].sum(axis=1) <= 1).all(), "regions do not overlap"
    assert (np.diff(np.abs(tested.test.statistic)) <= 1e-9).all(), "strongest first"


def test_looking_everywhere_is_paid_for() -> None:
    """The best of all regions has p <= 0.2 in a fifth of runs without a difference; its own p has it in most."""
    n_runs, level = 120, 0.2
    corrected, raw = [], []
    for seed in range(n_runs):
        values, chosen, tested = scanned(paired(60, seed + 1), seed, 999)
        corrected.append(tested.test.p_value.min(initial=1.0))
        up, down = tested.n_up[0], tested.n_down[0]
        raw.append(float(sign_test(np.array([up]), np.array([down]))[0]))
        assert len(chosen) <= values.shape[1]
    allowed = level + 3 * np.sqrt(level * (1 - level) / n_runs)
    assert np.mean(np.array(corrected) <= level) <= allowed
    assert np.mean(np.array(raw) <= level) > allowed


def test_intervals_of_regions_are_wider_than_those_of_a_measure_by_itself() -> None:
    table = paired(200, 0, planted=30)
    values, chosen, tested = scanned(table, 0, 999)
    d = unit_means(table, values[:, chosen]).differences
    alone = paired_share_intervals(d, ~np.isnan(d))
    assert (tested.high - tested.low > alone.high - alone.low).all()


def test_several_draws_of_a_prompt_are_scanned_too() -> None:
    a = [{"prompt": f"{i}?", "response": text, "draw": k} for k in (0, 1) for i, text in enumerate(made(60, k))]
    b = [{"prompt": f"{i}?", "response": text, "draw": k} for k in (0, 1) for i, text in enumerate(made(60, k + 2))]
    result = diptych.compare(a, b, name_a="a", name_b="b", lenses=["regions"], threads=1)
    assert result.tested
    for finding in result.tested:
        assert finding.ci_low <= finding.effect <= finding.ci_high


def test_parts_make_one_family() -> None:
    table = paired(60, 0)
    _, _, tested = scanned(table, 0, 999)
    joined = inference.join(inference.as_one_family([tested, tested]))
    n = len(tested.test.p_value)
    assert len(joined.q_value) == 2 * n
    np.testing.assert_array_equal(joined.test.p_fwer[:n], np.minimum(2 * tested.test.p_fwer, 1.0))
    np.testing.assert_allclose(joined.q_value[:n], q_values(tested.test.p_value), rtol=1e-12)


@given(st.integers(1, 10**6), st.floats(0.001, 0.5))
def test_resamples_let_a_single_true_finding_pass(family: int, alpha: float) -> None:
    n = resamples_for(family, alpha)
    assert n in {10**k for k in range(2, 7)} | {10}
    if n < 10**6:
        assert n >= 20 * family / alpha * (1 - 1e-9)
        assert n / 10 < 20 * family / alpha
