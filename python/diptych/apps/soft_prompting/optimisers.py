"""The ways to search for words, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from diptych._types import Tokens
from diptych.apps.soft_prompting.beam import Beam, BeamSettings
from diptych.apps.soft_prompting.evolution import Evolution, EvolutionSettings
from diptych.apps.soft_prompting.gcg import Gcg, GcgSettings
from diptych.apps.soft_prompting.optimiser import Optimiser
from diptych.apps.soft_prompting.pez import Pez, PezSettings
from diptych.apps.soft_prompting.projection import Projection, ProjectionSettings
from diptych.apps.soft_prompting.random_search import RandomSearch, RandomSettings
from diptych.apps.soft_prompting.simplex import Simplex, SimplexSettings
from diptych.apps.soft_prompting.target import Target
from diptych.config import Settings


@dataclass(frozen=True, slots=True)
class Way:
    """A way to search.

    Parameters
    ----------
    settings : what can be set
    make : from a target, settings, a seed, and tokens to start from or None
    """

    settings: type[Settings]
    make: Callable[[Target, Any, int, Tokens | None], Optimiser]


OPTIMISERS = {
    "random": Way(RandomSettings, RandomSearch),
    "gcg": Way(GcgSettings, Gcg),
    "pez": Way(PezSettings, Pez),
    "simplex": Way(SimplexSettings, Simplex),
    "projection": Way(ProjectionSettings, Projection),
    "beam": Way(BeamSettings, Beam),
    "evolution": Way(EvolutionSettings, Evolution),
}
