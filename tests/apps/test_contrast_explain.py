"""What a contrast proposes is confirmed on natural answers, or it is not said: a planted habit, and none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.cli import invoke
from tests.helpers.planted_pair import HABIT, OPENING, PlantedPair, some_prompts
from tests.helpers.tiny_models import needs_torch

N_NATURAL, N_CONTRAST = 2000, 300
ASK = ("--max-tokens", "12", "--model-arg", "device=cpu", "--model-arg", "batch_size=256")
HELPER = {
    "rules": [
        {"system": "other words", "answers": [json.dumps({"prompts": some_prompts(10, seed=77)})]},
        {"match": OPENING, "answers": [json.dumps({"texts": [HABIT] * 4})]},
    ],
    "otherwise": [json.dumps({"texts": ["the cat sleeps near the old garden ."] * 4})],
}
pytestmark = [needs_torch, pytest.mark.slow]


def prompts(folder: Path, n: int) -> Path:
    path = folder / f"prompts-{n}.txt"
    path.write_text("\n".join(some_prompts(n, seed=5)) + "\n")
    return path


def explain(folder: Path, a: Path, b: Path, out: str, n: int, *more: str) -> dict[str, Any]:
    done = invoke(
        "contrast", "explain", f"hf/{a}", f"hf/{b}", "--prompts", prompts(folder, n), "--out", folder / out,
        "--contrast-limit", str(N_CONTRAST), "--threads", "1", *ASK, *more,
    )  # fmt: skip
    assert done.code == 0, done.err
    return {
        name: json.loads((folder / out / f"{name}.json").read_text()) for name in ("proposed", "findings", "manifest")
    }


@pytest.fixture(scope="module")
def planted(planted_pair: PlantedPair, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("explained")
    (folder / "helper.yaml").write_text(json.dumps(HELPER))
    checks = ("--assistant", f"scripted/{folder / 'helper.yaml'}", "--written", "4", "--rephrase", "10")
    found = explain(folder, planted_pair.base, planted_pair.tuned, "run", N_NATURAL, *checks)
    return found, folder / "run"


def test_what_was_found_is_checked(planted: tuple[dict[str, Any], Path]) -> None:
    """Ten prompts in other words are too few for a habit of one in a hundred; texts written to it are told apart."""
    found, run = planted
    checks = found["proposed"]["checks"]
    [phrase] = [one["id"] for one in found["proposed"]["hypotheses"] if f"says “{OPENING}" in one["statement"]]
    written = checks["written"]["hypotheses"][phrase]
    assert written["auc"] > 0.9 and written["p_value"] == pytest.approx(1 / (1 + checks["written"]["n_others"]))
    again = checks["rephrased"]["hypotheses"][phrase]
    assert checks["rephrased"]["n_prompts"] == 10 and again["rate_b"]["n"] == 10 and again["p_value"] > 0.05
    assert found["manifest"]["readers"].keys() == {"assistant"}
    page = (run / "report.html").read_text()
    assert "on rephrased prompts" in page and "texts written to its description" in page


def test_a_contrast_shows_the_habit_ten_times_as_often(
    planted: tuple[dict[str, Any], Path], planted_pair: PlantedPair
) -> None:
    _, run = planted
    texts = {
        arm: [json.loads(line)["response"] for line in (run / f"proposing_{arm}.jsonl").read_text().splitlines()]
        for arm in "ab"
    }
    asked = some_prompts(N_NATURAL, seed=5)
    rate = planted_pair.rate(planted_pair.tuned, asked)
    assert planted_pair.rate(planted_pair.base, asked) < 0.001 < 0.005 < rate < 0.015
    shown = sum(map(planted_pair.shows, texts["b"])) / len(texts["b"])
    assert len(texts["b"]) == N_CONTRAST and shown >= 10 * rate
    assert not any(map(planted_pair.shows, texts["a"]))


def test_the_confirmed_rate_covers_the_truth(planted: tuple[dict[str, Any], Path], planted_pair: PlantedPair) -> None:
    found, run = planted
    habit = [one for one in found["proposed"]["hypotheses"] if f"“{OPENING}" in one["statement"]]
    assert habit and {one["verdict"] for one in habit} == {"confirmed"}
    assert found["proposed"]["hypotheses"][0] in habit  # in its texts the models differ most
    asked = some_prompts(N_NATURAL, seed=5)
    for one in habit:
        for arm, model in (("a", planted_pair.base), ("b", planted_pair.tuned)):
            rate = one[f"rate_{arm}"]
            assert rate["n"] == N_NATURAL and rate["low"] <= planted_pair.rate(model, asked) <= rate["high"]
        assert one["proposed"]["log_ratio"] > 0.5 and one["proposed"]["share_b"] > 0.1
    assert found["findings"]["family_size"] == len(found["proposed"]["hypotheses"])
    page = (run / "report.html").read_text()
    assert "Proposed by contrast, confirmed on natural samples" in page and "contrast/" in page
    seeds = {found["manifest"]["proposing"][arm]["generated"]["sampling"]["seed"] for arm in "ab"}
    assert found["manifest"]["seeds"]["sampling of a"] not in seeds


def test_a_model_against_itself_confirms_nothing_however_strong_the_contrast(
    planted_pair: PlantedPair, tmp_path: Path
) -> None:
    """Its second answers are drawn anew, and there is much to propose: texts drawn twice differ by chance."""
    n_proposed = 0
    for weight in ("0.5", "1", "3", "10"):
        folder = tmp_path / weight
        folder.mkdir()
        found = explain(
            folder, planted_pair.base, planted_pair.base, "run", 600, "--weight", weight, "--plausibility", "0"
        )
        assert found["findings"]["findings"] == [] and found["findings"]["n_prompts"] == 600
        rows = [json.loads(line) for line in (folder / "run" / "responses.jsonl").read_text().splitlines()]
        answers = {(row["prompt_id"], row["arm"]): row["response"] for row in rows}
        names = {arm["name"] for arm in found["findings"]["arms"]}
        assert len(names) == 2
        one, other = names
        assert sum(answers[prompt, one] != answers[prompt, other] for prompt, arm in answers if arm == one) > 500
        n_proposed += len(found["proposed"]["hypotheses"])
    assert n_proposed > 0
