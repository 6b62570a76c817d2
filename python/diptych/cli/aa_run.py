"""A model against itself, with what a judge is asked on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from diptych.cli.console import note, progress_on_stderr, typed
from diptych.cli.costs import describe_embedding, describe_readers, spent_in_words
from diptych.comparison.aa import ToSplit, calibrate
from diptych.comparison.config import CompareConfig
from diptych.comparison.expected import Size
from diptych.comparison.false_alarms import AAResult
from diptych.comparison.folder import LEDGER, begin_folder, free_folder
from diptych.comparison.readers import AskedReaders
from diptych.errors import RunError
from diptych.models.ledger import Ledger, read_config
from diptych.models.spending import Purse
from diptych.utils.files import write_atomic, writing
from diptych.utils.names import slug
from diptych.utils.text import json_text, parse_json

RESULT = "aa.json"


@dataclass(frozen=True)
class AARun:
    """What was asked for.

    Parameters
    ----------
    responses : to split
    config : of every comparison
    splits : how many
    threads, cache_dir : as for ``diptych.comparison.aa.aa``
    readers : with the judge, if there is one
    out : folder that keeps answers and result; by default one under ``runs`` where there is a judge, else none
    """

    responses: ToSplit
    config: CompareConfig
    splits: int
    threads: int
    cache_dir: Path | None
    readers: AskedReaders
    out: Path | None

    def describe(self) -> Iterator[str]:
        """What would be done, for ``--dry-run``."""
        arm, folder = self.responses.arm, self._folder()
        size, config = Size.of(arm.rows), self.config
        dealt = "draws" if self.responses.by_draws else "prompts"
        yield f"{arm.source}: {size.n_prompts} prompts, {size.n_responses} responses; {dealt} against {dealt}"
        yield f"{self.splits} splits; lenses {', '.join(config.lenses)}"
        texts = [row.response for row in arm]
        asking = list(describe_embedding(config.embedder, config.embedder_args, texts, self.cache_dir))
        asking += describe_readers(self.readers.expected(*[size] * self.splits))
        yield from asking
        there = f"would write {folder}" if folder is not None else "would write nothing"
        yield there + ("" if asking else "; calls no model, costs nothing")

    def go(self) -> AAResult:
        """Split and compare, as often as was asked for."""
        folder = self._folder()
        with ExitStack() as stack:
            progress, ledger, found = stack.enter_context(progress_on_stderr()), None, None
            if folder is not None:
                self.readers.check_ready(folder / LEDGER)
                begin_folder(folder)
                if not self._is_ours(folder):
                    raise RunError(f"{folder} holds the result of another aa. Choose another --out.")
            if folder is not None and self.readers.readers:
                ledger = stack.enter_context(Ledger(folder / LEDGER, self.readers.config, typed()))
                found = self.readers.on(ledger, progress=progress)
            purse = Purse(self.readers.max_cost, ledger)
            result = calibrate(
                self.responses,
                self.config,
                splits=self.splits,
                threads=self.threads,
                cache_dir=self.cache_dir,
                progress=progress,
                readers=found,
                purse=purse,
            )
            if folder is not None:
                with writing(folder):
                    write_atomic(folder / RESULT, (json_text(result.as_json()) + "\n").encode())
            if ledger is not None or purse.spent().n_texts:
                note(f"asked in all: {spent_in_words(purse.spent())}")
        return result

    def _folder(self) -> Path | None:
        if self.out is not None or not self.readers.readers:
            return self.out
        name = slug(Path(self.responses.arm.source).name.split(".")[0], max_length=60)
        return free_folder(f"aa-{name}", self._is_ours)

    def _is_ours(self, place: Path) -> bool:
        """Whether a folder has answers of the same judge, and no result of other responses or settings."""
        if read_config(place / LEDGER) not in (None, self.readers.config):
            return False
        try:
            found = parse_json((place / RESULT).read_bytes())
        except FileNotFoundError:
            return True
        except (OSError, ValueError):
            return False
        wanted = {"source": self.responses.arm.source, "config": self.config.model_dump(mode="json")}
        return isinstance(found, dict) and {**found, **wanted} == found
