"""Files of JSON lines that a run goes on writing after it was stopped."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from diptych._types import Json
from diptych.errors import RunError
from diptych.utils.files import sync_folder
from diptych.utils.text import parse_json

_BLOCK_BYTES = 1 << 16


class JsonlAppender:
    """Writes objects, one a line; see ``append_jsonl``."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, record: Json) -> None:
        """One line; NaN and infinities are refused with ``ValueError``, lone surrogates with ``UnicodeEncodeError``."""
        self._file.write((json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n").encode())

    def sync(self) -> None:
        """Make what was written durable."""
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def append_jsonl(path: str | Path) -> Iterator[JsonlAppender]:
    """Open a file of JSON lines to write after its last whole line; durable when the block ends.

    A last line without line end is one of two things: a whole object, which gets its line end, or what is left of one
    whose writer was stopped. Such a torn tail is cut, with a warning that says where. Bytes before it are never
    written to, so whole lines survive whatever happens here. One process may append to a file at a time.

    Parameters
    ----------
    path : a plain file; made if it is not there

    Yields
    ------
    Takes the lines to come; ``sync`` makes those so far durable.

    Raises
    ------
    RunError
        If the file is gzip or zstandard: their ends cannot be cut.
    OSError
        If the file cannot be written.

    Notes
    -----
    Peak memory: the torn line, and 64 KiB.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.jsonl"
    >>> for n in (1, 2):
    ...     with append_jsonl(path) as lines:
    ...         lines.write({"n": n})
    >>> path.read_text().splitlines()
    ['{"n": 1}', '{"n": 2}']
    """
    path = Path(path)
    new = not path.exists()
    with path.open("ab") if new else path.open("r+b") as file:
        if new:
            sync_folder(path.parent)
        else:
            _mend_tail(file, path)
        lines = JsonlAppender(file)
        try:
            yield lines
        finally:
            lines.sync()


def _mend_tail(file: BinaryIO, path: Path) -> None:
    """Leave the file at its end, which is that of a whole line."""
    start = file.read(4)
    if start[:2] == b"\x1f\x8b" or start == b"\x28\xb5\x2f\xfd":
        raise RunError(f"{path} is compressed, so no line can be added. Decompress it first.")
    end = file.seek(0, os.SEEK_END)
    torn_at = _end_of_last_line(file, end)
    file.seek(torn_at)
    tail = file.read()
    if not tail:
        return
    if _is_object(tail.removeprefix(b"\xef\xbb\xbf") if torn_at == 0 else tail):
        file.write(b"\n")
    else:
        file.truncate(torn_at)
        file.seek(torn_at)
        warnings.warn(
            f"{path}: cut {len(tail)} bytes at byte {torn_at}: a last line that its writer did not finish", stacklevel=4
        )
    file.flush()
    os.fsync(file.fileno())


def _end_of_last_line(file: BinaryIO, end: int) -> int:
    """The offset after the last line feed; 0 where there is none."""
    while end > 0:
        start = max(0, end - _BLOCK_BYTES)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _is_object(tail: bytes) -> bool:
    try:
        return isinstance(parse_json(tail), dict)
    except ValueError:
        return False
