"""The loss between two models: the ends are the models themselves, and a barrier is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.apps.interventions.connectivity import LossPath, loss_path
from diptych.errors import ConfigError, DataError
from diptych.models.manager import ModelManager, Source
from diptych.models.merging import load_merged
from diptych.models.requests import conversation
from diptych.models.scoring import TextToScore, log_likelihoods
from tests.helpers.tiny_models import needs_torch, save_adapter, save_tiny

pytestmark = needs_torch
TEXTS = [TextToScore(conversation(f"Question {i}?", None), f"Answer {i * i}.") for i in range(6)]


def weights_of(name: str) -> dict[str, Any]:
    return dict(load_merged(Source.find(name)).named_parameters())


def losses_of(name: str) -> list[float]:
    with ModelManager("cpu", "float32") as manager:
        return [-float(one.mean()) for one in log_likelihoods(manager.load(name), TEXTS)]


def test_both_ends_are_the_models_themselves(tmp_path: Path) -> None:
    a, b = (save_tiny(tmp_path / name, seed=seed) for seed, name in enumerate("ab"))
    path = loss_path(weights_of(str(a)), weights_of(str(b)), Source.find(str(a)).base, TEXTS, n_points=3)
    np.testing.assert_allclose(path.losses[0], losses_of(str(a)), rtol=1e-6)
    np.testing.assert_allclose(path.losses[-1], losses_of(str(b)), rtol=1e-6)
    assert path.weights.tolist() == [0.0, 0.5, 1.0]


def test_adapters_count_and_a_model_and_itself_have_no_barrier(tmp_path: Path) -> None:
    base = save_tiny(tmp_path / "base")
    adapted = f"{base}+{save_adapter(base, tmp_path / 'adapter')}"
    path = loss_path(weights_of(str(base)), weights_of(adapted), Source.find(adapted).base, TEXTS, n_points=3)
    np.testing.assert_allclose(path.losses[-1], losses_of(adapted), rtol=1e-4)
    same = loss_path(weights_of(str(base)), weights_of(str(base)), Source.find(str(base)).base, TEXTS, n_points=4)
    assert same.barrier[0] == pytest.approx(0.0, abs=1e-9)


def test_the_barrier_is_measured_from_the_line_between_the_ends() -> None:
    losses = np.array([[1.0, 2.0], [2.5, 3.5], [2.0, 3.0]])
    rise, error = LossPath(np.array([0.0, 0.5, 1.0]), losses).barrier
    assert rise == pytest.approx(1.0)
    assert error == pytest.approx(0.0)
    assert LossPath(np.array([0.0, 0.5, 1.0]), np.array([[2.0], [1.0], [1.0]])).barrier == (0.0, None)


def test_models_that_are_built_differently_have_no_line(tmp_path: Path) -> None:
    base = save_tiny(tmp_path / "base")
    weights = weights_of(str(base))
    fewer = dict(list(weights.items())[1:])
    with pytest.raises(DataError, match="built differently: model.embed_tokens.weight"):
        loss_path(weights, fewer, Source.find(str(base)).base, TEXTS)
    with pytest.raises(ConfigError, match="points = 1"):
        loss_path(weights, weights, Source.find(str(base)).base, TEXTS, n_points=1)
    with pytest.raises(DataError, match="no text"):
        loss_path(weights, weights, Source.find(str(base)).base, [])
