"""Every statement put to every model under every persona, through one ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from diptych._types import Progress
from diptych.apps.behavioural_clustering.config import APPLICATION, STATEMENT, ApproveConfig
from diptych.comparison.asked import take_over
from diptych.comparison.generated import Generation
from diptych.data import Responses
from diptych.data.catalogue import Persona, distinct_labels
from diptych.data.prompts import Prompt, Prompts
from diptych.data.statements import Statements
from diptych.models.ledger import Ledger
from diptych.models.prices import Estimate, Price
from diptych.models.requests import Model

LEDGER_CONFIG = {"application": APPLICATION}
"""A ledger of approvals takes any model, persona and statement: each request is kept under all that changes it."""


@dataclass(frozen=True)
class Asked:
    """A model, open, and the price of its tokens."""

    model: Model
    price: Price | None


@dataclass(frozen=True)
class Elicitation:
    """All that is to be asked.

    Parameters
    ----------
    config : of the run
    statements : that are asked about
    personas : that each model is asked under; their messages are sent as system prompts
    models : that are asked
    """

    config: ApproveConfig
    statements: Statements
    personas: tuple[Persona, ...]
    models: tuple[Asked, ...]

    @cached_property
    def generations(self) -> Mapping[tuple[int, int], Generation]:
        """What each model is asked under each persona, by their numbers."""
        return {
            (m, p): Generation(
                asked.model, self._prompts(persona), self.config.draws, self.config.sampling, asked.price
            )
            for m, asked in enumerate(self.models)
            for p, persona in enumerate(self.personas)
        }

    def _prompts(self, persona: Persona) -> Prompts:
        rows = tuple(
            Prompt(row.statement_id, self.config.question.replace(STATEMENT, row.text), persona.message)
            for row in self.statements.rows
        )
        return Prompts(rows, "statements", has_ids=True)

    def missing(self, path: Path) -> Iterator[tuple[Generation, Estimate]]:
        """What is still to be asked of each; writes nothing.

        Parameters
        ----------
        path : of the ledger, which need not be there
        """
        if not path.exists():
            yield from ((generation, generation.missing(None)) for generation in self.generations.values())
            return
        with Ledger(path, LEDGER_CONFIG) as ledger:
            yield from ((generation, generation.missing(ledger)) for generation in self.generations.values())

    def run(
        self, ledger: Ledger, *, progress: Progress | None, max_cost: float | None, max_failures: float | None
    ) -> dict[tuple[int, int], Responses]:
        """Ask what neither this ledger nor one of a run beside it holds.

        Parameters
        ----------
        ledger : takes each answer as it comes
        progress : where it says how far it is
        max_cost : US dollars that all answers of the ledger together may cost
        max_failures : requests of one model under one persona that may fail: a number, or a share

        Returns
        -------
        dict
            of responses, by the numbers of model and persona

        Raises
        ------
        BudgetError, ModelError, LedgerError, ConfigError
            As ``Generation.run`` does.
        """
        labels = distinct_labels(self.personas)
        arms = {(m, p): f"{self.models[m].model.name} as {labels[p]}" for m, p in self.generations}
        for place, generation in self.generations.items():
            generation.announce(ledger, arms[place])
            take_over(ledger, generation)
        return {
            place: generation.run(
                ledger, arm=arms[place], progress=progress, max_cost=max_cost, max_failures=max_failures
            )
            for place, generation in self.generations.items()
        }
