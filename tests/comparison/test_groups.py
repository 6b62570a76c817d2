"""Prompts in groups: draws are averaged in prompts, prompts in groups, and groups are what the test exchanges."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import diptych
from diptych import Result
from diptych._types import FloatMatrix, Silent
from diptych.comparison.folder import read_run, rewrite_report
from diptych.comparison.inference import Resampling, infer
from diptych.comparison.measures import Measure
from diptych.comparison.pairing import Table, pair_arms
from diptych.comparison.pilot import paired_differences
from diptych.comparison.split import MIN_UNITS, discovery_view, split_units
from diptych.comparison.units import count_prompts, unit_means
from diptych.data import Records, Responses
from diptych.errors import DataError, RunError
from tests.helpers.records import Record, records

SCORES: Any = {"lenses": "scores", "score_fields": "score", "group_field": "topic", "threads": 1, "resamples": 500}


def arm(rows: list[Record], name: str) -> Responses:
    return Responses.from_records(Records(rows, f"{name}.jsonl", range(1, len(rows) + 1), "line"), arm=name)


def families(n_groups: int, size: int, *, n_draws: int = 1, answer: str = "Yes.", **fields: Any) -> list[Record]:
    """Groups ``t00``, ``t01``, … whose prompts have ids in the order of the groups."""
    return [
        {
            "prompt_id": f"t{g:02d}-{i}",
            "prompt": f"{i}, of {g}?",
            "response": answer,
            "topic": f"t{g:02d}",
            "draw": draw,
            **fields,
        }
        for g in range(n_groups)
        for i in range(size)
        for draw in range(n_draws)
    ]


def scored(rows: list[Record], seed: int, shift: float = 0.0) -> list[Record]:
    noise = np.random.default_rng(seed).normal(size=len(rows))
    return [{**row, "score": round(float(x) + shift, 6)} for row, x in zip(rows, noise, strict=True)]


def table(a: list[Record], b: list[Record], **options: Any) -> Table:
    return pair_arms(arm(a, "a"), arm(b, "b"), **{"group_field": "topic", **options})


MEASUREMENT = st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 2), st.one_of(st.none(), st.integers(-3, 3)))


@given(st.lists(MEASUREMENT, min_size=1, unique_by=lambda m: m[:3]), st.booleans())
def test_means_are_those_of_the_obvious_way(found: list[tuple[int, bool, int, float | None]], paired: bool) -> None:
    group_of = "xxxyyz"
    rows = {
        side: [
            {"prompt_id": f"{p}", "prompt": f"{p}?", "response": ".", "draw": d, "topic": group_of[p], "y": y}
            for p, is_b, d, y in found
            if is_b == side
        ]
        for side in (False, True)
    }
    prompts = [{p for p, is_b, _, _ in found if is_b == side} for side in (False, True)]
    common = prompts[0] & prompts[1]
    if not all(rows.values()) or (paired and not common):
        return
    made = table(rows[False], rows[True], pairing="paired" if paired else "unpaired")
    values = np.array([[row.meta["y"]] for row in made.rows], dtype=np.float64)
    means = unit_means(made, values)
    answers: dict[tuple[int, bool], list[float]] = defaultdict(list)
    for row, side in zip(made.rows, made.is_b.tolist(), strict=True):  # those that are left, as many of either arm
        if row.meta["y"] is not None:
            answers[int(row.prompt_id), side].append(row.meta["y"])
    for unit, group in enumerate(made.units):
        sides = [is_b for is_b in (False, True) if paired or made.first_units[unit] != is_b]
        for is_b, mean in ((False, means.first[unit, 0]), (True, means.second[unit, 0])):
            inside = [p for p in (common if paired else prompts[is_b]) if group_of[p] == group and is_b in sides]
            measured = [p for p in inside if all(answers[p, side] for side in sides)]
            wanted = np.mean([np.mean(answers[p, is_b]) for p in measured]) if measured else np.nan
            np.testing.assert_allclose(mean, wanted, atol=1e-12)


@pytest.mark.parametrize("pairing", ["paired", "unpaired"])
def test_each_prompt_its_own_group_is_no_grouping_bit_for_bit(pairing: str) -> None:
    a = records(40, answer="Yes, {i} it is, and so on.", prompt_id="q{i}")
    b = [{**row, "response": row["response"].replace(",", "?")} if i % 3 else row for i, row in enumerate(a)]
    settings: Any = {"pairing": pairing, "threads": 1, "resamples": 500, "name_a": "a", "name_b": "b"}
    plain, grouped = (diptych.compare(a, b, group_field=field, **settings) for field in (None, "prompt_id"))
    assert plain.findings
    without = {"n_groups": None}
    assert [{**f.as_json(), **without} for f in grouped.tested] == [{**f.as_json(), **without} for f in plain.tested]
    assert all(f.n_groups == f.n_prompts for f in grouped.tested)
    assert grouped.values.tobytes() == plain.values.tobytes()
    assert grouped.hypotheses == plain.hypotheses
    assert grouped.global_test == plain.global_test
    assert (grouped.discovery == plain.discovery).all()
    assert "group" not in str(plain.to_json())


@pytest.mark.parametrize("pairing", ["paired", "unpaired"])
def test_groups_are_tested_as_if_each_were_one_prompt_with_the_mean_of_its_prompts(pairing: Any) -> None:
    sizes = [1, 2, 3, 5, 8, 2, 4, 1, 6, 3, 2, 7]
    arms = []
    for seed in (0, 1):
        rows = scored(families(len(sizes), max(sizes), n_draws=2), seed, shift=seed / 2)
        arms.append([row for row in rows if int(row["prompt_id"][4:]) < sizes[int(row["topic"][1:])]])
    alone = []
    for rows in arms:
        scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for row in rows:
            scores[row["topic"]][row["prompt_id"]].append(row["score"])
        means = {topic: float(np.mean([np.mean(s) for s in prompts.values()])) for topic, prompts in scores.items()}
        alone.append([{"prompt_id": t, "prompt": t, "response": ".", "score": mean} for t, mean in means.items()])
    grouped = diptych.compare(*arms, **SCORES, pairing=pairing)
    single = diptych.compare(*alone, **{**SCORES, "group_field": None}, pairing=pairing)
    (x,), (y,) = grouped.tested, single.tested
    assert x.p_value == y.p_value < 1
    for name in ("mean_a", "mean_b", "effect", "ci_low", "ci_high", "effect_size", "minimum_detectable_effect"):
        assert getattr(x, name) == pytest.approx(getattr(y, name), rel=1e-9), name
    n = len(sizes) * (1 if pairing == "paired" else 2)
    assert (x.n_groups, y.n_groups, y.n_prompts) == (n, None, n)
    assert x.n_prompts == sum(sizes) * n // len(sizes)
    assert (x.n_up, x.n_down) == (y.n_up, y.n_down)


def test_prompts_and_missing_ones_are_counted_one_by_one_and_drop_out_by_group() -> None:
    a, b = scored(families(12, 5), 0), scored(families(12, 5), 1)
    for row in b:
        if row["prompt_id"].endswith(("-0", "-1")):
            row["score"] = None
    for row in a[:5]:
        row["score"] = None
    [finding] = diptych.compare(a, b, **SCORES).tested
    assert (finding.n_prompts, finding.n_missing, finding.n_groups) == (11 * 3, 60 - 33, 11)
    wanted = stats.binomtest(11, 12).pvalue
    assert f"measurements are missing more often in one arm (p = {wanted:.2g})" in finding.warnings
    assert "no measurement for 27 of 60 prompts" in finding.warnings
    made = table(a, b, pairing="unpaired")
    values = np.array([[np.nan if row.meta["score"] is None else row.meta["score"]] for row in made.rows])
    counts = count_prompts(made, unit_means(made, values).prompts, np.ones(24, np.bool_))
    assert (counts.n_prompts[0], counts.n_missing[0]) == (120 - 24 - 5, 24 + 5)
    assert counts.drop_out_p[0] == pytest.approx(stats.fisher_exact(np.array([[1, 11], [12, 0]])).pvalue, rel=1e-9)


def resampling(seed: int) -> Resampling:
    return Resampling(seed=seed, n_resamples=1000, alpha=0.05, family=1, threads=1, progress=Silent())


def raw_p(made: Table, values: FloatMatrix) -> Any:
    measures = [Measure(f"m.{j}", "m", "more", "fewer", "points", "number") for j in range(values.shape[1])]
    tested = np.ones(len(made.units), dtype=np.bool_)
    return infer(made, unit_means(made, values), tested, measures, resampling(3)).test.p_value


@pytest.mark.parametrize("pairing", ["paired", "unpaired"])
def test_prompts_that_share_a_family_reject_far_too_often_and_families_do_not(pairing: str) -> None:
    """Why ``group_field`` exists: each measure is one experiment in which the arms differ by chance in each family."""
    n_groups, size, n = 24, 10, 800
    rows = families(n_groups, size)
    if pairing == "paired":
        a, b = rows, rows
    else:
        a, b = (rows[half * len(rows) // 2 : (half + 1) * len(rows) // 2] for half in (0, 1))
    rng = np.random.default_rng(0)
    shared, own = rng.normal(size=(n_groups, n)), rng.normal(size=(n_groups * size, n))
    effect = dict(zip((row["prompt_id"] for row in rows), shared.repeat(size, axis=0) + own, strict=True))
    p_values = []
    for field in (None, "topic"):
        made = table(a, b, pairing=pairing, group_field=field)
        of_row = np.array([effect[row.prompt_id] for row in made.rows])
        values = np.where(made.is_b[:, None] | (pairing == "unpaired"), of_row, 0.0)
        p_values.append(raw_p(made, values))
    rates = [float((p <= 0.05).mean()) for p in p_values]
    assert rates[0] > 0.4
    assert stats.binomtest(round(rates[1] * n), n, 0.05).pvalue > 0.001
    assert stats.kstest(p_values[1], "uniform").pvalue > 0.001


def test_groups_are_split_whole_and_their_prompts_sealed() -> None:
    for pairing in ("paired", "unpaired"):
        made = table(families(9, 3), families(9, 3, answer="No."), pairing=pairing)
        half = split_units(made, fraction=0.5, seed=1)
        view = discovery_view(made, half)
        seen, sealed = ({f"{row.meta['topic']}" for row in rows} for rows in (view, discovery_view(made, ~half)))
        assert (len(seen), len(sealed), seen & sealed) == (5, 4, set())
        for row in made.rows:
            if row.meta["topic"] in seen:
                assert len(view.answers_to(row.prompt_id)) == 2
            else:
                with pytest.raises(PermissionError, match=f"prompt '{row.prompt_id}' is kept for validation"):
                    view.answers_to(row.prompt_id)


def test_too_few_groups_are_refused_however_many_prompts() -> None:
    n = 2 * MIN_UNITS - 1
    with pytest.raises(DataError, match=f"too few groups of prompts: 3 of 'a' in the validation half, of {n} in all"):
        split_units(table(families(n, 50), families(n, 50)), fraction=0.5, seed=0)


@given(st.integers(1, 40), st.integers(0, 3))
def test_a_limit_counts_prompts_and_takes_groups_whole(limit: int, seed: int) -> None:
    rows = [row for row in families(8, 9) if int(row["prompt_id"][4:]) <= int(row["topic"][1:])]
    assert len(rows) == 36

    def kept(limit: int) -> set[str]:
        try:
            return {row.prompt_id for row in table(rows, rows, limit=limit, seed=seed, names=("a", "b")).rows}
        except DataError:
            return set()

    found, greater = kept(limit), kept(limit + 1)
    assert len(found) <= limit
    assert found <= greater
    topics = {prompt_id[:3] for prompt_id in found}
    assert found == {row["prompt_id"] for row in rows if row["topic"] in topics}
    assert len(kept(36)) == 36


def test_a_limit_below_the_first_group_is_refused() -> None:
    with pytest.raises(DataError, match="limit = 4: groups are taken whole, and the first has 5 prompts"):
        table(families(8, 5), families(8, 5), limit=4)


@pytest.fixture(scope="module")
def spoken() -> Result:
    """Twenty topics; in each b asks back, in some of its prompts."""
    a = families(20, 4, answer="The answer to it is plain.")
    b = [
        {**row, "response": "The answer to it is plain, or is it not so?"} if i % 4 else row for i, row in enumerate(a)
    ]
    return diptych.compare(a, b, group_field="topic", name_b="asking", threads=1, lenses="surface", resamples=2000)


def test_a_result_says_how_many_groups_and_prompts(spoken: Result, tmp_path: Any) -> None:
    said = spoken.to_json()
    assert (said["n_prompts"], said["n_groups"], said["groups"]) == (
        80, 20, {"field": "topic", "discovery": 10, "validation": 10},
    )  # fmt: skip
    assert (said["split"]["discovery"], said["split"]["validation"]) == (40, 40)
    questions = next(f for f in said["findings"] if f["id"] == "surface.ends_with_question")
    assert (questions["n_prompts"], questions["n_groups"], questions["n_up"], questions["n_down"]) == (80, 20, 20, 0)
    assert questions["effect"] == 0.75
    assert questions["p_value"] <= 1 / 2000
    assert list(spoken.to_pandas()["n_groups"]) == [20] * len(said["findings"])
    folder = spoken.save(tmp_path / "run")
    header, first = (folder / "findings.csv").read_text().splitlines()[:2]
    assert dict(zip(header.split(","), first.split(","), strict=True))["n_groups"] == "20"
    assert {row["meta"]["topic"] for row in read_run(folder).responses} == {f"t{g:02d}" for g in range(20)}
    page = (folder / "report.html").read_text()
    assert "80 prompts in 20 groups by <bdi>topic</bdi>, paired" in page
    assert "20 of 20 groups of prompts go this way, 0 the other" in page
    assert "prompts weigh equally in a group" in page
    rewrite_report(folder)
    assert (folder / "report.html").read_text() == page


def test_an_example_is_one_prompt_of_a_group(spoken: Result) -> None:
    finding = next(f for f in spoken.findings if f.id == "surface.ends_with_question")
    assert len(finding.examples) == 4
    assert len({example.prompt_id[:3] for example in finding.examples}) == 4
    for example in finding.examples:
        assert example.b is not None
        assert "?" in example.b, "it goes the way of the effect"
        assert (example.value_a, example.value_b) == (0.0, 1.0)


def test_exchanging_the_arms_turns_the_signs_and_the_order_of_rows_does_nothing() -> None:
    a, b = scored(families(12, 3), 0), scored(families(12, 3), 1, shift=0.5)
    settings: Any = {**SCORES, "name_a": "a", "name_b": "b"}
    (one,), (shuffled,) = (diptych.compare(x, y, **settings).tested for x, y in ((a, b), (a[::-1], b[5:] + b[:5])))
    (other,) = diptych.compare(b, a, **{**settings, "name_a": "b", "name_b": "a"}).tested
    assert shuffled == one
    assert (other.effect, other.p_value, other.ci_low, other.n_up) == (
        -one.effect, one.p_value, -one.ci_high, one.n_down,
    )  # fmt: skip


def test_a_pilot_in_groups_gives_the_differences_of_its_groups() -> None:
    a, b = (scored(families(12, 3, n_draws=2), seed) for seed in (0, 1))
    documents = diptych.compare(a, b, **SCORES).documents()
    scores = np.array([[row["score"] for row in rows] for rows in (a, b)]).reshape(2, 36, 2).mean(axis=2)
    wanted = scores[1] - scores[0]
    found = paired_differences(documents, "scores.score")
    np.testing.assert_allclose(found, wanted.reshape(12, 3).mean(axis=1), atol=1e-12)
    for row, values in zip(documents.responses, documents.values, strict=True):
        values[0] = values[0] if row["meta"]["topic"] == "t03" else np.nan
    with pytest.raises(RunError, match=r"has scores\.score in both arms of 1 groups of prompts; at least 2"):
        paired_differences(documents, "scores.score")


def test_whole_numbers_and_texts_name_the_same_group_and_a_column_may_name_groups() -> None:
    for seven in (7, 7.0):
        assert table(families(3, 2, topic=seven), families(3, 2, topic="7", answer="No.")).units == ("7",)
    flags = table(
        [{**row, "topic": int(row["topic"][1:]) % 2 == 0} for row in families(4, 1)],
        [{**row, "topic": str(int(row["topic"][1:]) % 2 == 0).lower()} for row in families(4, 1)],
    )
    assert set(flags.units) == {"true", "false"}
    rows = [{**row, "system": f"Be {row['topic']}."} for row in families(8, 2)]
    result = diptych.compare(rows, rows, group_field="system", name_a="a", name_b="b", lenses="surface", threads=1)
    assert set(result.table.units) == {f"Be t{g:02d}." for g in range(8)}
    assert all(row.system == row.meta["system"] for row in result.table.rows)


def changed(number: int, **fields: Any) -> list[Record]:
    rows = families(9, 2)
    rows[number - 1] = {name: value for name, value in {**rows[number - 1], **fields}.items() if value is not ...}
    return rows


@pytest.mark.parametrize(
    ("rows", "field", "said"),
    [
        (families(9, 2), "topik", r"a.jsonl: no record has a field 'topik', .*: 'topic'. Did you mean 'topic'\?"),
        (records(9), "topic", "a.jsonl: no record has a field 'topic', which --group-field names; .* found: none."),
        (changed(5, topic=...), "topic", "b.jsonl, line 5: no field 'topic', which --group-field names; .* none."),
        (
            changed(5, topic=..., topics="x"),
            "topic",
            r"line 5: no field 'topic', .*: 'topics'. Did you mean 'topics'\?",
        ),
        (changed(5, topic=None), "topic", "b.jsonl, line 5: field 'topic' is null.\nGive the group of every prompt"),
        (changed(5, topic=""), "topic", "b.jsonl, line 5: field 'topic' is empty.\n"),
        (changed(5, topic=" \n"), "topic", "b.jsonl, line 5: field 'topic' is empty.\n"),
        (changed(5, topic=["x"]), "topic", "b.jsonl, line 5: field 'topic' is a list, expected text or a number.\n"),
        (changed(5, topic={"x": 1}), "topic", "b.jsonl, line 5: field 'topic' is an object, expected text"),
        (
            changed(5, topic="t00"),
            "topic",
            "two groups: its 'topic' is 't02' in a.jsonl, line 5; 't00' in b.jsonl, line 5",
        ),
    ],
)
@pytest.mark.parametrize("pairing", ["auto", "unpaired"])
def test_a_prompt_without_a_group_or_in_two_is_refused_with_its_place(
    rows: list[Record], field: str, said: str, pairing: str
) -> None:
    first = rows if "a.jsonl:" in said else families(9, 2)
    with pytest.raises(DataError, match=said):
        table(first, rows, group_field=field, pairing=pairing)


def test_two_groups_in_one_arm_are_refused_whatever_the_other_says() -> None:
    rows = families(9, 1, n_draws=2)
    rows[3] = {**rows[3], "topic": "t05"}
    with pytest.raises(
        DataError, match="two groups: its 'topic' is 't01' in b.jsonl, line 3; 't05' in b.jsonl, line 4"
    ):
        table(families(1, 1), rows)
