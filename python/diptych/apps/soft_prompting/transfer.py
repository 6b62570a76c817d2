"""Prompts on pairs of models that they were not made for: a matrix, and whether each is specific to its own pair."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from diptych._types import FloatVector, Json, Progress
from diptych.apps.soft_prompting.evaluation import Gain, gain_of
from diptych.apps.soft_prompting.found import Form, Found, form_for, is_home
from diptych.apps.soft_prompting.sequences import Asking, Sides, apart
from diptych.apps.soft_prompting.specificity import Specificity, specificity
from diptych.data.prompts import Prompt
from diptych.errors import ConfigError
from diptych.models.prompted import PromptedModel
from diptych.models.registry import open_local
from diptych.stats.multiplicity import q_values

if TYPE_CHECKING:
    from diptych.models.providers.hf import HFModel


@dataclass(frozen=True, slots=True)
class Cell:
    """What one prompt does to one pair.

    Parameters
    ----------
    prompt, pair : their names
    form : what the pair reads of it
    is_home : whether it was made for this pair
    none, under : divergence without it and with it, in nats an answer, means over prompts of the file
    gain : the difference, with interval and p
    q_value : false discovery rate over all cells
    """

    prompt: str
    pair: str
    form: Form
    is_home: bool
    none: float
    under: float
    gain: Gain
    q_value: float = 1.0

    def as_json(self) -> Json:
        """As it stands in ``transfer.json``."""
        return asdict(self)


@dataclass(frozen=True)
class Transfer:
    """The matrix.

    Parameters
    ----------
    cells : prompt by prompt, each on every pair
    specific : by prompt, where it was tried on a pair of its own and on others
    gains : float64 (prompts of the file,), of every cell, in the order of their ids
    """

    cells: Sequence[Cell]
    specific: Mapping[str, Specificity]
    gains: Sequence[FloatVector]


def check_pairs(prompts: Sequence[Found], pairs: Sequence[tuple[str, str]], options: Json) -> None:
    """Refuse pairs that prompts cannot be tried on, before hours are spent on those that they can.

    Parameters
    ----------
    prompts : that are tried
    pairs : of names, ``hf/…``
    options : how models are loaded

    Raises
    ------
    ConfigError
        If a pair is named twice, or cannot be told apart token by token.
    DataError
        If a prompt does not fit a pair, in no form.
    ModelError
        If there is no such model.
    """
    if len(set(pairs)) < len(pairs):
        twice = next(pair for pair in pairs if pairs.count(pair) > 1)
        raise ConfigError(f"the pair {', '.join(twice)} is named twice")
    for names in pairs:
        with _opened(names, options) as models:
            for found in prompts:
                form_for(found, models)


def transfer(
    prompts: Mapping[str, Found],
    pairs: Sequence[tuple[str, str]],
    asked: Sequence[Prompt],
    *,
    options: Json,
    asking: Asking,
    progress: Progress,
) -> Transfer:
    """Try every prompt on every pair, one pair in memory at a time; see `check_pairs` first.

    Parameters
    ----------
    prompts : by name
    pairs : of names, ``hf/…``
    asked : prompts that are answered, new to all of them
    options : how models are loaded
    asking : how they answer
    progress : where it says how far it is
    """
    progress.start("prompts on pairs", (len(prompts) + 1) * len(pairs))
    cells, gains = [], []
    for names in pairs:
        with _opened(names, options) as models:
            for cell, gain in _row(prompts, models, asked, asking, progress):
                cells.append(cell)
                gains.append(gain)
    progress.finish()
    order = sorted(range(len(cells)), key=lambda i: list(prompts).index(cells[i].prompt))
    q = q_values(np.array([cell.gain.p_value for cell in cells]))
    judged = [replace(cells[i], q_value=float(q[i])) for i in order]
    return Transfer(judged, _specific(judged, [gains[i] for i in order], asking.seed), [gains[i] for i in order])


@contextmanager
def _opened(names: tuple[str, str], options: Json) -> Iterator[tuple[HFModel, HFModel]]:
    first, second = (open_local(name, options) for name in names)
    try:
        yield first, second
    finally:
        first.close()
        second.close()


def _row(
    prompts: Mapping[str, Found],
    models: tuple[HFModel, HFModel],
    asked: Sequence[Prompt],
    asking: Asking,
    progress: Progress,
) -> list[tuple[Cell, FloatVector]]:
    """Every prompt on one pair."""
    forms = {name: form_for(found, models) for name, found in prompts.items()}
    sides = Sides(models, (PromptedModel(models[0].load()), PromptedModel(models[1].load())))
    none = apart(sides, asked, asking)
    progress.advance()
    found = []
    for name, (own, form) in forms.items():
        under = apart(sides.under(own), asked, asking)
        gain = gain_of(none, under, seed=asking.seed)
        here = is_home(prompts[name], models)
        cell = Cell(name, pair_name(models), form, here, float(none.mean()), float(under.mean()), gain)
        found.append((cell, under - none))
        progress.advance()
    return found


def pair_name(models: tuple[HFModel, HFModel]) -> str:
    """What a pair is called.

    Parameters
    ----------
    models : both
    """
    return f"{models[0].name} and {models[1].name}"


def _specific(cells: Sequence[Cell], gains: Sequence[FloatVector], seed: int) -> dict[str, Specificity]:
    found = {}
    for name in dict.fromkeys(cell.prompt for cell in cells):
        rows = [(cell.is_home, gain) for cell, gain in zip(cells, gains, strict=True) if cell.prompt == name]
        own, others = ([gain for is_own, gain in rows if is_own == home] for home in (True, False))
        if own and others:
            found[name] = specificity(np.mean(own, axis=0), np.stack(others), seed=seed)
    return found
