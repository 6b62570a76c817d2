"""Whether two models lie in one basin: the loss of given texts on the straight line between their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diptych._types import FloatMatrix, FloatVector, Progress, Silent
from diptych.errors import ConfigError, DataError
from diptych.models.checkpoints import Checkpoint
from diptych.models.manager import ModelManager
from diptych.models.scoring import TextToScore, log_likelihoods

N_POINTS = 11


@dataclass(frozen=True)
class LossPath:
    """Losses along the line, both ends among them.

    Parameters
    ----------
    weights : float64 (k,), share of the second model, from 0 to 1
    losses : float64 (k, n), mean negative log-probability of the tokens of each text, natural logarithm
    """

    weights: FloatVector
    losses: FloatMatrix

    @property
    def means(self) -> FloatVector:
        """Over texts, float64 (k,)."""
        means: FloatVector = self.losses.mean(1)
        return means

    @property
    def barrier(self) -> tuple[float, float | None]:
        """How far the loss rises above the straight line between its ends, at most, and the standard error over texts.

        Zero where it never does; the error is None of a single text. Frankle, Dziugaite, Roy & Carbin (2020), ICML,
        with the line between both ends in place of their mean, as Entezari, Sedghi, Saukh & Neyshabur (2022), ICLR.
        """
        chord = np.outer(1 - self.weights, self.losses[0]) + np.outer(self.weights, self.losses[-1])
        rises = self.losses - chord
        top = int(rises.mean(1).argmax())
        n = rises.shape[1]
        return max(0.0, float(rises[top].mean())), float(rises[top].std(ddof=1) / n**0.5) if n > 1 else None


def loss_path(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    architecture: Checkpoint,
    texts: Sequence[TextToScore],
    *,
    n_points: int = N_POINTS,
    batch_size: int = 8,
    progress: Progress | None = None,
) -> LossPath:
    """Losses of texts under models whose weights are mixed from two.

    Parameters
    ----------
    before, after : float tensors by name, of the same names and shapes
    architecture : the model without adapter whose weights ``before`` are; it is loaded anew
    texts : what is scored
    n_points : on the line, both ends among them; at least 2
    batch_size : most texts at once
    progress : where it says how far it is

    Raises
    ------
    ConfigError
        If the line has less than two points.
    DataError
        If the models are built differently, there is no text, or a text does not fit into them.
    """
    import torch

    if n_points < 2:
        raise ConfigError(f"points = {n_points}: a line has at least 2, its ends")
    if not texts:
        raise DataError("no text: a loss needs at least one")
    odd = [
        name
        for name in {**before, **after}
        if getattr(before.get(name), "shape", 0) != getattr(after.get(name), "shape", 1)
    ]
    if odd:
        raise DataError(f"the models are built differently: {odd[0]} is in one of them, or has another shape in each")
    watched = progress or Silent()
    watched.start("loss between", n_points)
    weights = np.linspace(0.0, 1.0, n_points)
    losses = []
    with ModelManager("cpu", "float32") as manager:
        loaded = manager.load(str(architecture.folder))
        for weight in weights:
            with loaded.active() as model, torch.no_grad():
                for name, parameter in model.named_parameters():
                    parameter.copy_(torch.lerp(before[name].float(), after[name].float(), float(weight)))
            found = log_likelihoods(loaded, texts, batch_size=batch_size)
            losses.append([-float(one.mean()) for one in found])
            watched.advance()
    watched.finish()
    return LossPath(weights, np.array(losses))
