"""Does a finding hold when the prompts say the same in other words?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import BaseModel

from diptych._types import FloatMatrix, Json, Span
from diptych.comparison.folder import proposed_document
from diptych.comparison.lenses import Lenses
from diptych.comparison.lenses.contrast import ContrastLens
from diptych.comparison.lenses.contrasting import ContrastProposal
from diptych.comparison.measures import Measure, Readers, Tools
from diptych.comparison.prepare import Prepared, prepare
from diptych.comparison.run import analyse
from diptych.data import Response
from diptych.data.prompts import Prompt, Prompts
from diptych.errors import DataError
from diptych.models.assistant import Assistant
from diptych.models.generation import Question
from diptych.models.requests import Failure, Message
from diptych.models.untrusted import Fence, orders_in
from diptych.utils.hashing import content_hash

AT_A_TIME = 10
MIN_PROMPTS = 8
"""Fewer cannot be split and tested."""
_ALONE: Json = {"lenses": ("contrast",), "group_field": None, "limit": None, "equivalent_within": {}}
"""Settings of the second test."""
_RULE = "You say prompts in other words: another wording and build of the sentence, the same request, nothing added."
_FORM = 'Answer with one JSON object and nothing else: {"prompts": ["…", …]}, one for each prompt, in their order.'


class Rephrased(BaseModel):
    """What the assistant says instead."""

    prompts: list[str]


def rephrase(assistant: Assistant, prompts: Sequence[Prompt], *, seed: int) -> Prompts:
    """Prompts in other words; those are left out that were not rephrased, or into what looks like orders to a reader.

    Parameters
    ----------
    assistant : is asked about ten at a time
    prompts : as they were asked
    seed : of the run
    """
    batches = [prompts[start : start + AT_A_TIME] for start in range(0, len(prompts), AT_A_TIME)]
    answers = assistant.ask_objects([_question(batch, seed=seed) for batch in batches], Rephrased)
    rows: dict[str, Prompt] = {}
    for batch, answer in zip(batches, answers, strict=True):
        if isinstance(answer, Failure) or len(answer.prompts) != len(batch):
            continue
        for prompt, text in zip(batch, answer.prompts, strict=True):
            said = " ".join(text.split())
            if said and said.lower() != prompt.text.lower() and not orders_in(said):
                rows.setdefault(said, replace(prompt, text=said))
    return Prompts(tuple(rows.values()), f"{len(rows)} prompts in other words, by {assistant.model.name}", has_ids=True)


def _question(prompts: Sequence[Prompt], *, seed: int) -> Question:
    texts = [prompt.text for prompt in prompts]
    fence = Fence.around(texts, seed=seed)
    asked = "\n".join(fence.quote(text, "prompt") for text in texts)
    messages = (Message("system", f"{_RULE} {fence.rule}"), Message("user", f"{asked}\n\n{_FORM}"))
    return Question(f"rephrase {content_hash('diptych/rephrased/1', texts)[:12]}", messages)


class OnlyLens:
    """As lens ``contrast``, and of what it proposes nothing but some measures.

    Parameters
    ----------
    ids : of the measures
    """

    blinded: ClassVar[Literal[True]] = True

    def __init__(self, ids: Collection[str]) -> None:
        self._ids = frozenset(ids)

    def propose(self, texts: Sequence[str], tools: Tools) -> OnlyProposal:
        return OnlyProposal(ContrastLens().propose(texts, tools), self._ids)


class OnlyProposal:
    """Some measures of a proposal."""

    def __init__(self, whole: ContrastProposal, ids: Collection[str]) -> None:
        self._whole = whole
        self._columns = [j for j, measure in enumerate(whole.measures) if measure.id in ids]
        self.measures = tuple(whole.measures[j] for j in self._columns)

    def values(self, responses: Sequence[Response]) -> FloatMatrix:
        return self._whole.values(responses)[:, self._columns]

    def evidence(self, measure: Measure, text: str) -> list[Span]:
        return self._whole.evidence(measure, text)


def check_by_rephrasing(
    prepared: Prepared,
    ids: Collection[str],
    prompts: Prompts,
    answers: Callable[[Prompts], tuple[Any, Any]],
    readers: Readers,
    *,
    threads: int = 1,
) -> Json:
    """Test what was found once more, on answers to prompts in other words.

    Parameters
    ----------
    prepared : of the run, with the texts that proposed
    ids : of the measures that were found
    prompts : in other words
    answers : asks both models
    readers : of the run
    threads : no result depends on it

    Returns
    -------
    dict
        ``n_prompts``, and under ``hypotheses``, by id, rates of both with intervals, ``p_value``, ``q_value`` (over
        what was found, Benjamini–Hochberg) and ``verdict``, as in ``proposed.json``

    Raises
    ------
    DataError
        If there are too few prompts.

    Notes
    -----
    The measures are those of the run, fixed by the same texts; the answers are new, so the p-values are valid whatever
    was chosen before.
    """
    if len(prompts) < MIN_PROMPTS:
        raise DataError(f"only {len(prompts)} prompts came back in other words; at least {MIN_PROMPTS} are needed")
    config = prepared.config.model_copy(update=_ALONE)
    again = prepare(*answers(prompts), config=config, threads=threads, proposing=prepared.proposing)
    result = analyse(again, threads=threads, lenses=Lenses({"contrast": OnlyLens(ids)}), readers=readers)
    keys = ("rate_a", "rate_b", "effect", "ci_low", "ci_high", "p_value", "q_value", "verdict")
    entries = proposed_document(result.documents())["hypotheses"]
    return {
        "n_prompts": result.table.n_prompts,
        "hypotheses": {entry["id"]: {key: entry[key] for key in keys} for entry in entries},
    }
