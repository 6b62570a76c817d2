"""Simpler ways at an equal budget: what each gets, what it finds, and that it is judged by answers drawn anew."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from diptych._types import Silent
from diptych.apps.soft_prompting.baselines import (
    PASSES_AN_ANSWER,
    Ground,
    by_perplexity,
    ground_of,
    random_tokens,
    set_beside,
    strongest,
)
from diptych.apps.soft_prompting.config import TrainConfig
from diptych.apps.soft_prompting.folder import read_seeds
from diptych.apps.soft_prompting.found import Wording, find
from diptych.apps.soft_prompting.run import train
from diptych.apps.soft_prompting.sequences import Asking, Sides, apart
from diptych.data.prompts import as_prompts
from diptych.errors import ConfigError, ModelError, RunError
from diptych.models.prompted import PromptedModel
from diptych.models.registry import open_local
from diptych.models.soft_prompts import SoftPrompt
from tests.helpers.records import write
from tests.helpers.tiny_models import needs_torch, save_adapter, save_tiny

pytestmark = [needs_torch, pytest.mark.timeout(240)]

N_PROMPTS, N_STEPS, BATCH = 12, 6, 4
ASKING = Asking(max_tokens=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    save_tiny(root / "base")
    save_adapter(root / "base", root / "adapter")
    write(root, {"p.txt": "".join(f"Question {i}?\n" for i in range(N_PROMPTS)).encode()})
    config = TrainConfig(
        a=f"hf/{root / 'base'}", b=f"hf/{root / 'base'}+{root / 'adapter'}", prompts=str(root / "p.txt"),
        continuations="a", continuation_tokens=4, n_tokens=3, n_steps=N_STEPS, batch_size=BATCH, eval_every=3,
        warmup_steps=1,
    )  # fmt: skip
    train(config, root / "run", options={"device": "cpu"}, progress=Silent())
    return root


def sides(folder: Path) -> Sides:
    a, b = (
        open_local(f"hf/{name}", {"device": "cpu"})
        for name in (folder / "base", f"{folder / 'base'}+{folder / 'adapter'}")
    )
    return Sides((a, b), (PromptedModel(a.load()), PromptedModel(b.load())))


def ground(folder: Path, budget: int | None = None) -> Ground:
    return ground_of(find(folder / "run"), read_seeds(folder / "run"), budget)


def test_a_training_says_what_it_took_and_on_what(folder: Path) -> None:
    """Nine of twelve prompts are trained on, in batches of four, four and one; three are looked at, thrice."""
    found = ground(folder)
    assert found.budget == 3 * (4 + 4 + 1) * (N_STEPS // 3) + 3 * 3
    assert len(found.seeds) == 9 and found.n_tokens == 3 and found.place == "prefix" and found.objective == "js"
    seeds = read_seeds(folder / "run")
    assert seeds is not None
    held_out = {row.prompt_id for row in seeds.rows if row.is_held_out}
    assert len(held_out) == 3 and not held_out & {row.prompt_id for row in found.seeds}


def test_no_way_spends_more_than_its_budget_and_chance_gains_by_it(folder: Path) -> None:
    both = sides(folder)
    values = []
    for budget in (9, 9 * 40):
        found, text, spent = random_tokens(both, ground(folder, budget), ASKING)
        assert 0 < spent <= budget and found.n_tokens == 3 and len(text) == 3
        seeds = [row.prompt_id for row in ground(folder).seeds]
        prompts = [
            prompt
            for prompt in as_prompts([f"Question {i}?" for i in range(N_PROMPTS)]).rows
            if prompt.prompt_id in seeds
        ]
        values.append(apart(both.under(found), prompts, Asking(draws=20, max_tokens=4)).mean())
    assert values[1] > values[0]
    prompt, spent = strongest(both, ground(folder), ASKING)
    assert spent == 9 and prompt.prompt_id in seeds
    opening, spent = by_perplexity(both, ground(folder, 21), ASKING)
    assert spent == 10 * PASSES_AN_ANSWER and opening.text.startswith("Question")


def test_ways_are_judged_by_answers_to_new_prompts(folder: Path) -> None:
    both, new = sides(folder), as_prompts([f"Thing {i}?" for i in range(10)]).rows
    under = apart(both.under(find(folder / "run")), new, ASKING)
    rows = set_beside(both, under, new, ground(folder, 60), ASKING, progress=Silent())
    assert [row.name for row in rows] == ["random tokens", "strongest prompt of the file", "perplexity differencing"]
    assert all(row.low <= row.apart <= row.high and row.spent <= 60 for row in rows)
    chance = rows[0].against
    assert chance is not None and chance.mean == pytest.approx(under.mean() - rows[0].apart)


def test_what_is_missing_is_said(folder: Path, tmp_path: Path) -> None:
    bare = SoftPrompt((np.zeros((2, 96), np.float32),))
    with pytest.raises(ConfigError, match="give the folder of a training or search"):
        ground_of(bare, None, 100)
    with pytest.raises(ConfigError, match="a budget of 5 forward passes does not suffice to read 9 texts once"):
        ground(folder, 5)
    seeds = read_seeds(folder / "run")
    untold = SoftPrompt(bare.vectors, details={"trained_on": find(folder / "run").details["trained_on"]})
    with pytest.raises(ConfigError, match="give --budget"):
        ground_of(untold, seeds, None)
    (tmp_path / "seeds.jsonl").write_text("{}\n")
    with pytest.raises(RunError, match=r"seeds\.jsonl is damaged"):
        read_seeds(tmp_path)


def test_the_best_words_of_a_search_are_a_prompt(tmp_path: Path) -> None:
    whole = {
        "models": [{"name": "hf/a"}, {"name": "hf/b"}], "place": "suffix", "objective": "js", "spent": 40,
        "searched_on": ["1"], "prompts": [{"text": " now!", "tokens": [1, 2]}, {"text": "x", "tokens": [3]}],
    }  # fmt: skip
    (tmp_path / "search.json").write_text(json.dumps(whole))
    found = find(tmp_path)
    assert isinstance(found, Wording) and (found.text, found.place) == (" now!", "suffix")
    assert found.details == {"trained_on": ["1"], "trained_texts": [], "spent": 40, "n_tokens": 2, "objective": "js"}
    second = find(tmp_path, which=2)
    assert isinstance(second, Wording) and second.text == "x"
    with pytest.raises(ConfigError, match=r"--which 3: .*search\.json holds 2 prompts"):
        find(tmp_path, which=3)
    for broken in ("{", '{"prompts": 1}', "[]"):
        (tmp_path / "search.json").write_text(broken)
        with pytest.raises(ModelError, match=r"search\.json is damaged"):
            find(tmp_path)
