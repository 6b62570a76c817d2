"""An arm whose responses are yet to be asked for: prompts, a model, and the ledger between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from diptych._types import Json, Progress
from diptych.comparison.pairing import limit_prompts
from diptych.data.prompts import Prompt, Prompts
from diptych.data.responses import Response, Responses
from diptych.errors import ConfigError
from diptych.models.generation import Answered, Question, count_failures, generate
from diptych.models.ledger import Ledger
from diptych.models.prices import Estimate, Price, estimate
from diptych.models.requests import Failure, Message, Model, Request, Sampling, request_key


@dataclass(frozen=True)
class Generation:
    """A model, and all that it is to be asked.

    Parameters
    ----------
    model : that is asked
    prompts : what it is asked
    draws : answers to each prompt
    sampling : how they are drawn
    price : of the model's tokens; None where it is not known
    limit : ask at most so many prompts, chosen by a seeded hash of their ids
    seed : of that choice
    """

    model: Model
    prompts: Prompts
    draws: int
    sampling: Sampling
    price: Price | None = None
    limit: int | None = None
    seed: int = 0

    @property
    def config(self) -> Json:
        """What the ledger is for: another model, parameter or set of prompts needs another. More draws do not."""
        return {
            "model": self.model.name,
            "identity": self.model.identity,
            "sampling": self.sampling.model_dump(mode="json"),
            "prompts": self.prompts.digest,
        }

    @cached_property
    def asked(self) -> tuple[Prompt, ...]:
        """The prompts that are asked, in the order of the file."""
        ids = [prompt.prompt_id for prompt in self.prompts.rows]
        kept = limit_prompts(set(ids), self.limit, self.seed, {prompt_id: prompt_id for prompt_id in ids})
        return tuple(prompt for prompt in self.prompts.rows if prompt.prompt_id in kept)

    def missing(self, ledger: Ledger | None) -> Estimate:
        """What is still to be asked, and what it will take."""
        requests = [Request(_messages(prompt), draw) for prompt in self.asked for draw in range(self.draws)]
        if ledger is not None:
            keys = [request_key(self.model.identity, self.sampling, request) for request in requests]
            known = ledger.replies(keys)
            requests = [request for key, request in zip(keys, requests, strict=True) if key not in known]
        return estimate(requests, self.sampling, self.price)

    def run(
        self,
        ledger: Ledger,
        *,
        arm: str = "a",
        progress: Progress | None = None,
        max_cost: float | None = None,
        max_failures: int | None = None,
    ) -> Responses:
        """Ask what the ledger lacks, and give all responses.

        Parameters
        ----------
        ledger : takes each answer as it comes
        arm : name of the arm
        progress, max_cost, max_failures : as for ``models.generation.generate``

        Returns
        -------
        Responses
            prompt by prompt, draw by draw; requests that failed are missing, with a notice

        Raises
        ------
        ConfigError, BudgetError, ModelError, LedgerError
            As ``models.generation.generate`` does; ``ModelError`` also if no request was answered.
        """
        answered = generate(
            self.model,
            [Question(prompt.prompt_id, _messages(prompt)) for prompt in self.asked],
            draws=self.draws,
            sampling=self.sampling,
            ledger=ledger,
            progress=progress,
            price=self.price,
            max_cost=max_cost,
            max_failures=max_failures,
        )
        return self._responses(answered, arm)

    def _responses(self, answered: list[Answered], arm: str) -> Responses:
        by_id = {prompt.prompt_id: prompt for prompt in self.asked}
        rows = tuple(_response(by_id[one.question.prompt_id], one, arm, self.model.name) for one in answered)
        kept = tuple(row for row in rows if row is not None)
        notices = list(self.prompts.notices)
        failed = count_failures(answered)
        if failed:
            kinds = ", ".join(f"{kind} {n}" for kind, n in failed.items())
            n_failed = sum(failed.values())
            notices.append(
                f"{n_failed} of {len(answered)} requests to {self.model.name} failed ({kinds}) and are missing"
            )
        return Responses(
            kept, self.model.name, model=self.model.name, has_ids=self.prompts.has_ids, notices=tuple(notices)
        )


def refuse_same(a: Generation, b: Generation) -> None:
    """A model is not compared with itself, asked the same in the same way.

    Raises
    ------
    ConfigError
        If nothing differs between the two.
    """
    if a.config == b.config:
        raise ConfigError(
            f"both arms are {a.model.name}, asked the same in the same way: every answer would be the same.\n"
            "Change something about one, such as --system-b, or see diptych aa."
        )


def _messages(prompt: Prompt) -> tuple[Message, ...]:
    user = Message("user", prompt.text)
    return (user,) if prompt.system is None else (Message("system", prompt.system), user)


def _response(prompt: Prompt, one: Answered, arm: str, model: str) -> Response | None:
    if isinstance(one.answer, Failure):
        return None
    usage = one.answer.usage
    return Response(
        prompt_id=prompt.prompt_id,
        prompt=prompt.text,
        response=one.answer.text,
        arm=arm,
        draw=one.draw,
        system=prompt.system,
        finish_reason=one.answer.finish_reason,
        meta={
            **prompt.fields,
            "model": model,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
        },
        place=f"draw {one.draw} of prompt {prompt.prompt_id}",
    )


def as_record(row: Response) -> Json:
    """A response as a line of a file of responses: every field by itself, so that reading it gives the same again."""
    record = row.as_json()
    return {**{name: value for name, value in record.items() if name not in ("arm", "meta")}, **record["meta"]}
