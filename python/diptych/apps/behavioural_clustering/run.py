"""A run of approvals from its settings to its documents: ask, read, cluster, test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from diptych._types import Json, Progress
from diptych.apps.behavioural_clustering.approvals import Approvals
from diptych.apps.behavioural_clustering.asking import LEDGER_CONFIG, Asked, Elicitation
from diptych.apps.behavioural_clustering.clusters import Clusters, cluster_statements
from diptych.apps.behavioural_clustering.config import APPLICATION, ApproveConfig
from diptych.apps.behavioural_clustering.contrasts import Found, compare_arms
from diptych.apps.behavioural_clustering.reading import read_answers
from diptych.apps.behavioural_clustering.tables import PersonaPair, persona_pairs
from diptych.apps.behavioural_clustering.tree import ApprovalTree
from diptych.apps.behavioural_clustering.writeup import Writeup, write_up
from diptych.comparison.folder import LEDGER, begin_folder, ledgers_beside
from diptych.comparison.manifest import describe_manifest
from diptych.comparison.readers import Reader
from diptych.comparison.readiness import check_ready
from diptych.data.catalogue import Catalogue
from diptych.data.statements import Statements, load_statements
from diptych.errors import ConfigError
from diptych.models.ledger import Ledger
from diptych.models.spending import Purse, Spent
from diptych.utils.hashing import content_hash


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    Parameters
    ----------
    manifest : inputs with hashes, settings, versions
    approvals : every answer, read
    clusters : of the statements
    tree : over the clusters
    found : every tested difference
    pairs : of personas
    notices : what a reader should know
    writeup : of the disagreements; None where nobody was asked for it
    spent : on answers and vectors, by all commands of the run
    """

    manifest: Json
    approvals: Approvals
    clusters: Clusters
    tree: ApprovalTree
    found: tuple[Found, ...]
    pairs: tuple[PersonaPair, ...]
    notices: tuple[str, ...]
    writeup: Writeup | None = None
    spent: Spent = field(default_factory=Spent)


@dataclass(frozen=True)
class ApproveRun:
    """Statements, personas and open models, before anything is asked.

    Parameters
    ----------
    config : of the run
    statements : that models are asked about
    catalogue : the personas that are used, with the task filled in
    models : that are asked
    helpers : the models of ``config.helpers``, open
    """

    config: ApproveConfig
    statements: Statements
    catalogue: Catalogue
    models: tuple[Asked, ...]
    helpers: Mapping[str, Reader] = field(default_factory=dict)

    @classmethod
    def prepare(
        cls,
        config: ApproveConfig,
        models: Sequence[Asked],
        *,
        helpers: Mapping[str, Reader] | None = None,
        threads: int = 1,
    ) -> ApproveRun:
        """Read statements and catalogue; ask nothing.

        Parameters
        ----------
        config : of the run
        models : those that ``config.models`` names, open
        helpers : those of ``config.helpers``
        threads : for parsing

        Raises
        ------
        DataError, ConfigError
            If a file or a setting does not fit.
        """
        catalogue = Catalogue.load(config.catalogue).choose(config.sections, task=config.task)
        statements = load_statements(
            config.statements, max_chars=config.max_chars, limit=config.limit, seed=config.seed, threads=threads
        )
        if config.n_clusters is not None and config.n_clusters > len(statements):
            raise ConfigError(
                f"n_clusters = {config.n_clusters}: there are {len(statements)} statements; ask for at most as many"
            )
        return cls(config, statements, catalogue, tuple(models), helpers or {})

    @property
    def elicitation(self) -> Elicitation:
        """All that is to be asked."""
        return Elicitation(self.config, self.statements, self.catalogue.personas, self.models)

    def manifest(self) -> Json:
        """Inputs with hashes, settings, versions, and the identity of the run, which is not where files lie."""
        personas = [[one.section, one.label, one.message] for one in self.catalogue.personas]
        inputs: list[Json] = [
            {"source": ", ".join(self.config.statements), "sha256": self.statements.digest, "n": len(self.statements)},
            {"source": self.catalogue.source, "sha256": content_hash("diptych/catalogue/1", personas)},
        ]
        asked: Json = {
            "models": [{"name": one.model.name, "identity": one.model.identity} for one in self.models],
            "helpers": {role: one.config for role, one in self.helpers.items()},
        }
        settings = self.config.model_dump(mode="json")
        covered = {name: value for name, value in settings.items() if name not in ("statements", "catalogue")}
        identity = {"inputs": [one["sha256"] for one in inputs], "config": covered, **asked}
        files = [{"path": one.path, "n": one.n_statements, "left_out": one.reason} for one in self.statements.files]
        shown = [{"section": section, "label": label, "message": message} for section, label, message in personas]
        extra = {"application": APPLICATION, **asked, "personas": shown, "files": files}
        seeds = {"approve": self.config.seed, "sampling": self.config.sampling_seed}
        return describe_manifest(inputs, settings, identity, seeds=seeds, more=extra)

    def run(
        self,
        folder: Path,
        *,
        cache_dir: Path | None = None,
        threads: int = 1,
        progress: Progress,
        max_cost: float | None = None,
        max_failures: float | None = None,
        command: str | None = None,
    ) -> Outcome:
        """Ask what the ledger in the folder lacks, read every answer, cluster the statements, test.

        Parameters
        ----------
        folder : of the run; its ledger is made there before anything else
        cache_dir : where vectors are kept from run to run
        threads, progress : no result depends on them
        max_cost, max_failures : as for ``Elicitation.run``
        command : that is running, for ``diptych status`` and the manifest

        Raises
        ------
        RunError
            If the folder holds something else; see ``Elicitation.run`` for the rest.
        """
        asked = [*(one.model for one in self.models), *(one.model for one in self.helpers.values())]
        check_ready(folder / LEDGER, asked, self.config)
        begin_folder(folder)
        with Ledger(folder / LEDGER, LEDGER_CONFIG, command) as ledger:
            responses = self.elicitation.run(ledger, progress=progress, max_cost=max_cost, max_failures=max_failures)
            beside = ledgers_beside(ledger.path)
            helpers = {
                role: one.on(ledger, role, max_cost=max_cost, progress=progress, beside=beside)
                for role, one in self.helpers.items()
            }
            reading = read_answers(helpers.get("reader"), responses, self.config)
            names, personas = [asked.model.name for asked in self.models], self.catalogue.personas
            approvals = Approvals.read(self.statements, names, personas, self.config.draws, responses, reading)
            writeup = write_up(helpers["writer"], approvals) if "writer" in helpers else None
            clusters = cluster_statements(
                self.statements,
                self.config,
                cache_dir=cache_dir,
                threads=threads,
                progress=progress,
                labeller=helpers.get("labeller"),
                judge=helpers.get("judge"),
                purse=Purse(max_cost, ledger),
            )
            spent = ledger.spent()
        found = compare_arms(
            approvals, clusters.labels, clusters.themes, config=self.config, threads=threads, progress=progress
        )
        notices = dict.fromkeys(
            [*self.statements.notices, *(notice for one in responses.values() for notice in one.notices)]
        )
        if reading.n_read:
            notices[f"{reading.n_read} answers without a clear yes or no were read by {self.config.reader}"] = None
        readers = (one for role, one in helpers.items() if role != "writer")
        notices |= dict.fromkeys(notice for one in readers for notice in one.notices())
        notices |= dict.fromkeys([*clusters.notices, *(writeup.notices(self.config.writer or "") if writeup else ())])
        return Outcome(
            manifest={**self.manifest(), "command": command},
            approvals=approvals,
            clusters=clusters,
            tree=ApprovalTree.grow(clusters, approvals),
            found=tuple(found),
            pairs=tuple(persona_pairs(approvals)),
            notices=tuple(notices),
            writeup=writeup,
            spent=spent,
        )
