"""The limit of calls at once: it doubles, is cut, and comes back."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from diptych.models.limiter import AdaptiveLimiter


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def steer(highest: int, act: Callable[[AdaptiveLimiter, Clock, Callable[..., None]], None], start: int = 4) -> None:
    """Let ``act`` play calls against a limiter: its third argument takes ``n`` calls, ``used`` of them out together."""

    async def play() -> None:
        clock = Clock()
        limiter = AdaptiveLimiter(highest, start=start, clock=clock)

        def good(n: int, used: int) -> None:
            limiter._most_used = used
            for _ in range(n):
                limiter.good()

        act(limiter, clock, good)

    anyio.run(play)


def test_it_doubles_up_to_the_highest() -> None:
    def act(limiter: AdaptiveLimiter, clock: Clock, good: Callable[..., None]) -> None:
        limits = []
        for _ in range(4):
            good(limiter.limit, used=limiter.limit)
            limits.append(limiter.limit)
        assert limits == [8, 16, 30, 30]

    steer(30, act)


def test_it_grows_only_when_it_is_used() -> None:
    def act(limiter: AdaptiveLimiter, clock: Clock, good: Callable[..., None]) -> None:
        good(4, used=3)
        assert limiter.limit == 4
        good(4, used=4)
        assert limiter.limit == 8

    steer(30, act)


def test_calls_that_are_refused_together_cut_it_once() -> None:
    def act(limiter: AdaptiveLimiter, clock: Clock, good: Callable[..., None]) -> None:
        for _ in range(10):
            limiter.trouble(refused=True, n_cuts=0)
        assert limiter.limit == 16
        clock.now += 14.9
        limiter.trouble(refused=True, n_cuts=1)
        assert limiter.limit == 16, "too soon"
        clock.now += 0.1
        limiter.trouble(refused=True, n_cuts=0)
        assert limiter.limit == 16, "it went out before the cut"
        limiter.trouble(refused=True, n_cuts=1)
        assert limiter.limit == 12

    steer(30, act, start=20)


def test_it_comes_back_by_steps_after_a_cut() -> None:
    def act(limiter: AdaptiveLimiter, clock: Clock, good: Callable[..., None]) -> None:
        limiter.trouble(refused=True, n_cuts=0)
        assert limiter.limit == 16
        good(16, used=16)
        assert limiter.limit == 16, "the round of the refusal is not a clean one"
        for expected in (17, 18, 19, 20, 20):
            good(limiter.limit, used=limiter.limit)
            assert limiter.limit == expected

    steer(20, act, start=20)


def test_a_failure_of_the_server_stops_growth_and_cuts_nothing() -> None:
    def act(limiter: AdaptiveLimiter, clock: Clock, good: Callable[..., None]) -> None:
        limiter.trouble(refused=False, n_cuts=0)
        good(4, used=4)
        assert limiter.limit == 4
        good(4, used=4)
        assert limiter.limit == 8

    steer(30, act)


def test_it_never_falls_below_one() -> None:
    def act(limiter: AdaptiveLimiter, clock: Clock, good: Callable[..., None]) -> None:
        for _ in range(9):
            clock.now += 15
            limiter.trouble(refused=True, n_cuts=limiter.n_cuts)
        assert limiter.limit == 1
        good(1, used=1)
        good(1, used=1)
        assert limiter.limit == 2

    steer(30, act)


def test_no_more_are_out_than_it_allows() -> None:
    async def play() -> None:
        limiter, out, most = AdaptiveLimiter(8, start=3), 0, 0

        async def call(number: int) -> None:
            nonlocal out, most
            await limiter.acquire(number)
            out += 1
            most = max(most, out)
            assert out <= limiter.limit
            await anyio.sleep(0)
            out -= 1
            limiter.release(number)
            limiter.good()

        async with anyio.create_task_group() as tasks:
            for number in range(100):
                tasks.start_soon(call, number)
        assert most == limiter.limit == 8

    anyio.run(play)
