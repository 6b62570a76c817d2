"""The fault server with batches: files and batches of OpenAI's dialect, message batches of Anthropic's."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.helpers.fault_server import Call, FaultServer, Script, reply

Line = dict[str, Any]
Damage = Callable[[list[Line], random.Random], list[Line]]


@dataclass
class Batch:
    """What was left here.

    Parameters
    ----------
    items : as they were sent
    dialect : ``openai`` or ``anthropic``
    n_looks : times that its state was asked for
    status : that it ends with, in OpenAI's words
    """

    items: list[Line]
    dialect: str
    n_looks: int = 0
    status: str = "completed"
    results: list[Line] = field(default_factory=list)


def as_is(lines: list[Line], draw: random.Random) -> list[Line]:
    """All answered, in the order in which they were asked."""
    return lines


class BatchServer(FaultServer):
    """Takes batches, says some times that they are in progress, and gives results with ``damage`` done to them.

    Parameters
    ----------
    script : what happens to each call, whatever it asks for
    n_looks : times that a batch is in progress when its state is asked for
    damage : what is done to the lines of results, which come in OpenAI's or Anthropic's form
    status : that OpenAI's batches end with
    """

    def __init__(
        self, script: Script = (), *, n_looks: int = 2, damage: Damage = as_is, status: str = "completed"
    ) -> None:
        super().__init__(script)
        self.n_looks, self.damage, self.status = n_looks, damage, status
        self.batches: dict[str, Batch] = {}
        self.files: dict[str, bytes] = {}

    def count(self, method: str, ending: str) -> int:
        """Calls by method and end of path."""
        return sum(call.method == method and call.path.endswith(ending) for call in self.calls)

    def content(self, call: Call) -> bytes:
        routes: Sequence[tuple[str, str, Callable[..., Any]]] = (
            ("POST", "/v1/files", self._upload),
            ("POST", "/v1/batches", self._create),
            ("GET", "/v1/batches/([^/]+)", self._look),
            ("GET", "/v1/files/([^/]+)/content", self._download),
            ("POST", "/v1/messages/batches", self._create_messages),
            ("GET", "/v1/messages/batches/([^/]+)", self._look_messages),
            ("GET", "/v1/messages/batches/([^/]+)/results", self._results),
        )
        for method, pattern, answer in routes:
            if method == call.method and (found := re.fullmatch(pattern, call.path)):
                made = answer(call, *found.groups())
                return made if isinstance(made, bytes) else json.dumps(made).encode()
        return super().content(call)

    def _upload(self, call: Call) -> Line:
        name = f"file-{len(self.files)}"
        boundary = re.search(r"boundary=(\S+)", call.headers["content-type"])
        assert boundary
        parts = call.body.split(b"--" + boundary[1].encode())
        [content] = [part.split(b"\r\n\r\n", 1)[1][:-2] for part in parts if b'name="file"' in part]
        assert any(b'name="purpose"' in part and b"batch" in part for part in parts)
        self.files[name] = content
        return {"id": name, "object": "file", "bytes": len(content), "filename": "requests.jsonl", "purpose": "batch",
                "created_at": 0, "status": "processed"}  # fmt: skip

    def _create(self, call: Call) -> Line:
        asked = call.json
        assert (asked["endpoint"], asked["completion_window"]) == ("/v1/chat/completions", "24h")
        items = [json.loads(line) for line in self.files[asked["input_file_id"]].splitlines()]
        return self._made(Batch(items, "openai", status=self.status))

    def _create_messages(self, call: Call) -> Line:
        return self._made(Batch(call.json["requests"], "anthropic"))

    def _made(self, batch: Batch) -> Line:
        name = f"batch_{len(self.batches)}"
        lines = [self._line(batch, number, item) for number, item in enumerate(batch.items)]
        batch.results = self.damage(lines, random.Random(len(self.batches)))
        self.batches[name] = batch
        return {"id": name, "object": "batch", "status": "validating", "processing_status": "in_progress"}

    def _line(self, batch: Batch, number: int, item: Line) -> Line:
        """The answer that an ordinary call with this body would have got."""
        if batch.dialect == "openai":
            call = Call(number, item["url"], {}, json.dumps(item["body"]).encode())
            said = {"status_code": 200, "request_id": f"req_{number}", "body": json.loads(reply()(call))}
            return {"id": f"batch_req_{number}", "custom_id": item["custom_id"], "response": said, "error": None}
        call = Call(number, "/v1/messages", {}, json.dumps(item["params"]).encode())
        message = json.loads(reply()(call))
        return {"custom_id": item["custom_id"], "result": {"type": "succeeded", "message": message}}

    def _progress(self, name: str) -> tuple[Batch, bool]:
        batch = self.batches[name]
        batch.n_looks += 1
        return batch, batch.n_looks > self.n_looks

    def _look(self, call: Call, name: str) -> Line:
        batch, ended = self._progress(name)
        good = [line for line in batch.results if line["response"] and line["response"]["status_code"] == 200]
        bad = [line for line in batch.results if line not in good]
        files = {"output_file_id": good, "error_file_id": bad} if ended and batch.status != "failed" else {}
        for kind, lines in files.items():
            self.files[f"{name}-{kind}"] = "".join(json.dumps(line) + "\n" for line in lines).encode()
        refusal = {"data": [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached", "line": None}]}
        return {
            "id": name, "object": "batch", "status": batch.status if ended else "in_progress",
            "request_counts": {"total": len(batch.items), "completed": batch.n_looks, "failed": 0},
            "errors": refusal if batch.status == "failed" else None,
            **{kind: f"{name}-{kind}" for kind, lines in files.items() if lines},
        }  # fmt: skip

    def _look_messages(self, call: Call, name: str) -> Line:
        batch, ended = self._progress(name)
        n = len(batch.items) if ended else 0
        counts = {"processing": len(batch.items) - n, "succeeded": n, "errored": 0, "canceled": 0, "expired": 0}
        elsewhere = "http://127.0.0.1:9/elsewhere"  # a key that is sent there has left the house
        return {"id": name, "type": "message_batch", "processing_status": "ended" if ended else "in_progress",
                "request_counts": counts, "results_url": elsewhere if ended else None}  # fmt: skip

    def _download(self, call: Call, name: str) -> bytes:
        return self.files[name]

    def _results(self, call: Call, name: str) -> bytes:
        return "".join(json.dumps(line) + "\n" for line in self.batches[name].results).encode()
