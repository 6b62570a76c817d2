"""Optional libraries: ask for the extra, then import it."""

from __future__ import annotations

from importlib.util import find_spec

from diptych.errors import MissingExtraError


def require_extra(module: str, *, extra: str) -> None:
    """Check that an optional library can be imported, before importing it.

    Raises
    ------
    MissingExtraError
        With the pip line that installs it.

    Examples
    --------
    >>> require_extra("json", extra="frames")
    """
    if find_spec(module) is None:
        raise MissingExtraError(module, extra)
