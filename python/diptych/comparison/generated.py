"""An arm whose responses are yet to be asked for: prompts, a model, and the ledger between them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from diptych._types import Json, Progress
from diptych.comparison.pairing import limit_prompts
from diptych.data.prompts import Prompt, Prompts, as_prompts
from diptych.data.responses import Response, Responses
from diptych.errors import ModelError
from diptych.models import generation as asking
from diptych.models.generation import Answered, Question, count_failures
from diptych.models.ledger import Ledger
from diptych.models.prices import Estimate, Price, estimate, parse_price
from diptych.models.registry import find_model
from diptych.models.requests import Failure, Model, Reply, Request, Sampling, conversation, request_key
from diptych.utils.hashing import source_sha256

_FAILURES_TOLD = 3
_CUT_SHARE = 0.05
"""More answers that end for want of tokens are worth a notice."""
_ENOUGH_TO_TELL = 10
"""Prompts of which all draws are alike, and none of which they are not: then it is no chance."""


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

    @cached_property
    def requests(self) -> tuple[Request, ...]:
        """Every draw of every prompt that is asked."""
        return tuple(
            Request(conversation(prompt.text, prompt.system), draw)
            for prompt in self.asked
            for draw in range(self.draws)
        )

    def keys(self) -> list[str]:
        """What the answers to ``requests`` are kept under."""
        return [request_key(self.model.identity, self.sampling, request) for request in self.requests]

    def announce(self, ledger: Ledger, arm: str = "a") -> None:
        """Put down in a ledger what is going to be asked, for those who ask how the run stands.

        Parameters
        ----------
        ledger : of the run
        arm : name of the arm
        """
        ledger.expect(arm, self.model.name, self.keys())

    def missing(self, ledger: Ledger | None) -> Estimate:
        """What a ``ledger`` (or none) lacks, and what it will take."""
        keys = self.keys()
        known = ledger.replies(keys) if ledger is not None else {}
        requests = [request for key, request in zip(keys, self.requests, strict=True) if key not in known]
        return estimate(requests, self.sampling, self.price)

    def run(
        self,
        ledger: Ledger,
        *,
        arm: str = "a",
        progress: Progress | None = None,
        max_cost: float | None = None,
        max_failures: float | None = None,
    ) -> Responses:
        """Ask what the ledger lacks, and give all responses.

        Parameters
        ----------
        ledger : takes each answer as it comes
        arm : name of the arm
        progress, max_cost : as for ``models.generation.generate``
        max_failures : requests that may fail before the rest is left unasked: a whole number, or a share of all as a
            fraction; None for any number

        Returns
        -------
        Responses
            prompt by prompt, draw by draw; requests that failed are missing, with a notice, and with warnings that give
            the reasons of the first few; the ledger has all

        Raises
        ------
        ConfigError, BudgetError, ModelError, LedgerError
            As ``models.generation.generate`` does; ``ModelError`` also if no request was answered.
        """
        n_requests = len(self.asked) * self.draws
        answered = asking.generate(
            self.model,
            [Question(prompt.prompt_id, conversation(prompt.text, prompt.system)) for prompt in self.asked],
            draws=self.draws,
            sampling=self.sampling,
            ledger=ledger,
            progress=progress,
            price=self.price,
            max_cost=max_cost,
            max_failures=int(max_failures * n_requests) if isinstance(max_failures, float) else max_failures,
        )
        return self._responses(answered, arm)

    def _responses(self, answered: list[Answered], arm: str) -> Responses:
        by_id = {prompt.prompt_id: prompt for prompt in self.asked}
        rows = tuple(_response(by_id[one.question.prompt_id], one, arm, self.model.name) for one in answered)
        kept = tuple(row for row in rows if row is not None)
        failed = count_failures(answered)
        self._tell_failures(answered)
        if not kept:
            kinds = ", ".join(failed)
            raise ModelError(f"no request to {self.model.name} was answered ({kinds}). The same command asks again.")
        notices = [*self.prompts.notices, *self._cut(kept), *self._alike(kept)]
        if failed:
            kinds = ", ".join(f"{kind} {n}" for kind, n in failed.items())
            n_failed = sum(failed.values())
            notices.append(
                f"{n_failed} of {len(answered)} requests to {self.model.name} failed ({kinds}) and are missing"
            )
        return Responses(
            kept,
            self.model.name,
            model=self.model.name,
            has_ids=self.prompts.has_ids,
            notices=tuple(notices),
            origin=self._origin(answered),
        )

    def _tell_failures(self, answered: Sequence[Answered]) -> None:
        failures = [(one, one.answer) for one in answered if isinstance(one.answer, Failure)]
        for one, failure in failures[:_FAILURES_TOLD]:
            which = f"prompt {one.question.prompt_id}, draw {one.draw}"
            warnings.warn(f"{which}: {failure.kind}: {failure.reason}", stacklevel=2)

    def _cut(self, rows: Sequence[Response]) -> list[str]:
        share = sum(row.finish_reason == "length" for row in rows) / len(rows)
        if share <= _CUT_SHARE:
            return []
        return [
            f"{100 * share:.0f} % of the answers of {self.model.name} were cut at {self.sampling.max_tokens} tokens"
        ]

    def _alike(self, rows: Sequence[Response]) -> list[str]:
        texts: dict[str, list[str]] = {}
        for row in rows:
            texts.setdefault(row.prompt_id, []).append(row.response)
        several = [drawn for drawn in texts.values() if len(drawn) > 1]
        if len(several) < _ENOUGH_TO_TELL or any(len(set(drawn)) > 1 for drawn in several):
            return []
        return [
            f"the draws of each of {len(several)} prompts are the same text: {self.model.name} does not sample "
            "(temperature 0, or a server that ignores it), and more draws add nothing"
        ]

    def _origin(self, answered: Sequence[Answered]) -> Json:
        """How the responses came to be, for the manifest."""
        returned = {one.answer.model for one in answered if isinstance(one.answer, Reply) and one.answer.model}
        prompts = {
            "source": self.prompts.source,
            "sha256": source_sha256(Path(self.prompts.source)),
            "n_rows": len(self.prompts),
            "digest": self.prompts.digest,
            "n_prompts": len(self.asked),
            "system": self.prompts.system,
        }
        return {**self.config, "prompts": prompts, "draws": self.draws, "models_returned": sorted(returned)}


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
    """A response, ``row``, as a line of a file of responses; reading it gives the same again."""
    record = row.as_json()
    return {**{name: value for name, value in record.items() if name not in ("arm", "meta")}, **record["meta"]}


def ledger_of(out: Path) -> Path:
    """The ledger of a file of responses, ``out``: beside it, under its name."""
    return out.with_name(f"{out.name}.ledger.sqlite")


def generate(
    model: str | Model,
    prompts: str | Path | Sequence[str | Mapping[str, Any]] | Prompts,
    *,
    ledger: str | Path,
    draws: int = 1,
    system: str | None = None,
    base_url: str | None = None,
    options: Mapping[str, Any] | None = None,
    price: str | None = None,
    max_cost: float | None = None,
    max_failures: int | None = None,
    progress: Progress | None = None,
    **sampling: Any,
) -> Responses:
    """Ask a model every prompt, or go on where an earlier call with the same ledger was stopped.

    Parameters
    ----------
    model : ``provider/model[@revision]``, or an open model
    prompts : file of prompts, texts, or records with ``prompt`` and perhaps ``prompt_id`` and ``system``
    ledger : file that keeps every answer the moment it comes; the same call again asks nothing twice
    draws : answers to each prompt
    system : system prompt, in place of the prompts' own
    base_url : address of the model's server
    options : of the provider, such as ``{"concurrency": 8}``
    price : ``IN,OUT``, US dollars for a million tokens, where it is not listed
    max_cost : US dollars that the answers may cost
    max_failures : requests that may fail before the rest is left unasked; None for any number
    progress : where it says how far it is
    **sampling : fields of ``Sampling``, such as ``temperature``, ``max_tokens``, ``seed``

    Returns
    -------
    Responses
        as ``diptych.compare`` takes them

    Raises
    ------
    ConfigError, DataError
        If a setting, a name or a prompt does not fit.
    BudgetError, ModelError, LedgerError
        If it was stopped; what was answered is in the ledger.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> ledger = pathlib.Path(tempfile.mkdtemp()) / "ledger.sqlite"
    >>> [row.response for row in generate("scripted/echo", ["Why?", "How?"], ledger=ledger, max_tokens=20)]
    ['Why?', 'How?']
    """
    chosen = Sampling.parse(sampling, source="generate")
    asked = as_prompts(prompts).with_system(system)
    spec = find_model(model, base_url=base_url, options=options, price=price) if isinstance(model, str) else None
    opened = spec.open() if spec is not None else cast(Model, model)
    cost = spec.price if spec is not None else parse_price(price) if price else None
    try:
        generation = Generation(opened, asked, draws, chosen, cost)
        with Ledger(Path(ledger), generation.config) as kept:
            generation.announce(kept)
            return generation.run(kept, progress=progress, max_cost=max_cost, max_failures=max_failures)
    finally:
        if spec is not None:
            opened.close()
