"""A real server that speaks like OpenAI's and does not keep its word: ``transformers serve`` with a tiny model."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from pydantic import BaseModel

from diptych.models.api_clients import APIClientFactory
from diptych.models.requests import Failure, Sampling
from tests.helpers.cli import Outcome, run_cli
from tests.helpers.readers import objects_of
from tests.helpers.records import jsonl, write
from tests.helpers.tiny_models import needs_torch, save_tiny

OFFLINE = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
N_PROMPTS, START_S = 16, 240

pytestmark = [needs_torch, pytest.mark.slow]


@dataclass(frozen=True)
class Served:
    """A server, the folder of its model (and of prompts), and its model's name."""

    url: str
    folder: Path
    model: str = "tiny"

    def diptych(self, *arguments: str) -> Outcome:
        return run_cli(*arguments, cwd=self.folder, env=OFFLINE, timeout_s=240)

    def generate(self, out: str, *more: str) -> Outcome:
        asked = ("--prompts", "p.jsonl", "--max-tokens", "12", "--base-url", self.url, "--out", out)
        done = self.diptych("generate", f"openai-api/{self.model}", *asked, *more)
        assert done.code == 0, done.err
        return done


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        pytest.skip("transformers[serving] is not installed")
    root = tmp_path_factory.mktemp("served")
    save_tiny(root / "tiny")
    write(root, {"p.jsonl": jsonl([{"prompt": f"Question {i}?"} for i in range(N_PROMPTS)])})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = "import sys; from transformers.cli.transformers import main; sys.argv[0] = 'transformers'; main()"
    options = ["serve", "tiny", "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with (root / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", serve, *options], cwd=root, env={**os.environ, **OFFLINE}, stdout=log, stderr=log
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server, root / "server.log")
        yield Served(f"http://127.0.0.1:{port}/v1", root)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        try:
            with urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (URLError, TimeoutError, ConnectionError):
            time.sleep(0.5)
    pytest.fail(f"no server after {START_S} s: {log.read_text()}")


def test_two_arms_are_asked_of_a_server_and_compared(served: Served) -> None:
    served.generate("plain.jsonl")
    served.generate("other.jsonl", "--system", "Be brief.")
    rows = [json.loads(line) for line in (served.folder / "plain.jsonl").read_text().splitlines()]
    assert [row["prompt"] for row in rows] == [f"Question {i}?" for i in range(N_PROMPTS)]
    assert all(row["output_tokens"] <= 12 and row["input_tokens"] > len(row["prompt"]) for row in rows)
    assert {row["finish_reason"] for row in rows} <= {"stop", "length"}
    again = served.generate("plain.jsonl")
    assert "0 asked now" in again.out
    compared = served.diptych("compare", "plain.jsonl", "other.jsonl", "--out", "run", "--json")
    assert compared.code == 0, compared.err
    assert json.loads(compared.out)["n_prompts"] == N_PROMPTS
    assert (served.folder / "run" / "report.html").is_file()


def test_a_server_that_does_not_sample_is_told_of(served: Served) -> None:
    done = served.generate("draws.jsonl", "--draws", "2", "--temperature", "1")
    assert f"the draws of each of {N_PROMPTS} prompts are the same text" in done.err
    with sqlite3.connect(served.folder / "draws.jsonl.ledger.sqlite") as ledger:
        kept = "\n".join(ledger.iterdump())
    assert kept.count('"seed":') >= 2 * N_PROMPTS, "what was sent is on record, whatever the server made of it"


def test_a_form_that_the_server_ignores_is_a_failure_and_no_object(served: Served) -> None:
    class Verdict(BaseModel):
        flatters: bool

    client = APIClientFactory.create_client("openai-api/tiny", base_url=served.url)
    asked = [f"Does {i} flatter?" for i in range(3)]
    found = objects_of(client, asked, Verdict, Sampling(max_tokens=12))
    assert all(isinstance(one, Failure) and one.kind == "bad_response" for one in found), found
