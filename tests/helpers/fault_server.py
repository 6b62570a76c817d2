"""A model's server that misbehaves to order: OpenAI chat completions and Anthropic messages, on this machine only.

A script says what happens to each call, in the order in which calls arrive: a list of steps, or a function from a call
to a step. When a list is used up, and where there is none, calls are answered. An answer depends on the body of the
request alone.

``python -m tests.helpers.fault_server --latency-s 0.05 --refuse-every 5`` runs one in a process of its own: its first
line is its address, ``GET /seen`` says what it saw, and it ends when its standard input does.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import socket
import sqlite3
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

Content = Callable[["Call"], bytes]


@dataclass(frozen=True)
class Call:
    """A request as it arrived, numbered from 0; ``at_s`` by the monotonic clock."""

    number: int
    path: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"
    at_s: float = field(default_factory=time.monotonic)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def is_messages(self) -> bool:
        """Whether it speaks Anthropic's dialect."""
        return self.path.endswith("/messages")


@dataclass(frozen=True)
class Step:
    """What happens to one call.

    Parameters
    ----------
    status : of the reply
    content : its body; that of an ordinary answer where None
    headers : besides length and type
    delay_s : before anything is sent, besides the server's latency
    fault : ``reset`` sends no reply but a TCP reset; ``cut`` stops in the middle of the body
    """

    status: int = 200
    content: Content | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    fault: Literal["reset", "cut"] | None = None


Script = Sequence[Step] | Callable[[Call], Step]
ANSWER = Step()


def text_of(body: bytes) -> str:
    """The answer to a request: it names the question and differs with every byte of the request."""
    question = " ".join(json.loads(body)["messages"][-1]["content"].split())
    return f"About “{question[:40]}” I say {hashlib.sha256(body).hexdigest()[:12]}."


def reply(text: str | None = None, **changes: Any) -> Content:
    """A well-formed reply; ``changes`` replace fields at its top: ``choices=[]``, ``stop_reason="refusal"``."""

    def content(call: Call) -> bytes:
        words = text_of(call.body) if text is None else text
        asked = call.json
        n_input = sum(len(str(message["content"]).split()) for message in asked["messages"])
        n_output = len(words.split())
        if call.is_messages:
            made: dict[str, Any] = {
                "id": f"msg_{call.number}", "type": "message", "role": "assistant", "model": asked["model"],
                "content": [{"type": "text", "text": words}], "stop_reason": "end_turn", "stop_sequence": None,
                "usage": {"input_tokens": n_input, "output_tokens": n_output},
            }  # fmt: skip
        else:
            message = {"role": "assistant", "content": words, "refusal": None}
            made = {
                "id": f"chatcmpl-{call.number}", "object": "chat.completion", "created": 0, "model": asked["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
                "usage": {"prompt_tokens": n_input, "completion_tokens": n_output, "total_tokens": n_input + n_output},
            }  # fmt: skip
        return json.dumps({**made, **changes}).encode()

    return content


def error(status: int, code: str, message: str = "no", **more: Any) -> Step:
    """A refusal in the dialect of the call; ``more`` goes into the headers, ``retry_after=1`` for one."""

    def content(call: Call) -> bytes:
        if call.is_messages:
            return json.dumps({"type": "error", "error": {"type": code, "message": message}}).encode()
        return json.dumps({"error": {"message": message, "type": code, "param": None, "code": code}}).encode()

    return Step(status, content, {name.replace("_", "-"): str(value) for name, value in more.items()})


def rate_limited(**more: Any) -> Step:
    """429 with or without ``retry_after``."""
    return error(429, "rate_limit_exceeded", "slow down", **more)


def literal(text: str, status: int = 200, content_type: str = "text/html") -> Step:
    """These bytes, whatever was asked."""
    return Step(status, lambda call: text.encode(), {"content-type": content_type})


HTML = literal("<html><body>Please log in to the network</body></html>")
BROKEN_JSON = literal('{"choices": [{"mess', content_type="application/json")
ERROR_IN_200 = Step(200, error(200, "502", "upstream is down").content)
RESET = Step(fault="reset")
CUT = Step(fault="cut")


def every(n: int, step: Step) -> Callable[[Call], Step]:
    """``step`` for each n-th call, answers for the others."""
    return lambda call: step if call.number % n == n - 1 else ANSWER


class TokenBucket:
    """Refuses what comes faster than ``per_s`` calls a second, after a burst of ``burst``."""

    def __init__(self, per_s: float, burst: int) -> None:
        self.per_s, self.burst = per_s, burst
        self._left, self._at_s = float(burst), time.monotonic()

    def __call__(self, call: Call) -> Step:
        self._left = min(self.burst, self._left + (call.at_s - self._at_s) * self.per_s)
        self._at_s = call.at_s
        if self._left < 1:
            return rate_limited()
        self._left -= 1
        return ANSWER


class FaultServer:
    """A server in a thread; a context manager.

    Parameters
    ----------
    script : what happens to each call
    latency_s : before each reply
    port : where it listens; any free one for 0

    Examples
    --------
    >>> with FaultServer([rate_limited()]) as server:
    ...     server.calls
    []
    """

    def __init__(self, script: Script = (), *, latency_s: float = 0.0, port: int = 0) -> None:
        self.script, self.latency_s, self.port = script, latency_s, port
        self.calls: list[Call] = []
        self.statuses: list[int | None] = []
        """Of the replies, in the order in which they were decided; None for a reset."""
        self.usage: Counter[str] = Counter()
        """Tokens that it has said were used, by the names of its replies."""
        self.high_water = 0
        """Most calls that were in flight at once."""
        self._in_flight = 0

    @property
    def url(self) -> str:
        """What Anthropic's SDK takes for an address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        """What OpenAI's SDK takes for an address."""
        return self.url + "/v1"

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def seen(self) -> dict[str, Any]:
        """What it saw, in numbers."""
        return {
            "n_calls": len(self.calls),
            "n_rate_limited": self.statuses.count(429),
            "n_bodies": len({call.sha256 for call in self.calls}),
            "high_water": self.high_water,
        }

    def content(self, call: Call) -> bytes:
        """The reply to a call that nothing befalls."""
        return reply()(call)

    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        writers: set[asyncio.StreamWriter] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.add(writer)
            try:
                while await self._exchange(reader, writer):
                    pass
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writers.discard(writer)
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", self.port, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await self._stop.wait()
        server.close()
        for writer in writers:
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its reply; False when the connection is over."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        pairs = [line.split(":", 1) for line in head[1:] if line]
        headers = {name.lower(): value.strip() for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if path == "/seen":
            _send(writer, 200, json.dumps(self.seen()).encode(), {})
            return True
        call = Call(len(self.calls), path, headers, body, method)
        self.calls.append(call)
        self._in_flight += 1
        self.high_water = max(self.high_water, self._in_flight)
        try:
            return await self._reply(call, writer)
        finally:
            self._in_flight -= 1

    async def _reply(self, call: Call, writer: asyncio.StreamWriter) -> bool:
        step = self._step(call)
        self.statuses.append(None if step.fault == "reset" else step.status)
        await asyncio.sleep(self.latency_s + step.delay_s)
        if step.fault == "reset":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        content = (step.content or self.content)(call)
        if step.fault is None:
            self.usage.update(_usage_in(content))
        named = {"request-id": f"req_{call.number}", "x-request-id": f"req_{call.number}", **step.headers}
        _send(writer, step.status, content, named, cut=step.fault == "cut")
        await writer.drain()
        return step.fault is None

    def _step(self, call: Call) -> Step:
        if callable(self.script):
            return self.script(call)
        return self.script[call.number] if call.number < len(self.script) else ANSWER


def _usage_in(content: bytes) -> dict[str, int]:
    """What a reply says was used; nothing where it is no JSON object."""
    try:
        said = json.loads(content)
    except ValueError:
        return {}
    return dict(said.get("usage") or {}) if isinstance(said, dict) else {}


def _send(
    writer: asyncio.StreamWriter, status: int, content: bytes, headers: Mapping[str, str], *, cut: bool = False
) -> None:
    named = {"content-type": "application/json", "content-length": str(len(content)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    writer.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + (content[: len(content) // 2] if cut else content))


def answered_in(ledger: Path) -> set[int]:
    """Numbers of the calls whose answers a ledger holds."""
    if not ledger.exists():
        return set()
    with closing(sqlite3.connect(ledger)) as database:
        ids = database.execute("SELECT request_id FROM answers WHERE asked LIKE 'openai-api/%'").fetchall()
    return {int(one.rpartition("_")[2]) for (one,) in ids}


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--latency-s", type=float, default=0.0)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--refuse-every", type=int, default=0, help="429 for each n-th call")
    parser.add_argument("--per-s", type=float, default=0.0, help="429 for what comes faster, after a burst of as many")
    options = parser.parse_args()
    script: Script = every(options.refuse_every, rate_limited()) if options.refuse_every else ()
    if options.per_s:
        script = TokenBucket(options.per_s, max(1, round(options.per_s / 10)))
    with FaultServer(script, latency_s=options.latency_s, port=options.port) as server:
        sys.stdout.write(server.url + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
