"""Models that help to read a comparison, a labeller and a judge: opened, asked through a ledger, and what they take."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from diptych._types import Json, Progress
from diptych.comparison.config import LABELLERS, CompareConfig
from diptych.comparison.expected import Size, of_comparison, of_joint_table, verdicts_of
from diptych.comparison.folder import ledgers_beside
from diptych.comparison.measures import Readers, Role
from diptych.comparison.named_models import ledger_path
from diptych.comparison.pairing import Table
from diptych.comparison.readiness import check_ready
from diptych.models.assistant import Assistant
from diptych.models.ledger import Ledger
from diptych.models.prices import Budget, Estimate, Price, estimate, sum_estimates
from diptych.models.registry import ModelSpec, find_model
from diptych.models.requests import Message, Model, Request, Sampling
from diptych.models.untrusted import orders_in

SAMPLING = Sampling(max_tokens=2_000)
"""How answers of readers are drawn: long enough for one that thinks first."""
FURTHER = "judge "
"""Further judges have this role, and a number from 2."""
_WORDS_OF_THE_QUESTION = 1_200
"""Characters of a question that are ours."""
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
    panel : further judges
    """

    settings: CompareConfig
    readers: dict[Role, Reader]
    max_cost: float | None = None
    checks: tuple[tuple[int, float], ...] = ()
    panel: tuple[Reader, ...] = ()

    @property
    def config(self) -> Json:
        """For the manifest, and for the ledger; empty where nobody is asked."""
        others = {f"{FURTHER}{number}": reader for number, reader in enumerate(self.panel, start=2)}
        return {role: reader.config for role, reader in (self.readers | others).items()}

    def check_ready(self, ledger: Path, arms: Sequence[Model] = ()) -> None:
        """Refuse a run that would stop for want of a key, a library or weights after it has paid for answers.

        Parameters
        ----------
        ledger : file of the run's, which need not be there
        arms : models that are asked first; where there are any, texts to embed and to score are yet to come

        Raises
        ------
        MissingExtraError, ModelError
            As ``readiness.check_ready`` does, and as models of the lens ``likelihood`` do where they are opened.
        """
        settings = self.settings
        is_embedded = arms and settings.embeddings is None and settings.embedding_field is None
        readers = [reader.model for reader in (*self.readers.values(), *self.panel)]
        check_ready(ledger, [*arms, *readers], settings if is_embedded else None)
        for name in settings.likelihood_models if arms else ():
            find_model(name).open().close()

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
        panel = tuple(
            reader.on(ledger, f"{FURTHER}{number}", max_cost=self.max_cost, progress=progress, beside=beside)
            for number, reader in enumerate(self.panel, start=2)
        )
        settings = self.settings
        return Readers(**assistants, n_pairs=settings.judge_pairs, n_sentences=settings.judge_sentences, panel=panel)

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
        with ledger_path(path) as place:
            self.check_ready(place)
            with Ledger(place, self.config) as ledger:
                yield self.on(ledger, progress=progress)

    def expected(self, *sizes: Size, joint: Size | None = None) -> Iterator[tuple[Reader, Estimate]]:
        """What each reader will be asked, at most, as far as it can be told before anything is read.

        Parameters
        ----------
        joint : of all arms, where there is a table of clusters over several
        *sizes : of each comparison
        """
        who = {"has_labeller": "labeller" in self.readers, "has_judge": "judge" in self.readers}
        parts = [of_comparison(self.settings, size, **who) for size in sizes]
        if joint is not None:
            parts.append(of_joint_table(self.settings, joint, **who))
        for role, reader in self.readers.items():
            asked = [(one.n, one.n_characters) for part in parts for one in part.get(role, ())]
            asked += self.checks if role == "assistant" else ()
            yield reader, reader.estimate(asked)
        for reader in self.panel:
            judged = [one for size in sizes for one in verdicts_of(self.settings, size)]
            yield reader, reader.estimate([(one.n, one.n_characters) for one in judged])


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
    with opened(config, specs, panel=[find_model(name) for name in config.other_judges]) as asked:
        yield asked


@contextmanager
def opened(
    config: CompareConfig, specs: dict[Role, ModelSpec], max_cost: float | None = None, panel: Sequence[ModelSpec] = ()
) -> Iterator[AskedReaders]:
    """Readers, open until the block ends; nothing is asked.

    Parameters
    ----------
    config : of the comparison
    specs : by role
    max_cost : US dollars that all answers in the ledger together may cost
    panel : further judges
    """
    with ExitStack() as stack:
        by_name: dict[str, Reader] = {}  # one that does both is opened once
        for spec in (*specs.values(), *panel):
            if spec.name not in by_name:
                by_name[spec.name] = Reader.open(spec, max_cost)
                stack.callback(by_name[spec.name].model.close)
        readers = {role: by_name[spec.name] for role, spec in specs.items()}
        yield AskedReaders(config, readers, max_cost, panel=tuple(by_name[spec.name] for spec in panel))


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
