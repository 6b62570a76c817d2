"""What the answers and the vectors of a run took, and what they may take."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from diptych.models.requests import Usage

if TYPE_CHECKING:
    from diptych.models.ledger import Ledger

VECTORS = """
CREATE TABLE IF NOT EXISTS vectors (
    id INTEGER PRIMARY KEY, model TEXT NOT NULL, n_texts INTEGER NOT NULL, input_tokens INTEGER, usd REAL
)
"""
"""The table of a ledger that holds what was paid for vectors, call by call; the vectors themselves are in a store."""
PUT_VECTORS = "INSERT INTO vectors VALUES (NULL, ?, ?, ?, ?)"
_SUMS = """
SELECT (SELECT count(*) FROM answers), sum(n_input), sum(n_output), sum(usd), count(*) - count(usd) FROM (
    SELECT input_tokens AS n_input, output_tokens AS n_output, usd FROM answers
    UNION ALL SELECT lost_input, lost_output, 0 FROM answers WHERE coalesce(lost_input, lost_output) NOTNULL
    UNION ALL SELECT lost_input, lost_output, usd FROM failures WHERE coalesce(lost_input, lost_output) NOTNULL
)
"""
_VECTOR_SUMS = "SELECT sum(n_texts), sum(input_tokens), sum(usd), count(*) - count(usd) FROM vectors"


@dataclass(frozen=True, slots=True)
class Spent:
    """What answers and vectors took, calls that came to nothing included.

    Parameters
    ----------
    n_answers : how many answers there are
    usage : sums over the calls whose provider says
    usd : sum over the requests whose price is known
    n_unpriced : requests whose price is not known
    n_texts : that got a vector from an interface
    """

    n_answers: int = 0
    usage: Usage = field(default_factory=Usage)
    usd: float = 0.0
    n_unpriced: int = 0
    n_texts: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.n_answers + other.n_answers,
            Usage(
                _sum(self.usage.input_tokens, other.usage.input_tokens),
                _sum(self.usage.output_tokens, other.usage.output_tokens),
            ),
            self.usd + other.usd,
            self.n_unpriced + other.n_unpriced,
            self.n_texts + other.n_texts,
        )


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def read_spent(database: sqlite3.Connection) -> Spent:
    """What all that stands in the database of a ledger took.

    Parameters
    ----------
    database : with the tables of a ledger
    """
    n_answers, n_in, n_out, usd, n_unpriced = database.execute(_SUMS).fetchone()
    answers = Spent(n_answers, Usage(n_in, n_out), usd or 0.0, n_unpriced)
    if not database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'vectors'").fetchone()[0]:
        return answers  # a ledger from before vectors were put down
    n_texts, n_in, usd, n_unpriced = database.execute(_VECTOR_SUMS).fetchone()
    return answers + Spent(0, Usage(n_in), usd or 0.0, n_unpriced, n_texts or 0)


class Purse:
    """What vectors may cost, together with the answers in a ledger.

    Parameters
    ----------
    max_usd : US dollars that all of it together may cost; None for any amount
    ledger : of the run, which puts down what is paid; without one it is known while the purse is

    Examples
    --------
    >>> purse = Purse(max_usd=1.0)
    >>> purse.pay("openai/text-embedding-3-small", 20, 1000, 0.00002)
    >>> purse.spent().n_texts, purse.spent().usd
    (20, 2e-05)
    """

    def __init__(self, max_usd: float | None = None, ledger: Ledger | None = None) -> None:
        self.max_usd, self._ledger, self._own = max_usd, ledger, Spent()

    def spent(self) -> Spent:
        """What was spent so far: by all commands of the run where there is a ledger, else by this one."""
        return self._own if self._ledger is None else self._ledger.spent()

    def pay(self, model: str, n_texts: int, n_tokens: int | None, usd: float | None) -> None:
        """Put down what came of one call.

        Parameters
        ----------
        model : that was asked
        n_texts : that got a vector
        n_tokens : that were sent, if the provider says
        usd : what the call cost, if known
        """
        if self._ledger is not None:
            self._ledger.keep_vectors(model, n_texts, n_tokens, usd)
            return
        self._own += Spent(0, Usage(n_tokens), usd or 0.0, int(usd is None), n_texts)
