"""Tokens come with the probabilities that they should have."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import chisquare

from diptych.models.requests import Sampling
from diptych.models.sampling import Draw, GumbelSampler, keep_likely
from tests.helpers.tiny_models import needs_torch

LOGITS = np.array([2.0, 1.5, 1.0, 0.0, -0.5, -1.0, 0.3, 0.30001])
N_DRAWS = 100_000


def expected(draw: Draw) -> np.ndarray:
    """The slow way: sort, cut, share out."""
    shares = softmax(LOGITS / draw.temperature)
    order = np.argsort(-shares, kind="stable")
    if draw.top_k:
        shares[order[draw.top_k :]] = 0.0
        shares /= shares.sum()
    kept, total = [], 0.0
    for token in order:
        if total < draw.top_p:
            kept.append(token)
        total += shares[token]
    only = np.zeros_like(shares)
    only[kept] = shares[kept]
    return only / only.sum()


def drawn(draw: Draw, *, n: int = N_DRAWS, temperature: float | None = None) -> np.ndarray:
    """How often each token came, over many steps of a few rows."""
    import torch

    n_rows = 50
    sampler = GumbelSampler(Draw(temperature or draw.temperature, draw.top_p, draw.top_k), range(n_rows), "cpu")
    scores = torch.tensor(LOGITS, dtype=torch.float32).repeat(n_rows, 1)
    counts = np.zeros(len(LOGITS), int)
    for _ in range(n // n_rows):
        counts += np.bincount(sampler(None, scores).argmax(-1).numpy(), minlength=len(LOGITS))
    return counts


@needs_torch
@pytest.mark.parametrize(
    "draw", [Draw(0.3), Draw(1.0), Draw(2.0), Draw(1.0, top_p=0.8), Draw(1.0, top_k=3), Draw(1.3, top_p=0.7, top_k=5)]
)
def test_tokens_come_as_softmax_says(draw: Draw) -> None:
    counts, shares = drawn(draw), expected(draw)
    assert not counts[shares == 0].any()
    assert chisquare(counts[shares > 0], N_DRAWS * shares[shares > 0]).pvalue > 1e-3


@needs_torch
def test_a_temperature_that_is_a_little_wrong_is_seen() -> None:
    counts, shares = drawn(Draw(1.0), temperature=1.05), expected(Draw(1.0))
    assert chisquare(counts, N_DRAWS * shares).pvalue < 1e-6


@needs_torch
def test_a_rows_noise_is_its_own() -> None:
    import torch

    scores = torch.tensor(LOGITS, dtype=torch.float32)
    alone = GumbelSampler(Draw(), [7], "cpu")(None, scores[None])
    among = GumbelSampler(Draw(), [3, 7, 5], "cpu")(None, scores.repeat(3, 1))
    assert torch.equal(alone[0], among[1])
    assert not torch.equal(among[0], among[1])


@needs_torch
def test_the_likeliest_token_is_always_kept() -> None:
    import torch

    scores = torch.tensor(LOGITS, dtype=torch.float32)[None]
    for draw in (Draw(top_p=1e-9), Draw(top_k=1)):
        assert torch.isfinite(keep_likely(scores, draw))[0].nonzero().flatten().tolist() == [0]


def test_what_a_run_leaves_open_is_the_models() -> None:
    defaults = {"temperature": 0.6, "top_p": 0.9, "top_k": None}
    assert Draw.of(Sampling(), {}) == Draw(1.0, 1.0, 0)
    assert Draw.of(Sampling(), defaults) == Draw(0.6, 0.9, 0)
    assert Draw.of(Sampling(temperature=0.0, top_k=5), defaults) == Draw(0.0, 0.9, 5)


@needs_torch
def test_nothing_is_drawn_at_temperature_zero() -> None:
    with pytest.raises(ValueError, match="temperature = 0"):
        GumbelSampler(Draw(0.0), [1], "cpu")
