"""The assistant of a search: opened before it, asked through a ledger in its folder."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from diptych.apps.soft_prompting.evolution import Evolution, EvolutionSettings
from diptych.apps.soft_prompting.optimiser import Optimiser
from diptych.apps.soft_prompting.rewriting import Rewriter
from diptych.comparison.folder import LEDGER
from diptych.comparison.readers import Reader
from diptych.errors import ConfigError
from diptych.models.interview import Interview
from diptych.models.ledger import Ledger
from diptych.models.prices import Estimate


@dataclass(frozen=True)
class Helper:
    """A model that rewrites words.

    Parameters
    ----------
    reader : the model, with its price
    settings : of the search by evolution
    max_cost : US dollars that its answers may cost in all; None for any amount
    command : that goes on with the search
    """

    reader: Reader
    settings: EvolutionSettings
    max_cost: float | None = None
    command: str | None = None

    def join(self, optimiser: Optimiser, folder: Path, stack: ExitStack, *, seed: int) -> None:
        """Let a search ask it.

        Parameters
        ----------
        optimiser : of the search
        folder : of the search, for the ledger
        stack : that closes the ledger
        seed : of the search

        Raises
        ------
        ConfigError
            If the search asks nobody.
        """
        if not isinstance(optimiser, Evolution):
            raise ConfigError(f"an assistant writes words for evolution; {type(optimiser).__name__} asks nobody")
        ledger = stack.enter_context(Ledger(folder / LEDGER, self.reader.config, self.command))
        assistant = self.reader.on(ledger, "assistant", max_cost=self.max_cost)
        optimiser.rewriter = Rewriter(Interview(assistant, self.settings.requests), seed)

    def estimate(self, n_tokens: int) -> Estimate:
        """What it takes at most.

        Parameters
        ----------
        n_tokens : of the words
        """
        return self.reader.estimate([(self.settings.requests, self.settings.n_shown * n_tokens * _CHARACTERS)])


_CHARACTERS = 8
"""Of a token, with the marks round a text."""
