"""An investigation from its settings to its end: the models, the ledger, the loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from diptych import __version__
from diptych._types import Json, Progress
from diptych.apps.interventions.investigation.asking import Investigator, Move
from diptych.apps.interventions.investigation.config import InvestigationConfig
from diptych.apps.interventions.investigation.instructions import Told
from diptych.apps.interventions.investigation.loop import Investigated, Investigation
from diptych.apps.interventions.investigation.sides import BlindPair, Side
from diptych.comparison.folder import LEDGER, begin_folder
from diptych.comparison.readers import FURTHER, SAMPLING, Reader
from diptych.comparison.readiness import check_ready
from diptych.data.prompts import Prompts
from diptych.errors import BudgetError, ConfigError, ModelError
from diptych.models.assistant import Assistant
from diptych.models.interview import Interview
from diptych.models.ledger import Ledger
from diptych.models.prices import Estimate, estimate
from diptych.models.requests import Message, Request
from diptych.models.spending import Spent
from diptych.models.structured import strict_schema
from diptych.utils.hashing import content_hash, hex_digests

_WORDS_OF_THE_QUESTION = 5_000
"""Characters of a question to the assistant that are ours."""
_CHARACTERS_A_PROMPT = 300
_CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True)
class Outcome:
    """An investigation that is over.

    Parameters
    ----------
    found : what the loop gave
    interactions : every question to the assistant, and its answer
    notices : what a reader should know
    manifest : models, settings, versions
    spent : what all of it took
    """

    found: Investigated
    interactions: tuple[Json, ...]
    notices: tuple[str, ...]
    manifest: Json
    spent: Spent


@dataclass(frozen=True)
class Inquiry:
    """All that an investigation needs; nothing is asked yet.

    Parameters
    ----------
    a, b : the model before, and after
    assistant : looks for differences
    judges : say of single answers whether a criterion holds, of several the mean; may be the assistant
    config : of the investigation
    told : what the assistant is told
    prompts : of the user's, to look at and to test on; None for none, so that the assistant writes all
    """

    a: Side
    b: Side
    assistant: Reader
    judges: tuple[Reader, ...]
    config: InvestigationConfig
    told: Told
    prompts: Prompts | None = None

    def check(self) -> None:
        """Refuse what cannot work, before anything is asked.

        Raises
        ------
        ConfigError
            If a model does not take its sampling, or no hypothesis could have prompts.
        """
        for side in (self.a, self.b):
            side.model.check(side.sampling)
        if self.prompts is None and self.config.written < self.config.test_prompts:
            raise ConfigError(
                f"there is no file of prompts, and of the {self.config.test_prompts} prompts of a test the assistant "
                f"writes {self.config.written}: give --prompts, or --written {self.config.test_prompts}"
            )

    @property
    def bank(self) -> list[str]:
        """The user's prompts, in an order that hangs on the seed alone."""
        texts = [] if self.prompts is None else [row.text for row in self.prompts.rows]
        digests = hex_digests("diptych/bank/1", [[str(self.config.seed)] * len(texts), texts])
        return [text for _, text in sorted(zip(digests, texts, strict=True))]

    @property
    def identity(self) -> Json:
        """What the ledger is for; one with more rounds goes on with it."""
        return {
            "application": "intervene investigate",
            "a": self.a.identity,
            "b": self.b.identity,
            "assistant": self.assistant.config,
            "judges": [judge.config for judge in self.judges],
            "config": self.config.identity,
            "told": content_hash("diptych/told/1", self.told.model_dump(mode="json")),
            "prompts": None if self.prompts is None else self.prompts.digest,
        }

    @property
    def is_control(self) -> bool:
        """Whether both are one model, so that nothing can differ."""
        sides = [{**side.identity, "sampling": {**side.identity["sampling"], "seed": 0}} for side in (self.a, self.b)]
        return sides[0] == sides[1]

    def most(self, budget: int | None) -> Iterator[tuple[str, Reader | Side, int, Estimate]]:
        """Of each model: what it does, its longest answer in tokens, and what it is asked at most, about.

        Parameters
        ----------
        budget : limit to requests of the assistant
        """
        config = self.config
        n_tested = config.rounds * config.hypotheses * config.test_prompts
        n_looked = config.rounds * config.per_round
        answer = _CHARACTERS_A_TOKEN * config.sampling.max_tokens
        for name, side in (("A", self.a), ("B", self.b)):
            asked = [_request(_CHARACTERS_A_PROMPT)] * ((n_tested + n_looked) * config.draws)
            yield name, side, side.sampling.max_tokens, estimate(asked, side.sampling, side.price)
        shown = config.shown * (2 * min(config.shown_chars, answer) + _CHARACTERS_A_PROMPT)
        n_asked = 2 * config.rounds if budget is None else min(2 * config.rounds, budget)
        question = Request((Message("user", "x" * (_WORDS_OF_THE_QUESTION + shown)),), schema=strict_schema(Move))
        asked = [question] * n_asked
        yield "assistant", self.assistant, SAMPLING.max_tokens, estimate(asked, SAMPLING, self.assistant.price)
        for judge in self.judges:
            judged = judge.estimate([(2 * n_tested * config.draws, answer + _CHARACTERS_A_PROMPT)])
            yield "judge", judge, SAMPLING.max_tokens, judged

    def run(
        self,
        folder: Path,
        *,
        budget: int | None = None,
        max_cost: float | None = None,
        progress: Progress,
        command: str | None = None,
    ) -> Outcome:
        """Investigate; what a folder holds of it is not asked again.

        Parameters
        ----------
        folder : of the run; made if it is not there
        budget : requests that the assistant may get in all
        max_cost : US dollars that all answers may cost in all
        progress : where it says how far it is
        command : that goes on with it

        Raises
        ------
        BudgetError, ModelError, LedgerError, RunError
            If it was stopped before any hypothesis was tested, or cannot go on; what was answered is kept.
        """
        helpers = [one.model for one in (self.assistant, *self.judges)]
        check_ready(folder / LEDGER, [self.a.model, self.b.model, *helpers])
        begin_folder(folder)
        with Ledger(folder / LEDGER, self.identity, command) as ledger:
            assistant = self.assistant.on(ledger, "assistant", max_cost=max_cost)
            judges = [replace(one.on(ledger, role, max_cost=max_cost), stops=True) for role, one in self._roles()]
            pair = BlindPair(self.a, self.b, self.config.draws, ledger, max_cost)
            interview = Interview(assistant, budget)
            investigator = Investigator(interview, self.told, self.config)
            found = Investigation(self.config, pair, investigator, judges, self.bank, progress).run()
            notices, spent = tuple(self._notices(found, judges)), ledger.spent()
        if not any(trial.tested is not None for trial in found.trials):
            raise (BudgetError if found.by_budget else ModelError)(_nothing_tested(found, notices))
        return Outcome(found, tuple(interview.interactions), notices, self._manifest(found, command), spent)

    def _roles(self) -> Iterator[tuple[str, Reader]]:
        """The judges as they are called where the run is looked at."""
        for number, judge in enumerate(self.judges, start=1):
            yield ("judge" if number == 1 else f"{FURTHER}{number}"), judge

    def _notices(self, found: Investigated, judges: Sequence[Assistant]) -> Iterator[str]:
        if found.stopped:
            yield found.stopped
        if self.is_control:
            yield f"both models are {self.a.model.name}: whatever is found is a false alarm"
        if any(self.assistant.model.identity == judge.model.identity for judge in judges):
            yield "a judge is the assistant's model; it sees one answer at a time, and not whose it is"
        if self.prompts is not None:
            yield from self.prompts.notices
            if n := sum(row.system is not None for row in self.prompts.rows):
                yield f"{n} prompts have a system prompt of their own, which was not sent; give --system-a and -b"
        said = {what: n for what, n in found.counts.items() if n}
        if said:
            yield "on the way: " + "; ".join(f"{n} {what}" for what, n in said.items())
        for judge in judges:
            yield from judge.notices()
        for trial in found.trials:
            if trial.tested is not None and trial.tested.drop_out_p[0] < _SUSPICIOUS:
                yield f"hypothesis {trial.hypothesis.number}: one of the models lacks more measurements than the other"

    def _manifest(self, found: Investigated, command: str | None) -> Json:
        return {
            "schema": 1,
            "diptych_version": __version__,
            "command": command,
            "identity": self.identity,
            "config": self.config.model_dump(mode="json"),
            "a": self.a.model.name,
            "b": self.b.model.name,
            "assistant": self.assistant.model.name,
            "judges": [judge.model.name for judge in self.judges],
            "prompts": None if self.prompts is None else self.prompts.source,
            "told": self.told.model_dump(mode="json"),
            "stopped": found.stopped or None,
        }


_SUSPICIOUS = 0.01


def _request(n_characters: int) -> Request:
    return Request((Message("user", "x" * n_characters),))


def _nothing_tested(found: Investigated, notices: Sequence[str]) -> str:
    reasons = dict.fromkeys(f"hypothesis {one.hypothesis.number}: {one.reason}" for one in found.trials)
    return "\n".join(["no hypothesis was tested", *list(reasons)[:3], *notices])
