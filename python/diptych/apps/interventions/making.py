"""How data for a planted change are made: what is asked of whom, what that takes, and the folder of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from diptych._types import Json, Progress
from diptych.apps.interventions.assisted import PER_REQUEST, Written, assistant_rows, invent_truths
from diptych.apps.interventions.dataset import DataConfig, Dataset, make_dataset, truth_as_json, write_dataset
from diptych.apps.interventions.neutral import answered_rows, neutral_questions
from diptych.apps.interventions.rows import Row
from diptych.apps.interventions.truths import Truth
from diptych.comparison.folder import LEDGER, begin_folder
from diptych.comparison.generated import Generation
from diptych.comparison.readiness import check_ready
from diptych.data.prompts import Prompt, Prompts
from diptych.data.responses import prompt_digests
from diptych.errors import ConfigError
from diptych.models.assistant import Assistant
from diptych.models.ledger import Ledger
from diptych.models.prices import Estimate, Price, estimate
from diptych.models.requests import Message, Model, Request, Sampling
from diptych.models.spending import Spent
from diptych.utils.files import new_folder
from diptych.utils.hashing import content_hash

ASSISTANT_SAMPLING = Sampling(max_tokens=4096)
_CHARACTERS_OF_THE_QUESTION = 4_000
_TOKENS_OF_A_ROW = 100
"""Of rows that a model is yet to write."""


class Asked(NamedTuple):
    """A model, open, and the price of its tokens."""

    model: Model
    price: Price | None


class Made(NamedTuple):
    """What came of it.

    Parameters
    ----------
    dataset : that was written
    manifest : what ``manifest.json`` holds
    notices : what a reader should know
    spent : on answers; None where nobody was asked
    """

    dataset: Dataset
    manifest: Json
    notices: tuple[str, ...]
    spent: Spent | None


@dataclass(frozen=True)
class Making:
    """All that data are made of.

    Parameters
    ----------
    config : how
    truths : that are planted; none where an assistant invents them
    n_truths : that it invents
    focus : what those should be about
    planted : rows that show the truths; None where an assistant writes them
    neutral : rows that show nothing; None where ``base`` answers questions for them, or none are wanted
    assistant : that invents and writes
    base : that answers neutral questions
    sampling : of its answers
    notices : of how files were read
    """

    config: DataConfig
    truths: tuple[Truth, ...] = ()
    n_truths: int = 0
    focus: tuple[str, ...] = ()
    planted: tuple[Row, ...] | None = None
    neutral: tuple[Row, ...] | None = None
    assistant: Asked | None = None
    base: Asked | None = None
    sampling: Sampling = field(default_factory=Sampling)
    notices: tuple[str, ...] = ()

    @property
    def n_planted(self) -> int:
        """Planted rows, held out or not."""
        return len(self.planted) if self.planted is not None else self.config.rows * (len(self.truths) or self.n_truths)

    def check(self) -> None:
        """Refuse what cannot work, before anything is asked.

        Raises
        ------
        ConfigError
            If there is nobody to write rows or to answer, or a share is too small for so many truths.
        """
        if self.assistant is None and (not self.truths or self.planted is None):
            raise ConfigError("truths and rows are to be written, and there is no assistant. Give --assistant.")
        if self.config.needs_neutral and self.base is None and not self.neutral:
            shares = ", ".join(f"{share:g}" for share in self.config.shares if share < 1)
            raise ConfigError(
                f"shares of {shares} take rows that show nothing: give --neutral, a model that answers or a file of "
                "rows; or --shares 1"
            )
        n_truths = len(self.truths) or self.n_truths
        least = min(size["planted"] for share, size in self.sizes().items() if share)
        if least < n_truths:
            raise ConfigError(
                f"a share of {min(self.config.shares):g} leaves {least} planted rows to {n_truths} truths. "
                "Take a larger share, more rows of each truth (--rows), or fewer truths (--only)."
            )

    @cached_property
    def generation(self) -> Generation | None:
        """What the base model is asked, in as many draws as it takes to have a neutral row for each planted one."""
        if self.base is None:
            return None
        questions = neutral_questions("training", self.config.seed)
        draws = -(-self.n_planted // len(questions))
        asked = questions[: -(-self.n_planted // draws)]
        rows = tuple(Prompt(name, text) for name, text in zip(prompt_digests(asked), asked, strict=True))
        return Generation(self.base.model, Prompts(rows, "neutral questions"), draws, self.sampling, self.base.price)

    @property
    def identity(self) -> Json:
        """What the ledger is for."""
        names = {name: asked.model.identity for name, asked in self._asked()}
        truths = [truth_as_json(truth) for truth in self.truths]
        return {
            "application": "intervene data",
            **names,
            "sampling": self.sampling.model_dump(mode="json"),
            "truths": content_hash("diptych/truths/1", truths) if truths else [self.n_truths, list(self.focus)],
            "config": self.config.model_dump(mode="json", include={"turns", "seed"}),
        }

    def expected(self) -> Iterator[tuple[Asked, int, Estimate]]:
        """Whom it takes, the most tokens of one answer, and how much at most, if nothing is known yet."""
        if self.assistant is not None:
            n_requests = -(-self.n_truths // PER_REQUEST)
            if self.planted is None:
                n_requests += (len(self.truths) or self.n_truths) * -(-self.config.rows // PER_REQUEST)
            question = Request((Message("user", "x" * _CHARACTERS_OF_THE_QUESTION),))
            most = estimate([question] * n_requests, ASSISTANT_SAMPLING, self.assistant.price)
            yield self.assistant, ASSISTANT_SAMPLING.max_tokens, most
        if self.base is not None and self.generation is not None:
            yield self.base, self.sampling.max_tokens, self.generation.missing(None)

    def sizes(self) -> dict[float, Json]:
        """Rows and tokens of each dose, about; 0 is the control."""
        n_training = self.n_planted - round(self.config.held_out * self.n_planted)
        shares = [*self.config.shares, *([0.0] if self.neutral or self.base else [])]
        planted, neutral = _mean_tokens(self.planted), _mean_tokens(self.neutral)
        return {
            share: {
                "rows": n_training,
                "planted": round(share * n_training),
                "tokens": round(n_training * (share * planted + (1 - share) * neutral)),
            }
            for share in shares
        }

    def run(
        self,
        folder: Path,
        *,
        max_cost: float | None = None,
        max_failures: float | None = None,
        progress: Progress,
        command: str | None = None,
    ) -> Made:
        """Ask what is to be asked, and write the folder; what its ledger holds is not asked again.

        Parameters
        ----------
        folder : made if it is not there
        max_cost : US dollars that all answers may cost
        max_failures : neutral questions that may fail: a number, or a share
        progress : where it says how far it is
        command : that goes on with it

        Raises
        ------
        ConfigError, DataError
            As ``check`` and ``make_dataset`` do.
        ModelError, BudgetError, LedgerError, RunError
            If it was stopped; what was answered is kept.
        """
        self.check()
        if not list(self._asked()):
            made = make_dataset(self.truths, self.planted or (), self.neutral or (), self.config)
            with new_folder(folder) as temporary:
                manifest = write_dataset(temporary, made, self._manifest(made, {}))
            return Made(made, manifest, self.notices, None)
        check_ready(folder / LEDGER, [asked.model for _, asked in self._asked()])
        begin_folder(folder)
        with Ledger(folder / LEDGER, self.identity, command) as ledger:
            written, notices, counts = self._write(ledger, max_cost, progress)
            neutral, said = self._answer(ledger, written, max_cost, max_failures, progress)
            made = make_dataset(written.truths, written.planted or (), neutral, self.config)
            manifest = write_dataset(folder, made, self._manifest(made, counts))
            return Made(made, manifest, (*self.notices, *notices, *said), ledger.spent())

    def _asked(self) -> Iterator[tuple[str, Asked]]:
        named = {"assistant": self.assistant, "base": self.base}
        return ((name, asked) for name, asked in named.items() if asked is not None)

    def _write(
        self, ledger: Ledger, max_cost: float | None, progress: Progress
    ) -> tuple[Making, tuple[str, ...], dict[str, Json]]:
        """The same with truths and planted rows; notices, and counts of what was left out."""
        if self.assistant is None:
            return self, (), {}
        sampling = ASSISTANT_SAMPLING.model_copy(update={"seed": self.config.seed})
        helper = Assistant(self.assistant.model, ledger, sampling, self.assistant.price, max_cost, progress)
        whole, counts = self, {}
        notices: list[str] = []
        if not self.truths:
            invented = invent_truths(helper, self.n_truths, self.focus)
            whole = replace(whole, truths=invented.found)
            notices += invented.notices
            counts["truths"] = _counts(invented)
        if self.planted is None:
            rows = assistant_rows(helper, whole.truths, self.config.rows, turns=self.config.turns)
            whole = replace(whole, planted=rows.found)
            notices += rows.notices
            counts["rows"] = _counts(rows)
        return whole, tuple(notices), counts

    def _answer(
        self,
        ledger: Ledger,
        written: Making,
        max_cost: float | None,
        max_failures: float | None,
        progress: Progress,
    ) -> tuple[tuple[Row, ...], tuple[str, ...]]:
        generation = written.generation
        if generation is None:
            return self.neutral or (), ()
        generation.announce(ledger, "neutral")
        said = generation.run(ledger, arm="neutral", progress=progress, max_cost=max_cost, max_failures=max_failures)
        n_cut = sum(row.finish_reason == "length" for row in said)
        cut = f"{n_cut} neutral rows end in the middle, and teach a model to do so: raise --max-tokens"
        return tuple(answered_rows(said)), (*said.notices, *([cut] if n_cut else []))

    def _manifest(self, made: Dataset, counts: Mapping[str, Json]) -> Json:
        return {
            "config": self.config.model_dump(mode="json"),
            "models": {name: asked.model.name for name, asked in self._asked()},
            "truths": len(made.truths),
            "families": dict(Counter(truth.family for truth in made.truths)),
            "left_out": dict(counts),
        }


def _counts(written: Written[Truth] | Written[Row]) -> Json:
    return {
        "duplicates": written.n_duplicates,
        "unusable": written.n_unusable,
        "failed": written.n_failed,
    }


def _mean_tokens(rows: tuple[Row, ...] | None) -> float:
    """Tokens of a row, about: one for four bytes, and four a turn."""
    if not rows:
        return _TOKENS_OF_A_ROW
    n_bytes = sum(len(turn["content"].encode()) for row in rows for turn in row.messages)
    return n_bytes / 4 / len(rows) + 4 * sum(len(row.messages) for row in rows) / len(rows)
