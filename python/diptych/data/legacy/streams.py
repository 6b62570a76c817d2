"""JSON of any size, read as it comes: only what is asked for is ever in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from diptych.errors import DataError
from diptych.utils.extras import require_extra

_CHUNK = 1 << 20
_MAX_TEXT = 4 << 20
"""Bytes of one text; a longer one is refused."""
_MAX_DEPTH = 64
_MAX_EVENTS = 2_000_000
"""Of one value that is kept."""
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+("|\\?\Z)|-?Infinity|NaN', re.DOTALL)
_MAY_GO_ON = re.compile(rb"[-A-Za-z]{1,9}\Z")
_OPEN, _CLOSE = ("start_map", "start_array"), ("end_map", "end_array")


class PlainJson:
    """A file of JSON as Python writes it, with ``null`` in place of ``NaN``, ``Infinity`` and ``-Infinity``.

    Parameters
    ----------
    file : open for reading

    Examples
    --------
    >>> import io
    >>> plain = PlainJson(io.BytesIO(b'{"NaN": [NaN, -Infinity]}'))
    >>> plain.read(100) + plain.read(100)
    b'{"NaN": [null, null]}'
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._rest = file, b""

    def read(self, size: int = -1) -> bytes:
        """The next bytes, about a megabyte; none at the end.

        Parameters
        ----------
        size : 0 for none; any other is as good

        Raises
        ------
        DataError
            If a text is longer than 4 MiB.
        """
        if size == 0:
            return b""
        while True:
            chunk = self._file.read(_CHUNK)
            data = self._rest + chunk
            ready, self._rest = _plain(data) if chunk else (_TOKEN.sub(_as_plain, data), b"")
            if ready or not chunk:
                return ready
            if len(self._rest) > _MAX_TEXT:
                raise DataError(f"a text of more than {_MAX_TEXT:,} bytes")


def _plain(data: bytes) -> tuple[bytes, bytes]:
    """What can be handed on, and the beginning of a text or a word that the next bytes may go on with."""
    unfinished = _MAY_GO_ON.search(data, max(0, len(data) - 9))
    end = unfinished.start() if unfinished else len(data)
    if b'"' not in data and b"N" not in data and b"I" not in data:
        return data[:end], data[end:]
    for token in _TOKEN.finditer(data):
        if token[1] is not None and token[1] != b'"':
            end = token.start()
    return _TOKEN.sub(_as_plain, data[:end]), data[end:]


def _as_plain(token: re.Match[bytes]) -> bytes:
    return token[0] if token[1] is not None else b"null"


class JsonStream:
    """The parts of a JSON document, one after the other.

    Parameters
    ----------
    events : of the parser: kind and value

    Examples
    --------
    >>> stream = JsonStream([("start_map", None), ("map_key", "a"), ("number", 1), ("end_map", None)])
    >>> [(key, stream.value()) for key in stream.fields()]
    [('a', 1)]
    """

    def __init__(self, events: Iterator[tuple[str, Any]] | list[tuple[str, Any]]) -> None:
        self._events = iter(events)
        self._waiting: tuple[str, Any] | None = None

    def fields(self) -> Iterator[str]:
        """The keys of the object that comes next; the value of each must be taken, or skipped, before the next key.

        Raises
        ------
        DataError
            If something else comes.
        """
        self._expect("start_map")
        while (event := self._next())[0] == "map_key":
            yield event[1]

    def items(self) -> Iterator[int]:
        """The places of the array that comes next; the item of each must be taken, or skipped, before the next place.

        Raises
        ------
        DataError
            If something else comes.
        """
        self._expect("start_array")
        place = 0
        while True:
            event = self._next()
            if event[0] == "end_array":
                return
            self._waiting = event
            yield place
            place += 1

    def skip(self) -> None:
        """Pass over the value that comes next."""
        kind, _ = self._next()
        depth = int(kind in _OPEN)
        if not depth:
            return
        for kind, _ in self._events:
            if kind == "number":
                continue
            depth += (kind in _OPEN) - (kind in _CLOSE)
            if not depth:
                return

    def end(self) -> None:
        """Nothing comes any more.

        Raises
        ------
        DataError
            If something does.
        """
        if self._waiting is not None or next(self._events, None) is not None:
            raise DataError("more follows where it should end")

    def value(self) -> Any:
        """The value that comes next, which should be a small one.

        Raises
        ------
        DataError
            If it is too deep, or too large to be kept.
        """
        return self._value(_MAX_DEPTH, [_MAX_EVENTS])

    def _value(self, depth: int, left: list[int]) -> Any:
        kind, value = self._next()
        left[0] -= 1
        if depth == 0 or left[0] < 0:
            raise DataError("a value that is deeper or larger than any that the original wrote there")
        if kind == "start_array":
            self._waiting = (kind, value)
            return [self._value(depth - 1, left) for _ in self.items()]
        if kind == "start_map":
            self._waiting = (kind, value)
            return {key: self._value(depth - 1, left) for key in self.fields()}
        return value

    def _expect(self, wanted: str) -> None:
        kind, value = self._next()
        if kind != wanted:
            raise DataError(f"{'an object' if wanted == 'start_map' else 'an array'} was expected, got {value!r:.40}")

    def _next(self) -> tuple[str, Any]:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            return waiting
        event = next(self._events, None)
        if event is None:
            raise DataError("it ends too early")
        return event


@contextmanager
def json_stream(path: Path) -> Iterator[JsonStream]:
    """A file of JSON, to be read from its beginning to where it is no longer wanted.

    Parameters
    ----------
    path : the file; ``NaN`` and infinities in it are null

    Raises
    ------
    DataError
        If it is not JSON, or ends too early.
    MissingExtraError
        If the parser is not installed.
    """
    require_extra("ijson", extra="exchange")
    import ijson

    try:
        with path.open("rb") as file:
            yield JsonStream(ijson.basic_parse(PlainJson(file), use_float=True))
    except ijson.JSONError as error:
        raise DataError(f"not JSON, or cut off: {' '.join(str(error).split())[:160]}") from None
