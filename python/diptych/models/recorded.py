"""A model that says again what a ledger holds of it, and asks nobody."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from diptych._types import Json
from diptych.errors import LedgerError, ModelError
from diptych.models.ledger import DAMAGE, read_only
from diptych.models.requests import Deliver, Failure, Request, Sampling, request_key


class RecordedModel:
    """Stands in for a model whose answers are all in a ledger. Implements the protocol `Model`.

    Answers come out of the ledger before a model is asked; what is left are the requests that failed, and these fail
    again.

    Parameters
    ----------
    name, identity : of the model that answered
    ledger : file that holds what came of it
    """

    def __init__(self, name: str, identity: Json, ledger: Path) -> None:
        self._name, self._identity, self._ledger = name, identity, ledger

    @property
    def name(self) -> str:
        return self._name

    @property
    def identity(self) -> Json:
        return self._identity

    def check(self, sampling: Sampling) -> None: ...

    def close(self) -> None: ...

    def answer(self, requests: Sequence[Request], sampling: Sampling, deliver: Deliver) -> None:
        """As the protocol says: each of ``requests``, asked with ``sampling``, fails as it did; ``deliver`` takes that.

        Raises
        ------
        ModelError
            If the ledger does not know of one.
        LedgerError
            If it is damaged.
        """
        with closing(read_only(self._ledger)) as database:
            for index, request in enumerate(requests):
                deliver(index, self._failure(database, request_key(self.identity, sampling, request)))

    def _failure(self, database: sqlite3.Connection, key: str) -> Failure:
        query = "SELECT kind, reason, n_attempts FROM failures WHERE key = ? ORDER BY id DESC LIMIT 1"
        try:
            found = database.execute(query, [key]).fetchone()
        except DAMAGE as error:
            raise LedgerError(f"{self._ledger}: {error}. Is it a ledger of diptych, on a sound disk?") from error
        if found is None:
            raise ModelError(f"{self._ledger} lacks an answer of {self.name}. The command of the run asks for it.")
        return Failure(*found)
