"""The loop: look at answers of both, ask for hypotheses and prompts, test what is put forward, and tell what came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from diptych._types import Json, Progress
from diptych.apps.interventions.investigation.asking import Investigator, Move, Proposed, Sample
from diptych.apps.interventions.investigation.config import InvestigationConfig
from diptych.apps.interventions.investigation.hypotheses import MEASURES, Hypothesis, Trial
from diptych.apps.interventions.investigation.sides import Answers, BlindPair
from diptych.apps.interventions.investigation.testing import MIN_PROMPTS, Stream, paired
from diptych.clustering.naming import clean_sentences
from diptych.comparison.hypotheses import Ledger
from diptych.comparison.lenses.judge import MAX_SENTENCE
from diptych.comparison.measures import Proposal
from diptych.data.responses import prompt_digests
from diptych.data.unseen import Unseen
from diptych.errors import BudgetError
from diptych.models.assistant import Assistant
from diptych.models.untrusted import orders_in
from diptych.stats.online import OnlineFdr
from diptych.utils.hashing import content_hash, derive_seed
from diptych.utils.text import printable, shorten

_SILENT = 3
"""Hypotheses in a row of which the judge says nothing: then it is no use to go on."""
_MAX_SHOWN = 200
"""Characters of a sentence of the assistant."""


@dataclass(frozen=True)
class Investigated:
    """What an investigation gave.

    Parameters
    ----------
    trials : hypotheses in the order in which they came
    samples : prompts that were looked at, with what both answered
    rounds : what each round gave, as JSON
    written_down : the hypotheses, each before its test, as ``hypotheses.jsonl``
    counts : of what was left out, and what went wrong
    stopped : why it ended before its last round; empty where it did not
    by_budget : whether more requests, or more money, would go on with it
    """

    trials: tuple[Trial, ...]
    samples: tuple[Sample, ...]
    rounds: tuple[Json, ...]
    written_down: str
    counts: Counter[str]
    stopped: str = ""
    by_budget: bool = False


@dataclass
class Investigation:
    """Rounds of looking and testing, until they are done or nothing more comes.

    Parameters
    ----------
    config : of the investigation
    pair : both models
    investigator : the assistant
    judges : say of single answers whether a criterion holds
    bank : prompts of the user's, in the order in which they are used
    progress : where it says how far it is
    """

    config: InvestigationConfig
    pair: BlindPair
    investigator: Investigator
    judges: Sequence[Assistant]
    bank: list[str]
    progress: Progress
    _trials: list[Trial] = field(default_factory=list)
    _samples: list[Sample] = field(default_factory=list)
    _rounds: list[Json] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)
    _written_down: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        self._unseen = Unseen(self.config.max_prompt_chars)
        self._stream = Stream(OnlineFdr(self.config.alpha, self.config.online), self.config.alpha)

    def run(self) -> Investigated:
        """Look and test; what the ledger holds is not asked again.

        Raises
        ------
        ModelError, LedgerError
            If a model cannot be asked, or something not be written; the same command goes on.
        """
        self.progress.start("investigate", self.config.rounds)
        stopped, by_budget = "", False
        try:
            stopped = self._loop()
        except BudgetError as error:
            stopped, by_budget = str(error), True
        self.progress.finish()
        counts = self._counts + self._unseen.counts + self.pair.counts + self.investigator.interview.counts
        return Investigated(
            tuple(self._trials), tuple(self._samples), tuple(self._rounds), self._written_down.to_jsonl(), counts,
            stopped, by_budget,
        )  # fmt: skip

    def _loop(self) -> str:
        """All rounds; says why it ended early, if it did."""
        wanted: Sequence[str] = ()
        n_done = n_failed = 0
        while n_done < self.config.rounds:
            n_new = self._look(wanted or self._from_bank(self.config.per_round))
            shown = self._samples[-self.config.shown :]
            move = self.investigator.move(shown, self._trials, n_failed)
            trials = self._try(move, n_done + 1, [one.prompt for one in shown])
            wanted = self._fresh(move.prompts, self.config.per_round, "prompts to look at")
            if not trials and not wanted:
                n_failed += 1
                self._counts["rounds that gave nothing"] += 1
                if n_failed >= self.config.max_failed_rounds:
                    return f"it ended in round {n_done + 1}: {n_failed} answers in a row gave nothing new"
                continue
            n_done, n_failed = n_done + 1, 0
            self._tell(n_done, n_new, trials, wanted)
            if self._is_judge_silent():
                return f"it ended in round {n_done}: the judge said nothing of the answers to {_SILENT} hypotheses"
        return ""

    def _look(self, prompts: Sequence[str]) -> int:
        """Have both answer prompts, to be seen; how many can be shown."""
        if not prompts:
            return 0
        a, b = ({row.prompt_id: row for row in reversed(rows)} for rows in self.pair.answer(prompts))
        names = dict(zip(prompt_digests(prompts), prompts, strict=True))
        both = [Sample(text, a[name], b[name]) for name, text in names.items() if name in a and name in b]
        kept = [one for one in both if not any(orders_in(row.response) for row in (one.a, one.b))]
        self._counts["answers not shown, which look as if they gave orders"] += len(both) - len(kept)
        self._samples += kept
        return len(kept)

    def _try(self, move: Move, round_: int, seen: Sequence[str]) -> list[Trial]:
        """Write down what is put forward, then have both answer, then test one after the other."""
        first, blocks = len(self._trials), list[list[str]]()
        for one in move.hypotheses:
            if not self._is_fit(one):
                continue
            if len(blocks) == self.config.hypotheses:
                self._counts["hypotheses beyond those asked for"] += 1
                continue
            self._trials.append(self._written(one, round_, tuple(seen)))
            blocks.append(self._prompts_for(self._trials[-1].hypothesis))
        answers = self.pair.answer([text for block in blocks for text in block]) if any(blocks) else ((), ())
        for number, block in enumerate(blocks, start=first):
            self._trials[number] = self._decided(self._trials[number], block, answers)
        return self._trials[first:]

    def _is_fit(self, one: Proposed) -> bool:
        """Whether it can be tested, and was not before."""
        if one.measure:
            if one.measure not in MEASURES:
                self._counts["hypotheses with an unknown measure"] += 1
                return False
            known = any(trial.hypothesis.measure == one.measure for trial in self._trials)
        else:
            if not one.sentence.strip() or len(one.criterion) > MAX_SENTENCE or not clean_sentences([one.criterion]):
                self._counts["hypotheses without a sentence, or a criterion that a judge could be asked"] += 1
                return False
            before = [trial.hypothesis.criterion for trial in self._trials if trial.hypothesis.criterion]
            known = len(clean_sentences([*before, one.criterion], max_length=MAX_SENTENCE)) <= len(before)
        self._counts["hypotheses that were there before"] += known
        return not known

    def _written(self, one: Proposed, round_: int, seen: tuple[str, ...]) -> Trial:
        criterion = "" if one.measure else clean_sentences([one.criterion], max_length=MAX_SENTENCE)[0]
        written = self._fresh(one.prompts, self.config.written, "prompts to test on")
        sentence = shorten(printable(one.sentence), _MAX_SHOWN)
        number = len(self._written_down) + 1
        hypothesis = Hypothesis(number, round_, sentence, criterion, one.measure, tuple(written), seen)
        [measure] = self._proposal(hypothesis).measures
        trial = Trial(hypothesis, hypothesis.named(measure), reason="it was stopped before its test")
        digest = content_hash("diptych/seen/1", list(seen))
        self._written_down.append(trial.measure, seen=digest, tested_on="prompts of its own")
        return trial

    def _proposal(self, hypothesis: Hypothesis) -> Proposal:
        seen = frozenset(prompt_digests([one.prompt for one in self._samples]))
        return hypothesis.proposal(self.judges, seen, seed=self.config.seed)

    def _prompts_for(self, hypothesis: Hypothesis) -> list[str]:
        """Those that were written for it, and as many of the bank as are wanted and left."""
        written = list(hypothesis.written)
        return written + self._from_bank(self.config.test_prompts - len(written))

    def _fresh(self, texts: Sequence[str], n: int, what: str) -> list[str]:
        """Of the first ``n``, those that were not used."""
        self._counts[f"{what} beyond those asked for"] += max(0, len(texts) - n)
        return self._unseen.fresh(texts[:n], what)

    def _from_bank(self, n: int) -> list[str]:
        """The next that were not used."""
        found: list[str] = []
        while self.bank and len(found) < n:
            found += self._unseen.fresh([self.bank.pop(0)], "prompts of the file")
        return found

    def _decided(self, trial: Trial, prompts: Sequence[str], answers: Answers) -> Trial:
        if len(prompts) < MIN_PROMPTS:
            left = f"{len(prompts)} prompts are left that were not used before"
            return replace(trial, reason=f"{left}, at least {MIN_PROMPTS} are needed")
        own = set(prompt_digests(prompts))
        a, b = (tuple(row for row in rows if row.prompt_id in own) for rows in answers)
        table = paired((a, b))
        if table is None:
            return replace(trial, reason=f"none of {len(prompts)} prompts was answered by both")
        values = np.asarray(self._proposal(trial.hypothesis).values(table.rows))
        seed = derive_seed(self.config.seed, f"hypothesis {trial.hypothesis.number}")
        return self._stream.decide(trial, table, values, seed=seed)

    def _is_judge_silent(self) -> bool:
        last = [trial for trial in self._trials if trial.hypothesis.criterion and trial.rows][-_SILENT:]
        return len(last) == _SILENT and all(np.isnan(trial.scores).all() for trial in last)

    def _tell(self, round_: int, n_new: int, trials: Sequence[Trial], wanted: Sequence[str]) -> None:
        found = [trial for trial in trials if trial.is_found]
        self._rounds.append(
            {
                "round": round_,
                "n_looked_at": n_new,
                "hypotheses": [trial.hypothesis.number for trial in trials],
                "found": [trial.hypothesis.number for trial in found],
                "n_wanted": len(wanted),
            }
        )
        self.progress.advance()
        self.progress.say(f"round {round_}: {n_new} prompts looked at, {len(trials)} hypotheses, {len(found)} found")
