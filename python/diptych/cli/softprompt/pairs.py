"""Pairs of models, as flags give them."""

from __future__ import annotations

from collections.abc import Sequence

from diptych.errors import ConfigError


def as_pairs(given: Sequence[str], flag: str) -> list[tuple[str, str]]:
    """``hf/a,hf/b`` and the like.

    Parameters
    ----------
    given : one text a pair
    flag : that gave them, for messages

    Raises
    ------
    ConfigError
        If one is not two names.

    Examples
    --------
    >>> as_pairs(["hf/a, hf/b"], "--pair")
    [('hf/a', 'hf/b')]
    """
    found = []
    for text in given:
        names = [name.strip() for name in text.split(",")]
        if len(names) != 2 or not all(names):
            raise ConfigError(f"{flag} {text!r}: give two models with a comma between them: hf/one,hf/other")
        found.append((names[0], names[1]))
    return found
