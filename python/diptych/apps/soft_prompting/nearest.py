"""Tokens that lie nearest to vectors that two models read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diptych._types import Tokens, Vectors
from diptych.models.prompted import PromptedModel

_CHUNK = 4096
"""Tokens whose vectors are looked at together."""


def nearest_tokens(models: Sequence[PromptedModel], vectors: Sequence[Vectors], allowed: Tokens, n: int = 1) -> Tokens:
    """The tokens nearest to each vector, the nearest first: int64 (places, at most n).

    Distances are Euclidean, in units of the scale of each model's tokens; those of both models count alike.

    Parameters
    ----------
    models : with one vocabulary
    vectors : float32, shape (places, width), what each model reads
    allowed : int64, tokens that may be found
    n : tokens for each place
    """
    import torch

    parts = []
    with torch.no_grad():
        for start in range(0, len(allowed), _CHUNK):
            some = torch.from_numpy(allowed[start : start + _CHUNK])
            distances = [
                torch.cdist(torch.from_numpy(own).to(one.device), one.embed(some.to(one.device)).float()) / one.scale
                for one, own in zip(models, vectors, strict=True)
            ]
            parts.append(sum(part.double().square().cpu().numpy() for part in distances))
    order = np.argsort(np.concatenate(parts, axis=1), axis=1, kind="stable")
    found: Tokens = allowed[order[:, :n]]
    return found
