"""Every exception that diptych raises on purpose.

::

    DiptychError
    ├── ConfigError        (ValueError)    a setting: unknown, of the wrong type, out of range
    │   └── UnknownNameError (LookupError) a lens, embedder, labeller … that does not exist; names the near ones
    ├── DataError          (ValueError)    input that does not fit: missing fields, no common prompts, duplicates
    │   ├── RecordError                    the same, at one line of one file
    │   │   └── TruncatedTail              its last line ends inside a value: a writer was stopped
    │   └── TooManyBadLines                more lines of a file were left out than is tolerated
    ├── ShapeError         (ValueError)    an array of the wrong shape or dtype, or with values that are not finite
    ├── SealedError        (PermissionError) a proposer asked for validation responses
    ├── RunError           (OSError)       a run folder that cannot be written or read
    │   └── LedgerError                    the ledger of a run: in use, damaged, or its disk is full
    ├── ModelError         (RuntimeError)  a model that cannot be asked: wrong key, no credit, no such model, no server
    ├── BudgetError        (RuntimeError)  the next request could cross the budget; the same command resumes
    ├── StoreError         (OSError)       the embedding store
    │   ├── CorruptStoreError              a checksum or a structure in it is wrong
    │   └── StoreVersionError              written by a newer diptych
    └── MissingExtraError  (ImportError)   an optional library is not installed

Each also inherits the builtin that a stranger would catch. A message says what was wrong (both values), where,
and what to do. All arguments stay in ``args``, so every exception survives being pickled by a process pool.
"""

from __future__ import annotations

from collections.abc import Iterable


class DiptychError(Exception):
    """Base of everything that diptych raises on purpose."""


class ConfigError(DiptychError, ValueError):
    """A setting is unknown, of the wrong type or out of range."""


class UnknownNameError(ConfigError, LookupError):
    """A lens, embedder, field … of that name does not exist.

    Parameters
    ----------
    kind : what was looked up, for example ``"lens"``
    name : what was asked for
    near : names that look like it, best first
    known : all names that would have been accepted
    place : the flag, the variable or the line of the file that asked for it; empty when it is obvious
    """

    def __init__(
        self, kind: str, name: str, near: Iterable[str] = (), known: Iterable[str] = (), place: str = ""
    ) -> None:
        self.kind, self.name, self.place = kind, name, place
        self.near, self.known = tuple(near), tuple(known)
        super().__init__(kind, name, self.near, self.known, place)

    def __str__(self) -> str:
        text = f"{self.place}: " if self.place else ""
        text += f"unknown {self.kind} {self.name!r}."
        if self.near:
            text += f" Did you mean {' or '.join(repr(n) for n in self.near)}?"
        if self.known:
            text += f" Known: {', '.join(self.known)}."
        return text


class DataError(DiptychError, ValueError):
    """Input that does not fit: a missing field, no common prompts, duplicate rows."""


class RecordError(DataError):
    """One line of one file cannot be used.

    Parameters
    ----------
    path : the file as the caller named it
    line : physical line (for a JSON array: the item), counted from 1; 0 when the whole file is meant
    column : byte column within the line, counted from 1; 0 when the whole line is meant
    reason : what is wrong and what to do about it
    """

    def __init__(self, path: str, line: int, column: int, reason: str) -> None:
        self.path, self.line, self.column, self.reason = path, line, column, reason
        super().__init__(path, line, column, reason)

    def __str__(self) -> str:
        where = self.path
        if self.line:
            where += f":{self.line}"
            if self.column:
                where += f":{self.column}"
        return f"{where}: {self.reason}"


class TruncatedTail(RecordError):  # noqa: N818 - the name says what was found
    """The last line of a file of JSON lines has no line end and stops inside a value: its writer was stopped.

    ``data.appending.append_jsonl`` cuts such a line, so that a run can go on.
    """


class TooManyBadLines(DataError):  # noqa: N818 - the name says what was found
    """More lines of a file of JSON lines were left out than ``max_bad`` tolerates.

    Parameters
    ----------
    path : the file as the caller named it
    n_bad : lines that were left out
    n_lines : lines that are not blank
    max_bad : what was tolerated: a whole number of lines, or a fraction of them
    first : (line, column, reason) of the first few, as in ``RecordError``
    """

    def __init__(
        self, path: str, n_bad: int, n_lines: int, max_bad: float, first: Iterable[tuple[int, int, str]] = ()
    ) -> None:
        self.path, self.n_bad, self.n_lines, self.max_bad = path, n_bad, n_lines, max_bad
        self.first = tuple(first)
        super().__init__(path, n_bad, n_lines, max_bad, self.first)

    def __str__(self) -> str:
        allowed = f"{self.max_bad}" if isinstance(self.max_bad, int) else f"{100 * self.max_bad:g} % of them"
        text = f"{self.path}: {self.n_bad} of {self.n_lines} lines cannot be used, max_bad allows {allowed}. "
        text += "Mend them, or raise the limit."
        if self.first:
            places = (f"line {line}" + (f", column {column}" if column else "") for line, column, _ in self.first)
            found = (f"{place}: {reason}" for place, (_, _, reason) in zip(places, self.first, strict=True))
            text += f"\nFirst: {'; '.join(found)}"
        return text


class ShapeError(DiptychError, ValueError):
    """An array has the wrong shape or dtype, or holds a value that is not finite."""


class SealedError(DiptychError, PermissionError):
    """A proposer asked for responses to validation prompts."""


class RunError(DiptychError, OSError):
    """A run folder cannot be written or read."""


class LedgerError(RunError):
    """The ledger of a run cannot be opened or written; what it holds is whole."""


class ModelError(DiptychError, RuntimeError):
    """A model cannot be asked at all: a wrong key, no credit, no such model, no server."""


class BudgetError(DiptychError, RuntimeError):
    """The next request could cross the budget; what was answered is kept, and the same command resumes."""


class StoreError(DiptychError, OSError):
    """The embedding store cannot be opened, read or written.

    Parameters
    ----------
    path : the store's folder
    reason : what is wrong and what to do about it
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(path, reason)

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class CorruptStoreError(StoreError):
    """A checksum or a structure in the store is wrong; no vector was served from there."""


class StoreVersionError(StoreError):
    """The store was written by a newer diptych; it was left unchanged."""


class MissingExtraError(DiptychError, ImportError):
    """An optional library is not installed.

    Parameters
    ----------
    module : the library that was needed, for example ``"pandas"``
    extra : the extra of diptych that brings it, for example ``"frames"``
    """

    def __init__(self, module: str, extra: str) -> None:
        self.module, self.extra = module, extra
        super().__init__(module, extra)

    def __str__(self) -> str:
        return f"{self.module} is not installed. Run: pip install 'diptych[{self.extra}]'"
