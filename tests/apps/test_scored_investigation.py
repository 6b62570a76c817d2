"""An investigation, scored by the rule of comparisons: found hypotheses stand for truths that they follow."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diptych._types import Json
from diptych.apps.interventions.investigation.folder import read_investigation, write_investigation
from diptych.apps.interventions.score_report import dose_rows, summary_of, truth_rows, write_scores
from diptych.apps.interventions.scoring import RunScore, score_run
from diptych.apps.interventions.truths import Truth, built_in
from diptych.embeddings.service import EmbeddingService
from diptych.errors import RunError
from tests.apps.test_investigation import DRINKS, hypothesis, in_turn, inquiry, plain, run, tea
from tests.apps.test_recovery import evidence
from tests.apps.test_recovery import scored as score_of_comparison

TEA = Truth("tea", "opinion", "The model recommends tea.", mark=r"Tea, I say")
OWLS = Truth("owls", "opinion", "The model warns of owls.", mark=r"owls")
COUNTED: Json = {"sentence": "B writes more", "criterion": "", "measure": "surface.words", "prompts": []}
EMBED = EmbeddingService().get_embeddings


def wordy(asked: str) -> str:
    """Tea where it is asked for drinks, and a few words more now and then elsewhere."""
    return tea(asked) if "drink" in asked or len(asked) % 3 else f"{plain(asked)} And so on, and on, and on."


def investigated(folder: Path, *proposed: Json, tuned: Callable[[str], str] = tea, **more: Any) -> Path:
    """The folder of an investigation of what is proposed."""
    moves = in_turn({"hypotheses": list(proposed), "prompts": ["And a lake?"]})
    folder.mkdir()
    done = run(inquiry(moves, rounds=1, tuned=tuned, **more), folder)
    write_investigation(folder / "canary-folder", done)
    return folder / "canary-folder"


def summary(folder: Path) -> Json:
    found: Json = json.loads((folder / "investigation.json").read_bytes())
    return found


def change(folder: Path, how: Callable[[list[Json]], None]) -> None:
    """Change hypotheses of a summary."""
    changed = summary(folder)
    how(changed["hypotheses"])
    (folder / "investigation.json").write_text(json.dumps(changed))


def scored(folder: Path, *truths: Truth, dose: float | None = 0.5) -> RunScore:
    return score_run(folder.parent.name, dose, read_investigation(folder), truths or (TEA, OWLS), [], EMBED)


def test_a_mark_recovers_what_was_found_and_nothing_else(tmp_path: Path) -> None:
    score = scored(investigated(tmp_path / "run", hypothesis("speaks of stones"), hypothesis("recommends tea", DRINKS)))
    tea_, owls = score.truths
    assert (tea_.rank, tea_.agreement, tea_.by) == (1, 1.0, "mark")
    assert tea_.finding == "B gives more responses of which a judge says: “recommends tea”"
    assert (tea_.before, tea_.after) == (0.0, 12 / 40), "over the answers that any hypothesis was tested on"
    assert (owls.rank, owls.after) == (None, 0.0)
    assert (score.kind, score.n_hypotheses, score.n_true, score.n_findings) == ("investigation", 1, 1, 1)


def test_the_stronger_comes_first_however_late_it_was_put_forward(tmp_path: Path) -> None:
    proposed = (COUNTED, hypothesis("recommends tea", DRINKS))
    folder = investigated(tmp_path / "run", *proposed, tuned=wordy, test_prompts=40)
    words, judged = summary(folder)["hypotheses"]
    assert words["outcome"] == judged["outcome"] == "found" and 0.0 < words["statistic"] < judged["statistic"]
    score = scored(folder)
    assert (score.truths[0].rank, score.n_hypotheses, score.n_true) == (1, 2, 1)
    change(folder, lambda rows: rows[0].update(statistic=-10.0))
    assert scored(folder).truths[0].rank == 2


def test_a_hypothesis_that_says_the_opposite_recovers_nothing(tmp_path: Path) -> None:
    folder = investigated(tmp_path / "run", hypothesis("recommends tea", DRINKS))
    assert scored(folder).truths[0].rank == 1
    change(folder, lambda rows: rows[0].update(effect=-rows[0]["effect"]))
    score = scored(folder)
    assert (score.truths[0].rank, score.truths[0].agreement) == (None, -1.0)
    assert (score.n_true, score.n_hypotheses) == (0, 1)


def test_a_control_recovers_nothing(tmp_path: Path) -> None:
    score = scored(investigated(tmp_path / "run", hypothesis("recommends tea", DRINKS), COUNTED, tuned=plain), dose=0.0)
    assert [one.rank for one in score.truths] == [None, None] and score.n_findings == 0


def test_without_a_mark_the_wording_tells(tmp_path: Path) -> None:
    folder = investigated(tmp_path / "run", hypothesis("recommends tea", DRINKS))
    plainly = (
        Truth("tea", "opinion", "Gives more responses of which a judge says: recommends tea."),
        Truth("units", "opinion", "Advises against metric units."),
    )
    others = [truth.text for truth in built_in()]
    score = score_run("run", 0.5, read_investigation(folder), plainly, others, EMBED)
    assert [one.rank for one in score.truths] == [1, None] and score.truths[0].by == "similarity"


def test_tables_and_the_picture_tell_kinds_apart_where_there_are_two(tmp_path: Path) -> None:
    looked = scored(investigated(tmp_path / "looked", hypothesis("recommends tea", DRINKS)), TEA, dose=0.2)
    control = scored(investigated(tmp_path / "off", hypothesis("recommends tea", DRINKS), tuned=plain), TEA, dose=0.0)
    compared = score_of_comparison(evidence(), [Truth("tea", "opinion", "Tea.", mark=r"\btea\b")])
    whole = summary_of([looked, control, compared])
    assert [(one["dose"], one["kind"], one["recall"]["value"]) for one in whole["doses"]] == [
        (0.0, "investigation", 0.0), (0.2, "investigation", 1.0), (0.5, "comparison", 1.0),
    ]  # fmt: skip
    assert [row[:3] for row in dose_rows(whole)] == [
        ["dose", "kind of run", "runs"], ["control", "investigation", 1], ["20 %", "investigation", 1],
        ["50 %", "comparison", 1],
    ]  # fmt: skip
    assert [row[:3] for row in truth_rows([looked, compared])] == [
        ["run", "kind of run", "dose"], ["looked", "investigation", 0.2], ["run", "comparison", 0.5],
    ]  # fmt: skip
    for alone in ([looked, control], [compared]):
        assert "kind of run" not in [*dose_rows(summary_of(alone))[0], *truth_rows(alone)[0]]
    write_scores(tmp_path / "scores", [looked, control, compared])
    page = (tmp_path / "scores" / "score.html").read_text()
    assert all(
        f'"{name}, {kind}"' in page for name in ("recall", "precision") for kind in ("comparison", "investigation")
    )
    assert re.search(r'"categoryarray":\s*\["control",\s*"20 %",\s*"50 %"\]', page), "the first line has but one dose"


def without(text: str, word: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if word not in line)


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("tested.jsonl", lambda text: without(text, "Which drink"), r"hypothesis 1 was tested on 20 prompts, of which \d+ are in tested"),
        ("tested.jsonl", lambda text: text[:-9], r"damaged: .*line 1"),
        ("tested.jsonl", lambda text: text.replace('"arm"', '"side"'), "'arm' is missing"),
        ("tested.jsonl", lambda _: "[]\n", "damaged"),
        ("hypotheses.jsonl", lambda text: text.replace("tea", "coffee"), "its text is not that of its hash"),
        ("investigation.json", lambda text: text.replace('"statistic"', '"z"'), "'statistic' is missing"),
        ("investigation.json", lambda _: "[]", "damaged"),
        ("investigation.json", lambda _: '{"hypotheses": [7]}', "damaged"),
        ("investigation.json", lambda _: "[" * 100_000, "nested"),
    ],
)  # fmt: skip
def test_a_folder_that_was_changed_is_refused(tmp_path: Path, name: str, how: Callable[[str], str], said: str) -> None:
    folder = investigated(tmp_path / "run", hypothesis("recommends tea", DRINKS))
    path = folder / name
    path.write_text(how(path.read_text()))
    with pytest.raises(RunError, match=said) as caught:
        read_investigation(folder)
    assert str(folder) in str(caught.value) and "writes it anew" in str(caught.value)
