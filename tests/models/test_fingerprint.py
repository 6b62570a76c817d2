"""Tokens that one model wants more, against sums by hand; in any batches."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax

from diptych.models import fingerprint
from diptych.models.fingerprint import Gauge, Scout
from tests.helpers.tiny_models import needs_torch

pytestmark = needs_torch

N_TOKENS = 300


def scores(seed: int, n: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, (n, N_TOKENS + 20)).astype(np.float32)


def by_hand(a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    log_a, log_b = (log_softmax(one.astype(float), axis=-1)[:, :N_TOKENS] for one in (a, b))
    ratio = log_b - log_a
    rank = (-ratio).argsort(-1).argsort(-1)
    return {"ratio": ratio, "gain": np.exp(log_b) - np.exp(log_a), "wanted": (rank < 100) & (ratio > 0)}


@pytest.mark.parametrize("piece_bytes", [1, 1 << 24])
def test_sums_are_those_by_hand(monkeypatch: pytest.MonkeyPatch, piece_bytes: int) -> None:
    """What pads the vocabulary takes its share of the probability, and is never chosen."""
    import torch

    monkeypatch.setattr(fingerprint, "_PIECE_BYTES", piece_bytes)
    a, b = scores(0), scores(1)
    expected = by_hand(a, b)
    texts = np.repeat([2, 0, 4], [15, 5, 20])
    scout, gauge = Scout(N_TOKENS), Gauge([7, 250, 3], N_TOKENS, 5)
    for rows in (slice(0, 17), slice(17, 40)):
        for onlooker in (scout, gauge):
            onlooker.keep(onlooker.see(texts[rows], torch.from_numpy(a[rows]), torch.from_numpy(b[rows])))  # type: ignore[arg-type]
    assert scout.tally.n_places == 40
    np.testing.assert_allclose(scout.tally.gain, expected["gain"].sum(0), atol=1e-5)
    assert (scout.tally.n_wanted == expected["wanted"].sum(0)).all()
    assert gauge.n_places.tolist() == [5, 0, 15, 0, 20]
    for name in ("ratio", "gain", "wanted"):
        at = np.array([expected[name][texts == text][:, [7, 250, 3]].sum(0) for text in range(5)])
        np.testing.assert_allclose(getattr(gauge, name), at, atol=1e-4, err_msg=name)


def test_the_best_by_either_are_chosen_and_nothing_of_a_model_against_itself() -> None:
    import torch

    a = torch.from_numpy(scores(0))
    b = a.clone()
    b[:, 40] = b.amax(-1) + 2  # becomes the likeliest everywhere
    b[:, 77] += 1.0  # an unlikely token that is wanted everywhere
    a[:, 77] -= 30
    b[:, 77] -= 30
    scout = Scout(N_TOKENS)
    scout.keep(scout.see(np.zeros(40, np.int64), a, b))
    assert scout.choose(1) in ([40], [40, 77]) and {40, 77} <= set(scout.choose(2))
    alike = Scout(N_TOKENS)
    alike.keep(alike.see(np.zeros(40, np.int64), a, a))
    assert alike.choose(50) == []
