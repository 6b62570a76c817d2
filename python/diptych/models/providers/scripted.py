"""A model that answers from a script: for tests, for dry runs, and to plant a known difference."""

from __future__ import annotations

import heapq
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator

from diptych._types import Json
from diptych.config import Settings
from diptych.config.loader import read_yaml
from diptych.errors import ConfigError
from diptych.models.requests import (
    Answer,
    Deliver,
    Failure,
    FailureKind,
    FinishReason,
    Reply,
    Request,
    Sampling,
    Usage,
    hand_over,
    request_key,
)
from diptych.utils.hashing import derive_seed

_PLACE = re.compile(r"\{(prompt|system|draw)\}")


class Rule(Settings):
    """Answers to prompts that look alike. The first rule that fits is used."""

    match: str = ""
    """Regular expression, looked for in the user's last turn."""
    system: str = ""
    """Regular expression, looked for in the system prompt."""
    answers: tuple[str, ...] = Field(min_length=1)
    """One is taken, by a hash of prompt, draw and seed; ``{prompt}``, ``{system}`` and ``{draw}`` are filled in."""
    finish_reason: FinishReason = "stop"

    @field_validator("match", "system")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return pattern


class Script(Settings):
    """What a scripted model says, and how fast."""

    rules: tuple[Rule, ...] = ()
    otherwise: tuple[str, ...] = Field(default=("{prompt}",), min_length=1)
    """Answers where no rule fits; by default the prompt comes back."""
    latency_s: float = Field(default=0.0, ge=0.0)
    """Mean time of an answer; each takes from half to one and a half of it."""
    concurrency: int = Field(default=16, ge=1)
    """Requests that are under way at once."""
    failure_rate: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of requests that fail, chosen by a hash of the request."""
    failure_kind: FailureKind = "server"
    calls: str | None = None
    """File that gets a line, the number of the request and its draw, whenever a request begins."""


class ScriptedModel:
    """Answers from a script. Implements the protocol `Model`.

    Parameters
    ----------
    label : what it is called, after ``scripted/``
    script : what it says

    Examples
    --------
    >>> from diptych.models.requests import Message
    >>> said = []
    >>> question = Request((Message("user", "Why?"),))
    >>> ScriptedModel("echo", Script()).answer([question], Sampling(), lambda index, answer: said.append(answer.text))
    >>> said
    ['Why?']
    """

    def __init__(self, label: str, script: Script) -> None:
        self.label, self.script = label, script

    @classmethod
    def open(cls, name: str, options: Mapping[str, Any]) -> Self:
        """``echo``, or the name of a YAML file with the settings of `Script`; options replace what the file says.

        Parameters
        ----------
        name : what follows ``scripted/``
        options : settings of `Script`

        Raises
        ------
        ConfigError
            If there is no such file, or a setting does not fit.
        """
        if name == "echo":
            return cls(name, Script.parse(options, source="scripted/echo"))
        path = Path(name)
        if not path.is_file():
            raise ConfigError(f"scripted/{name}: no such file. Give 'scripted/echo', or a YAML file with rules.")
        values, places = read_yaml(path)
        places = {key: place for key, place in places.items() if key not in options}
        return cls(path.stem, Script.parse({**values, **options}, source=str(path), places=places))

    @property
    def name(self) -> str:
        return f"scripted/{self.label}"

    @property
    def identity(self) -> Json:
        said = self.script.model_dump(mode="json", include={"rules", "otherwise"})
        return {"provider": "scripted", "model": self.label, **said}

    @property
    def concurrency(self) -> int:
        """Requests that are under way at once."""
        return self.script.concurrency

    def check(self, sampling: Sampling) -> None: ...

    def close(self) -> None: ...

    def answer(self, requests: Sequence[Request], sampling: Sampling, deliver: Deliver) -> None:
        calls = (
            None if self.script.calls is None else os.open(self.script.calls, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        )
        try:
            self._answer(requests, sampling, deliver, calls)
        finally:
            if calls is not None:
                os.close(calls)

    def _answer(self, requests: Sequence[Request], sampling: Sampling, deliver: Deliver, calls: int | None) -> None:
        """Each request ends at a time of its own; the one that ends first is handed over first."""
        under_way: list[tuple[float, int]] = []
        started = 0
        while under_way or started < len(requests):
            while started < len(requests) and len(under_way) < self.script.concurrency:
                share = 0.5 + _fraction("latency", self.identity, sampling, requests[started])
                heapq.heappush(under_way, (time.monotonic() + share * self.script.latency_s, started))
                if calls is not None:
                    key = request_key(self.identity, sampling, requests[started])
                    os.write(calls, f"{key} {requests[started].draw}\n".encode())
                started += 1
            time.sleep(max(0.0, under_way[0][0] - time.monotonic()))
            now, ended = time.monotonic(), []
            while under_way and under_way[0][0] <= now:
                ended.append(heapq.heappop(under_way)[1])
            hand_over(deliver, [(index, self._say(requests[index], sampling)) for index in ended])

    def _say(self, request: Request, sampling: Sampling) -> Answer:
        if _fraction("failure", self.identity, sampling, request) < self.script.failure_rate:
            return Failure(self.script.failure_kind, "the script says so")
        values = {
            "prompt": next((turn.content for turn in reversed(request.messages) if turn.role == "user"), ""),
            "system": next((turn.content for turn in request.messages if turn.role == "system"), ""),
            "draw": str(request.draw),
        }
        answers, finish = self._answers(values["prompt"], values["system"])
        chosen = answers[int(_fraction("answer", self.identity, sampling, request) * len(answers))]
        text = _PLACE.sub(lambda place: values[place[1]], chosen)
        words = text.split()
        if len(words) > sampling.max_tokens:
            text, finish = " ".join(words[: sampling.max_tokens]), "length"
        n_input = sum(len(turn.content.split()) for turn in request.messages)
        return Reply(text, finish, Usage(n_input, min(len(words), sampling.max_tokens)), model=self.label)

    def _answers(self, prompt: str, system: str) -> tuple[tuple[str, ...], FinishReason]:
        for rule in self.script.rules:
            if re.search(rule.match, prompt) and re.search(rule.system, system):
                return rule.answers, rule.finish_reason
        return self.script.otherwise, "stop"


def _fraction(purpose: str, identity: Json, sampling: Sampling, request: Request) -> float:
    """A number from 0 to 1 that is the request's own, and the purpose's."""
    key = request_key(identity, sampling, request)
    return derive_seed(0, f"{purpose} {key}") / 2**63
