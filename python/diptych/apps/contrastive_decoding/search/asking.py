"""What the assistant is asked, and what is made of its answers. It reads texts that others wrote, and must not obey."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from diptych.apps.contrastive_decoding.search.reading import read_prompts
from diptych.data.answers import Approval, parse_approval
from diptych.data.instructions import Instructions
from diptych.models.generation import Question
from diptych.models.interview import Interview
from diptych.models.requests import Answer, Message, Reply
from diptych.models.structured import strict_schema
from diptych.models.untrusted import Fence, orders_in
from diptych.utils.hashing import content_hash

_REPAIR = (
    'Below is an answer that should have been one JSON object, {"prompts": ["…", "…"]}. Answer with the object that '
    "was meant, and nothing else; with an empty list where the answer holds no prompts. "
)


class NewPrompts(BaseModel):
    """What the assistant answers, where its provider holds it to a form."""

    model_config = ConfigDict(extra="forbid")

    prompts: list[str]


@dataclass(frozen=True)
class Asker:
    """The assistant as one that proposes prompts.

    Parameters
    ----------
    interview : of the search
    instructions : what it is told
    seed : of the marks round texts that it reads
    """

    interview: Interview
    instructions: Instructions
    seed: int

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
        answer = self.interview.ask(_question_for(self.instructions, n, shown, n_failed, self.seed))
        if not isinstance(answer, Reply):
            return ()
        found = read_prompts(answer.text)
        if found is None and answer.finish_reason in ("stop", "length") and answer.text.strip():
            self.interview.counts["answers without JSON, asked to be put right"] += 1
            put_right = self.interview.ask(_repair(answer.text, self.seed))
            found = read_prompts(put_right.text) if isinstance(put_right, Reply) else None
        if found is None:
            self.interview.counts["answers that held no prompts"] += 1
            return ()
        self.interview.counts["prompts beyond those asked for"] += max(0, len(found) - n)
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
        answers = self.interview.ask_all([_criterion_question(self.instructions, pair, self.seed) for pair in pairs])
        found = [_verdict(answer, self.instructions) for answer in answers]
        self.interview.counts["texts shown that look as if they gave orders"] += sum(
            bool(orders_in(text)) for _, text in pairs
        )
        self.interview.counts["answers that are neither yes nor no"] += sum(one is None for one in found)
        return found


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
