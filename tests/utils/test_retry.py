"""Trying again: when, how often, how long between."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import anyio
import pytest

from diptych.utils.retry import RetryPolicy, TryAgainError, retrying


def call_until(n_failures: int, error: Callable[[], Exception], made: list[float]) -> Callable[[], Awaitable[str]]:
    """A call that fails so many times; ``made`` takes the time of each."""

    async def call() -> str:
        made.append(time.monotonic())
        if len(made) <= n_failures:
            raise error()
        return "done"

    return call


def run(policy: RetryPolicy, call: Callable[[], Awaitable[str]], waits: list[float] | None = None) -> str:
    """The outcome; with ``waits`` nothing sleeps."""

    async def sleep(seconds: float) -> None:
        assert waits is not None
        waits.append(seconds)

    return anyio.run(retrying(policy, sleep=None if waits is None else sleep)(call))


def test_a_call_is_made_again_until_it_succeeds() -> None:
    made: list[float] = []
    waits: list[float] = []
    assert run(RetryPolicy(), call_until(3, lambda: TryAgainError("not yet"), made), waits) == "done"
    assert len(made) == 4
    assert len(waits) == 3
    assert all(0 <= wait <= limit for wait, limit in zip(waits, (0.5, 1.0, 2.0), strict=True))


def test_the_last_error_is_raised_when_no_attempts_are_left() -> None:
    made: list[float] = []
    errors = iter(range(10))
    with pytest.raises(TryAgainError, match="number 3"):
        run(RetryPolicy(max_attempts=4), call_until(9, lambda: TryAgainError(f"number {next(errors)}"), made), [])
    assert len(made) == 4


def test_other_errors_are_raised_at_once() -> None:
    made: list[float] = []
    with pytest.raises(KeyError):
        run(RetryPolicy(), call_until(9, KeyError, made), [])
    assert len(made) == 1


def test_waits_are_what_was_asked_for_with_jitter_on_top_and_a_cap() -> None:
    waits: list[float] = []
    run(RetryPolicy(), call_until(1, lambda: TryAgainError("wait", after_s=7.0), []), waits)
    assert 7.0 <= waits[0] <= 7.5
    waits.clear()
    run(RetryPolicy(max_wait_s=60), call_until(2, lambda: TryAgainError("wait", after_s=3600.0), []), waits)
    assert waits == [60.0, 60.0]


def test_jitter_is_spread_over_all_of_its_width() -> None:
    waits: list[float] = []
    for _ in range(200):
        run(RetryPolicy(first_wait_s=1.0), call_until(1, lambda: TryAgainError("wait"), []), waits)
    assert min(waits) < 0.1
    assert max(waits) > 0.9
    assert 0.4 < sum(waits) / len(waits) < 0.6


def test_no_wait_is_begun_that_ends_after_the_deadline() -> None:
    made: list[float] = []
    with pytest.raises(TryAgainError, match="busy"):
        run(RetryPolicy(deadline_s=5), call_until(9, lambda: TryAgainError("busy", after_s=6.0), made), [])
    assert len(made) == 1


def test_a_call_that_is_out_at_the_deadline_is_given_up() -> None:
    async def hang() -> str:
        await anyio.sleep(30)
        return "late"

    start = time.monotonic()
    with pytest.raises(TimeoutError):
        run(RetryPolicy(deadline_s=0.2), hang)
    assert time.monotonic() - start < 1.2
