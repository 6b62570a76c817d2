"""Names that people type: near misses, file-safe forms."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from diptych.errors import UnknownNameError


def check_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Return ``name`` if it is known.

    Raises
    ------
    UnknownNameError
        Names the near ones.

    Examples
    --------
    >>> check_name("lens", "surface", ["surface", "phrases"])
    'surface'
    """
    names = list(known)
    if name in names:
        return name
    raise UnknownNameError(kind, name, get_close_matches(name, names, n=2, cutoff=0.5), names)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question to end a message with, or nothing where no known name is near.

    Examples
    --------
    >>> did_you_mean("reponse", ["prompt", "response"])
    " Did you mean 'response'?"
    """
    by_lower = {other.lower(): other for other in known}
    near = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.75)
    return f" Did you mean {by_lower[near[0]]!r}?" if near else ""


def slug(text: str, *, max_length: int = 60) -> str:
    """Lower-case letters, digits and single underscores; ``"x"`` when nothing is left.

    Examples
    --------
    >>> slug("I don't know!")
    'i_don_t_know'
    """
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:max_length].rstrip("_") or "x"
