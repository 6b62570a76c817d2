"""What the assistant is asked, and what is made of its answers. It reads texts that others wrote, and must not obey."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from diptych._types import Json
from diptych.apps.contrastive_decoding.search.reading import read_prompts
from diptych.data.answers import Approval, parse_approval
from diptych.data.instructions import Instructions
from diptych.errors import BudgetError, ModelError
from diptych.models.assistant import Assistant
from diptych.models.generation import Question
from diptych.models.requests import Answer, Failure, Message, Reply
from diptych.models.structured import strict_schema
from diptych.models.untrusted import Fence, orders_in
from diptych.utils.hashing import content_hash

_PASSING = ("rate_limit", "server", "timeout", "connection")
"""Failures that say nothing about the question: the same command asks it again."""
_REPAIR = (
    'Below is an answer that should have been one JSON object, {"prompts": ["…", "…"]}. Answer with the object that '
    "was meant, and nothing else; with an empty list where the answer holds no prompts. "
)


class NewPrompts(BaseModel):
    """What the assistant answers, where its provider holds it to a form."""

    model_config = ConfigDict(extra="forbid")

    prompts: list[str]


@dataclass
class Asker:
    """The assistant, with a limit to what it is asked, and a record of all of it.

    Parameters
    ----------
    assistant : asked through the ledger of the search
    instructions : what it is told
    budget : requests that it may get, those that the ledger holds included; None for any number
    seed : of the marks round texts that it reads
    interactions : every question and its answer, in order
    counts : of what went wrong
    """

    assistant: Assistant
    instructions: Instructions
    budget: int | None
    seed: int
    interactions: list[Json] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def new_prompts(self, n: int, shown: Sequence[tuple[str, float | None]], n_failed: int) -> tuple[str, ...]:
        """Ask for prompts; where the answer holds none that can be read, have it put right once.

        Parameters
        ----------
        n : how many are wanted
        shown : prompts that were tried, each with the number that stands before it, if any
        n_failed : answers before this one, in a row, that gave nothing

        Returns
        -------
        tuple of str
            as they were written, at most ``n``; none where nothing could be read, which is counted

        Raises
        ------
        BudgetError
            If the budget, in requests or in money, is used up.
        ModelError
            If the assistant cannot be asked, or a request failed for a reason that passes.
        """
        answer = self._ask(_question_for(self.instructions, n, shown, n_failed, self.seed))
        if not isinstance(answer, Reply):
            return ()
        found = read_prompts(answer.text)
        if found is None and answer.finish_reason in ("stop", "length") and answer.text.strip():
            self.counts["answers without JSON, asked to be put right"] += 1
            put_right = self._ask(_repair(answer.text, self.seed))
            found = read_prompts(put_right.text) if isinstance(put_right, Reply) else None
        if found is None:
            self.counts["answers that held no prompts"] += 1
            return ()
        self.counts["prompts beyond those asked for"] += max(0, len(found) - n)
        return found[:n]

    def meets(self, pairs: Sequence[tuple[str, str]]) -> list[bool | None]:
        """Whether each prompt, with an answer to it, meets the criterion; None where the assistant does not say.

        Parameters
        ----------
        pairs : prompts and answers

        Raises
        ------
        BudgetError, ModelError
            As ``new_prompts`` does.
        """
        answers = self._ask_all([_criterion_question(self.instructions, pair, self.seed) for pair in pairs])
        found = [_verdict(answer, self.instructions) for answer in answers]
        self.counts["texts shown that look as if they gave orders"] += sum(bool(orders_in(text)) for _, text in pairs)
        self.counts["answers that are neither yes nor no"] += sum(one is None for one in found)
        return found

    def _ask(self, question: Question) -> Answer:
        return self._ask_all([question])[0]

    def _ask_all(self, questions: Sequence[Question]) -> list[Answer]:
        n_asked = len(self.interactions)
        if self.budget is not None and n_asked + len(questions) > self.budget:
            raise BudgetError(
                f"--budget = {self.budget}: {n_asked} requests were made of {self.assistant.model.name}, the next step "
                f"takes {len(questions)}.\nThe same command with a greater --budget goes on."
            )
        different = {question.prompt_id: question for question in questions}
        said = dict(zip(different, self.assistant.ask(list(different.values())), strict=True))
        answers = [said[question.prompt_id] for question in questions]
        self.interactions += [_as_json(*pair) for pair in zip(questions, answers, strict=True)]
        failures = [answer for answer in said.values() if isinstance(answer, Failure)]
        for failure in failures:
            self.counts[f"requests that failed ({failure.kind})"] += 1
            if failure.kind in _PASSING:
                raise ModelError(
                    f"{self.assistant.model.name}: {failure.kind}: {failure.reason}.\n"
                    "What was answered is kept; the same command goes on."
                )
        return answers


def _question_for(
    instructions: Instructions, n: int, shown: Sequence[tuple[str, float | None]], n_failed: int, seed: int
) -> Question:
    fence = Fence.around([text for text, _ in shown], seed=seed)
    parts = [(f"divergence: {value:g}\n" if value is not None else "") + fence.quote(text) for text, value in shown]
    system, user = instructions.for_round(n, "\n\n".join(parts))
    if shown:
        system += f"\n{fence.rule}"
    if n_failed:
        user += (
            f"\n\nThis is attempt {n_failed + 1}: the last answer held no new prompt that could be used. "
            "Give JSON, and prompts that are none of those above."
        )
    return _question("diptych/search/1", system, user, schema=True)


def _repair(text: str, seed: int) -> Question:
    fence = Fence.around([text], seed=seed)
    return _question("diptych/repair/1", _REPAIR + fence.rule, fence.quote(text, "answer"), schema=True)


def _criterion_question(instructions: Instructions, pair: tuple[str, str], seed: int) -> Question:
    fence = Fence.around(pair, seed=seed)
    examples = "\n".join(
        one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)
        for one in instructions.custom_selection_criterion_examples
    )
    answers = (
        instructions.custom_selection_criterion_yes_response,
        instructions.custom_selection_criterion_no_response,
    )
    words = " or ".join(f'"{words[0]}"' for words in answers if words)
    parts = (instructions.custom_selection_criterion, examples, fence.rule, f"Begin your answer with {words}.")
    quoted = "\n".join(fence.quote(text, name) for name, text in zip(("prompt", "response"), pair, strict=True))
    return _question("diptych/criterion/1", "\n\n".join(filter(None, parts)), quoted, schema=False)


def _question(domain: str, system: str, user: str, *, schema: bool) -> Question:
    messages = (Message("system", system), Message("user", user))
    name = content_hash(domain, [system, user])[:16]
    return Question(name, messages, strict_schema(NewPrompts) if schema else None)


def _verdict(answer: Answer, instructions: Instructions) -> bool | None:
    """By a plain yes or no, or by words of the instructions' own; whole words at the start of the answer count."""
    if not isinstance(answer, Reply):
        return None
    yes, no = (
        [_words(one) for one in given]
        for given in (
            instructions.custom_selection_criterion_yes_response,
            instructions.custom_selection_criterion_no_response,
        )
    )
    if (yes, no) == ([["yes"]], [["no"]]):
        said = parse_approval(answer.text)
        return None if said == Approval.NO_ANSWER else said == Approval.APPROVES
    words = _words(answer.text)
    is_yes, is_no = (any(one and words[: len(one)] == one for one in given) for given in (yes, no))
    return None if is_yes == is_no else is_yes


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _as_json(question: Question, answer: Answer) -> Json:
    asked = {
        "id": question.prompt_id,
        "messages": [{"role": message.role, "content": message.content} for message in question.messages],
    }
    if isinstance(answer, Failure):
        return {**asked, "failure": answer.kind, "reason": answer.reason}
    return {**asked, "answer": answer.text, "finish_reason": answer.finish_reason}
