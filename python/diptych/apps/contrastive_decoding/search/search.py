"""The loop: show some prompts, ask for new ones, measure them, choose again what is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from diptych._types import FloatVector, Json, Progress, Vectors
from diptych.apps.contrastive_decoding.search.asking import Asker
from diptych.apps.contrastive_decoding.search.choosing import diversity, draw_by_weight, scaled, shown_values
from diptych.apps.contrastive_decoding.search.config import SearchConfig
from diptych.apps.contrastive_decoding.search.pair import Estimate, Measured, Pair, estimate
from diptych.data.unseen import Unseen
from diptych.errors import BudgetError
from diptych.utils.hashing import derive_seed

Embed = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True)
class Candidate:
    """A prompt that was measured.

    Parameters
    ----------
    measured : with its texts and divergences
    divergence : by the measure of the search
    origin : ``seed``, or ``assistant``
    search, round : where it came up, counted from 1; round 0 for seeds
    meets : whether it meets the criterion; None where that was not asked, or not answered
    """

    measured: Measured
    divergence: Estimate
    origin: str
    search: int = 0
    round: int = 0
    meets: bool | None = None

    @property
    def text(self) -> str:
        """The prompt."""
        return self.measured.prompt


@dataclass(frozen=True)
class Searched:
    """What all searches gave.

    Parameters
    ----------
    seeds : that could be measured
    found : prompts of the assistant that were measured and taken, in the order in which they came
    rounds : what each round gave, as JSON
    unmeasured : prompts that could not be measured, and why
    counts : of what was left out
    stopped : why it ended before its last round; empty where it did not
    by_budget : whether more requests, or more money, would go on with it
    """

    seeds: tuple[Candidate, ...]
    found: tuple[Candidate, ...]
    rounds: tuple[Json, ...]
    unmeasured: tuple[Measured, ...]
    counts: Counter[str]
    stopped: str = ""
    by_budget: bool = False


@dataclass
class Search:
    """Searches for prompts, one after the other.

    Parameters
    ----------
    config : of the search
    pair : measures prompts
    asker : proposes them
    embed : texts into unit vectors
    progress : where it says how far it is
    """

    config: SearchConfig
    pair: Pair
    asker: Asker
    embed: Embed
    progress: Progress
    _found: list[Candidate] = field(default_factory=list)
    _rounds: list[Json] = field(default_factory=list)
    _unmeasured: list[Measured] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._unseen = Unseen(self.config.max_prompt_chars)

    def run(self, seeds: Sequence[str]) -> Searched:
        """Search until all rounds are done, nothing more comes, or a budget is used up.

        Parameters
        ----------
        seeds : prompts to begin with

        Raises
        ------
        ModelError, LedgerError, RunError
            If a model cannot be asked, or something not be written; the same command goes on.
        """
        self.progress.start("search", self.config.searches * self.config.rounds)
        fresh = self._unseen.fresh(seeds, "seeds")
        first = [Candidate(one, self._divergence(one), "seed") for one in self._measured(fresh)]
        stopped, by_budget = "", False
        try:
            for number in range(1, self.config.searches + 1):
                stopped = self._search(number, first) or stopped
        except BudgetError as error:
            stopped, by_budget = str(error), True
        self.progress.finish()
        return Searched(
            tuple(first),
            tuple(self._found),
            tuple(self._rounds),
            tuple(self._unmeasured),
            self._counts + self._unseen.counts + self.asker.interview.counts,
            stopped,
            by_budget,
        )

    def _search(self, number: int, first: Sequence[Candidate]) -> str:
        """One search; says why it ended early, if it did."""
        pool = list(first)
        n_done = n_failed = attempt = 0
        while n_done < self.config.rounds:
            attempt += 1
            shown = self._choose(pool, derive_seed(self.config.seed, f"shown {number} {attempt}"))
            new = self._round(number, n_done + 1, shown, n_failed, derive_seed(self.config.seed, f"values {attempt}"))
            if not new:
                n_failed += 1
                self._counts["rounds that gave nothing"] += 1
                if n_failed >= self.config.max_failed_rounds:
                    return f"search {number} ended in round {n_done + 1}: {n_failed} answers in a row gave nothing new"
                continue
            n_done, n_failed = n_done + 1, 0
            pool += new
            self._found += new
            self._tell(number, n_done, new, shown, pool)
        return ""

    def _round(self, number: int, round_: int, shown: Sequence[Candidate], n_failed: int, seed: int) -> list[Candidate]:
        """New prompts, measured; those that do not meet a criterion that is required are left out."""
        texts = self.asker.new_prompts(self.config.per_round, self._with_values(shown, seed), n_failed)
        measured = self._measured(self._unseen.fresh(texts, "prompts"))
        meets: list[bool | None] = [None] * len(measured)
        if self.config.asks_criterion and measured:
            meets = self.asker.meets([(one.prompt, one.drawn[0].b.text) for one in measured])
        new = [
            Candidate(one, self._divergence(one), "assistant", number, round_, met)
            for one, met in zip(measured, meets, strict=True)
        ]
        kept = [one for one in new if one.meets or not self.config.require_criterion]
        self._counts["prompts that do not meet the criterion"] += len(new) - len(kept)
        return kept

    def _choose(self, pool: Sequence[Candidate], seed: int) -> list[Candidate]:
        """What the assistant is shown, the most divergent first."""
        if not pool or not self.config.shown:
            return []
        drawn = draw_by_weight(
            self._weights(pool), self.config.shown, temperature=self.config.choice_temperature, seed=seed
        )
        return sorted((pool[index] for index in drawn), key=lambda one: -one.divergence.mean)

    def _weights(self, pool: Sequence[Candidate]) -> FloatVector:
        config = self.config
        weights = config.divergence_weight * scaled([one.divergence.mean for one in pool])
        if config.diversity_weight:
            weights = weights + config.diversity_weight * scaled(self._diversity(pool))
        if config.criterion_weight:
            weights = weights + config.criterion_weight * np.array([float(one.meets is not False) for one in pool])
        return np.asarray(weights)

    def _diversity(self, pool: Sequence[Candidate]) -> FloatVector:
        return diversity(self.embed([one.text for one in pool]))

    def _with_values(self, shown: Sequence[Candidate], seed: int) -> list[tuple[str, float | None]]:
        """What the assistant sees: prompts by their divergence; as controls by random numbers, or in random order."""
        texts = [one.text for one in shown]
        if self.config.show == "divergence":
            return list(zip(texts, shown_values([one.divergence.mean for one in shown]), strict=True))
        numbers = np.random.default_rng(seed).uniform(0, 10, len(shown))
        order = np.argsort(-numbers)
        is_random = self.config.show == "random"
        return [(texts[index], round(float(numbers[index]), 1) if is_random else None) for index in order]

    def _measured(self, texts: Sequence[str]) -> list[Measured]:
        measured = self.pair.measure(texts, range(self.config.draws))
        self._unmeasured += [one for one in measured if one.reason]
        return [one for one in measured if not one.reason]

    def _divergence(self, one: Measured) -> Estimate:
        return estimate(one.values, self.config.measure)

    def _tell(
        self, number: int, round_: int, new: Sequence[Candidate], shown: Sequence[Candidate], pool: Sequence[Candidate]
    ) -> None:
        mean = float(np.mean([one.divergence.mean for one in new]))
        best = max(one.divergence.mean for one in new)
        self._rounds.append(
            {
                "search": number,
                "round": round_,
                "n_new": len(new),
                "new": _spread([one.divergence.mean for one in new]),
                "shown": _spread([one.divergence.mean for one in shown]),
                "pool": _spread([one.divergence.mean for one in pool]),
                "pool_diversity": _spread(self._diversity(pool)) if self.config.diversity_weight else None,
            }
        )
        self.progress.advance()
        where = f"round {round_}" if self.config.searches == 1 else f"search {number}, round {round_}"
        self.progress.say(f"{where}: {len(new)} new prompts, divergence {mean:.3g} in the mean, {best:.3g} at most")


def _spread(values: Sequence[float] | FloatVector) -> Json | None:
    given = np.asarray(values, dtype=float)
    if not len(given):
        return None
    found = {"mean": given.mean(), "sd": given.std(), "min": given.min(), "max": given.max()}
    return {name: float(value) for name, value in found.items()}
