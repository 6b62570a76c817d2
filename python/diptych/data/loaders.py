"""Files into records: JSON lines, JSON arrays, CSV, Parquet, each optionally gzip or zstandard."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from diptych import _native
from diptych._types import Json
from diptych.data import parsing
from diptych.data.cache import JsonCache
from diptych.data.records import Records
from diptych.errors import DataError, RecordError

DEFAULT_MAX_LINE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was skipped.

    Parameters
    ----------
    line : its number, from 1
    column : the byte, from 1; 0 for the whole line
    reason : what is wrong, and what to do
    """

    line: int
    column: int
    reason: str


@dataclass(frozen=True, slots=True)
class JsonlColumns:
    """Fields of the objects of a JSON-lines file, or of some of its lines.

    Parameters
    ----------
    columns : of each key, the values in file order; n of them
    lines : int64 (n,), the line of each object, counted from 1
    rejects : the lines that were skipped
    """

    columns: dict[str, list[Any]]
    lines: NDArray[np.int64]
    rejects: list[BadLine]


@dataclass(frozen=True, slots=True)
class TextColumn:
    """Texts in one buffer: text ``i`` is ``data[offsets[i]:offsets[i + 1]]``.

    Parameters
    ----------
    offsets : int64 (n + 1,)
    data : uint8, the UTF-8 of all texts
    """

    offsets: NDArray[np.int64]
    data: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class JsonlTexts:
    """Texts of a JSON-lines file, without a Python object for each.

    Parameters
    ----------
    columns : of each key, its texts in file order
    lines : int64 (n,), the line of each object, counted from 1
    rejects : the lines that were skipped
    """

    columns: dict[str, TextColumn]
    lines: NDArray[np.int64]
    rejects: list[BadLine]


def iterate_jsonl(
    path: str | Path,
    keys: Sequence[str],
    *,
    on_bad_line: Literal["error", "skip"] = "error",
    max_line_bytes: int = DEFAULT_MAX_LINE_BYTES,
    threads: int = 1,
) -> Iterator[JsonlColumns]:
    """The fields ``keys`` of a JSON-lines file, some thousand lines at a time.

    Every line is checked whole, and must have all ``keys``. Short values that repeat are one object.

    Parameters
    ----------
    path : the file; gzip and zstandard are recognised by content
    keys : fields to keep
    on_bad_line : ``"skip"`` leaves out the lines that cannot be read or lack a key, and names them
    max_line_bytes : a longer line is a bad line
    threads : the result is the same for every value

    Raises
    ------
    RecordError
        At a bad line, with path, line, byte column and reason.
    OSError
        If the file cannot be read.

    Notes
    -----
    Peak memory: ``(2 * threads + 1) * (2 * w + 24 * f)`` bytes and the values of one piece, whatever the file's size;
    ``w`` is the larger of 1 MiB and the longest line, ``f`` the values in ``w``. A compressed file is decompressed as
    it is read: 8 MiB more, or what its writer asked for. A line beyond ``max_line_bytes`` is not kept.
    """
    keys = list(dict.fromkeys(keys))
    reader = _native.JsonlReader(str(path), keys, on_bad_line, max_line_bytes, threads)
    while (found := reader.read()) is not None:
        columns, lines, rejects = found
        yield JsonlColumns(dict(zip(keys, columns, strict=True)), lines, [BadLine(*bad) for bad in rejects])


def iterate_jsonl_text(
    path: str | Path,
    keys: Sequence[str],
    *,
    on_bad_line: Literal["error", "skip"] = "error",
    max_line_bytes: int = DEFAULT_MAX_LINE_BYTES,
    threads: int = 1,
) -> Iterator[JsonlTexts]:
    """As ``iterate_jsonl``, to offsets and bytes; a value of ``keys`` that is not a string makes a bad line.

    Parameters
    ----------
    path, keys, on_bad_line, max_line_bytes, threads : as in ``iterate_jsonl``, and its peak memory twice
    """
    keys = list(dict.fromkeys(keys))
    reader = _native.JsonlTextReader(str(path), keys, on_bad_line, max_line_bytes, threads)
    while (found := reader.read()) is not None:
        pairs, lines, rejects = found
        columns = {key: TextColumn(*pair) for key, pair in zip(keys, pairs, strict=True)}
        yield JsonlTexts(columns, lines, [BadLine(*bad) for bad in rejects])


def read_jsonl(
    path: str | Path,
    keys: Sequence[str],
    *,
    on_bad_line: Literal["error", "skip"] = "error",
    max_line_bytes: int = DEFAULT_MAX_LINE_BYTES,
    threads: int = 1,
) -> JsonlColumns:
    """The fields ``keys`` of a whole JSON-lines file; as ``iterate_jsonl``, whose memory it needs beyond the lists.

    Parameters
    ----------
    path, keys, on_bad_line, max_line_bytes, threads : as in ``iterate_jsonl``

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.jsonl"
    >>> _ = path.write_text('{"prompt": "Hi", "n": 1}' + chr(10) + '{"prompt": "cut')
    >>> read = read_jsonl(path, ["prompt"], on_bad_line="skip")
    >>> read.columns, [bad.line for bad in read.rejects]
    ({'prompt': ['Hi']}, [2])
    """
    columns: dict[str, list[Any]] = {key: [] for key in keys}
    lines: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    rejects: list[BadLine] = []
    pieces = iterate_jsonl(path, keys, on_bad_line=on_bad_line, max_line_bytes=max_line_bytes, threads=threads)
    for piece in pieces:
        for key, values in piece.columns.items():
            columns[key] += values
        lines.append(piece.lines)
        rejects += piece.rejects
    return JsonlColumns(columns, np.concatenate(lines), rejects)


class DataLoader:
    """Reads records from files, strictly: what cannot be read is an error with its place, never a gap.

    Parameters
    ----------
    cache_dir : where ``cache_data`` keeps things; without it, caching is an error
    threads : for parsing; the result is the same for every value

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.jsonl"
    >>> _ = path.write_text('{"prompt": "Hi", "response": "Hello."}' + chr(10))
    >>> DataLoader().load_jsonl(path)
    [{'prompt': 'Hi', 'response': 'Hello.'}]
    """

    def __init__(self, cache_dir: str | Path | None = None, *, threads: int = 1) -> None:
        self._cache = JsonCache(Path(cache_dir)) if cache_dir is not None else None
        self._threads = threads

    def load_jsonl(self, path: str | Path, keys: Sequence[str] | None = None) -> list[Json]:
        """Objects of the JSON-lines file at ``path``, or only some of their fields.

        Raises
        ------
        RecordError
            At the first line that is not a JSON object, or that lacks one of ``keys``.
        OSError
            If the file cannot be read.
        """
        if keys and _begins_as_lines(Path(path)):
            # Where anything is wrong, the way below finds it again and words it for the whole record.
            with contextlib.suppress(RecordError):
                columns = read_jsonl(path, keys, threads=self._threads).columns
                rows = zip(*columns.values(), strict=True)
                return [dict(zip(columns, values, strict=True)) for values in rows]
        records = self.load_records(path)
        if keys is None:
            return list(records.rows)
        for index, row in enumerate(records.rows):
            for key in keys:
                if key not in row:
                    raise records.error(index, f"no field {key!r}; found {', '.join(map(repr, row))}")
        return [{key: row[key] for key in keys} for row in records.rows]

    def load_records(self, path: str | Path, *, on_bad_line: Literal["error", "skip"] = "error") -> Records:
        """Records of a file of any format we read, recognised by its content and name.

        ``.parquet`` and ``.csv`` go by name; else a file that begins with ``[`` is a JSON array, any other is
        JSON lines. Compression is recognised by content.

        Parameters
        ----------
        path : the file
        on_bad_line : ``"skip"`` leaves out the lines of a JSON-lines file that cannot be read

        Raises
        ------
        RecordError
            With path, line, byte column and reason.
        DataError
            If there is nothing in the file.
        OSError
            If the file cannot be read.
        """
        name = str(path)
        if Path(path).is_dir():
            raise DataError(f"{name} is a folder. Give a file of responses (.jsonl, .json, .csv, .parquet).")
        data = _native.read_file(name)
        if not data.strip():
            raise DataError(f"{name} is empty. Give a file with one response per line or array item.")
        suffixes = [suffix.lower() for suffix in Path(path).suffixes]
        if ".parquet" in suffixes or data[:4] == b"PAR1":
            return parsing.parse_parquet(data, name)
        if ".csv" in suffixes:
            return parsing.parse_csv(data, name)
        if data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"[":
            return parsing.parse_array(data, name)
        return self._parse_lines(data, name, on_bad_line)

    def _parse_lines(self, data: bytes, name: str, on_bad_line: Literal["error", "skip"]) -> Records:
        try:
            rows, lines, _ = _native.parse_jsonl(data, name, on_bad_line, DEFAULT_MAX_LINE_BYTES, self._threads)
        except RecordError as error:
            # A single object over many lines is the commonest mistake: say that, not "line 1 ends early".
            if _is_one_object(data):
                reason = "one JSON object over several lines; expected an array of objects, or one object per line"
                raise RecordError(name, 0, 0, reason) from error
            raise
        return Records(rows, name, lines.tolist(), "line")

    def cache_data(self, data: Any, key: str) -> Path:
        """Keep JSON data under a key; return the file. The write is atomic.

        Raises
        ------
        DataError
            If this loader has no ``cache_dir``, or the data is not JSON.
        """
        return self._require_cache().put(key, data)

    def load_cached(self, key: str) -> Any | None:
        """What was kept under a key, or None.

        Raises
        ------
        DataError
            If this loader has no ``cache_dir``, or the file is damaged.
        """
        return self._require_cache().get(key)

    def _require_cache(self) -> JsonCache:
        if self._cache is None:
            raise DataError("this DataLoader has no cache. Make it with DataLoader(cache_dir=...).")
        return self._cache


def _begins_as_lines(path: Path) -> bool:
    """Whether a file that is no table by its name begins with an object."""
    if not path.is_file() or {".parquet", ".csv"} & {suffix.lower() for suffix in path.suffixes}:
        return False
    with path.open("rb") as file:
        return file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def _is_one_object(data: bytes) -> bool:
    try:
        return isinstance(json.loads(data), dict)
    except ValueError:
        return False
