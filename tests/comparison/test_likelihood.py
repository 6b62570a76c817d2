"""Which of two models on this machine finds a response likelier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diptych
from diptych.comparison.lenses.likelihood import RATIO, LikelihoodProposal
from diptych.data import Response
from diptych.errors import ConfigError
from diptych.models.providers.hf import HFModel
from diptych.models.requests import Message
from diptych.models.scoring import TextToScore, log_likelihoods
from tests.helpers.tiny_models import needs_torch, save_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    save_tiny(root / "one")
    save_tiny(root / "two", seed=3)
    save_tiny(root / "base", seed=4, template=None)
    return root


def answers(folder: Path, name: str, *, seed: int = 0) -> list[dict[str, Any]]:
    """What a tiny model says to thirty prompts."""
    model = f"hf/{folder / name}"
    found = diptych.generate(
        model, [f"Question {i}?" for i in range(30)], ledger=folder / f"{name}{seed}.sqlite",
        options={"device": "cpu"}, max_tokens=16, seed=seed,
    )  # fmt: skip
    return [{"prompt": row.prompt, "response": row.response} for row in found]


def compared(folder: Path, a: Any, b: Any, *models: str) -> diptych.comparison.result.Result:
    names = [f"hf/{folder / name}" for name in models]
    return diptych.compare(a, b, lenses=["likelihood"], likelihood_models=names, name_a="a", name_b="b", threads=1)


@needs_torch
@pytest.mark.timeout(180)
def test_two_models_that_differ_are_told_apart_by_what_each_finds_likely(folder: Path) -> None:
    a, b = answers(folder, "one"), answers(folder, "two")
    [finding] = compared(folder, a, b, "one", "two").findings
    assert finding.id == RATIO and finding.effect > 0 and finding.unit == "nats a token"
    assert finding.mean_a < 0 < finding.mean_b, "each writes what it finds likely itself"
    assert finding.statement == "b writes what hf/two finds likelier, beside hf/one"
    [turned] = compared(folder, b, a, "one", "two").findings
    assert (turned.effect, turned.p_value) == (-finding.effect, finding.p_value)


@needs_torch
@pytest.mark.timeout(180)
def test_one_model_twice_differs_in_nothing(folder: Path) -> None:
    a, again = answers(folder, "one"), answers(folder, "one", seed=1)
    assert a != again
    assert not compared(folder, a, again, "one", "two").findings
    same = compared(folder, a, answers(folder, "two"), "one", "one")
    assert not same.findings, "a model beside itself measures nothing, whoever wrote the text"


@needs_torch
@pytest.mark.timeout(180)
def test_the_number_is_what_the_scores_say_and_missing_where_there_are_none(folder: Path) -> None:
    models = [HFModel.open(str(folder / name), {"device": "cpu"}) for name in ("one", "base")]
    texts = ["Yes, it is so.", "", "x" * 600, "<|end|> is plain text"]
    rows = [Response(str(i), "Why?", text, "a", system="left out") for i, text in enumerate(texts)]
    found = LikelihoodProposal(*models).values(rows)[:, 0]
    asked = [TextToScore((Message("user", "Why?"),), text) for text in (texts[0], texts[3])]
    one, base = (
        log_likelihoods(model.load(), asked, raw=raw) for model, raw in zip(models, (False, True), strict=True)
    )
    wanted = [theirs.mean() - ours.mean() for ours, theirs in zip(one, base, strict=True)]
    np.testing.assert_allclose(found[[0, 3]], wanted, atol=1e-6)
    assert np.isnan(found[[1, 2]]).all()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"lenses": ["likelihood"]}, "go together"),
        ({"likelihood_models": ["hf/a", "hf/b"]}, "go together"),
        ({"lenses": ["likelihood"], "likelihood_models": ["hf/a"]}, "name two models on this machine"),
        ({"lenses": ["likelihood"], "likelihood_models": ["hf/a", "openai/b"]}, "name two models on this machine"),
    ],
)
def test_the_lens_and_two_models_on_this_machine_go_together(settings: dict[str, Any], says: str) -> None:
    rows = [{"prompt": "Why?", "response": "So."}]
    with pytest.raises(ConfigError, match=says):
        diptych.compare(rows, rows, **settings)
