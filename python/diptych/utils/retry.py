"""One policy of trying again, for everything that asks another machine.

A call that fails says itself whether it may be made again: by raising `TryAgainError`. Every other exception ends it at
once.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from diptych.utils.extras import require_extra

if TYPE_CHECKING:
    from tenacity import RetryCallState

P = ParamSpec("P")
T = TypeVar("T")


class TryAgainError(Exception):
    """A call failed and may be made again.

    Parameters
    ----------
    reason : what went wrong
    after_s : seconds that the other side asked to wait
    """

    def __init__(self, reason: str, *, after_s: float = 0.0) -> None:
        self.reason, self.after_s = reason, after_s
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a call is made, and how long between.

    The n-th wait is what the other side asked for plus a random part between 0 and ``first_wait_s`` · 2ⁿ⁻¹ seconds
    (full jitter), together at most ``max_wait_s``. No wait is begun that would end after the deadline, and a call that
    is still out then is given up.

    Parameters
    ----------
    max_attempts : calls, the first one included
    first_wait_s : width of the first random wait
    max_wait_s : longest wait, whatever the other side asks for
    deadline_s : for all calls and waits together
    """

    max_attempts: int = 6
    first_wait_s: float = 0.5
    max_wait_s: float = 60.0
    deadline_s: float = 900.0

    def wait_s(self, n_attempts: int, after_s: float, *, share: float) -> float:
        """Seconds to wait after so many attempts.

        Parameters
        ----------
        n_attempts : made so far, at least 1
        after_s : that the other side asked for
        share : of the random part, from 0 to 1

        Examples
        --------
        >>> policy = RetryPolicy()
        >>> [policy.wait_s(n, 0.0, share=1.0) for n in (1, 2, 3)], policy.wait_s(1, 3600.0, share=0.5)
        ([0.5, 1.0, 2.0], 60.0)
        """
        jitter = share * min(self.max_wait_s, self.first_wait_s * 2.0 ** min(n_attempts - 1, 30))
        return min(self.max_wait_s, max(0.0, after_s) + jitter)


def retrying(
    policy: RetryPolicy, *, sleep: Callable[[float], Awaitable[None]] | None = None
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """Decorate a coroutine function so that it is called again as the policy says.

    Parameters
    ----------
    policy : how often, and how long between
    sleep : waits so many seconds; ``anyio.sleep`` where None

    Returns
    -------
    Callable
        Raises the last `TryAgainError` when there are no attempts or no time left, TimeoutError when a call is still
        out at the deadline, and at once whatever else the function raises.

    Raises
    ------
    MissingExtraError
        Without tenacity and anyio.
    """
    require_extra("tenacity", extra="api")
    require_extra("anyio", extra="api")
    import anyio
    from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, stop_before_delay

    randomness = random.Random()  # jitter need not be repeatable, and leaves the state of ``random`` alone

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        after_s = error.after_s if isinstance(error, TryAgainError) else 0.0
        return policy.wait_s(state.attempt_number, after_s, share=randomness.random())

    def decorate(call: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        @wraps(call)
        async def called(*args: P.args, **kwargs: P.kwargs) -> T:
            attempts = AsyncRetrying(
                retry=retry_if_exception_type(TryAgainError),
                stop=stop_after_attempt(policy.max_attempts) | stop_before_delay(policy.deadline_s),
                wait=wait,
                sleep=sleep or anyio.sleep,
                reraise=True,
            )
            with anyio.fail_after(policy.deadline_s):
                return await attempts(call, *args, **kwargs)

        return called

    return decorate
