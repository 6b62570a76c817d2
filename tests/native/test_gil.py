"""Long native calls let other Python threads run."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych import _core

_ATTEMPTS = 10
"""Another process may have the other core for a moment; a call that holds the lock fails every attempt."""


@pytest.fixture(autouse=True)
def _no_forced_switch() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000.0)  # a thread gives the lock away of its own will, or not at all
    yield
    sys.setswitchinterval(before)


def others_ran(call: Callable[[], Any]) -> bool:
    """Whether another thread made a step between the beginning and the end of a call."""
    steps, stop, started = [0], threading.Event(), threading.Event()

    def count() -> None:
        started.set()
        while not stop.is_set():
            steps[0] += 1
            time.sleep(0)

    thread = threading.Thread(target=count)
    thread.start()
    started.wait()
    try:
        for _ in range(_ATTEMPTS):
            before = steps[0]
            call()
            if steps[0] > before:
                return True
        return False
    finally:
        stop.set()
        thread.join()


def test_a_call_that_holds_the_lock_is_seen() -> None:
    assert not others_ran(lambda: sum(range(10**6)))
    assert others_ran(lambda: time.sleep(0.02))


RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(3000, 128)).astype(np.float32)
MANY = np.tile(VECTORS, (30, 1))
LABELS = RNG.integers(0, 50, 2_000_000).astype(np.int32)
COSTS = RNG.random((700, 700))
NUMBERS = RNG.normal(size=(2000, 50))
FIRST = np.arange(3000) % 2 == 0


def _permutations() -> Any:
    return _core.PermutationTest.sign_flips(NUMBERS, 0, False)


CALLS: dict[str, Callable[[], Any]] = {
    "contingency": lambda: _core.contingency(LABELS, LABELS, 50, 50, 1),
    "cluster_sums": lambda: _core.cluster_sums(LABELS[:90_000], MANY, 50, 1),
    "mean_similarity": lambda: _core.mean_similarity(LABELS[:90_000], MANY, LABELS[:90_000], MANY, 50, 50, 1),
    "nearest_neighbours": lambda: _core.nearest_neighbours(VECTORS, VECTORS, 5, 1),
    "kmeans": lambda: _core.kmeans(VECTORS, 50, 3, 20, 0.0, 0, 1),
    "nearest_centroids": lambda: _core.nearest_centroids(MANY, VECTORS[:50], 1),
    "assign": lambda: _core.assign(COSTS, False),
    "quadratic_forms": lambda: _core.quadratic_forms(VECTORS, False, FIRST, 0, 0, 2000, 1),
    "permutations made ready": _permutations,
    "permutations counted": lambda: _permutations().count(0, 5000, 1),
    "permutations listed": lambda: _permutations().null(0, 2000, 1),
    "parse_jsonl": lambda: _core.parse_jsonl(b'{"text": "a b c"}\n' * 100_000, "rows", "error", 1 << 20, 1),
    "hash": lambda: _core.hash_rows("gil", [["some text or other " * 20] * 100_000], 1),
}


@pytest.mark.parametrize("name", CALLS)
def test_other_threads_run_during_the_call(name: str) -> None:
    assert others_ran(CALLS[name])


def lock_share(path: Path, *, text: bool) -> float:
    """The share of a read, by one thread, in which it holds the lock: the smallest of several."""
    shares = []
    for _ in range(_ATTEMPTS):
        reader = _core.JsonlReader(str(path), ["a", "b"], text, "error", 1 << 20, 1)
        start = time.perf_counter()
        while reader.read() is not None:
            pass
        shares.append(1 - reader.unlocked_s / (time.perf_counter() - start))
    return min(shares)


def test_a_read_to_text_columns_holds_the_lock_for_a_fifth_at_most(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(b'{"a": "%d", "b": "%s"}\n' % (i, b"x y" * 320) for i in range(20_000)))
    columns, lists = lock_share(path, text=True), lock_share(path, text=False)
    assert 0 < columns <= 0.2
    assert columns < lists < 0.8  # str objects are made under the lock; framing, checking and unescaping are not


def test_other_threads_run_while_files_are_read_and_written(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b'{"text": "a b c"}\n' * 4_000_000)
    assert others_ran(lambda: _core.read_file(str(tmp_path / "rows.jsonl")))
    store = _core.Store(str(tmp_path / "store"))
    keys = np.arange(32 * 3000, dtype=np.uint32).view(np.uint8).reshape(-1, 32)[:3000]
    assert others_ran(lambda: store.put("m", keys, VECTORS))
    assert others_ran(lambda: store.get("m", keys, 128))
    assert others_ran(store.verify)
