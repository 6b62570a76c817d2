"""Answers from an event loop into the calling thread: kept before their place is given away, together where they can be."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from diptych.models.asking import Offer, run_in_thread
from diptych.models.requests import Answer, Reply

pytest.importorskip("anyio")


class Slow:
    """Keeps answers as a disk does: the time of one for many."""

    def __init__(self) -> None:
        self.came: list[list[int]] = []
        self.kept: set[int] = set()

    def __call__(self, index: int, answer: Answer) -> None:
        self.many([(index, answer)])

    def many(self, came: Sequence[tuple[int, Answer]]) -> None:
        time.sleep(0.02)
        self.came.append([index for index, _ in came])
        self.kept.update(index for index, _ in came)


def test_what_comes_meanwhile_is_kept_together_and_each_waits_until_it_is_kept() -> None:
    import anyio

    slow, early = Slow(), []

    async def run(offer: Offer) -> None:
        async def one(index: int) -> None:
            await offer(index, Reply(str(index), "stop"))
            if index not in slow.kept:
                early.append(index)

        async with anyio.create_task_group() as tasks:
            for index in range(100):
                tasks.start_soon(one, index)

    started = time.monotonic()
    run_in_thread(run, slow)
    assert sorted(index for some in slow.came for index in some) == list(range(100))
    assert early == []
    assert len(slow.came) < 20
    assert time.monotonic() - started < 1.5, "one by one they take two seconds"


def test_an_error_of_the_taker_ends_it_all() -> None:
    import anyio

    ended: list[bool] = []

    async def run(offer: Offer) -> None:
        try:
            await offer(0, Reply("", "stop"))
            await anyio.sleep(30)
        finally:
            ended.append(True)

    def full(index: int, answer: Answer) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        run_in_thread(run, full)
    assert ended == [True]
