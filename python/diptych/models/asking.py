"""Many requests at once, from a thread with an event loop of its own; answers are handed over in the calling thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from queue import SimpleQueue
from typing import TypeVar

from diptych.errors import ModelError
from diptych.models.limiter import AdaptiveLimiter
from diptych.models.requests import Answer, Deliver, hand_over

Ask = Callable[[int], Awaitable[Answer]]
Offer = Callable[[int, Answer], Awaitable[None]]
T = TypeVar("T")


def run_in_thread(run: Callable[[Offer], Awaitable[None]], deliver: Deliver) -> None:
    """Run a coroutine function to its end, whether or not an event loop runs in this thread (as in a notebook).

    Handing over ends when ``deliver`` has returned, so that an answer that is kept nowhere yet counts as one that is
    out: a process that is killed loses no more than that. Whatever ``deliver`` raises, and an interrupt, cancels what
    is still under way.

    Parameters
    ----------
    run : takes a coroutine function that it calls with the number of each request and its answer
    deliver : is called for them from this thread; for those that are there at once, together
    """
    from anyio import Event
    from anyio.from_thread import start_blocking_portal

    answers: SimpleQueue[tuple[int, Answer, Event] | None] = SimpleQueue()

    async def offer(index: int, answer: Answer) -> None:
        taken = Event()
        answers.put((index, answer, taken))
        await taken.wait()

    def acknowledge(came: list[tuple[int, Answer, Event]]) -> None:
        for *_, taken in came:
            taken.set()

    with start_blocking_portal() as portal:
        running = portal.start_task_soon(run, offer)
        running.add_done_callback(lambda _: answers.put(None))
        try:
            while came := _all_there(answers):
                hand_over(deliver, [(index, answer) for index, answer, _ in came])
                portal.start_task_soon(acknowledge, came)
        except BaseException:
            running.cancel()
            raise
        running.result()


def _all_there(queue: SimpleQueue[T | None]) -> list[T]:
    """Wait for one and take what else is there; nothing when None comes first, which then stays for the next time."""
    came: list[T] = []
    while not came or not queue.empty():
        one = queue.get()
        if one is None:
            queue.put(None)
            break
        came.append(one)
    return came


async def ask_each(ask: Ask, n_requests: int, limiter: AdaptiveLimiter, offer: Offer, *, first_alone: bool) -> None:
    """Ask in order, as many at once as the limiter bears.

    Parameters
    ----------
    ask : asks the request of a number
    n_requests : how many there are
    limiter : how many are out at once
    offer : takes each answer; returns when it is kept
    first_alone : whether the first goes ahead alone: a wrong key then costs one call

    Raises
    ------
    ModelError
        What ``ask`` raised first; what was out is cancelled.
    """
    import anyio

    stopped: list[ModelError] = []
    async with anyio.create_task_group() as tasks:

        async def one(index: int) -> None:
            try:
                await offer(index, await ask(index))
            except ModelError as error:
                stopped.append(error)
                tasks.cancel_scope.cancel()
            finally:
                limiter.release(index)

        for index in range(n_requests):
            await limiter.acquire(index)
            if first_alone and index == 0:
                await one(index)
            else:
                tasks.start_soon(one, index)
    if stopped:
        raise stopped[0]
