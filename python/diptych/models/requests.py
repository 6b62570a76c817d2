"""What is asked of a model, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from pydantic import Field

from diptych._types import Json
from diptych.config import Settings
from diptych.utils.hashing import content_hash

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "refusal", "content_filter", "other"]
FailureKind = Literal[
    "rate_limit", "server", "timeout", "connection", "bad_response", "bad_request", "context_length", "memory"
]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


class Sampling(Settings):
    """How an answer is drawn. What is None is left to the model, and is not sent."""

    max_tokens: int = Field(default=512, ge=1)
    """Longest answer, in the model's tokens."""
    temperature: float | None = Field(default=None, ge=0.0, le=100.0)
    """0 is greedy."""
    top_p: float | None = Field(default=None, gt=0.0, le=1.0)
    top_k: int | None = Field(default=None, ge=1)
    stop: tuple[str, ...] = ()
    """Texts at which an answer ends; they are not part of it."""
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    """Each draw of each request gets its own, derived from this; sent where a provider takes one."""


def conversation(text: str, system: str | None) -> tuple[Message, ...]:
    """A question, under a system prompt where there is one.

    Parameters
    ----------
    text : the user's turn
    system : prompt; None for none

    Examples
    --------
    >>> [message.role for message in conversation("Why?", "Be brief.")]
    ['system', 'user']
    """
    user = Message("user", text)
    return (user,) if system is None else (Message("system", system), user)


@dataclass(frozen=True, slots=True)
class Request:
    """One question; each of its draws is a request of its own.

    Parameters
    ----------
    messages : the conversation so far, ending with the user's turn
    draw : which of several answers, counted from 0
    schema : JSON schema that the answer shall follow (see `models.structured`); None for plain text
    """

    messages: tuple[Message, ...]
    draw: int = 0
    schema: Json | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as the provider counts them; None where it does not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer.

    Parameters
    ----------
    text : of the answer; may be empty only where the model ended it at once
    finish_reason : why it ended
    usage : tokens
    model : that answered, as the provider says
    request_id : the provider's, for questions to its support
    sent : parameters as they were sent, under the provider's names
    n_attempts : calls that it took
    lost : tokens of those calls before it that came to nothing, and are paid for all the same
    details : what else the provider said (its own finish reason, the host that a router chose, the rendered prompt)
    """

    text: str
    finish_reason: FinishReason
    usage: Usage = Usage()
    model: str | None = None
    request_id: str | None = None
    sent: Json = field(default_factory=dict)
    n_attempts: int = 1
    details: Json = field(default_factory=dict)
    lost: tuple[Usage, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that got no answer. It is asked again by the next run.

    Parameters
    ----------
    kind : what went wrong
    reason : in words, without keys, prompts or answers
    n_attempts : calls that were made
    lost : tokens of those whose provider says; they are paid for
    """

    kind: FailureKind
    reason: str
    n_attempts: int = 1
    lost: tuple[Usage, ...] = ()


Answer: TypeAlias = Reply | Failure
Deliver: TypeAlias = Callable[[int, Answer], None]
"""Takes the number of a request and what came of it."""


def hand_over(deliver: Deliver, came: Sequence[tuple[int, Answer]]) -> None:
    """Deliver several answers that are there at once.

    Parameters
    ----------
    deliver : takes them one by one; where it has a method ``many``, all together, which a disk does in the time of one
    came : number of the request, and what came of it

    Examples
    --------
    >>> said = {}
    >>> hand_over(said.__setitem__, [(0, Failure("memory", "too long"))])
    >>> said[0].kind
    'memory'
    """
    many = getattr(deliver, "many", None)
    if many is not None:
        many(came)
        return
    for index, answer in came:
        deliver(index, answer)


class Model(Protocol):
    """Anything that answers requests: a provider's interface, or weights in memory."""

    @property
    def name(self) -> str:
        """``provider/model[@revision]``."""

    @property
    def identity(self) -> Json:
        """All that changes its answers besides the request and the sampling; no key, no path of this machine."""

    def check(self, sampling: Sampling) -> None:
        """Refuse parameters that it does not take, before the first call.

        Raises
        ------
        ConfigError
            Names the parameter.
        """

    def answer(self, requests: Sequence[Request], sampling: Sampling, deliver: Deliver) -> None:
        """Ask, in any order, and hand over each answer as soon as it is there, from the calling thread.

        Raises
        ------
        ModelError
            If nothing more can be asked: a wrong key, no credit, no such model, no server. What was answered until
            then has been delivered.
        """

    def close(self) -> None:
        """Let go of connections, or of memory."""


def request_key(identity: Json, sampling: Sampling, request: Request) -> str:
    """What an answer is kept under: everything that changes it, the draw included.

    Parameters
    ----------
    identity : of the model
    sampling : of the run
    request : the question

    Returns
    -------
    str
        64 hexadecimal digits

    Examples
    --------
    >>> question = Request((Message("user", "Why?"),))
    >>> again = Request((Message("user", "Why?"),), draw=1)
    >>> request_key({}, Sampling(), question) == request_key({}, Sampling(), again)
    False
    """
    messages = [[message.role, message.content] for message in request.messages]
    asked = {
        "model": identity,
        "sampling": sampling.model_dump(mode="json"),
        "messages": messages,
        "draw": request.draw,
        **({} if request.schema is None else {"schema": request.schema}),
    }
    return content_hash("diptych/request/1", asked)


def draw_seed(sampling: Sampling, request: Request) -> int:
    """The seed of one draw of one request: whatever is asked beside it, and in whatever order.

    Parameters
    ----------
    sampling : its ``seed`` is that of the run
    request : the question and the number of the draw

    Returns
    -------
    int
        from 0 to 2³¹ − 1

    Examples
    --------
    >>> question = Request((Message("user", "Why?"),))
    >>> draw_seed(Sampling(), question) == draw_seed(Sampling(), Request(question.messages, draw=1))
    False
    """
    messages = [[message.role, message.content] for message in request.messages]
    digest = content_hash("diptych/draw/1", {"seed": sampling.seed, "messages": messages, "draw": request.draw})
    return int(digest[:8], 16) & 0x7FFFFFFF
