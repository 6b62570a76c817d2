"""How many calls are out at once: as many as the provider bears."""

from __future__ import annotations

import time
from collections.abc import Callable

from diptych.utils.extras import require_extra


class AdaptiveLimiter:
    """Slow start, then additive growth and multiplicative cuts (Chiu and Jain 1989), over an `anyio.CapacityLimiter`.

    The limit doubles with each round of as many good calls as it allows, until the first cut or ``highest``; from then
    on it grows by a twentieth, at least 1, a round. It grows only in a round in which four fifths of it were once in
    use, and in which no call was refused or failed for the server's sake. A refusal takes it to four fifths, at most
    once in ``window_s``, and only if the call went out after the last cut: calls that were out together are refused
    together, and are one piece of news.

    Parameters
    ----------
    highest : most calls at once
    start : at the beginning
    window_s : seconds after a cut in which there is no other
    clock : seconds that only grow
    """

    START, CUT, USED, GROWTH = 8, 0.8, 0.8, 0.05

    def __init__(
        self, highest: int, *, start: int = START, window_s: float = 15.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        require_extra("anyio", extra="api")
        import anyio

        self.highest, self.limit = highest, min(start, highest)
        self._tokens = anyio.CapacityLimiter(self.limit)
        self._window_s, self._clock = window_s, clock
        self._cut_at: float | None = None
        self.n_cuts = 0
        self._n_good, self._most_used, self._clean = 0, 0, True

    async def acquire(self, holder: object) -> None:
        """Wait for a free slot, in the order of asking, and take it in the name of ``holder``."""
        await self._tokens.acquire_on_behalf_of(holder)
        self._most_used = max(self._most_used, self._tokens.borrowed_tokens)

    def release(self, holder: object) -> None:
        """Give back the slot of ``holder``."""
        self._tokens.release_on_behalf_of(holder)

    def good(self) -> None:
        """A call was answered."""
        self._n_good += 1
        if self._n_good < self.limit:
            return
        if self._clean and self._most_used >= self.USED * self.limit:
            slow = self._cut_at is not None
            self._set(self.limit + max(1, round(self.GROWTH * self.limit)) if slow else 2 * self.limit)
        self._n_good, self._most_used, self._clean = 0, self._tokens.borrowed_tokens, True

    def trouble(self, *, refused: bool, n_cuts: int) -> None:
        """A call failed.

        Parameters
        ----------
        refused : because too many were out; otherwise for the server's own sake, which only stops growth
        n_cuts : the limiter's ``n_cuts`` when the call went out
        """
        self._clean = False
        now = self._clock()
        if refused and n_cuts == self.n_cuts and (self._cut_at is None or now - self._cut_at >= self._window_s):
            self._cut_at = now
            self.n_cuts += 1
            self._set(int(self.CUT * self.limit))

    def _set(self, limit: int) -> None:
        self.limit = max(1, min(self.highest, limit))
        self._tokens.total_tokens = self.limit
