"""One process at a time: a lock that the system lets go when its holder dies."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from diptych.errors import LedgerError


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
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                holder = _holder(self._file)
                os.close(self._file)
                raise LedgerError(f"{what} is in use: {holder}. Wait for it, or stop it.") from None
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


def _holder(file: int) -> str:
    try:
        said = json.loads(os.pread(file, 4096, 0))
        return f"process {said['pid']} on {said['host']} has had it since {said['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process has just taken it"
