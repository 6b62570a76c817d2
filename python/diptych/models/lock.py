"""One process at a time: a lock that the system lets go when its holder dies."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from diptych.errors import LedgerError
from diptych.utils.text import parse_json

_LOOKS = 5
"""Times that a lock is tried: one that only looks who holds it, as `holder_of` does, is gone at once."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a lock, or had it when it died.

    Parameters
    ----------
    pid : of the process
    host : its machine
    since : UTC, ISO 8601
    alive : whether it still has the lock
    """

    pid: int
    host: str
    since: str
    alive: bool


def holder_of(path: Path) -> Holder | None:
    """Who holds a lock; None where nobody does, and nobody has died with it.

    Parameters
    ----------
    path : of the lock file; only read
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        said = _read(file)
        return None if said is None else Holder(**said, alive=not _take(file, fcntl.LOCK_SH))
    finally:
        os.close(file)


class Lock:
    """The right to write, held from construction until ``release``.

    The file names its holder. When that process dies, however it dies, the system gives the lock up and the next one
    takes it over; the file is removed only by a holder.

    Parameters
    ----------
    path : of the lock file
    what : is locked, for the message

    Raises
    ------
    LedgerError
        If another process holds it: says which, where, and since when.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "lock"
    >>> lock = Lock(path, "the run")
    >>> path.exists()
    True
    >>> lock.release()
    >>> path.exists()
    False
    """

    def __init__(self, path: Path, what: str) -> None:
        self._path = path
        while True:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            if not _take_soon(self._file):
                holder = _told(self._file)
                os.close(self._file)
                raise LedgerError(f"{what} is in use: {holder}. Wait for it, or stop it.")
            if self._is_still_there():
                break
            os.close(self._file)  # its last holder removed it while it was opened here
        started = datetime.now(UTC).isoformat(timespec="seconds")
        os.ftruncate(self._file, 0)
        os.pwrite(
            self._file, json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": started}).encode(), 0
        )

    def release(self) -> None:
        """Let the next one in."""
        self._path.unlink(missing_ok=True)
        os.close(self._file)

    def _is_still_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file), self._path.stat())
        except FileNotFoundError:
            return False


def _take(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _take_soon(file: int) -> bool:
    """Take a lock unless it is held for longer than a look at it lasts."""
    for _ in range(_LOOKS):
        if _take(file, fcntl.LOCK_EX):
            return True
        time.sleep(0.01)
    return False


def _read(file: int) -> dict[str, Any] | None:
    """What a lock file says of its holder; None while that is being written."""
    try:
        said = parse_json(os.pread(file, 4096, 0))
        return {"pid": int(said["pid"]), "host": str(said["host"]), "since": str(said["since"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _told(file: int) -> str:
    said = _read(file)
    if said is None:
        return "another process has just taken it"
    return f"process {said['pid']} on {said['host']} has had it since {said['since']}"
