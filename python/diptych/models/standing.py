"""How a run stands by its ledger: read without a lock, while it is made, after a crash, and when it is over."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych.errors import LedgerError
from diptych.models.ledger import DAMAGE, SCHEMA, read_only
from diptych.models.lock import Holder, holder_of
from diptych.models.requests import Usage
from diptych.models.spending import Spent, read_spent

_ARMS = """
SELECT wanted.arm, wanted.model, count(*), count(answers.key),
    sum(answers.key IS NULL AND EXISTS (SELECT 1 FROM failures WHERE failures.key = wanted.key)),
    sum(answers.input_tokens), sum(answers.output_tokens), sum(answers.lost_input), sum(answers.lost_output),
    sum(answers.usd), count(answers.usd)
FROM wanted LEFT JOIN answers ON answers.key = wanted.key GROUP BY wanted.arm, wanted.model ORDER BY wanted.arm
"""
_LOST = """
SELECT sum(lost_input), sum(lost_output), sum(usd), sum(lost_input NOTNULL AND usd IS NULL)
FROM failures WHERE key IN (SELECT key FROM wanted WHERE arm = ?)
"""
_KINDS = """
SELECT kind, count(DISTINCT key) FROM failures
WHERE key IN (SELECT key FROM wanted WHERE arm = ?) AND key NOT IN (SELECT key FROM answers) GROUP BY kind ORDER BY kind
"""


@dataclass(frozen=True, slots=True)
class ArmStanding:
    """How far one arm is.

    Parameters
    ----------
    arm : its name in the run
    model : that is asked
    n_wanted : requests in all
    n_answered, n_failed : requests with an answer; without one, and with a failure
    failures : kinds of the latter, and how many of each
    usage : tokens so far, as far as the provider says; calls that came to nothing included
    usd : US dollars so far; None where the price of any of it is unknown
    """

    arm: str
    model: str
    n_wanted: int
    n_answered: int
    n_failed: int
    failures: Mapping[str, int]
    usage: Usage
    usd: float | None

    @property
    def n_missing(self) -> int:
        """Requests that neither were answered nor have failed."""
        return self.n_wanted - self.n_answered - self.n_failed


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands.

    Parameters
    ----------
    arms : each that is asked, in order
    holder : the process that has the ledger, or died with it; None where none does
    command : that goes on with the run; None where it was begun from Python
    folder : where that command was typed
    spent : on all of it: the arms, models that help to read, and vectors
    """

    arms: tuple[ArmStanding, ...]
    holder: Holder | None
    command: str | None
    folder: str | None
    spent: Spent


def read_standing(path: Path) -> Standing:
    """How the run of a ledger stands; writes nothing and takes no lock.

    Parameters
    ----------
    path : of the ledger

    Raises
    ------
    LedgerError
        If it is not there, or no ledger that can be read.
    """
    if not path.is_file():
        raise LedgerError(f"{path}: no such ledger")
    holder = holder_of(path.with_name(f"{path.name}.lock"))
    try:
        with closing(read_only(path)) as database:
            database.execute("BEGIN")  # one moment for all that is read
            meta = dict(database.execute("SELECT name, value FROM meta"))
            if meta.get("schema") != str(SCHEMA):
                raise LedgerError(f"{path} was written in format {meta.get('schema')}, this diptych reads {SCHEMA}.")
            arms = tuple(_arm(database, row) for row in database.execute(_ARMS).fetchall())
            spent = read_spent(database)
    except DAMAGE as error:
        raise LedgerError(f"{path}: {error}. Is it a ledger of diptych, on a sound disk?") from error
    return Standing(arms, holder, meta.get("command"), meta.get("folder"), spent)


def _arm(database: sqlite3.Connection, row: tuple[Any, ...]) -> ArmStanding:
    arm, model, n_wanted, n_answered, n_failed, n_in, n_out, lost_in, lost_out, usd, n_priced = row
    failed_in, failed_out, failed_usd, n_unpriced = database.execute(_LOST, [arm]).fetchone()
    is_priced = n_priced == n_answered and not n_unpriced
    return ArmStanding(
        arm,
        model,
        n_wanted,
        n_answered,
        n_failed,
        dict(database.execute(_KINDS, [arm]).fetchall()),
        Usage(_sum(n_in, lost_in, failed_in), _sum(n_out, lost_out, failed_out)),
        (usd or 0.0) + (failed_usd or 0.0) if is_priced else None,
    )


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
