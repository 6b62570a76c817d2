"""What the assistant is asked in a round, and what is made of its answer. It reads what others wrote, blind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from diptych.apps.interventions.investigation.config import InvestigationConfig
from diptych.apps.interventions.investigation.hypotheses import MEASURES, Trial
from diptych.apps.interventions.investigation.instructions import Told
from diptych.comparison.report.format import SHARES
from diptych.data.responses import Response
from diptych.models.generation import Question
from diptych.models.interview import Interview
from diptych.models.requests import Message, Reply
from diptych.models.structured import strict_schema, values_in
from diptych.models.untrusted import Fence
from diptych.utils.hashing import content_hash

_REPAIR = (
    'Below is an answer that should have been one JSON object, {"hypotheses": […], "prompts": […]}. Answer with the '
    "object that was meant, and nothing else; with empty lists where the answer holds neither. "
)


class Proposed(BaseModel):
    """A hypothesis as the assistant writes it."""

    sentence: str = ""
    criterion: str = ""
    measure: str = ""
    prompts: list[str] = []


class Move(BaseModel):
    """What the assistant answers in a round."""

    hypotheses: list[Proposed] = []
    prompts: list[str] = []


@dataclass(frozen=True)
class Sample:
    """What both answered to a prompt that was asked to be looked at.

    Parameters
    ----------
    prompt : the text
    a, b : an answer of each
    """

    prompt: str
    a: Response
    b: Response


@dataclass(frozen=True)
class Investigator:
    """The assistant as one that looks for differences.

    Parameters
    ----------
    interview : of the investigation
    told : its instructions
    config : how many of everything
    """

    interview: Interview
    told: Told
    config: InvestigationConfig

    def move(self, shown: Sequence[Sample], trials: Sequence[Trial], n_failed: int) -> Move:
        """Ask for hypotheses and prompts; where the answer holds no such object, have it put right once.

        Parameters
        ----------
        shown : what it sees
        trials : hypotheses before, and what came of them
        n_failed : answers before this one, in a row, that gave nothing

        Returns
        -------
        Move
            empty where nothing could be read, which is counted

        Raises
        ------
        BudgetError, ModelError
            As ``Interview.ask_all`` does.
        """
        answer = self.interview.ask(self._question(shown, trials, n_failed))
        if not isinstance(answer, Reply):
            return Move()
        found = read_move(answer.text)
        if found is None and answer.finish_reason in ("stop", "length") and answer.text.strip():
            self.interview.counts["answers without JSON, asked to be put right"] += 1
            put_right = self.interview.ask(self._repair(answer.text))
            found = read_move(put_right.text) if isinstance(put_right, Reply) else None
        if found is None:
            self.interview.counts["answers that held neither hypotheses nor prompts"] += 1
            return Move()
        return found

    def _question(self, shown: Sequence[Sample], trials: Sequence[Trial], n_failed: int) -> Question:
        config, told = self.config, self.told
        texts = [text for one in shown for text in (one.prompt, one.a.response, one.b.response)]
        fence = Fence.around([*texts, *(trial.hypothesis.sentence for trial in trials)], seed=config.seed)
        wanted = told.wanted(hypotheses=config.hypotheses, written=config.written, prompts=config.per_round)
        parts = [
            f"{told.focus}\n" + "\n".join(f"- {one}" for one in config.focus) if config.focus else "",
            "\n\n".join([told.shown, *self._samples(shown, fence)]) if shown else told.nothing_shown,
            "\n".join([told.tested, *(outcome_line(one, fence) for one in trials)]) if trials else "",
            wanted,
            f"{told.measures}\n" + "\n".join(f"{name}: {one.more}" for name, one in MEASURES.items()),
            f"This is attempt {n_failed + 1}: the last answer gave nothing new that could be used." if n_failed else "",
            told.form,
        ]
        return _question("diptych/investigate/1", f"{told.role}\n{fence.rule}", "\n\n".join(filter(None, parts)))

    def _samples(self, shown: Sequence[Sample], fence: Fence) -> Iterator[str]:
        for one in shown:
            answers = (shorten_text(row.response, self.config.shown_chars) for row in (one.a, one.b))
            quoted = zip(("asked", "answer-A", "answer-B"), (one.prompt, *answers), strict=True)
            yield "\n".join(fence.quote(text, name) for name, text in quoted)

    def _repair(self, text: str) -> Question:
        fence = Fence.around([text], seed=self.config.seed)
        return _question("diptych/investigate-repair/1", _REPAIR + fence.rule, fence.quote(text, "answer"))


def shorten_text(text: str, max_chars: int) -> str:
    """The beginning of a text, with its line breaks.

    Parameters
    ----------
    text : any
    max_chars : at most

    Examples
    --------
    >>> shorten_text("one two", 4)
    'one …'
    """
    return text if len(text) <= max_chars else f"{text[:max_chars]}…"


def outcome_line(trial: Trial, fence: Fence) -> str:
    """What the assistant is told of a hypothesis.

    Parameters
    ----------
    trial : with what came of it
    fence : its sentence is the assistant's own, and may repeat what it read
    """
    head = f"{trial.hypothesis.number}. {fence.quote(trial.hypothesis.sentence, 'hypothesis')}\n{trial.outcome}"
    if trial.tested is None:
        return f"{head}."
    mean_a, mean_b = (_figure(mean, trial.measure.unit) for mean in trial.means)
    return f"{head}: A {mean_a}, B {mean_b}, over {int(trial.tested.n_prompts[0])} prompts."


def _figure(mean: float, unit: str) -> str:
    return f"{100 * mean:.0f} % of answers" if unit in SHARES else f"{mean:.3g} {unit}"


def read_move(text: str) -> Move | None:
    """The hypotheses and prompts in an answer; None where it holds no object that has either.

    Parameters
    ----------
    text : the answer; fences and sentences around the object do no harm

    Examples
    --------
    >>> read_move('Here: {"hypotheses": [{"sentence": "B is brief."}]}').hypotheses[0].sentence
    'B is brief.'
    >>> read_move("I see no difference.") is None
    True
    """
    for value in values_in(text):
        if isinstance(value, dict) and value.keys() & Move.model_fields.keys():
            return Move(hypotheses=list(_proposed(value.get("hypotheses"))), prompts=_texts(value.get("prompts")))
    return None


def _proposed(value: Any) -> Iterator[Proposed]:
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict):
            kept = {**one, "prompts": _texts(one.get("prompts"))}
            known = {name: kept[name] for name in Proposed.model_fields if kept.get(name) is not None}
            try:
                yield Proposed.model_validate(known)
            except ValidationError:
                yield Proposed()
        else:
            yield Proposed()


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _question(domain: str, system: str, user: str) -> Question:
    name = content_hash(domain, [system, user])[:16]
    return Question(name, (Message("system", system), Message("user", user)), strict_schema(Move))
