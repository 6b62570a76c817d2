"""Searches for words: what a target says, that searches go on bit for bit, and that they find what is planted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from diptych.apps.soft_prompting.beam import Beam, BeamSettings
from diptych.apps.soft_prompting.evolution import Evolution, EvolutionSettings
from diptych.apps.soft_prompting.gcg import Gcg, GcgSettings
from diptych.apps.soft_prompting.optimiser import Optimiser
from diptych.apps.soft_prompting.pez import Pez, PezSettings
from diptych.apps.soft_prompting.projection import Projection, ProjectionSettings
from diptych.apps.soft_prompting.random_search import RandomSearch, RandomSettings
from diptych.apps.soft_prompting.simplex import Simplex, SimplexSettings
from diptych.apps.soft_prompting.target import Target
from tests.helpers.planted_trigger import PlantedTrigger
from tests.helpers.tiny_models import needs_torch
from tests.helpers.trigger_hunt import BUDGET, CHANCE, hunt, p_of

pytestmark = [needs_torch, pytest.mark.timeout(600)]

Maker = Callable[[Target, int], Optimiser]
MAKERS: dict[str, Maker] = {
    "random": lambda target, seed: RandomSearch(target, RandomSettings(search_width=32), seed),
    "gcg": lambda target, seed: Gcg(target, GcgSettings(search_width=32, topk=16), seed),
    "gcg with a buffer": lambda target, seed: Gcg(
        target, GcgSettings(search_width=16, topk=16, buffer_size=3, n_replace=2), seed
    ),
    "pez": lambda target, seed: Pez(target, PezSettings(), seed),
    "simplex": lambda target, seed: Simplex(target, SimplexSettings(), seed),
    "simplex in short cycles": lambda target, seed: Simplex(target, SimplexSettings(cycle=2), seed),
    "projection": lambda target, seed: Projection(target, ProjectionSettings(train_steps=8), seed),
    "beam": lambda target, seed: Beam(target, BeamSettings(beam_width=1, n_children=32, temperature=5), seed),
    "evolution": lambda target, seed: Evolution(target, EvolutionSettings(population=16, n_children=16), seed),
}


def test_values_are_means_over_texts_however_they_are_batched(planted: PlantedTrigger) -> None:
    target = planted.target(3)
    tokens = np.array([planted.trigger, (40, 41, 42), planted.trigger])
    values = target.values(tokens)
    assert target.spent == 6 and values[0] == values[2] > 5 * values[1]
    assert [one.tokens for one in target.take_seen()] == [(40, 41, 42), planted.trigger] and not target.take_seen()
    single = planted.target(3)
    single.batch_size = 1
    assert single.values(tokens) == pytest.approx(values, rel=1e-4)
    alone = [planted.target(3).pair.divergence([i], target._embedded(tokens[:1]), target.measure) for i in range(3)]
    assert values[0] == pytest.approx(np.mean([float(one) for one in alone]), rel=1e-5)


def test_the_gradient_is_that_of_mixtures(planted: PlantedTrigger) -> None:
    """Against autograd through one-hot rows, and against a small step towards another token."""
    import torch

    target = planted.target(2)
    tokens = np.array([planted.trigger[0], 50, 51])
    gradient = target.gradient(tokens)
    assert target.spent == 6 and gradient.shape == (3, 100) and gradient.dtype == np.float32
    mix = torch.nn.functional.one_hot(torch.from_numpy(tokens), 100).float().requires_grad_()
    value = target.soft_value(mix)
    value.backward()
    assert target.spent == 12 and float(value.detach()) == pytest.approx(target.values(tokens[None])[0], rel=1e-5)
    assert mix.grad is not None and np.allclose(mix.grad.numpy(), gradient, rtol=1e-3, atol=1e-6)
    moved = mix.detach().clone()
    moved[1, planted.trigger[1]] += 0.01
    with torch.no_grad():
        change = float(target.soft_value(moved)) - float(value.detach())
    assert change / 0.01 == pytest.approx(gradient[1, planted.trigger[1]], rel=0.1)


def test_a_candidate_that_is_read_as_other_tokens_is_left_out(planted: PlantedTrigger) -> None:
    """A mark of the template, written as words, is read letter by letter."""
    target = planted.target(1)
    tokens = np.array([planted.trigger, (2, 40, 41), (5, 5, 5)])
    assert target.keeps(tokens).tolist() == [True, False, True]


@pytest.mark.parametrize("name", MAKERS)
def test_a_search_that_was_stopped_goes_on_to_the_same_bits(planted: PlantedTrigger, name: str) -> None:
    whole = MAKERS[name](planted.target(), 3)
    for _ in range(4):
        whole.step()
    cut: Optimiser = MAKERS[name](planted.target(), 3)
    for _ in range(4):
        state = {key: value.copy() for key, value in cut.state().items()}
        cut = MAKERS[name](planted.target(), 3)
        cut.load(state)
        cut.step()
    assert cut.best == whole.best
    ours, theirs = cut.state(), whole.state()
    assert ours.keys() == theirs.keys()
    assert all(ours[key].tobytes() == theirs[key].tobytes() for key in ours)


@pytest.mark.slow
def test_searches_find_the_trigger_more_often_than_chance(planted: PlantedTrigger) -> None:
    """Eight searches each, of as many forward passes; ``benches/python/softprompt.py`` records twenty of every way."""
    found = {name: [hunt(planted, name, seed) for seed in range(8)] for name in (CHANCE, "gcg", "pez")}
    assert all(one.spent <= BUDGET for runs in found.values() for one in runs)
    assert p_of(found["gcg"], found[CHANCE]) < 0.01 and p_of(found["pez"], found[CHANCE]) < 0.01
    assert p_of(found[CHANCE], found[CHANCE]) == 1.0
