"""The server that the others lean on: it counts and it fails as it was told."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.fault_server import CUT, RESET, Call, FaultServer, TokenBucket, every, rate_limited


def post(url: str, text: str = "Why?") -> Any:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/v1/chat/completions", body), timeout=10) as said:
        return json.load(said)


def test_an_answer_depends_on_the_request_alone() -> None:
    with FaultServer() as server:
        texts = [post(server.url, text)["choices"][0]["message"]["content"] for text in ("Why?", "Who?", "Why?")]
    assert texts[0] == texts[2] != texts[1]
    assert server.seen() == {"n_calls": 3, "n_rate_limited": 0, "n_bodies": 2, "high_water": 1}


def test_calls_that_are_out_together_are_counted() -> None:
    with FaultServer(latency_s=0.2) as server, ThreadPoolExecutor(5) as pool:
        list(pool.map(post, [server.url] * 5))
    assert server.high_water == 5


def test_a_script_is_followed_and_then_over() -> None:
    with FaultServer([rate_limited(retry_after=7), RESET, CUT]) as server:
        with pytest.raises(urllib.error.HTTPError, match="429") as refused:
            post(server.url)
        assert refused.value.headers["retry-after"] == "7"
        refused.value.close()
        with pytest.raises(ConnectionResetError):
            post(server.url)
        with pytest.raises(Exception, match="IncompleteRead"):
            post(server.url)
        assert post(server.url)["choices"]
    assert server.statuses == [429, None, 200, 200]


def test_rules_for_every_nth_and_for_what_comes_too_fast() -> None:
    third = every(3, rate_limited())
    assert [third(Call(n, "/", {}, b"")).status for n in range(6)] == [200, 200, 429, 200, 200, 429]
    bucket = TokenBucket(per_s=10, burst=2)
    now = bucket._at_s
    statuses = [bucket(Call(n, "/", {}, b"", at_s=now + s)).status for n, s in enumerate([0, 0, 0, 0.15, 0.16])]
    assert statuses == [200, 200, 429, 200, 429]


def test_it_runs_in_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "tests.helpers.fault_server", "--refuse-every", "2"]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert post(url)["choices"]
        with pytest.raises(urllib.error.HTTPError, match="429") as refused:
            post(url)
        refused.value.close()
        with urllib.request.urlopen(f"{url}/seen", timeout=10) as said:
            assert json.load(said)["n_rate_limited"] == 1
        process.stdin.close()
        assert process.wait(10) == 0
