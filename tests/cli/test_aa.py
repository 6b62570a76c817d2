"""``diptych aa``: what it prints where, how it ends, that it takes the settings of a comparison."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.bench.stats.designs import without_a_split
from diptych.comparison.aa import aa
from tests.helpers.cli import invoke, listing
from tests.helpers.forge import Forge
from tests.helpers.records import jsonl, write

QUICK = ("--lenses", "surface", "--resamples", "100", "--threads", "1")


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    words = [a + b for a in ("ba", "do", "ki", "mu", "re", "so") for b in ("lan", "nor", "tis", "pek", "dum")]
    made = [
        {"prompt": f"Question {i}?", "response": " ".join(rng.choice(words, 12)), "reward": None} for i in range(60)
    ]
    write(tmp_path, {"a.jsonl": jsonl(made)})
    return made


@pytest.mark.usefixtures("rows")
def test_a_table_for_people(forge: Forge, tmp_path: Path) -> None:
    outcome = forge.run("aa", "a.jsonl", "--splits", "3", *QUICK, cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0] == "a.jsonl against itself: 60 prompts, 60 responses; prompts against prompts, unpaired"
    assert lines[1] == "0 of 3 splits with a finding: 0.0 %, 95 % interval 0.0 to 70.8 %"
    assert lines[2] == "wanted: at most 5\u00a0%"
    assert lines[5].startswith("surface ")
    assert max(map(len, lines)) < 120
    assert set(listing(tmp_path)) == {"a.jsonl"}


def test_json_is_what_python_gives(forge: Forge, tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    outcome = forge.run("aa", "a.jsonl", "--splits", "2", "--seed", "7", "--json", *QUICK, cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    wanted = aa(rows, splits=2, seed=7, lenses="surface", resamples=100, threads=1).as_json()
    assert json.loads(outcome.out) == {**wanted, "source": "a.jsonl"}


@pytest.mark.usefixtures("rows")
def test_settings_come_from_flags_variables_and_files(forge: Forge, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("lenses: surface\nresamples: 200\nalpha: 0.2\nlimit: 50\nname_a: x\n")
    outcome = forge.run(
        "aa", "a.jsonl", "-c", "c.yaml", "--alpha", "0.1", "--json",
        cwd=tmp_path, env={"DIPTYCH_SPLITS": "2", "DIPTYCH_LIMIT": "55"},
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    said = json.loads(outcome.out)
    assert (said["n_splits"], said["alpha"], said["n_prompts"], said["config"]["resamples"]) == (2, 0.1, 55, 200)


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--splits", "0"), "diptych: splits = 0: it should be from 1 to 1,000,000\n"),
        (("--paired",), "diptych: a.jsonl has one response to each prompt, so there are no draws"),
        (("--alpha", "2"), "diptych: --alpha = 2"),
        (("--limit", "9"), "diptych: too few prompts"),
        (
            ("--limit", "1"),
            "diptych: too few prompts: 0 of 'a' in the discovery half, of 1 in all; at least 4 are needed",
        ),
        (("--score-field", "reward", "--lenses", "scores"), "diptych: a.jsonl: score field 'reward' is null in every"),
    ],
)
def test_what_does_not_fit_is_said_and_exits_2(
    forge: Forge, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    outcome = forge.run("aa", "a.jsonl", *QUICK, *arguments, cwd=tmp_path)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err


@pytest.mark.usefixtures("rows")
def test_too_many_false_alarms_are_a_warning_and_no_failure(tmp_path: Path) -> None:
    with without_a_split():
        outcome = invoke("aa", tmp_path / "a.jsonl", "--splits", "20", "--lenses", "log_odds", "--threads", "1")
    assert outcome.code == 0, outcome.err
    assert "warning: p-values of lens log_odds are too small\n" in outcome.err
    assert "warning" not in outcome.out
