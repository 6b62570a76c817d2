"""Statements that models are asked about: evaluations written by models, and folders of any such files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diptych._types import Json
from diptych.data.folders import files_under
from diptych.data.loaders import DataLoader
from diptych.data.records import Records
from diptych.data.responses import prompt_digests
from diptych.data.values import other_fields, text_of
from diptych.errors import DataError
from diptych.utils.amounts import counted
from diptych.utils.hashing import content_hash, hash_rows
from diptych.utils.names import did_you_mean

FIELDS = ("statement", "question", "prompt", "text")
"""Names of the field that holds the statement; the first that a record has is taken."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement.

    Parameters
    ----------
    statement_id : 16 hexadecimal digits of its text's digest
    text : the statement
    category : name of its file, without endings
    fields : every other field of its record, such as ``answer_matching_behavior``
    place : where it stood, for messages
    """

    statement_id: str
    text: str
    category: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """What was made of one file.

    Parameters
    ----------
    path : as it was found
    n_statements : that were read from it
    reason : why it was left out; empty where it was not
    """

    path: str
    n_statements: int
    reason: str = ""


@dataclass(frozen=True)
class Statements:
    """Statements in the order of their ids: that of files and rows changes nothing.

    Parameters
    ----------
    rows : no two with the same text
    files : accepted and rejected
    notices : what a reader should know about how they were read
    """

    rows: tuple[Statement, ...]
    files: tuple[SourceFile, ...] = ()
    notices: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def texts(self) -> list[str]:
        """Of all, in order."""
        return [row.text for row in self.rows]

    @property
    def digest(self) -> str:
        """Of all that a run depends on: 64 hexadecimal digits."""
        rows = [[row.statement_id, row.category, dict(row.fields)] for row in self.rows]
        return content_hash("diptych/statements/1", rows)


def load_statements(
    sources: Sequence[str | Path],
    *,
    max_chars: int | None = None,
    limit: int | None = None,
    seed: int = 0,
    threads: int = 1,
) -> Statements:
    """Read the statements of files, and of all files under folders.

    A record has its statement in ``statement``, else ``question``, ``prompt`` or ``text``. One that stands twice is
    asked once.

    Parameters
    ----------
    sources : files and folders
    max_chars : leave out longer ones, with a notice; None for none
    limit : take at most so many, chosen by a seeded hash: a greater limit only adds statements
    seed : of that choice
    threads : for parsing

    Raises
    ------
    DataError
        If a file that was named cannot be read or has no statements, or none is left.
    RecordError
        If a record lacks its statement or it is blank: with file, line and field.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "tidy.jsonl"
    >>> _ = path.write_text('{"statement": "I like order.", "answer_matching_behavior": " Yes"}')
    >>> load_statements([path]).rows[0].category
    'tidy'
    """
    loader = DataLoader(threads=threads)
    files: list[SourceFile] = []
    rows: list[Statement] = []
    notices: list[str] = []
    for path, named in _find(sources):
        try:
            found, said = _read(loader, path)
        except (DataError, OSError) as error:
            if named or not isinstance(error, _NoStatements):
                raise _as_data_error(path, error) from error
            files.append(SourceFile(str(path), 0, str(error)))
            continue
        rows += found
        notices += said
        files.append(SourceFile(str(path), len(found)))
    n_rejected = sum(bool(file.reason) for file in files)
    if n_rejected:
        notices.append(f"left out, without statements: {n_rejected} of {counted(len(files), 'file')}")
    kept = _chosen(rows, max_chars, limit, seed, notices)
    if not kept:
        raise DataError(f"{', '.join(map(str, sources))}: no statement is left. Give files with {' or '.join(FIELDS)}.")
    return Statements(tuple(kept), tuple(files), tuple(notices))


class _NoStatements(DataError):  # noqa: N818 - what was found, and no error where a folder was given
    """A file without any field that could hold a statement."""


def _find(sources: Sequence[str | Path]) -> Iterator[tuple[Path, bool]]:
    """Each file, and whether it was named itself; those of a folder in the order of their names."""
    for source in map(Path, sources):
        if source.is_dir():
            yield from ((path, False) for path in files_under(source))
        else:
            yield source, True


def _read(loader: DataLoader, path: Path) -> tuple[list[Statement], Sequence[str]]:
    records = loader.load_records(path)
    name = _field_of(records) if len(records) else None
    if name is None:
        names = list(records.rows[0]) if len(records) else []
        hint = next(filter(None, (did_you_mean(one, names) for one in FIELDS)), "")
        found = ", ".join(map(repr, names)) or "no fields"
        raise _NoStatements(f"{path}: no field {', '.join(FIELDS)}; found {found}.{hint}")
    texts = [_statement(records, index, name) for index in range(len(records))]
    category, ids = path.name.split(".")[0], prompt_digests(texts)
    return [
        Statement(ids[i], texts[i], category, _fields(records, i, name), f"{path}, {records.place(i)}")
        for i in range(len(records))
    ], records.notices


def _field_of(records: Records) -> str | None:
    return next((name for name in FIELDS if name in records.rows[0]), None)


def _statement(records: Records, index: int, name: str) -> str:
    text = text_of(records, index, name)
    if not text.strip():
        raise records.error(index, f"field {name!r} is blank; remove the record or give its text", name)
    return text.strip()


def _fields(records: Records, index: int, name: str) -> Json:
    return other_fields(records, index, frozenset({name}))


def _as_data_error(path: Path, error: Exception) -> DataError:
    if isinstance(error, DataError):
        return error
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path}: no such file of statements. It is looked up from the current folder.")
    return DataError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}.")


def _chosen(
    rows: Sequence[Statement], max_chars: int | None, limit: int | None, seed: int, notices: list[str]
) -> list[Statement]:
    """Each once, short enough, at most so many; what is left out is said."""
    by_content = sorted(
        rows, key=lambda row: (row.category, json.dumps(dict(row.fields), sort_keys=True)), reverse=True
    )
    once = {row.statement_id: row for row in by_content}
    if len(once) < len(rows):
        notices.append(f"{counted(len(rows) - len(once), 'repeated statement')}, each asked once")
    kept = [once[name] for name in sorted(once)]
    if max_chars is not None:
        short = [row for row in kept if len(row.text) <= max_chars]
        if len(short) < len(kept):
            notices.append(
                f"left out, longer than {max_chars} characters: {counted(len(kept) - len(short), 'statement')}"
            )
        kept = short
    if limit is None or limit >= len(kept):
        return kept
    digests = hash_rows("diptych/statement/1", [[str(seed)] * len(kept), [row.statement_id for row in kept]])
    order = sorted(range(len(kept)), key=lambda i: digests[i].tobytes())[:limit]
    return [kept[i] for i in sorted(order)]
