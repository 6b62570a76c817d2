"""The planted-difference benchmark: what is planted is what is counted, and its rules are the rules they are called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.stats import binom, ttest_ind
from statsmodels.stats.proportion import proportion_confint, proportions_ztest

from diptych._types import Json
from diptych.bench.phrases import FIXED_CLOSING
from diptych.bench.planted import plot, table
from diptych.bench.planted.plants import KINDS, Pair, parse_kinds, plant
from diptych.bench.planted.rules import Compared, by_bootstrap, by_diptych, by_margin, by_raw_z, by_separate_clusters
from diptych.bench.planted.run import Bench, run
from diptych.bench.planted.scoring import Claim, carried, score_claims
from diptych.bench.planted.sources import N_PERSONAS, Generated, Statements
from diptych.bench.planted.summary import summarise
from diptych.comparison.config import CompareConfig
from diptych.comparison.pairing import Table
from diptych.comparison.prepare import prepare
from diptych.comparison.run import compare
from diptych.embeddings.service import EmbeddingService
from diptych.errors import ConfigError, DataError, UnknownNameError
from diptych.stats.agreement import agreement
from diptych.stats.summaries import median, share
from tests.helpers.cli import invoke


def pair_of(doses: dict[str, float], *, n: int = 80, seed: int = 3) -> Pair:
    return plant(Generated().base(n, seed), doses, seed)


def table_of(pair: Pair) -> Table:
    config = CompareConfig.parse({"name_a": "a", "name_b": "b"}, source="test")
    return prepare(pair.rows("a"), pair.rows("b"), config=config).table


# What is planted


@pytest.mark.parametrize("kind", KINDS)
def test_planted_answers_and_no_others_change(kind: str) -> None:
    without, with_plant = pair_of({kind: 0.0}), pair_of({kind: 0.25})
    assert with_plant.a == without.a
    changed = [b != before for b, before in zip(with_plant.b, without.b, strict=True)]
    assert changed == with_plant.planted[kind].tolist()
    assert sum(changed) == 20


def test_a_greater_dose_plants_in_more_of_the_same_prompts() -> None:
    few, many = pair_of({"phrase": 0.1}), pair_of({"phrase": 0.5})
    assert few.planted["phrase"].sum() == 8
    assert (many.planted["phrase"] >= few.planted["phrase"]).all()


def test_kinds_are_planted_at_once_and_apart() -> None:
    pair = pair_of({"style": 0.5, "phrase": 0.5})
    both = pair.planted["style"] & pair.planted["phrase"]
    assert 0 < both.sum() < pair.planted["style"].sum()
    for i in np.flatnonzero(both):
        assert pair.b[i].startswith("**")
        assert FIXED_CLOSING in pair.b[i]


def test_what_both_arms_add_is_no_difference() -> None:
    pair = pair_of({})
    ends = [[text.endswith("how it looks today.") for text in arm] for arm in (pair.a, pair.b)]
    assert ends[0] == ends[1]
    assert sum(ends[0]) == 16


def test_kinds_are_read_in_one_order_and_named_once() -> None:
    assert parse_kinds("phrase+topic") == parse_kinds("topic + phrase") == ("topic", "phrase")
    with pytest.raises(ConfigError, match="twice"):
        parse_kinds("topic+topic")
    with pytest.raises(UnknownNameError, match="topic"):
        parse_kinds("topik")


@pytest.fixture(scope="module")
def statements(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("personas")
    for persona in range(N_PERSONAS + 3):
        n = 10 if persona == 0 else 200
        rows = [{"statement": f"Persona{persona} likes thing {i}.", "label": "x"} for i in range(n)]
        (folder / f"{persona:02d}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_statements_of_one_persona_a_prompt_and_of_one_more_where_planted(statements: Path) -> None:
    pair = plant(Statements(statements).base(400, 0), {"topic": 0.1}, 0)
    who = [[text.split()[0] for text in arm] for arm in (pair.a, pair.b)]
    planted = pair.planted["topic"].tolist()
    assert [a == b for a, b in zip(*who, strict=True)] == [not one for one in planted]
    assert len(set(who[0])) == N_PERSONAS
    assert len({b for b, one in zip(who[1], planted, strict=True) if one}) == 1
    assert "Persona0" not in who[0] + who[1]
    assert all(a != b for a, b in zip(pair.a, pair.b, strict=True))


def test_too_few_personas_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 files of at least 200 statements"):
        Statements(tmp_path)


# Scoring


@pytest.fixture(scope="module")
def truth() -> tuple[Table, np.ndarray[Any, np.dtype[np.bool_]]]:
    """A table of 80 prompts, and the first 8 of its units as the planted ones."""
    found = table_of(pair_of({}))
    planted = np.zeros(len(found.units), dtype=np.bool_)
    planted[:8] = True
    return found, planted


def claim_on(found: Table, units: Any, *, up: bool = True) -> Claim:
    """That the second arm scores higher: 1 in its answers of some units, else 0."""
    chosen = np.zeros(len(found.units), dtype=np.bool_)
    chosen[units] = True
    values = (chosen[found.unit_of_row] & found.is_b).astype(np.float64)
    return Claim("test", values, True, np.ones(len(found.units), dtype=np.bool_), up)


def test_a_claim_carried_by_planted_prompts_is_true_and_stands_for_the_plant(truth: Any) -> None:
    found, planted = truth
    claims = [claim_on(found, range(40, 50)), claim_on(found, range(2, 8))]
    score = score_claims(claims, found, {"topic": planted})
    assert (score.n_claims, score.n_false, score.first_true) == (2, 1, 2)
    assert score.recovered == {"topic": ["test"]}
    assert carried(claims[0], found, planted) == 0.0
    assert carried(claims[1], found, planted) == 1.0


def test_half_of_the_effect_is_the_border(truth: Any) -> None:
    found, planted = truth
    assert score_claims([claim_on(found, range(4, 12))], found, {"topic": planted}).n_false == 0
    assert score_claims([claim_on(found, range(4, 13))], found, {"topic": planted}).n_false == 1


def test_a_claim_of_the_wrong_sign_is_false_and_stands_for_nothing(truth: Any) -> None:
    found, planted = truth
    score = score_claims([claim_on(found, range(8), up=False)], found, {"topic": planted})
    assert (score.n_false, score.recovered, score.first_true) == (1, {"topic": []}, None)


def test_a_claim_that_catches_few_planted_prompts_among_many_does_not_stand_for_them(truth: Any) -> None:
    found, planted = truth
    score = score_claims([claim_on(found, range(3))], found, {"topic": planted})
    assert (score.n_false, score.recovered) == (0, {"topic": ["test"]})  # phi = 0.60
    score = score_claims([claim_on(found, range(2))], found, {"topic": planted})
    assert (score.n_false, score.recovered) == (0, {"topic": []})  # 0.49


def test_only_prompts_that_were_tested_count(truth: Any) -> None:
    found, planted = truth
    whole = claim_on(found, [*range(8), *range(40, 60)])
    assert score_claims([whole], found, {"topic": planted}).n_false == 1
    half = Claim("test", whole.values, True, np.arange(len(found.units)) < 40, True)
    assert score_claims([half], found, {"topic": planted}).n_false == 0


def test_without_a_plant_every_claim_is_false(truth: Any) -> None:
    found, _ = truth
    score = score_claims([claim_on(found, range(8))], found, {})
    assert (score.n_false, score.false_share, score.recovered) == (1, 1.0, {})
    assert score_claims([], found, {}).false_share == 0.0


def test_agreement_is_phi_or_the_correlation_of_groups_of_one_size() -> None:
    rng = np.random.default_rng(0)
    planted = np.arange(4000) < 100
    hits = (rng.random(4000) < np.where(planted, 0.9, 0.02)).astype(np.float64)
    both, only, none = hits[planted].sum(), hits[~planted].sum(), (1 - hits[planted]).sum()
    rest = (1 - hits[~planted]).sum()
    phi = (both * rest - only * none) / np.sqrt((both + only) * (none + rest) * (both + none) * (only + rest))
    assert agreement(hits, planted, indicator=True) == pytest.approx(phi)
    numbers = rng.normal(0, 1, 4000) + 2.0 * planted
    balanced = np.concatenate([np.repeat(numbers[planted], 39), numbers[~planted]])
    labels = np.repeat([1.0, 0.0], 3900)
    assert agreement(numbers, planted, indicator=False) == pytest.approx(np.corrcoef(balanced, labels)[0, 1])
    assert agreement(np.ones(4000), planted, indicator=False) == 0.0


# Rules


@pytest.fixture(scope="module")
def compared() -> Compared:
    pair = pair_of({"phrase": 0.3, "length": 0.5}, n=200)
    lenses = "surface,log_odds,clusters"
    result = compare(pair.rows("a"), pair.rows("b"), name_a="a", name_b="b", threads=2, lenses=lenses)
    vectors = EmbeddingService().get_embeddings([row.response for row in result.table.rows])
    return Compared(result, vectors, 0)


def columns(compared: Compared, claims: list[Claim]) -> dict[int, bool]:
    """Which measures were claimed, and in which direction."""
    result = compared.result
    same = [[j for j in range(result.values.shape[1]) if compared.claim(j, up=True).values is not None
             and np.array_equal(result.values[:, j], claim.values, equal_nan=True)
             and np.array_equal(compared.tested(j), claim.tested)] for claim in claims]  # fmt: skip
    return {j: claim.up for claim, found in zip(claims, same, strict=True) for j in found}


def test_diptych_claims_its_findings_in_their_order(compared: Compared) -> None:
    claims, findings = by_diptych(compared), compared.result.findings
    assert len(claims) == len(findings) >= 2
    for claim, finding in zip(claims, findings, strict=True):
        assert claim.up == (finding.effect > 0)
        assert claim.tested.sum() == finding.n_prompts + finding.n_missing


def test_the_raw_z_test_is_that_of_statsmodels_and_scipy(compared: Compared) -> None:
    result, claimed = compared.result, columns(compared, by_raw_z(compared))
    is_b = result.table.is_b
    for j, measure in enumerate(result.measures):
        rows = compared.tested(j)[result.table.unit_of_row] & ~np.isnan(result.values[:, j])
        first, second = result.values[rows & ~is_b, j], result.values[rows & is_b, j]
        if np.ptp(result.values[rows, j]) == 0.0:
            assert j not in claimed
        elif measure.kind == "indicator":
            z, p = proportions_ztest([second.sum(), first.sum()], [len(second), len(first)])
            assert (p < 0.05) == (j in claimed)
            assert j not in claimed or claimed[j] == (z > 0)
        else:
            t = ttest_ind(second, first, equal_var=False).statistic * np.sqrt(len(first) / (len(first) - 1))
            assert (abs(t) > 1.96) == (j in claimed)
    assert len(claimed) > len(result.findings)


def test_the_margin_looks_at_the_half_that_is_not_tested(compared: Compared) -> None:
    claimed = columns(compared, by_margin(compared))
    assert len(claimed) > 20
    for j, measure in enumerate(compared.result.measures):
        looked_at = compared.training(j)
        assert looked_at.sum() < len(looked_at)
        assert compared.tested(j).all() or not (compared.tested(j) & looked_at).any()
        effect = np.nanmean(compared.differences[looked_at, j])
        assert (j in claimed) == (measure.kind == "indicator" and abs(effect) > 0.01)
        assert j not in claimed or claimed[j] == (effect > 0)


def test_intervals_without_correction_accept_what_the_test_finds_and_more(compared: Compared) -> None:
    claimed = columns(compared, by_bootstrap(compared))
    found = columns(compared, by_diptych(compared))
    assert found.items() <= claimed.items()
    assert len(found) < len(claimed) < len(compared.result.measures) / 2


def test_separate_clusterings_of_arms_without_a_difference_are_claimed_to_differ() -> None:
    pair = pair_of({}, n=200, seed=5)
    result = compare(pair.rows("a"), pair.rows("b"), name_a="a", name_b="b", threads=2, lenses="surface")
    vectors = EmbeddingService().get_embeddings([row.response for row in result.table.rows])
    claims = by_separate_clusters(Compared(result, vectors, 0))
    assert result.findings == []
    assert len(claims) > 20
    assert score_claims(claims, result.table, {}).false_share == 1.0


# Many runs


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (3, 20), (20, 20), (47, 50)])
def test_shares_have_the_interval_of_statsmodels(hits: int, n: int) -> None:
    found = share(hits / n, n)
    low, high = proportion_confint(hits, n, method="wilson")
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=1e-12)
    assert share(0.0, 0)["value"] is None


@pytest.mark.parametrize("n", [1, 5, 6, 9, 20, 101])
def test_a_median_lies_between_the_narrowest_order_statistics_that_hold_the_level(n: int) -> None:
    found = median(list(range(n)))
    assert found["low"] + found["high"] == n - 1
    assert found["value"] == (n - 1) / 2
    if n >= 6:
        assert binom.cdf(found["low"], n, 0.5) <= 0.025 < binom.cdf(found["low"] + 1, n, 0.5)


def test_a_summary_counts_runs_and_kinds(truth: Any) -> None:
    found, planted = truth
    plants = {"topic": planted, "style": ~planted}
    scores = [score_claims(claims, found, plants) for claims in ([claim_on(found, range(8))], [])]
    summary = summarise("rule", scores)
    assert (summary["recall"]["value"], summary["recall"]["n"]) == (0.25, 4)
    assert summary["recall_by_lens"] == {"test": 0.25}
    assert (summary["any"]["value"], summary["false_share"]["value"], summary["n_claims"]) == (0.5, 0.0, 0.5)
    assert summary["first_true"] == {"value": 1.0, "low": 1, "high": 1, "n": 1}


LENSES = ("surface", "phrases")


def figures(result: Json) -> list[Json]:
    return [{name: cell[name] for name in cell if name != "took_s"} for cell in result["cells"]]


@pytest.fixture(scope="module")
def result() -> Json:
    return run(
        Bench(kinds=("style", "style+phrase"), doses=(0.0, 0.5), prompts=(60,), runs=1, lenses=LENSES, threads=2)
    )


def test_what_is_planted_in_half_of_the_prompts_is_found_and_without_a_plant_nothing(result: Json) -> None:
    nothing, style, both = result["cells"]
    assert [cell["kinds"] for cell in result["cells"]] == [[], ["style"], ["style", "phrase"]]
    ours = [cell["rules"][0] for cell in (nothing, style, both)]
    assert {rule["rule"] for rule in ours} == {"diptych"}
    assert ours[0]["any"]["value"] == 0.0
    assert ours[1]["recall"]["value"] == 1.0
    assert (ours[2]["recall"]["value"], ours[2]["recall"]["n"]) == (1.0, 2)
    assert ours[1]["false_share"]["value"] == 0.0
    assert all(rule["any_false"]["value"] > 0 for rule in nothing["rules"][1:])


def test_the_same_seed_gives_the_same_figures_whatever_the_threads(result: Json) -> None:
    again = run(Bench(kinds=("style",), doses=(0.5,), prompts=(60,), runs=1, lenses=LENSES, threads=1))
    assert figures(again) == figures(result)[1:2]
    assert json.loads(json.dumps(again)) == again


def test_every_figure_stands_in_the_tables_and_the_picture_is_well_formed(result: Json) -> None:
    text, page = "\n".join(table.lines(result)), table.markdown(result)
    for cell in result["cells"]:
        assert table.title(cell) in text
        for rule in cell["rules"]:
            assert all(figure in text and figure in page for figure in table.figures(rule))
    assert page.count("\n| ") == 1 + 3 * 5
    picture = ElementTree.fromstring(plot.draw(result))
    lines = picture.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 2 * 2 * 5  # two columns, two panels each, five rules


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--kinds", "topik"], "Did you mean 'topic'?"),
        (["--kinds", "topic,topic"], "--kinds: name at least one, each once"),
        (["--doses", "5 percent"], "'5 percent' is not a share"),
        (["--doses", "150%"], "--doses = 1.5: it should be from 0.0 to 1.0"),
        (["--prompts", "many"], "'many' is not a whole number"),
        (["--prompts", "5"], "--prompts = 5: it should be from 20 to 12000"),
        (["--runs", "0"], "--runs = 0"),
        (["--lenses", "surfaces"], "Did you mean 'surface'"),
        (["--embedder", "lexicon"], "Did you mean 'lexical'"),
        (["--statements", "nowhere"], "0 files of at least 200 statements"),
        (["--plot", "nowhere/x.svg"], "nowhere is not a folder"),
    ],
)
def test_flags_that_do_not_fit_are_refused_before_any_work(flags: list[str], said: str) -> None:
    outcome = invoke("bench", "planted", *flags)
    assert outcome.code == 2
    assert said in outcome.err


def test_the_command_prints_draws_and_counts(tmp_path: Path) -> None:
    quick = ["--quick", "--prompts", "40", "--runs", "1", "--kinds", "style", "--doses", "50%", "--lenses", "surface"]
    outcome = invoke("bench", "planted", *quick, "--json", "--plot", tmp_path / "figures.svg")
    assert outcome.code == 0, outcome.err
    (cell,) = json.loads(outcome.out)["cells"]
    assert (cell["kinds"], cell["dose"], cell["n_prompts"]) == (["style"], 0.5, 40)
    assert (tmp_path / "figures.svg").read_text().startswith("<svg")
    assert "style in 50 % of 40 prompts" in invoke("bench", "planted", *quick).out
