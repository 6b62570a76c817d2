"""A search for words, round by round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from diptych.apps.soft_prompting.archive import Archive
from diptych.apps.soft_prompting.optimiser import Optimiser
from diptych.apps.soft_prompting.target import Target
from diptych.errors import BudgetError, ConfigError


class Search:
    """A search that is under way: its optimiser, what it has spent, and the archive.

    Parameters
    ----------
    target : what is made large
    optimiser : that does it
    """

    def __init__(self, target: Target, optimiser: Optimiser) -> None:
        self.target, self.optimiser, self.archive = target, optimiser, Archive()
        self.spent: list[int] = []
        """Forward passes after each round."""
        self.best: list[float] = []
        """The greatest value after each round."""

    @property
    def n_rounds(self) -> int:
        """Rounds that are done."""
        return len(self.spent)

    def advance(self) -> bool:
        """Do a round, or find that there is nothing to be done: False then, and all is as before.

        Raises
        ------
        ConfigError
            If the budget does not even suffice for the first round.
        BudgetError
            If an assistant's answers cost more than they may.
        """
        if self.optimiser.is_over:
            return False
        try:
            self.optimiser.step()
        except BudgetError as error:
            if not self.target.is_spent:
                raise
            if not self.n_rounds:
                text = f"budget = {self.target.budget:,}: it does not suffice for a round: {error}. Give a greater one."
                raise ConfigError(text) from None
            return False
        self.archive.offer(self.target, self.target.take_seen())
        self.spent.append(self.target.spent)
        self.best.append(self.optimiser.best.value)
        return True

    def state(self) -> dict[str, Any]:
        """All that the next round depends on, as arrays."""
        parts = {"optimiser": self.optimiser.state(), "archive": self.archive.state()}
        found = {f"{part}.{name}": array for part, arrays in parts.items() for name, array in arrays.items()}
        return found | {"spent": np.array(self.spent, np.int64), "best": np.array(self.best, np.float64)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a state.

        Parameters
        ----------
        state : of `state`
        """
        for part, own in (("optimiser", self.optimiser), ("archive", self.archive)):
            own.load({name.removeprefix(f"{part}."): array for name, array in state.items() if name.startswith(part)})
        self.spent, self.best = state["spent"].tolist(), state["best"].tolist()
        self.target.spent = self.spent[-1]
