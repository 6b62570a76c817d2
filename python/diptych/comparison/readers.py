"""Models that help to read a comparison, a labeller and a judge: opened, asked through a ledger, and what they take."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from diptych._types import Json, Progress
from diptych.clustering import contrasting, naming
from diptych.clustering.algorithms import number_of_clusters
from diptych.comparison import themes
from diptych.comparison.config import LABELLERS, CompareConfig
from diptych.comparison.folder import ledgers_beside
from diptych.comparison.lenses.contrasting import MAX_KINDS
from diptych.comparison.lenses.judge import MAX_SENTENCE, PAIRS_A_QUESTION
from diptych.comparison.lenses.regions import MAX_REPORTED
from diptych.comparison.measures import Readers
from diptych.comparison.named_models import ledger_path
from diptych.comparison.pairing import Table
from diptych.models.assistant import Assistant
from diptych.models.ledger import Ledger
from diptych.models.prices import Budget, Estimate, Price, estimate, sum_estimates
from diptych.models.registry import ModelSpec, find_model
from diptych.models.requests import Message, Model, Request, Sampling
from diptych.models.untrusted import MAX_CHARACTERS, orders_in

Role = Literal["labeller", "judge", "assistant"]
SAMPLING = Sampling(max_tokens=2_000)
"""How answers of readers are drawn: long enough for one that thinks first."""
_WORDS_OF_THE_QUESTION = 1_200
"""Characters of a question that are ours."""
_CONTRASTING = {"contrast": 1, "contrast_halves": 2}
"""Lenses that propose by two sides, and how often they do so."""
_SHOWN = 3


@dataclass(frozen=True)
class Reader:
    """An open model that helps to read.

    Parameters
    ----------
    model : that is asked
    price : of its tokens; None where it is not known
    """

    model: Model
    price: Price | None = None

    @classmethod
    def open(cls, spec: ModelSpec, max_cost: float | None = None) -> Self:
        """Open a model; ask nothing.

        Parameters
        ----------
        spec : which
        max_cost : US dollars; it takes a price

        Raises
        ------
        ConfigError
            If there is a limit and no price, or the model does not take our parameters.
        """
        Budget(spec.price, max_cost)
        model = spec.open()
        model.check(SAMPLING)
        return cls(model, spec.price)

    def on(
        self,
        ledger: Ledger,
        role: str,
        *,
        max_cost: float | None = None,
        progress: Progress | None = None,
        beside: tuple[Path, ...] = (),
    ) -> Assistant:
        """The model with the ledger of a run.

        Parameters
        ----------
        ledger : takes each answer
        role : what it does in the run
        max_cost : US dollars that all that stands in the ledger may cost
        progress : where it says how far it is
        beside : ledgers of other runs, whose answers are taken over
        """
        return Assistant(self.model, ledger, SAMPLING, self.price, max_cost, progress, beside, role)

    def estimate(self, counts: Sequence[tuple[int, float]]) -> Estimate:
        """What questions will take.

        Parameters
        ----------
        counts : how many questions, and characters of each besides our own
        """
        asked = [(Request((Message("user", "x" * int(size + _WORDS_OF_THE_QUESTION)),)), n) for n, size in counts]
        return sum_estimates([estimate([request] * n, SAMPLING, self.price) for request, n in asked])

    @property
    def config(self) -> Json:
        """All that changes its answers besides the questions."""
        return {
            "model": self.model.name,
            "identity": self.model.identity,
            "sampling": SAMPLING.model_dump(mode="json"),
        }


@dataclass(frozen=True)
class AskedReaders:
    """The readers of a run, before there is a ledger.

    Parameters
    ----------
    settings : of the comparison
    readers : by role; none where nobody is asked
    max_cost : US dollars that all answers in the ledger together may cost
    checks : questions to the assistant, at most, and characters of each
    """

    settings: CompareConfig
    readers: dict[Role, Reader]
    max_cost: float | None = None
    checks: tuple[tuple[int, float], ...] = ()

    @property
    def config(self) -> Json:
        """For the manifest, and for the ledger; empty where nobody is asked."""
        return {role: reader.config for role, reader in self.readers.items()}

    def on(self, ledger: Ledger, *, progress: Progress | None = None) -> Readers:
        """The readers with the ledger of a run, which takes over what runs in folders beside it were answered.

        Parameters
        ----------
        ledger : takes each answer
        progress : where it says how far it is
        """
        beside = ledgers_beside(ledger.path)
        assistants = {
            role: reader.on(ledger, role, max_cost=self.max_cost, progress=progress, beside=beside)
            for role, reader in self.readers.items()
        }
        return Readers(**assistants, n_pairs=self.settings.judge_pairs, n_sentences=self.settings.judge_sentences)

    @contextmanager
    def on_file(self, path: str | os.PathLike[str] | None, *, progress: Progress | None = None) -> Iterator[Readers]:
        """The readers with a ledger of their own, which is open until the block ends.

        Parameters
        ----------
        path : of the ledger; None for one that is thrown away
        progress : where it says how far it is
        """
        if not self.readers:
            yield Readers()
            return
        with ledger_path(path) as place, Ledger(place, self.config) as ledger:
            yield self.on(ledger, progress=progress)

    def expected(self, n_prompts: int, n_responses: int, n_characters: float) -> Iterator[tuple[Reader, Estimate]]:
        """What each reader will be asked, at most, as far as it can be told before anything is read.

        Parameters
        ----------
        n_prompts, n_responses : that are compared
        n_characters : of a prompt and a response together, in the mean
        """
        counts: dict[Role, list[tuple[int, float]]] = {role: [] for role in self.readers}
        if "assistant" in self.readers:
            counts["assistant"] += self.checks
        length = min(n_characters, 2.0 * MAX_CHARACTERS)
        if "labeller" in self.readers:
            n_clusters = number_of_clusters(n_responses) * ("clusters" in self.settings.lenses)
            n_kinds = n_clusters + MAX_REPORTED * ("regions" in self.settings.lenses)
            n_contrasts = 2 * min(n_clusters, themes.MAX_CONTRASTS)
            n_by_contrast = MAX_KINDS * sum(_CONTRASTING.get(name, 0) for name in self.settings.lenses)
            n_kinds += n_by_contrast
            n_texts = naming.N_TYPICAL + naming.N_BOUNDARY + naming.N_OUTSIDE
            counts["labeller"].append((n_kinds + 2 * n_clusters, n_texts * length))
            counts["labeller"].append((n_contrasts, 2 * contrasting.N_SHOWN * length))
            n_judged = (n_kinds + n_contrasts) * naming.N_HELD_OUT + 2 * n_clusters * themes.N_HELD_OUT
            judge: Role = "judge" if "judge" in self.readers else "labeller"
            counts[judge].append((4 * n_judged, length + 3 * naming.MAX_LABEL))
            if n_by_contrast:  # each response is judged by the names that were confirmed, all in one question
                counts[judge].append((n_responses, length + MAX_KINDS * naming.MAX_LABEL))
        if "judge" in self.settings.lenses and "judge" in self.readers:
            n_halves, share = (2, 1.0) if self.settings.cross_fit else (1, 1.0 - self.settings.discovery_fraction)
            n_pairs = min(self.settings.judge_pairs, n_prompts // 2)
            n_questions = n_halves * 2 * math.ceil(n_pairs / PAIRS_A_QUESTION)
            counts["judge"].append((n_questions, 2 * PAIRS_A_QUESTION * length))
            sentences = self.settings.judge_sentences * MAX_SENTENCE
            counts["judge"].append((math.ceil(share * n_responses), length + sentences))
        for role, reader in self.readers.items():
            yield reader, reader.estimate(counts[role])


@contextmanager
def readers_for(config: CompareConfig) -> Iterator[AskedReaders]:
    """The labeller and the judge that the settings name, open until the block ends; nothing is asked.

    Parameters
    ----------
    config : of the comparison

    Raises
    ------
    ConfigError
        If a name does not fit.
    """
    specs: dict[Role, ModelSpec] = {}
    if config.labeller not in LABELLERS:
        specs["labeller"] = find_model(config.labeller)
    if config.judge is not None:
        specs["judge"] = find_model(config.judge)
    with opened(config, specs) as asked:
        yield asked


@contextmanager
def opened(
    config: CompareConfig, specs: dict[Role, ModelSpec], max_cost: float | None = None
) -> Iterator[AskedReaders]:
    """Readers, open until the block ends; nothing is asked.

    Parameters
    ----------
    config : of the comparison
    specs : by role
    max_cost : US dollars that all answers in the ledger together may cost
    """
    readers: dict[Role, Reader] = {}
    with ExitStack() as stack:
        by_name: dict[str, Reader] = {}  # one that does both is opened once
        for role, spec in specs.items():
            if spec.name not in by_name:
                by_name[spec.name] = Reader.open(spec, max_cost)
                stack.callback(by_name[spec.name].model.close)
            readers[role] = by_name[spec.name]
        yield AskedReaders(config, readers, max_cost)


def orders_found(table: Table) -> list[str]:
    """A notice where responses look as if they gave orders to a model that reads them.

    Parameters
    ----------
    table : the responses
    """
    found = [row for row in table.rows if orders_in(row.response)]
    if not found:
        return []
    ids = list(dict.fromkeys(row.prompt_id for row in found))
    named = ", ".join(ids[:_SHOWN]) + (", …" if len(ids) > _SHOWN else "")
    return [
        f"{len(found)} of {len(table.rows)} responses look as if they gave orders to a model that reads them "
        f"(prompts {named}); they were judged like the others, each alone, and shown to no labeller"
    ]
