"""Random choices for synthetic text, tied to names so that one choice never moves another."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final, TypeVar

import numpy as np

from diptych.errors import ConfigError

T = TypeVar("T")
_CHOICE: Final = re.compile(r"\[([^\[\]]*)\]")


class Draws:
    """A stream of random choices that depends on `seed` and `names` only.

    Everything is derived from `Generator.random`, whose stream numpy keeps stable, so that generated files stay
    the same from one numpy to the next.

    Parameters
    ----------
    seed : not negative
    names : what the stream is for, for example a prompt's id and a purpose

    Raises
    ------
    ConfigError
        if `seed` is negative
    """

    def __init__(self, seed: int, *names: str) -> None:
        if seed < 0:
            raise ConfigError(f"the seed is {seed}; give a whole number of at least 0.")
        digest = hashlib.sha256("\x1f".join(names).encode("utf-8")).digest()
        words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
        self._generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([*words, seed])))

    def uniform(self) -> float:
        """Draw a number from [0, 1)."""
        return float(self._generator.random())

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return self.uniform() < probability

    def below(self, n: int) -> int:
        """Draw a whole number from 0 to `n` - 1, for `n` of at least 1."""
        return int(self.uniform() * n)

    def pick(self, items: Sequence[T]) -> T:
        """Draw one of `items`, which must not be empty."""
        return items[self.below(len(items))]

    def sample(self, items: Sequence[T], k: int) -> list[T]:
        """Draw `k` different items in random order; all of them if there are fewer."""
        ranked = sorted((self.uniform(), i) for i in range(len(items)))
        return [items[i] for _, i in ranked[:k]]

    def fill(self, template: str) -> str:
        """Replace every ``[a|b|c]`` in `template` by one of its alternatives."""
        return _CHOICE.sub(lambda found: self.pick(found.group(1).split("|")), template)
