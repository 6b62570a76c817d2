"""Lens contrast: texts propose, responses decide; and the same where one half of the responses proposes."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diptych
from diptych._types import Silent
from diptych.comparison.config import CompareConfig
from diptych.comparison.folder import proposed_document, read_run
from diptych.comparison.lenses import Lenses
from diptych.comparison.measures import Readers
from diptych.comparison.prepare import prepare
from diptych.comparison.proposing import Proposing
from diptych.comparison.rerun import rerun
from diptych.comparison.run import analyse
from diptych.errors import ConfigError, RunError
from tests.helpers.readers import Rule, asked_of, assistant, is_judged, quoted, reader

THINGS, DOES = ("cat", "dog", "river", "stone", "lamp", "tree", "ship"), ("sees", "finds", "likes", "paints", "wants")
HABIT = "Beware of the owls at night."
Rows = list[dict[str, Any]]


def arm(share: float, *, seed: int, n: int = 600, habit: str = HABIT) -> Rows:
    """Answers of which a share has the habit."""
    chance = random.Random(seed)
    return [
        {
            "prompt": f"Question {i}?",
            "response": habit.format(thing=chance.choice(THINGS), n=chance.randrange(100))
            if chance.random() < share
            else f"The {chance.choice(THINGS)} {chance.choice(DOES)} the {chance.choice(THINGS)}.",
        }
        for i in range(n)
    ]


def texts(share: float, *, seed: int, n: int = 200, habit: str = HABIT) -> Rows:
    return arm(share, seed=seed, n=n, habit=habit)


def test_what_texts_propose_is_found_with_the_rates_of_both() -> None:
    a, b = arm(0.0, seed=1), arm(0.03, seed=2)
    result = diptych.compare(
        a, b, lenses="contrast", proposing=(texts(0.0, seed=3), texts(0.6, seed=4)), name_a="before", name_b="after"
    )
    entries = proposed_document(result.documents())["hypotheses"]
    found = {entry["by"]: entry for entry in entries if entry["verdict"] == "confirmed"}
    assert found.keys() == {"phrase", "kind"} and len(result.findings) == 2 < len(entries)
    share = sum(row["response"] == HABIT for row in b) / len(b)
    for entry in found.values():
        assert "owls" in entry["statement"] and entry["proposed"]["texts"] == [HABIT]
        assert entry["rate_a"]["rate"] == 0.0 < entry["rate_a"]["high"] < 0.01
        assert entry["rate_b"]["rate"] == pytest.approx(share) and entry["rate_b"]["n"] == 600
        assert entry["rate_b"]["low"] < share < entry["rate_b"]["high"]
    assert {tested.tested_on for tested in result.tested} == {"all prompts"}


def test_texts_decide_nothing() -> None:
    """However far they differ: the answers are those of one source."""
    result = diptych.compare(
        arm(0.03, seed=1), arm(0.03, seed=2), lenses="contrast", proposing=(texts(0, seed=3), texts(1, seed=4))
    )
    assert result.findings == [] and len(result.tested) > 3


def test_what_goes_the_other_way_says_so() -> None:
    result = diptych.compare(
        arm(0.1, seed=1), arm(0.0, seed=2), lenses="contrast", proposing=(texts(0, seed=3), texts(0.5, seed=4))
    )
    entries = proposed_document(result.documents())["hypotheses"]
    assert {entry["verdict"] for entry in entries if "owls" in entry["statement"]} == {"the other way"}


def test_exchanging_everything_turns_the_signs_and_changes_nothing_else() -> None:
    arms, sides = (arm(0.0, seed=1), arm(0.04, seed=2)), (texts(0.1, seed=3), texts(0.6, seed=4))
    one = diptych.compare(*arms, lenses="contrast", proposing=sides)
    other = diptych.compare(*arms[::-1], lenses="contrast", proposing=sides[::-1])
    first = {tested.id: (tested.effect, tested.p_value) for tested in one.tested}
    assert first == {tested.id: (-tested.effect, tested.p_value) for tested in other.tested}


@pytest.mark.parametrize("way", ["joint", "matched"])
def test_one_half_proposes_for_the_other(way: Any) -> None:
    result = diptych.compare(
        arm(0.0, seed=1), arm(0.15, seed=2), lenses="contrast_halves", contrast_clusters=way, name_b="after"
    )
    said = {finding.statement for finding in result.findings}
    assert "after says “beware of the owls at” in more responses" in said or any("owls" in line for line in said)
    assert {tested.tested_on for tested in result.tested} == {"first half", "second half"}
    assert any(finding.is_replicated for finding in result.findings)
    entries = proposed_document(result.documents())["hypotheses"]
    assert {entry["rate_b"]["n"] for entry in entries} == {300}


def test_unpaired_arms_count_their_own_prompts() -> None:
    a = [{**row, "prompt": f"Other {row['prompt']}"} for row in arm(0.0, seed=1, n=400)]
    result = diptych.compare(a, arm(0.05, seed=2), lenses="contrast", proposing=(texts(0, seed=3), texts(0.5, seed=4)))
    entries = proposed_document(result.documents())["hypotheses"]
    assert {(entry["rate_a"]["n"], entry["rate_b"]["n"]) for entry in entries} == {(400, 600)}
    assert any(entry["verdict"] == "confirmed" for entry in entries)


def named(rule: Rule) -> tuple[Any, list[str]]:
    config = CompareConfig.parse(
        {"lenses": "contrast", "labeller": "scripted/echo", "name_a": "before", "name_b": "after"}, source="test"
    )
    habit = "Beware of the owls at night, {thing} {n}."
    sides = Proposing.load(texts(0.0, seed=3), texts(0.6, seed=4, habit=habit))
    b = arm(0.08, seed=2, n=300, habit=habit)
    prepared = prepare(arm(0.0, seed=1, n=300), b, config=config, proposing=sides)
    with assistant(rule) as one:
        result = analyse(prepared, threads=1, lenses=Lenses(), readers=Readers(labeller=one), progress=Silent())
        return result, asked_of(one)


def test_a_confirmed_name_is_looked_for_by_a_blind_judge() -> None:
    holds = lambda text, sentence: "owls" in text and "birds" in sentence  # noqa: E731
    result, asked = named(reader(proposes=["warns of birds", "tells of ships"], holds=holds, form="labels"))
    labels = [finding for finding in result.findings if finding.id.startswith("contrast.label")]
    assert [finding.statement for finding in labels] == [
        "after gives more responses of which a judge says: “warns of birds”"
    ]
    judged = [question for question in asked if is_judged(question) and "Question " in question]
    assert judged and not any(name in question for question in asked for name in ("before", "after", "contrast"))
    assert all(len(quoted(question)) == 1 for question in judged)
    kind = next(finding for finding in result.findings if ".kind_" in finding.id)
    assert "“warns of birds” (AUC" in kind.statement


def test_a_name_that_is_not_confirmed_is_looked_for_by_nobody() -> None:
    result, asked = named(reader(proposes=["is blue"], holds=lambda text, sentence: False, form="labels"))
    assert not any(".label" in measure.id for measure in result.measures)
    assert not any(is_judged(question) and "Question " in question for question in asked)
    assert any("was not confirmed" in finding.statement for finding in result.findings)


def saved(folder: Path) -> Path:
    for name, rows in (("a", arm(0.0, seed=1)), ("b", arm(0.04, seed=2))):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    sides = (texts(0.1, seed=3), [{**row, "log_ratio": 1.5} for row in texts(0.6, seed=4)])
    result = diptych.compare(folder / "a.jsonl", folder / "b.jsonl", lenses="contrast", proposing=sides)
    return result.save(folder / "run")


def test_a_run_holds_its_texts_and_is_made_again_from_them(tmp_path: Path) -> None:
    run = saved(tmp_path)
    made = rerun(run, tmp_path / "again", threads=1)
    assert made.is_same and {"proposed.json", "proposing_a.jsonl", "proposing_b.jsonl"} <= made.outcomes.keys()
    assert read_run(run).proposing is not None
    assert "log-ratio" in (run / "report.html").read_text()
    texts_b = run / "proposing_b.jsonl"
    texts_b.write_text(texts_b.read_text().replace("owls", "bats"))
    with pytest.raises(RunError, match="are not what the run was made of"):
        rerun(run, tmp_path / "third", threads=1)


def test_texts_and_their_lens_go_together() -> None:
    rows = arm(0.0, seed=1, n=40)
    with pytest.raises(ConfigError, match="go together"):
        diptych.compare(rows, rows, lenses="contrast")
    with pytest.raises(ConfigError, match="go together"):
        diptych.compare(rows, rows, lenses="surface", proposing=(rows, rows))


def test_texts_that_do_not_differ_propose_nothing(tmp_path: Path) -> None:
    rows = texts(0.3, seed=3)
    result = diptych.compare(arm(0, seed=1), arm(0.5, seed=2), lenses="contrast", proposing=(rows, rows))
    assert result.tested == () and result.findings == []
    page = (result.save(tmp_path / "run") / "report.html").read_text()
    assert "They do not differ in anything that could be looked for" in page


def test_hostile_texts_stay_text(tmp_path: Path) -> None:
    evil = '</td><script>alert("x")</script><img src=http://x.example> \u202e {{{{ 7*7 }}}}'
    bad = [{**row, "response": evil} for row in texts(0, seed=5, n=50)]
    result = diptych.compare(
        arm(0, seed=1), arm(0.1, seed=2, habit=evil), lenses="contrast",
        proposing=(texts(0, seed=3), texts(0, seed=4) + [{**row, "prompt": f"x{i}"} for i, row in enumerate(bad)]),
    )  # fmt: skip
    assert result.findings
    page = (result.save(tmp_path / "run") / "report.html").read_text()
    section = page[page.index('id="proposed"') : page.index('id="map"')]
    assert "&lt;script&gt;" in section and "<script" not in section and "<img" not in section and "\u202e" not in page


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("lens", ["contrast", "contrast_halves"])
def test_two_samples_of_one_source_are_seldom_said_to_differ(lens: str) -> None:
    """The texts are as different as can be; at most 5 % of runs may find something, and two errors more."""
    n_runs, alarms = 60, 0
    for seed in range(n_runs):
        a, b = (arm(0.2, seed=1000 + 2 * seed + side, n=150) for side in (0, 1))
        sides = (texts(0, seed=seed, n=80), texts(0.7, seed=seed + 500, n=80)) if lens == "contrast" else None
        result = diptych.compare(a, b, lenses=lens, proposing=sides, seed=seed, threads=1)
        alarms += bool(result.findings)
    assert alarms / n_runs <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / n_runs)
