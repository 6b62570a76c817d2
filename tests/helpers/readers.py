"""Scripted models that help to read: each answers by a rule of the messages, and remembers what it was asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel

from diptych._types import Json
from diptych.models.assistant import Assistant
from diptych.models.generation import Question
from diptych.models.ledger import Ledger
from diptych.models.requests import Deliver, Failure, Message, Model, Reply, Request, Sampling

Rule = Callable[[str], str]
"""From the whole question to the answer."""


class RuleModel:
    """Answers by a rule. Implements the protocol ``Model``."""

    def __init__(self, rule: Rule, name: str = "scripted/rule") -> None:
        self.name, self._rule = name, rule
        self.asked: list[str] = []

    @property
    def identity(self) -> Json:
        return {"model": self.name}

    def check(self, sampling: Sampling) -> None: ...

    def close(self) -> None: ...

    def answer(self, requests: Sequence[Request], sampling: Sampling, deliver: Deliver) -> None:
        for index, request in enumerate(requests):
            text = "\n".join(message.content for message in request.messages)
            self.asked.append(text)
            deliver(index, Reply(self._rule(text), "stop"))


@contextmanager
def assistant(rule: Rule, name: str = "scripted/rule") -> Iterator[Assistant]:
    """A model by a rule, with a ledger of its own."""
    with TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite", {}) as ledger:
        yield Assistant(RuleModel(rule, name), ledger, Sampling())


def objects_of(
    model: Model, texts: Sequence[str], form: type[BaseModel], sampling: Sampling
) -> list[BaseModel | Failure]:
    """What a model answers to questions with a form, through a ledger that is thrown away."""
    questions = [Question(text, (Message("user", text),)) for text in texts]
    with TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite", {}) as ledger:
        return Assistant(model, ledger, sampling).ask_objects(questions, form)


def asked_of(one: Assistant) -> list[str]:
    """What it was asked."""
    assert isinstance(one.model, RuleModel)
    return one.model.asked


def quoted(question: str, name: str = "text") -> list[str]:
    """What stands between marks of a name, as a model that keeps to the fence reads it."""
    return [body for _, body in re.findall(rf"<{name}-([0-9a-f]{{16}})>\n(.*?)\n</{name}-\1>", question, re.DOTALL)]


def sentences(question: str) -> dict[int, str]:
    """The numbered sentences that a judge is asked after: those outside the marks."""
    bare = re.sub(r"<([a-z0-9-]+-[0-9a-f]{16})>\n.*?\n</\1>", "", question, flags=re.DOTALL)
    return {int(number): text for number, text in re.findall(r"^(\d+)\. (.*)$", bare, re.MULTILINE)}


def is_judged(question: str) -> bool:
    """Whether verdicts are asked for, and not names or differences."""
    return '"verdicts"' in question and "Sentences about the text:" in question


def verdicts(holds: Callable[[str, str], Any]) -> Rule:
    """A judge that says of text and sentence what ``holds`` says."""

    def rule(question: str) -> str:
        [text] = quoted(question)
        said = [{"number": n, "holds": bool(holds(text, line))} for n, line in sentences(question).items()]
        return json.dumps({"verdicts": said})

    return rule


def reader(*, proposes: Sequence[str], holds: Callable[[str, str], Any], form: str = "sentences") -> Rule:
    """One that proposes the same to everybody and judges by ``holds``."""
    judge = verdicts(holds)
    return lambda question: judge(question) if is_judged(question) else json.dumps({form: list(proposes)})
