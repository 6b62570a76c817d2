"""The two models under the names A and B: what both answer, through one ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from diptych._types import Json
from diptych.apps.interventions.recovery import NAMES
from diptych.data.responses import Response, prompt_digests
from diptych.models.generation import Question, generate
from diptych.models.ledger import Ledger
from diptych.models.passing import refuse_passing
from diptych.models.prices import Price
from diptych.models.requests import Failure, Model, Request, Sampling, conversation, request_key

Answers = tuple[tuple[Response, ...], tuple[Response, ...]]
"""Of A and of B, in the order of the prompts and draws; what was not answered is missing."""


@dataclass(frozen=True)
class Side:
    """One of the models.

    Parameters
    ----------
    model : that is asked
    price : of its tokens; None where it is not known
    sampling : how its answers are drawn
    system : its system prompt
    """

    model: Model
    price: Price | None
    sampling: Sampling
    system: str | None = None

    @property
    def identity(self) -> Json:
        """All that its answers hang on besides the prompt."""
        sampling = self.sampling.model_dump(mode="json")
        return {"model": self.model.name, "identity": self.model.identity, "sampling": sampling, "system": self.system}


@dataclass
class BlindPair:
    """Both models, asked the same.

    Parameters
    ----------
    a, b : before, and after
    draws : answers to each prompt
    ledger : takes them
    max_cost : US dollars that all that stands in the ledger may cost
    counts : of answers that are missing
    """

    a: Side
    b: Side
    draws: int
    ledger: Ledger
    max_cost: float | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def answer(self, prompts: Sequence[str]) -> Answers:
        """What both say to each prompt; their names stand nowhere in it.

        Parameters
        ----------
        prompts : no two alike

        Raises
        ------
        BudgetError, ModelError, LedgerError
            As ``generate`` does; ``ModelError`` also where a request failed for a reason that passes.
        """
        first, second = (self._of(side, name, prompts) for side, name in zip((self.a, self.b), NAMES, strict=True))
        return first, second

    def _of(self, side: Side, name: str, prompts: Sequence[str]) -> tuple[Response, ...]:
        texts = dict(zip(prompt_digests(prompts), prompts, strict=True))
        questions = [Question(name, conversation(text, side.system)) for name, text in texts.items()]
        requests = [Request(question.messages, draw) for question in questions for draw in range(self.draws)]
        keys = [request_key(side.model.identity, side.sampling, request) for request in requests]
        self.ledger.expect(name, side.model.name, keys, more=True)
        answered = generate(
            side.model, questions, draws=self.draws, sampling=side.sampling, ledger=self.ledger, price=side.price,
            max_cost=self.max_cost,
        )  # fmt: skip
        rows: list[Response] = []
        for one in answered:
            if isinstance(one.answer, Failure):
                refuse_passing(side.model.name, one.answer)
                self.counts[f"requests of {name} that failed ({one.answer.kind})"] += 1
                continue
            prompt_id, finish = one.question.prompt_id, one.answer.finish_reason
            rows.append(Response(prompt_id, texts[prompt_id], one.answer.text, name, one.draw, finish_reason=finish))
        return tuple(rows)
