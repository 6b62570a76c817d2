"""Arms that are models: asked into the ledger of the run's folder, then compared as any other."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from diptych._types import Json, Progress
from diptych.comparison.folder import LEDGER, begin_folder, free_place, ledgers_beside
from diptych.comparison.generated import Generation
from diptych.data import Responses
from diptych.errors import ConfigError
from diptych.models.ledger import Ledger, read_config
from diptych.models.prices import Estimate
from diptych.models.recorded import RecordedModel
from diptych.utils.names import slug
from diptych.utils.text import parse_json

_SUSPICIOUS = 0.01


@dataclass(frozen=True)
class AskedArms:
    """The arms of a comparison that are models; none where only models are asked that help to read.

    Parameters
    ----------
    generations : what each of them is asked, by ``"a"`` and ``"b"``
    folder : of the run; its ledger is made there before anything else
    readers : what the ledger is for besides: models that help to read, as they stand in the manifest

    Raises
    ------
    ConfigError
        If both are the same model, asked the same in the same way.
    """

    generations: Mapping[str, Generation]
    folder: Path
    readers: Json = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.generations) == 2 and self.generations["a"].config == self.generations["b"].config:
            raise ConfigError(
                f"both arms are {self.generations['a'].model.name}, asked the same in the same way.\n"
                "Change something about one, such as --system-b; or ask once and see diptych aa."
            )

    @property
    def config(self) -> Json:
        """What the ledger is for."""
        return {**{arm: generation.config for arm, generation in self.generations.items()}, **self.readers}

    def missing(self) -> Iterator[tuple[Generation, Estimate]]:
        """What is still to be asked; writes nothing."""
        known = self.folder / LEDGER
        if not known.exists():
            yield from ((generation, generation.missing(None)) for generation in self.generations.values())
            return
        with Ledger(known, self.config) as ledger:
            yield from ((generation, generation.missing(ledger)) for generation in self.generations.values())

    def open(self, command: str | None = None) -> Ledger:
        """The ledger of the run, in its folder; while it is open, no other process can work there.

        Parameters
        ----------
        command : as for ``Ledger``

        Raises
        ------
        RunError
            If the folder holds something else; see ``Ledger`` for the rest.
        """
        begin_folder(self.folder)
        return Ledger(self.folder / LEDGER, self.config, command)

    def run(
        self,
        ledger: Ledger,
        *,
        progress: Progress | None = None,
        max_cost: float | None = None,
        max_failures: float | None = None,
    ) -> dict[str, Responses]:
        """Ask what neither this run nor one in a folder beside it has been answered.

        Parameters
        ----------
        ledger : of the run
        progress : where it says how far it is
        max_cost : US dollars that all answers of this run together may cost
        max_failures : requests of one arm that may fail: a number, or a share; None for any number

        Returns
        -------
        dict of Responses
            by ``"a"`` and ``"b"``

        Raises
        ------
        ConfigError, BudgetError, ModelError, LedgerError
            As ``Generation.run``.
        """
        for arm, generation in self.generations.items():
            generation.announce(ledger, arm)
            take_over(ledger, generation)
        found = {
            arm: generation.run(ledger, arm=arm, progress=progress, max_cost=max_cost, max_failures=max_failures)
            for arm, generation in self.generations.items()
        }
        return {arm: responses.with_notices(self._drop_out(found)) for arm, responses in found.items()}

    def _drop_out(self, found: Mapping[str, Responses]) -> list[str]:
        """Whether one arm lacks more answers than the other: then what is compared may be a selection."""
        if len(found) < 2:
            return []
        from scipy.stats import fisher_exact

        there = [len(found[arm]) for arm in ("a", "b")]
        wanted = [len(self.generations[arm].asked) * self.generations[arm].draws for arm in ("a", "b")]
        table = [[there[0], wanted[0] - there[0]], [there[1], wanted[1] - there[1]]]
        p_value = float(fisher_exact(np.array(table)).pvalue)
        if p_value >= _SUSPICIOUS:
            return []
        missing = " and ".join(
            f"{table[i][1]} of {wanted[i]} answers of {self.generations[arm].model.name}" for i, arm in enumerate("ab")
        )
        return [f"{missing} are missing, more than chance gives (p {p_value:.2g}): what is left may be a selection"]


def take_over(ledger: Ledger, generation: Generation) -> None:
    """Take the answers that a run in a folder beside this one paid for; warns that there are some.

    A recorded model takes none: what failed in its run fails again.

    Parameters
    ----------
    ledger : of a run's folder; it lacks some answers
    generation : what they are answers to
    """
    if isinstance(generation.model, RecordedModel):
        return
    keys = generation.keys()
    for other in ledgers_beside(ledger.path):
        known = ledger.replies(keys)
        missing = [key for key in keys if key not in known]
        if missing and (n := ledger.take_over(other, missing)):
            taken = f"{n} answers of {generation.model.name} were taken over from {other.parent.name}"
            warnings.warn(taken, stacklevel=2)


def folder_for(config: Json, settings: Json, names: tuple[str, str]) -> Path:
    """``runs/A-vs-B``, or with a number when another run lies there.

    Parameters
    ----------
    config : what the models of the run are asked
    settings : of the comparison
    names : of the arms
    """
    a, b = (slug(name, max_length=60) for name in names)
    return fork_of(Path("runs") / f"{a}-vs-{b}", config, settings)


def fork_of(folder: Path, config: Json, settings: Json) -> Path:
    """A folder, or one beside it with a number when another run lies there; it takes over what answers still apply.

    Parameters
    ----------
    folder : that was wanted
    config, settings : as for ``folder_for``
    """

    def is_ours(place: Path) -> bool:
        return read_config(place / LEDGER) == config and _settings_of(place) in (None, settings)

    return free_place(folder, is_ours)


def _settings_of(folder: Path) -> Json | None:
    """Of a run that is complete; None where it is not."""
    try:
        found: Json = parse_json((folder / "manifest.json").read_bytes())["config"]
        return found
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return {}
