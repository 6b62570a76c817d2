"""Addresses of the servers that models stand behind."""

from __future__ import annotations

from urllib.parse import urlsplit

from diptych.errors import ConfigError
from diptych.utils.text import printable


def checked_url(url: str | None, provider: str) -> str:
    """An address without a slash at its end; refused where it holds a key, as it is written down.

    Parameters
    ----------
    url : as it was given; None for none
    provider : for messages

    Raises
    ------
    ConfigError
        If there is none, or it is no address of a server, or has a user, a query or a fragment, where keys hide.

    Examples
    --------
    >>> checked_url("http://localhost:8000/v1/", "vllm")
    'http://localhost:8000/v1'
    """
    if not url:
        raise ConfigError(f"{provider} needs the address of a server: --base-url http://localhost:8000/v1")
    if set("@?#") & set(url):
        raise ConfigError("base_url: leave out user, key and query; the key belongs into the environment")
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or printable(url) != url or len(url.split()) > 1:
        raise ConfigError(f"base_url = {url!r}: expected an address such as http://localhost:8000/v1")
    return url.rstrip("/")
