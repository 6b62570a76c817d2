"""More than two arms: one family, each arm read once, and a rest that can be exchanged with an arm."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diptych
from diptych import Comparisons, compare_each
from diptych.comparison import arms as arms_module
from diptych.comparison.arms import deal_rest
from diptych.comparison.arms_folder import findings_of, read_arms, rewrite_arms
from diptych.comparison.prepare import read_arm
from diptych.data import Records, Response, Responses
from diptych.errors import ConfigError, DataError, RunError, UnknownNameError
from diptych.stats.exact import sign_test
from diptych.stats.multiplicity import q_values

Rows = list[dict[str, Any]]
SETTINGS: Any = {"lenses": "surface,phrases", "threads": 1}


def answers(seed: int, n: int = 60, *, more: str = "", n_draws: int = 1) -> Rows:
    rng = random.Random(seed)
    words = ["red", "green", "blue", "warm", "cold", "high", "low", "near", "far", "old", "new", "small"]
    return [
        {"prompt": f"Question {i}?", "draw": k, "response": " ".join(rng.choices(words, k=rng.randint(5, 15))) + more}
        for i in range(n)
        for k in range(n_draws)
    ]


@pytest.fixture(scope="module")
def found() -> Comparisons:
    arms = [answers(0), answers(1), answers(2, more=" And so on, and so on.")]
    return compare_each(arms, names=["x", "y", "z"], **SETTINGS)


def test_an_arm_that_differs_is_found_in_its_pairs_and_no_other(found: Comparisons) -> None:
    names = [tuple(arm.name for arm in result.table.arms) for result in found.results]
    assert names == [("x", "y"), ("x", "z"), ("y", "z")]
    assert [bool(result.findings) for result in found.results] == [False, True, True]


def test_all_pairs_are_one_family(found: Comparisons) -> None:
    tested = [finding for result in found.results for finding in result.tested]
    assert {result.family_size for result in found.results} == {len(tested)}
    wanted = q_values(np.array([finding.p_value for finding in tested]))
    np.testing.assert_allclose([finding.q_value for finding in tested], wanted, rtol=1e-12)
    alone = diptych.compare(answers(0), answers(2, more=" And so on, and so on."), name_a="x", name_b="z", **SETTINGS)
    weakest = max(finding.q_value for finding in found.results[1].findings)
    assert weakest > max(finding.q_value for finding in alone.findings if finding.q_value <= 0.05) / len(found.results)
    assert alone.family_size < len(tested)


def test_the_order_of_arms_changes_signs_and_places_only(found: Comparisons) -> None:
    arms = [answers(2, more=" And so on, and so on."), answers(1), answers(0)]
    turned = compare_each(arms, names=["z", "y", "x"], **SETTINGS)
    for here, there in zip(found.results, reversed(turned.results), strict=True):
        assert [arm.name for arm in here.table.arms] == [arm.name for arm in there.table.arms][::-1]
        assert [f.id for f in here.tested] == [f.id for f in there.tested]
        for one, other in zip(here.tested, there.tested, strict=True):
            assert (one.effect, one.p_value, one.p_fwer) == (-other.effect, other.p_value, other.p_fwer)
            assert one.q_value == pytest.approx(other.q_value, rel=1e-12)


def test_each_arm_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []

    def counting(source: Any, *options: Any) -> Responses:
        read.append(source)
        return read_arm(source, *options)

    monkeypatch.setattr(arms_module, "read_arm", counting)
    arms = [answers(seed, 20) for seed in range(4)]
    assert len(compare_each(arms, lenses="surface", threads=1).results) == 6
    assert len(read) == 4


# The rest


def responses(rows: Rows, name: str) -> Responses:
    return Responses.from_records(Records(rows, name, range(len(rows)), "row"), arm=name)


def by_prompt(row: Response) -> tuple[str, int]:
    return row.prompt, row.draw


def test_the_rest_has_as_many_draws_and_takes_them_from_all_others() -> None:
    arm, others = answers(0, n_draws=2), [answers(1, n_draws=3), answers(2, n_draws=2)]
    rest, same = deal_rest(responses(arm, "a"), [responses(rows, "b") for rows in others], 0)
    assert len(rest) == len(same) == 120
    assert {(row.prompt, row.draw) for row in rest} == {(row["prompt"], row["draw"]) for row in arm}
    assert sorted(same, key=by_prompt) == sorted(responses(arm, "a"), key=by_prompt)
    from_first = {row["response"] for row in others[0]}
    share = np.mean([row.response in from_first for row in rest])
    assert 0.45 < share < 0.75, "three of five responses are of the first"
    turned, _ = deal_rest(responses(arm, "a"), [responses(rows, "b") for rows in reversed(others)], 0)
    assert sorted(row.response for row in turned) == sorted(row.response for row in rest)
    other, _ = deal_rest(responses(arm, "a"), [responses(rows, "b") for rows in others], 1)
    assert [row.response for row in other] != [row.response for row in rest]


def test_where_the_others_have_fewer_draws_the_arm_gives_as_few() -> None:
    rest, same = deal_rest(responses(answers(0, n_draws=3), "a"), [responses(answers(1), "b")], 0)
    assert len(rest) == len(same) == 60
    assert {row.draw for row in same} == {0}
    assert same.notices == ("the others gave fewer responses to 60 prompts of a: as many of its own were compared",)


def test_no_common_prompt_is_an_error() -> None:
    strange = [{"prompt": f"Strange {i}?", "response": "Yes."} for i in range(20)]
    with pytest.raises(DataError, match="none of its prompts was answered by the others"):
        deal_rest(responses(answers(0), "a"), [responses(strange, "b")], 0)


def test_equal_responses_of_several_arms_weigh_as_many() -> None:
    others = [responses([{"prompt": f"{i}?", "response": text} for i in range(3000)], text) for text in ("y", "y", "z")]
    rest, _ = deal_rest(responses([{"prompt": f"{i}?", "response": "x"} for i in range(3000)], "a"), others, 0)
    assert abs(np.mean([row.response == "y" for row in rest]) - 2 / 3) < 0.04


def test_a_dealt_response_is_exchangeable_where_the_mean_of_the_rest_is_not() -> None:
    """A rare event in arms that are alike: against a dealt response differences are symmetric, against a mean skewed."""
    n = 20_000
    said = np.random.default_rng(5).random((3, n)) < 0.1
    arms = [
        responses([{"prompt": f"{i}?", "response": str(int(yes))} for i, yes in enumerate(arm)], "x") for arm in said
    ]
    rest, _ = deal_rest(arms[0], arms[1:], 0)
    dealt = {row.prompt: int(row.response) for row in rest}
    against_dealt = said[0].astype(int) - np.array([dealt[f"{i}?"] for i in range(n)])
    against_mean = said[0] - said[1:].mean(axis=0)
    skew = [np.mean(d**3) / np.mean(d**2) ** 1.5 for d in (against_dealt, against_mean)]
    assert abs(skew[0]) < 0.15 < 0.5 < skew[1]


def yes_or_no(rng: random.Random, share: float, n: int) -> Rows:
    return [{"prompt": f"{i}?", "response": "yes" if rng.random() < share else "no"} for i in range(n)]


def test_a_dealt_rest_keeps_the_share_of_each_answer_and_its_test_keeps_its_level() -> None:
    """Four arms that say yes in a fifth of prompts; equal answers of several arms must count as often as they occur."""
    rng, n, p_values, shares = random.Random(0), 40, [], []
    for seed in range(300):
        arms = [responses(yes_or_no(rng, 0.2, n), name) for name in "abcd"]
        rest, same = deal_rest(arms[0], arms[1:], seed)
        yes = [{row.prompt for row in side if row.response == "yes"} for side in (rest, same)]
        up, down = len(yes[1] - yes[0]), len(yes[0] - yes[1])
        p_values.append(float(sign_test(np.array([up]), np.array([down]))[0]))
        shares.append(len(yes[0]) / n)
    assert abs(np.mean(shares) - 0.2) < 4 * np.sqrt(0.2 * 0.8 / (300 * n))
    for level in (0.05, 0.2):
        assert np.mean(np.array(p_values) <= level) <= level + 3 * np.sqrt(level * (1 - level) / 300)


def test_each_against_the_rest_finds_the_one_that_differs() -> None:
    arms = [answers(0), answers(1), answers(2), answers(3, more=" And so on, and so on.")]
    found = compare_each(arms, names=list("wxyz"), versus="rest", **SETTINGS)
    assert [[arm.name for arm in result.table.arms] for result in found.results] == [["the others", n] for n in "wxyz"]
    assert found.results[3].findings
    assert all(finding.statement.startswith("z ") for finding in found.results[3].findings)


# Bad input


@pytest.mark.parametrize(
    ("arms", "names", "error", "says"),
    [
        ([answers(0)], None, ConfigError, "1 arms were given; it should be from 2 to 26"),
        ([answers(0), answers(1)], ["x"], ConfigError, "1 names were given for 2 arms"),
        ([answers(0), answers(1), answers(2)], ["x", "y", "x"], ConfigError, "two arms have one name: x, y, x"),
        ([answers(0, 5), answers(1, 5), answers(2, 5)], ["x", "y", "z"], DataError, "x and y: too few prompts"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_said(
    arms: Sequence[Rows], names: Sequence[str] | None, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        compare_each(arms, names=names, **SETTINGS)


def test_a_rest_needs_two_others_and_a_known_name() -> None:
    with pytest.raises(ConfigError, match="2 arms were given; it should be from 3 to 26"):
        compare_each([answers(0), answers(1)], versus="rest", **SETTINGS)
    versus: Any = "Rest"
    with pytest.raises(UnknownNameError, match="Did you mean 'rest'"):
        compare_each([answers(0), answers(1), answers(2)], versus=versus, **SETTINGS)


# The folder


def test_the_folder_holds_every_run_and_reads_back(found: Comparisons, tmp_path: Path) -> None:
    folder = found.save(tmp_path / "three")
    assert sorted(entry.name for entry in folder.iterdir()) == [
        "findings.csv", "findings.json", "manifest.json", "report.html", "x-vs-y", "x-vs-z", "y-vs-z",
    ]  # fmt: skip
    written = json.loads((folder / "findings.json").read_bytes())
    assert written == found.to_json()
    manifest, documents = read_arms(folder)
    assert findings_of(manifest["versus"], documents) == written
    rows = list(csv.DictReader((folder / "findings.csv").read_text().splitlines()))
    assert {(row["a"], row["b"]) for row in rows} == {("x", "z"), ("y", "z")}
    assert len(rows) == len(found.to_pandas()) == sum(len(result.findings) for result in found.results)
    page = (folder / "report.html").read_text()
    for name in manifest["comparisons"]:
        assert f'href="{name}/report.html"' in page
    (folder / "report.html").unlink()
    assert rewrite_arms(folder).read_text() == page
    with pytest.raises(RunError, match="not empty"):
        found.save(folder)


def test_names_are_hostile_text(tmp_path: Path) -> None:
    names = ["<script>alert(1)</script>", "=HYPERLINK(1)", "../../x"]
    found = compare_each([answers(0), answers(1), answers(2, more=" And so on.")], names=names, **SETTINGS)
    folder = found.save(tmp_path / "run")
    page = (folder / "report.html").read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "'=HYPERLINK(1)" in (folder / "findings.csv").read_text()
    assert {entry.name for entry in tmp_path.iterdir()} == {"run"}
    assert all(entry.name.replace("_", "").replace("-", "").isalnum() for entry in folder.iterdir() if entry.is_dir())


def test_a_manifest_that_leads_elsewhere_is_refused(found: Comparisons, tmp_path: Path) -> None:
    folder = found.save(tmp_path / "three")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "comparisons": ["../elsewhere"]}))
    with pytest.raises(RunError, match="are not its folders"):
        read_arms(folder)
