"""A search from its settings to its folder: the models, the ledger, the loop, and fresh draws of what it found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych import __version__
from diptych._types import Json, Progress, Vectors
from diptych.apps.contrastive_decoding.scoring import check_pair
from diptych.apps.contrastive_decoding.search.asking import Asker, NewPrompts
from diptych.apps.contrastive_decoding.search.config import SearchConfig
from diptych.apps.contrastive_decoding.search.pair import Estimate, Journal, Measured, Pair
from diptych.apps.contrastive_decoding.search.pair import estimate as pair_estimate
from diptych.apps.contrastive_decoding.search.search import Candidate, Search, Searched
from diptych.comparison.folder import LEDGER, begin_folder
from diptych.comparison.readiness import check_ready
from diptych.data.instructions import Instructions
from diptych.embeddings.service import EmbeddingService
from diptych.errors import BudgetError, ConfigError, ModelError
from diptych.models.assistant import Assistant
from diptych.models.interview import Interview
from diptych.models.ledger import Ledger
from diptych.models.prices import Estimate as Cost
from diptych.models.prices import Price, estimate
from diptych.models.providers.hf import HFModel
from diptych.models.requests import Message, Model, Request, Sampling
from diptych.models.spending import Purse, Spent
from diptych.models.structured import strict_schema
from diptych.utils.hashing import content_hash
from diptych.utils.text import shorten

ASSISTANT_SAMPLING = Sampling(max_tokens=2_000)
"""How answers of the assistant are drawn: long enough for one that thinks first."""
JOURNAL = "divergences.jsonl"
STORE = "vectors"
_WORDS_OF_THE_QUESTION = 2_000
"""Characters of a question that are not prompts."""
_CHARACTERS_A_PROMPT = 300


@dataclass(frozen=True)
class Kept:
    """A prompt that was found, and fresh draws of both models after it.

    Parameters
    ----------
    candidate : as the search left it
    confirmed : its divergence on the fresh draws, which had no part in choosing it
    fresh : the draws; with a reason where there are none
    """

    candidate: Candidate
    confirmed: Estimate | None
    fresh: Measured


@dataclass(frozen=True)
class Outcome:
    """A search that is over.

    Parameters
    ----------
    searched : what the loop gave
    kept : the found prompts with the highest divergence, in its order
    interactions : every question to the assistant, and its answer
    notices : what a reader should know
    manifest : models, settings, versions
    spent : what all of it took
    """

    searched: Searched
    kept: tuple[Kept, ...]
    interactions: tuple[Json, ...]
    notices: tuple[str, ...]
    manifest: Json
    spent: Spent


@dataclass(frozen=True)
class PromptSearch:
    """All that a search needs; nothing is asked yet.

    Parameters
    ----------
    a, b : models whose weights are here, with one vocabulary
    assistant : model that proposes prompts
    price : of its tokens; None where it is not known
    config : of the search
    instructions : what the assistant is told
    seeds : prompts to begin with
    """

    a: HFModel
    b: HFModel
    assistant: Model
    price: Price | None
    config: SearchConfig
    instructions: Instructions
    seeds: tuple[str, ...]

    def check(self) -> None:
        """Refuse what cannot work, before anything is asked.

        Raises
        ------
        ConfigError
            If the models have two vocabularies or no chat template, texts are not drawn, or a criterion is missing.
        """
        if self.config.sampling.temperature == 0:
            raise ConfigError("--temperature = 0: every draw would be the same text; divergences need drawn ones")
        if self.config.asks_criterion and not self.instructions.custom_selection_criterion.strip():
            raise ConfigError(
                "a criterion is to count, and there is none: give --criterion, or instructions that have "
                "custom_selection_criterion"
            )
        check_pair(self.a, self.b)
        try:
            self.assistant.check(ASSISTANT_SAMPLING)
        except ConfigError as error:
            raise ConfigError(str(error).replace("--model-arg", "--assistant-arg")) from None

    @property
    def identity(self) -> Json:
        """What the ledger is for; a search with more rounds, or more draws to confirm, goes on with it."""
        return {
            "application": "contrast prompts",
            "a": self.a.identity,
            "b": self.b.identity,
            "assistant": {"model": self.assistant.name, "identity": self.assistant.identity},
            "config": self.config.identity,
            "instructions": content_hash("diptych/instructions/1", self.instructions.model_dump(mode="json")),
            "seeds": content_hash("diptych/seeds/1", list(self.seeds)),
        }

    @property
    def is_same_model(self) -> bool:
        """Whether both names are one model."""
        return bool(self.a.identity == self.b.identity)

    def most_requests(self, budget: int | None) -> int:
        """Requests that the assistant gets at most, if every round gives something.

        Parameters
        ----------
        budget : limit to them
        """
        a_round = 2 + (self.config.per_round if self.config.asks_criterion else 0)
        n = self.config.searches * self.config.rounds * a_round
        return n if budget is None else min(n, budget)

    def cost(self, budget: int | None) -> Cost:
        """What the assistant takes at most, about.

        Parameters
        ----------
        budget : limit to its requests
        """
        text = "x" * (_WORDS_OF_THE_QUESTION + self.config.shown * _CHARACTERS_A_PROMPT)
        question = Request((Message("user", text),), schema=strict_schema(NewPrompts))
        return estimate([question] * self.most_requests(budget), ASSISTANT_SAMPLING, self.price)

    def most_texts(self) -> int:
        """Texts that the two models write at most."""
        config = self.config
        n_prompts = len(self.seeds) + config.searches * config.rounds * config.per_round
        return 2 * (n_prompts * config.draws + config.keep * config.confirm_draws)

    def run(
        self,
        folder: Path,
        *,
        budget: int | None = None,
        max_cost: float | None = None,
        cache_dir: Path | None = None,
        progress: Progress,
        command: str | None = None,
    ) -> Outcome:
        """Search, and confirm; what a folder holds of this search is not asked again.

        Parameters
        ----------
        folder : of the run; made if it is not there
        budget : requests that the assistant may get in all
        max_cost : US dollars that its answers may cost in all
        cache_dir : store of embeddings; None for one in the folder
        progress : where it says how far it is
        command : that goes on with it

        Raises
        ------
        ModelError, LedgerError, RunError
            If it was stopped; what was answered is kept.
        """
        check_ready(folder / LEDGER, [self.assistant], self.config)
        begin_folder(folder)
        with Ledger(folder / LEDGER, self.identity, command) as ledger:
            embedding = EmbeddingService(
                cache_dir or folder / STORE,
                self.config.embedder,
                options=self.config.embedder_args,
                purse=Purse(max_cost, ledger),
            )
            assistant = Assistant(self.assistant, ledger, ASSISTANT_SAMPLING, self.price, max_cost)
            interview = Interview(assistant, budget)
            asker = Asker(interview, self.instructions, self.config.seed)
            journal = Journal.open(folder / JOURNAL)
            pair = Pair(self.a, self.b, self.config.sampling, self.config.system, ledger, journal)

            def embed(texts: Any) -> Vectors:
                return embedding.get_embeddings(texts)

            searched = Search(self.config, pair, asker, embed, progress).run(self.seeds)
            kept = self._confirm(searched, pair, progress)
            interactions, spent = tuple(interview.interactions), ledger.spent()
        manifest = self._manifest(searched, command)
        return Outcome(searched, kept, interactions, self._notices(searched), manifest, spent)

    def _confirm(self, searched: Searched, pair: Pair, progress: Progress) -> tuple[Kept, ...]:
        """Fresh draws for what is kept: the divergence that chose a prompt is too high by that choice."""
        best = sorted(searched.found, key=lambda one: -one.divergence.mean)[: self.config.keep]
        if not best:
            reason = searched.stopped or "none of those proposed could be measured"
            reason = "\n".join([reason, *_on_the_way(searched)])
            raise (BudgetError if searched.by_budget else ModelError)(f"no prompt was found: {reason}")
        progress.start("confirm", 1)
        draws = range(self.config.draws, self.config.draws + self.config.confirm_draws)
        fresh = pair.measure([one.text for one in best], draws)
        progress.finish()
        return tuple(
            Kept(one, None if drawn.reason else pair_estimate(drawn.values, self.config.measure), drawn)
            for one, drawn in zip(best, fresh, strict=True)
        )

    def _notices(self, searched: Searched) -> tuple[str, ...]:
        """What a reader should know."""
        notices = [searched.stopped] if searched.stopped else []
        if self.is_same_model:
            notices.append(f"both models are {self.a.name}: every divergence is 0, and the prompts show nothing")
        notices += _on_the_way(searched)
        return tuple(notices)

    def _manifest(self, searched: Searched, command: str | None) -> Json:
        return {
            "schema": 1,
            "diptych_version": __version__,
            "command": command,
            "identity": self.identity,
            "config": self.config.model_dump(mode="json"),
            "a": self.a.name,
            "b": self.b.name,
            "assistant": self.assistant.name,
            "seeds": list(self.seeds),
            "instructions": self.instructions.model_dump(mode="json"),
            "stopped": searched.stopped or None,
        }


def _on_the_way(searched: Searched) -> Iterator[str]:
    """What was left out and what went wrong, in sentences."""
    if searched.counts:
        yield "on the way: " + "; ".join(f"{n} {what}" for what, n in searched.counts.items())
    if searched.unmeasured:
        first = searched.unmeasured[0]
        n, which = len(searched.unmeasured), shorten(first.prompt, 50)
        yield f"{n} prompts could not be measured; the first, {which!r}: {first.reason}"


def with_criterion(instructions: Instructions, criterion: str | None) -> Instructions:
    """Instructions with another criterion; None leaves theirs.

    Parameters
    ----------
    instructions : what the assistant is told
    criterion : a question of yes and no about a prompt and an answer to it
    """
    if criterion is None:
        return instructions
    changed = {"custom_selection_criterion": criterion, "custom_selection_criterion_examples": ()}
    return instructions.model_copy(update=changed)
