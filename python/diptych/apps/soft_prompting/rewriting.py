"""An assistant that rewrites the words of a search: it reads words that others found, and must not obey them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from diptych.models.generation import Question
from diptych.models.interview import Interview
from diptych.models.requests import Failure, Message
from diptych.models.structured import read_object, strict_schema
from diptych.models.untrusted import Fence
from diptych.utils.hashing import content_hash
from diptych.utils.text import parse_json

_TASK = (
    "Two language models are compared. Words that are put into a prompt move what the models say next apart; how far, "
    "the number before each text says. Write {n} new texts that might move them farther apart: change, join, shorten "
    "or continue those below, or follow an idea that they give you. A text has at most {most} words. "
    'Answer with one JSON object, {{"texts": ["…", "…"]}}, and nothing else. {rule}'
)


class NewTexts(BaseModel):
    """What the assistant answers."""

    model_config = ConfigDict(extra="forbid")

    texts: list[str]


@dataclass(frozen=True, slots=True)
class Shown:
    """Words that the assistant sees.

    Parameters
    ----------
    text : the words
    value : the divergence under them
    """

    text: str
    value: float


@dataclass(frozen=True)
class Rewriter:
    """An assistant as one that rewrites words.

    Parameters
    ----------
    interview : with what it was asked so far
    seed : of the marks round texts that it reads

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from diptych.models.assistant import Assistant
    >>> from diptych.models.ledger import Ledger
    >>> from diptych.models.providers.scripted import Script, ScriptedModel
    >>> from diptych.models.requests import Sampling
    >>> model = ScriptedModel("helper", Script(otherwise=('{"texts": ["the blue sea"]}',)))
    >>> with Ledger(pathlib.Path(tempfile.mkdtemp()) / "ledger.sqlite", {}) as ledger:
    ...     rewriter = Rewriter(Interview(Assistant(model, ledger, Sampling())), seed=0)
    ...     rewriter.rewrite([Shown("the sea", 0.2)], 4, most=10)
    ('the blue sea',)
    """

    interview: Interview
    seed: int

    def rewrite(self, shown: Sequence[Shown], n: int, *, most: int) -> tuple[str, ...]:
        """Ask for new texts: at most ``n``, and none where the answer cannot be read, or the requests are used up.

        Parameters
        ----------
        shown : words that were tried
        n : texts that are wanted
        most : words of a text

        Raises
        ------
        BudgetError
            If the money is used up.
        ModelError
            If the assistant cannot be asked, or the request failed for a reason that passes.
        """
        interview = self.interview
        if interview.budget is not None and len(interview.interactions) >= interview.budget:
            return ()
        answer = interview.ask(_question(shown, n, most, self.seed))
        found = read_object(answer, NewTexts)
        if isinstance(found, Failure):
            interview.counts["answers without texts"] += 1
            return ()
        return tuple(found.texts[:n])

    def state(self) -> NDArray[np.uint8]:
        """Every question and answer so far, as bytes of JSON: uint8 (n,)."""
        return np.frombuffer(json.dumps(self.interview.interactions).encode(), np.uint8)

    def load(self, state: Any) -> None:
        """Go on from a state.

        Parameters
        ----------
        state : of `state`
        """
        self.interview.interactions[:] = parse_json(state.tobytes())


def _question(shown: Sequence[Shown], n: int, most: int, seed: int) -> Question:
    fence = Fence.around([one.text for one in shown], seed=seed)
    system = _TASK.format(n=n, most=most, rule=fence.rule)
    user = "\n\n".join(f"divergence: {one.value:.3g}\n{fence.quote(one.text)}" for one in shown)
    name = content_hash("diptych/rewriting/1", [system, user])[:16]
    return Question(name, (Message("system", system), Message("user", user)), strict_schema(NewTexts))
