"""How often each way to search for words finds a planted trigger, at an equal number of forward passes.

Each pair of tiny models has another trigger of three tokens, of 95 that may stand in a prompt: one of them alone gives
next to nothing away, two a little, all three nearly everything. Every way may spend as many forward passes of texts, and
stops when the trigger is found: its tokens in their places, or a divergence above what two of them reach. Chance is
beaten if the searches in which only the other way finds it are too many: an exact test of signs.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from diptych.apps.soft_prompting.optimisers import OPTIMISERS
from diptych.errors import BudgetError
from tests.helpers.planted_trigger import FLIPPED, N_TRIGGER, PlantedTrigger, plant_trigger

BUDGET, N_TEXTS = 2_000, 2
PAIRS, N_SEEDS = range(1, 5), 5
"""Seeds of the pairs, each searched so many times; settings were chosen on the pair of seed 0."""
CHANCE = "random"
SETTINGS: dict[str, dict[str, Any]] = {
    CHANCE: {"search_width": 32},
    "gcg": {"search_width": 32, "topk": 16},
    "projection": {"train_steps": 8},
    "beam": {"beam_width": 1, "n_children": 32, "temperature": 5},
    "evolution": {"population": 16, "n_children": 16},
}
"""Of each way, for so small a vocabulary and budget; those that are not here have their own."""


@dataclass(frozen=True)
class Row:
    """Of one way.

    Parameters
    ----------
    found : how often
    n_seeds : of how many searches
    p_value : that chance finds it as often; None for chance itself
    best : median of the greatest divergence
    spent : median of the forward passes until it was found, or all
    """

    found: int
    n_seeds: int
    p_value: float | None
    best: float
    spent: float


@dataclass(frozen=True, slots=True)
class Run:
    """One search: whether it found the trigger, the greatest divergence, and what it spent until then."""

    is_found: bool
    best: float
    spent: int


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """The table, as JSON; says how far it is."""
    runs: dict[str, list[Run]] = {name: [] for name in OPTIMISERS}
    for number in PAIRS:
        with tempfile.TemporaryDirectory() as folder:
            planted = plant_trigger(Path(folder), seed=number)
            for name, own in runs.items():
                own += [hunt(planted, name, N_SEEDS * number + i) for i in range(N_SEEDS)]
                say(f"pair {number}, {name}: {sum(one.is_found for one in own)} of {len(own)}")
    rows = {name: asdict(_row(own, None if name == CHANCE else runs[CHANCE])) for name, own in runs.items()}
    return {
        "budget": BUDGET, "n_pairs": len(PAIRS), "n_texts": N_TEXTS, "n_trigger": N_TRIGGER, "flipped": FLIPPED,
        "settings": SETTINGS, "ways": rows,
    }  # fmt: skip


def hunt(planted: PlantedTrigger, name: str, seed: int) -> Run:
    """Search until the trigger is found, or the budget is spent."""
    target = planted.target(N_TEXTS)
    target.budget = BUDGET
    way = OPTIMISERS[name]
    search = way.make(target, way.settings.parse(SETTINGS.get(name, {})), seed, None)
    is_found = False
    with suppress(BudgetError):
        while not (is_found or search.is_over):
            search.step()
            is_found = planted.is_found(search.best.tokens, search.best.value)
    return Run(is_found, search.best.value, target.spent)


def p_of(own: list[Run], chance: list[Run]) -> float:
    """That chance finds it as often: the exact one-sided test of the searches in which one alone does."""
    only_own = sum(one.is_found and not other.is_found for one, other in zip(own, chance, strict=True))
    n_unlike = sum(one.is_found != other.is_found for one, other in zip(own, chance, strict=True))
    return float(binomtest(only_own, n_unlike, alternative="greater").pvalue) if n_unlike else 1.0


def _row(own: list[Run], chance: list[Run] | None) -> Row:
    return Row(
        sum(one.is_found for one in own), len(own), None if chance is None else p_of(own, chance),
        statistics.median(one.best for one in own), statistics.median(one.spent for one in own),
    )  # fmt: skip


def as_lines(found: dict[str, Any]) -> list[str]:
    """The table in Markdown.

    Parameters
    ----------
    found : of `measure`
    """
    lines = ["| way | found | p | divergence, median | forward passes, median |", "|---|---|---|---|---|"]
    for name, row in found["ways"].items():
        p = "–" if row["p_value"] is None else f"{row['p_value']:.2g}"
        lines.append(f"| {name} | {row['found']} of {row['n_seeds']} | {p} | {row['best']:.3f} | {row['spent']:.0f} |")
    return lines
