"""Providers that take many requests at once, for less money, and answer within a day."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, ClassVar, TypeVar

from pydantic import Field

from diptych._types import Json
from diptych.errors import ModelError
from diptych.models import failures
from diptych.models.api_clients import ApiOptions, BaseAPIClient
from diptych.models.failures import AgainError, GivenUpError, Trouble
from diptych.models.requests import Answer, Failure, FailureKind, Reply, Request, Sampling
from diptych.utils.retry import retrying
from diptych.utils.text import parse_json

T = TypeVar("T")

_SURELY_NOT_DONE: tuple[FailureKind, ...] = ("rate_limit", "server")
"""Failures after which a call that costs money may be made again: the provider refused it."""


class BatchOptions(ApiOptions):
    """How an interface is asked that also takes batches."""

    batch: bool = False
    """Leave requests with the provider in batches, which it answers within a day, for less (see `models.batch_run`)."""
    poll_s: float = Field(default=30.0, gt=0)
    """Seconds between two looks at a batch."""


@dataclass(frozen=True, slots=True)
class BatchState:
    """What a provider says about a batch.

    Parameters
    ----------
    status : in the provider's words
    n_done : requests that are over
    ended : whether the results are there
    paths : where they lie
    refusal : why nothing of it was answered
    """

    status: str
    n_done: int
    ended: bool
    paths: tuple[str, ...] = ()
    refusal: str = ""


class BatchingClient(BaseAPIClient):
    """A model behind an interface that also takes batches."""

    options_type: ClassVar[type[ApiOptions]] = BatchOptions
    max_batch: ClassVar[int]
    """Most requests in a batch."""
    max_batch_bytes: ClassVar[int]
    """Most bytes of a batch."""

    @property
    def batched(self) -> bool:
        """Whether requests are to be left in batches."""
        return isinstance(self.options, BatchOptions) and self.options.batch

    @property
    def poll_s(self) -> float:
        """Seconds between two looks at a batch."""
        return self.options.poll_s if isinstance(self.options, BatchOptions) else BatchOptions().poll_s

    def portions(self, asked: Mapping[str, Request], sampling: Sampling) -> Iterator[list[Json]]:
        """Requests as the provider wants them in a batch, in as many batches as its limits make necessary.

        Parameters
        ----------
        asked : requests by their keys, which are sent along and stand in the results
        sampling : how they are answered
        """
        portion: list[Json] = []
        n_bytes = 0
        for key, request in asked.items():
            body = {"model": self.model_name, **self._body(request), **self._parameters(request, sampling)}
            item = self._item(key, body)
            size = len(json.dumps(item).encode()) + 2
            if portion and (len(portion) == self.max_batch or n_bytes + size > self.max_batch_bytes):
                yield portion
                portion, n_bytes = [], 0
            portion.append(item)
            n_bytes += size
        if portion:
            yield portion

    def send_batch(self, items: Sequence[Json]) -> str:
        """Leave a batch with the provider; never twice, whatever goes wrong.

        Parameters
        ----------
        items : one of `portions`

        Returns
        -------
        str
            the provider's name for it

        Raises
        ------
        ModelError
            If it is not taken, or it is not certain that it was.
        """

        def read(content: bytes) -> str:
            name = failures.read_object(content).get("id")
            if not isinstance(name, str) or not name:
                raise AgainError("bad_response", "the reply does not name the batch")
            return name

        prepared = self._prepared(items)

        async def call(connection: Any) -> Any:
            return await self._leave(connection, prepared)

        return self._call(call, read, repeatable=False)

    def batch_state(self, batch_id: str) -> BatchState | None:
        """How far a batch is; None where the provider does not know it.

        Parameters
        ----------
        batch_id : as `send_batch` gave it

        Raises
        ------
        ModelError
            If the provider does not say.
        """
        path = self._batch_path(batch_id)
        return self._get(path, lambda content: self._state(batch_id, failures.read_object(content)), not_found=None)

    def results(self, state: BatchState) -> list[Json]:
        """The lines of the results of a batch that has ended, in the provider's order; each has a ``custom_id``.

        Parameters
        ----------
        state : of the batch

        Raises
        ------
        ModelError
            If they cannot be had whole.
        """
        none: list[Json] = []
        return [line for path in state.paths for line in self._get(path, _lines, not_found=none)]

    def answer_in(self, line: Json, request: Request, sampling: Sampling) -> Answer:
        """What a line of results says.

        Parameters
        ----------
        line : one of `results`
        request : that it belongs to
        sampling : under which it was asked
        """
        body: Json = {}
        try:
            body, request_id = self._opened(line)
            reply: Reply = self._read(body, self._parameters(request, sampling))
            reply.text.encode()
        except (AgainError, GivenUpError) as trouble:
            return Failure(trouble.kind, self._told(trouble.reason, request), lost=tuple(failures.usage_in(body)))
        except UnicodeEncodeError:
            half = "the reply holds half a surrogate pair: no file could keep it"
            return Failure("bad_response", half, lost=tuple(failures.usage_in(body)))
        return replace(reply, request_id=request_id)

    def _get(self, path: str, read: Callable[[bytes], T], *, not_found: T) -> T:
        from httpx2 import Response

        async def call(connection: Any) -> Any:
            return await connection.get(path, cast_to=Response)

        return self._call(call, read, not_found=(not_found,))

    def _call(
        self,
        call: Callable[[Any], Awaitable[Any]],
        read: Callable[[bytes], T],
        *,
        repeatable: bool = True,
        not_found: tuple[T, ...] = (),
    ) -> T:
        """A call that is made again where that does no harm; ``not_found`` holds what status 404 stands for."""
        key = self._ready_key()
        from anyio.from_thread import start_blocking_portal

        async def attempt(connection: Any) -> T:
            trouble: Trouble
            try:
                return read((await call(connection)).content)
            except import_module(self._sdk_name).APIError as error:
                if not_found and getattr(error, "status_code", None) == 404:
                    return not_found[0]
                trouble = failures.of_error(error)
            except AgainError as error:
                trouble = error
            raise trouble if repeatable else _once(trouble)

        async def run() -> T | Trouble:
            async with self._connect(key) as connection:
                try:
                    return await retrying(self._policy)(attempt)(connection)
                except (AgainError, GivenUpError) as trouble:
                    return trouble
                except TimeoutError:
                    return AgainError("timeout", f"no answer within {self.options.deadline_s:g} s")

        with start_blocking_portal() as portal:
            outcome = portal.call(run)
        if isinstance(outcome, AgainError | GivenUpError):
            raise ModelError(f"{self.name}: {self._safe(outcome.reason)}. Asked at {self.base_url}.")
        return outcome

    @abstractmethod
    def _item(self, key: str, body: Json) -> Json:
        """One request of a batch."""

    @abstractmethod
    def _prepared(self, items: Sequence[Json]) -> Any:
        """What `_leave` sends."""

    @abstractmethod
    async def _leave(self, connection: Any, prepared: Any) -> Any:
        """Leave a batch; the reply names it."""

    @abstractmethod
    def _batch_path(self, batch_id: str) -> str:
        """Where the state of a batch is told."""

    @abstractmethod
    def _state(self, batch_id: str, value: Json) -> BatchState:
        """The state in a reply; raises `AgainError` where there is none."""

    @abstractmethod
    def _opened(self, line: Json) -> tuple[Json, str | None]:
        """The reply in a line of results, and the provider's name for the request; raises where there is none."""


def _once(trouble: Trouble) -> Trouble:
    """The same, but not to be tried again where what costs money may have been done."""
    if isinstance(trouble, GivenUpError) or trouble.kind in _SURELY_NOT_DONE:
        return trouble
    unsure = f"{trouble.reason}. The batch may have been taken: look at the provider's list of batches"
    return GivenUpError(trouble.kind, unsure)


def _lines(content: bytes) -> list[Json]:
    lines: list[Json] = []
    for number, text in enumerate(content.split(b"\n"), start=1):
        if not text.strip():
            continue
        try:
            value = parse_json(text)
        except ValueError:
            value = None
        if not isinstance(value, dict) or not isinstance(value.get("custom_id"), str):
            raise AgainError("bad_response", f"line {number} of the results is not a JSON object with a custom_id")
        lines.append(value)
    return lines
