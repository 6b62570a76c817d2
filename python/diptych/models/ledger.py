"""The ledger of a run: every answer that a model gave, kept the moment it came, so that none is asked for twice."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from diptych import __version__
from diptych._types import Json
from diptych.errors import LedgerError, RunError
from diptych.models.ledger_rows import failure_columns, read_reply, reply_columns, whole
from diptych.models.lock import Lock
from diptych.models.requests import Answer, Failure, Reply
from diptych.models.spending import PUT_VECTORS, VECTORS, Spent, read_spent
from diptych.utils.hashing import content_hash
from diptych.utils.text import parse_json

SCHEMA = 2
DAMAGE = (sqlite3.Error, UnicodeDecodeError)
"""What reading a damaged file raises: SQLite's own, or that its message or a text in it is not UTF-8."""
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE wanted (arm TEXT NOT NULL, model TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (arm, key)) WITHOUT ROWID;
CREATE TABLE answers (
    key TEXT PRIMARY KEY, asked TEXT NOT NULL, draw INTEGER NOT NULL, prompt_id TEXT NOT NULL,
    text TEXT NOT NULL, finish_reason TEXT NOT NULL, input_tokens INTEGER, output_tokens INTEGER, usd REAL,
    model TEXT, request_id TEXT, n_attempts INTEGER NOT NULL, sent TEXT NOT NULL, details TEXT NOT NULL,
    lost_input INTEGER, lost_output INTEGER
);
CREATE TABLE failures (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, asked TEXT NOT NULL, draw INTEGER NOT NULL, prompt_id TEXT NOT NULL,
    kind TEXT NOT NULL, reason TEXT NOT NULL, n_attempts INTEGER NOT NULL,
    lost_input INTEGER, lost_output INTEGER, usd REAL
);
CREATE TABLE batched (
    batch_id TEXT NOT NULL, key TEXT NOT NULL, asked TEXT NOT NULL, known INTEGER NOT NULL, PRIMARY KEY (batch_id, key)
) WITHOUT ROWID;
"""
_REPLY = "text, finish_reason, input_tokens, output_tokens, model, request_id, n_attempts, sent, details"
_PUT_REPLY = f"INSERT OR IGNORE INTO answers VALUES ({', '.join('?' * 16)})"
_PUT_FAILURE = f"INSERT INTO failures VALUES (NULL, {', '.join('?' * 10)})"
_CAME = ("answers", "failures", "batched", "vectors")
_KEYS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer is kept under.

    Parameters
    ----------
    key : of the request, see ``request_key``
    model : that was asked
    prompt_id : of the prompt
    draw : which of its answers
    """

    key: str
    model: str
    prompt_id: str
    draw: int


class Ledger:
    """Answers and failures of one run, in an SQLite file; one process writes it at a time.

    An answer is on the disk when ``keep`` returns: what is lost when the process is killed was still under way. The
    ledger holds texts, parameters and usage, never keys.

    Parameters
    ----------
    path : of the file; its folder must be there
    config : what the run asks, as JSON; a ledger of another run is refused, unless nothing came of that run
    command : that goes on with the run, for those who ask how it stands; None leaves what is there

    Raises
    ------
    RunError
        If the ledger is that of a run with another ``config``: lists every difference.
    LedgerError
        If another process is writing it, or it cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "ledger.sqlite"
    >>> with Ledger(path, {"model": "scripted/echo"}) as ledger:
    ...     ledger.keep(Asked("k", "scripted/echo", "p", 0), Reply("Hi.", "stop"))
    >>> with Ledger(path, {"model": "scripted/echo"}) as ledger:
    ...     ledger.replies(["k"])["k"].text
    'Hi.'
    """

    def __init__(self, path: Path, config: Json, command: str | None = None) -> None:
        self.path = path
        with _typed(path):
            self._lock = Lock(path.with_name(f"{path.name}.lock"), str(path))
        try:
            with _typed(path):
                self._open(config)
                if command is not None:
                    begun = {"command": whole(command), "folder": whole(str(Path.cwd()))}
                    self._database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", begun.items())
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the next process in."""
        try:
            self._database.close()
        finally:
            self._lock.release()

    def keep(self, asked: Asked, answer: Answer, usd: float | None = None) -> None:
        """Put down what came of one request; as ``keep_all``.

        Parameters
        ----------
        asked : the request
        answer : a reply, or why there is none
        usd : what the request cost, if known
        """
        self.keep_all([(asked, answer, usd)])

    def keep_all(self, came: Sequence[tuple[Asked, Answer, float | None]]) -> None:
        """Put down what came of some requests; durable on return, all or none.

        Parameters
        ----------
        came : of each, the request, the answer, and what it cost, if known; half a surrogate pair in a text becomes
            U+FFFD

        Raises
        ------
        LedgerError
            If it cannot be written, as on a full disk. What was kept before stays whole.
        """
        replies: list[tuple[Any, ...]] = []
        failures: list[tuple[Any, ...]] = []
        for asked, answer, usd in came:
            place = (asked.key, asked.model, asked.draw, asked.prompt_id)
            if isinstance(answer, Failure):
                failures.append((*place, *failure_columns(answer, usd)))
            else:
                replies.append((*place, *reply_columns(answer, usd)))
        with self._transaction() as database:
            database.executemany(_PUT_REPLY, replies)
            database.executemany(_PUT_FAILURE, failures)

    def expect(self, arm: str, model: str, keys: Sequence[str], *, more: bool = False) -> None:
        """Put down what an arm is going to be asked.

        Parameters
        ----------
        arm : its name
        model : that is asked
        keys : of all its requests, answered or not
        more : whether they come besides what was put down before, not in its place
        """
        with self._transaction() as database:
            if not more:
                database.execute("DELETE FROM wanted WHERE arm = ?", [arm])
            database.executemany("INSERT OR IGNORE INTO wanted VALUES (?, ?, ?)", [(arm, model, key) for key in keys])

    def replies(self, keys: Sequence[str]) -> dict[str, Reply]:
        """Those of the requests that were answered, by key."""
        with _typed(self.path):
            return {key: read_reply(rest) for key, *rest in _select(self._database, f"key, {_REPLY}", keys)}

    def take_over(self, other: Path, keys: Sequence[str]) -> int:
        """Copy answers from the ledger of another run, which paid for them.

        Parameters
        ----------
        other : its file; one that cannot be read has none
        keys : of the answers that are wanted

        Returns
        -------
        int
            how many were there
        """
        try:
            with closing(read_only(other)) as database:
                rows = list(_select(database, "*", keys))
        except DAMAGE:
            return 0
        with self._transaction() as database:
            database.executemany(_PUT_REPLY, rows)
            paid = "UPDATE answers SET usd = 0, lost_input = NULL, lost_output = NULL WHERE key = ?"
            database.executemany(paid, [row[:1] for row in rows])
        return len(rows)

    def keep_batch(self, batch_id: str, model: str, keys: Sequence[str]) -> None:
        """Put down that requests are with a provider; durable on return.

        Parameters
        ----------
        batch_id : the provider's name for the batch
        model : that is asked
        keys : of the requests
        """
        with self._transaction() as database:
            database.executemany("INSERT INTO batched VALUES (?, ?, ?, 0)", [(batch_id, key, model) for key in keys])

    def batches(self, model: str) -> dict[str, dict[str, bool]]:
        """Batches of a ``model`` of which not all is known: of each request, by key, whether it is known what came."""
        query = """SELECT batch_id, key, known FROM batched WHERE batch_id IN
            (SELECT batch_id FROM batched WHERE asked = ? AND NOT known) ORDER BY batch_id, key"""
        found: dict[str, dict[str, bool]] = {}
        with _typed(self.path):
            for batch_id, key, known in self._database.execute(query, (model,)):
                found.setdefault(batch_id, {})[key] = bool(known)
        return found

    def end_batch(self, batch_id: str, keys: Iterable[str]) -> None:
        """Put down that it is known what came of requests in a batch.

        Parameters
        ----------
        batch_id : the provider's name for it
        keys : of the requests
        """
        with self._transaction() as database:
            pairs = [(batch_id, key) for key in keys]
            database.executemany("UPDATE batched SET known = 1 WHERE batch_id = ? AND key = ?", pairs)

    def keep_vectors(self, model: str, n_texts: int, n_tokens: int | None, usd: float | None) -> None:
        """Put down what was paid for vectors; durable on return.

        Parameters
        ----------
        model, n_texts, n_tokens, usd : as for ``Purse.pay``
        """
        with self._transaction() as database:
            database.execute(PUT_VECTORS, (model, n_texts, n_tokens, usd))

    def spent(self) -> Spent:
        """What all answers and vectors took, those of earlier runs of the command included."""
        with _typed(self.path):
            return read_spent(self._database)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _typed(self.path):
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            finally:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")

    def _open(self, config: Json) -> None:
        self._database = sqlite3.connect(self.path, isolation_level=None)
        try:
            for pragma in ("journal_mode = WAL", "synchronous = FULL"):
                self._database.execute(f"PRAGMA {pragma}")
            if not self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                self._create(config)
            self._check(config)
        except BaseException:
            self._database.close()
            raise

    def _create(self, config: Json) -> None:
        self._database.execute("BEGIN")
        for table in _TABLES.split(";"):
            self._database.execute(table)
        self._name(config)
        self._database.execute("COMMIT")

    def _name(self, config: Json) -> None:
        meta = {
            "schema": str(SCHEMA),
            "diptych_version": __version__,
            "config": json.dumps(config, sort_keys=True, ensure_ascii=False, allow_nan=False),
            "config_hash": content_hash("diptych/asked/1", config),
        }
        self._database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())

    def _check(self, config: Json) -> None:
        meta = dict(self._database.execute("SELECT name, value FROM meta"))
        if missing := sorted({"schema", "config", "config_hash"} - meta.keys()):
            raise LedgerError(
                f"{self.path}: it lacks {', '.join(missing)}. Is it a ledger of diptych, on a sound disk?"
            )
        if meta["schema"] != str(SCHEMA):
            text = f"{self.path} was written in format {meta['schema']}, this diptych reads {SCHEMA}"
            raise LedgerError(f"{text}. Use the diptych that wrote it, or choose another --out.")
        self._database.execute(VECTORS)
        if meta["config_hash"] == content_hash("diptych/asked/1", config):
            return
        if any(self._database.execute(f"SELECT EXISTS (SELECT 1 FROM {name})").fetchone()[0] for name in _CAME):
            changed = "; ".join(_differences(parse_json(meta["config"]), config))
            raise RunError(
                f"{self.path} holds the answers of another run ({changed}).\n"
                "Choose another --out; generate and compare with --fork make a new run beside it, with its answers."
            )
        with self._transaction() as database:  # a run that came to nothing, for want of a key: there is nothing to lose
            database.execute("DELETE FROM wanted")
            self._name(config)


def read_config(path: Path) -> Json | None:
    """What the run of a ledger asks; None where there is no ledger that can be read. Takes no lock.

    Parameters
    ----------
    path : of the file
    """
    if not path.is_file():
        return None
    try:
        with closing(read_only(path)) as database:
            found: Json = parse_json(database.execute("SELECT value FROM meta WHERE name = 'config'").fetchone()[0])
            return found
    except (sqlite3.Error, ValueError, TypeError):
        return None


def copy_ledger(ledger: Path, copy: Path) -> None:
    """Copy a ledger, whether or not a process is writing it.

    Parameters
    ----------
    ledger : its file
    copy : a new file

    Raises
    ------
    LedgerError
        If one cannot be read, or the other not be written.
    """
    with _typed(ledger), closing(read_only(ledger)) as there, closing(sqlite3.connect(copy)) as here:
        there.backup(here)


def _select(database: sqlite3.Connection, columns: str, keys: Sequence[str]) -> Iterator[Sequence[Any]]:
    """Columns of the answers to some requests."""
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = keys[start : start + _KEYS_AT_ONCE]
        places = ", ".join("?" * len(some))
        yield from database.execute(f"SELECT {columns} FROM answers WHERE key IN ({places})", some)


def read_only(path: Path) -> sqlite3.Connection:
    """The database of a ledger, ``path``, whether or not a process is writing it; leaves no file beside it."""
    is_closed = not path.with_name(f"{path.name}-wal").exists()
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if is_closed else ''}", uri=True)


@contextmanager
def _typed(path: Path) -> Iterator[None]:
    """What SQLite and the system say, as an error of ours that says what to do."""
    try:
        yield
    except DAMAGE as error:
        full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        remedy = "Free some space; the same command goes on." if full else "Is it a ledger of diptych, on a sound disk?"
        raise LedgerError(f"{path}: {error}. {remedy}") from error
    except RunError:
        raise
    except OSError as error:
        raise LedgerError(f"{path}: cannot be written: {error.strerror or error}.") from error


def _differences(there: Json, now: Json) -> Iterator[str]:
    old, new = dict(_leaves(there)), dict(_leaves(now))
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield f"{name}: {old.get(name)!r:.60} there, {new.get(name)!r:.60} now"


def _leaves(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _leaves(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", inner
