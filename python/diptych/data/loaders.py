"""Files into records: JSON lines, JSON arrays, CSV, Parquet, each optionally gzip or zstandard."""

from __future__ import annotations

import contextlib
import gc
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from diptych import _native
from diptych._types import Json
from diptych.data import parsing
from diptych.data.cache import JsonCache
from diptych.data.fields import no_field
from diptych.data.prompt_trees import parse_tree
from diptych.data.records import Records
from diptych.data.rejects import DEFAULT_MAX_BAD, BadLines, tolerated
from diptych.errors import ConfigError, DataError, RecordError
from diptych.utils.text import parse_json

DEFAULT_MAX_LINE_BYTES = 64 * 1024 * 1024


class SkipOptions(TypedDict, total=False):
    """What is done about lines that are not one JSON object each, or lack a field that is asked for."""

    on_bad_line: Literal["error", "skip"]
    """``"error"``, the default, raises at the first line that cannot be used; ``"skip"`` leaves it out and names it."""
    max_bad: float | str | None
    """Skipped lines that are tolerated, judged at the end of the file: a number such as 5; a share of the lines that
    are not blank, such as 0.001 (the default) or ``"0.1%"``; None for any number."""
    rejects: str | Path | None
    """File of JSON lines for the skipped ones (path, line, column, reason, text), written whole or not at all."""


class JsonlOptions(SkipOptions, total=False):
    """How JSON lines are read."""

    max_line_bytes: int
    """A longer line is a bad line; 64 MiB."""
    threads: int
    """For parsing, 1; the result is the same for every value."""


@dataclass(frozen=True, slots=True)
class JsonlColumns:
    """Fields of the objects of a JSON-lines file, or of some of its lines.

    Parameters
    ----------
    columns : of each key, the values in file order; n of them
    lines : int64 (n,), the line of each object, counted from 1
    rejects : the lines that were skipped
    n_lines, n_blank : lines, and those of white space among them: n_lines = n + len(rejects) + n_blank
    byte_order_mark : whether one was dropped at the start of the file
    """

    columns: dict[str, list[Any]]
    lines: NDArray[np.int64]
    rejects: BadLines
    n_lines: int
    n_blank: int
    byte_order_mark: bool


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
    lines, rejects, n_lines, n_blank, byte_order_mark : as of ``JsonlColumns``
    """

    columns: dict[str, TextColumn]
    lines: NDArray[np.int64]
    rejects: BadLines
    n_lines: int
    n_blank: int
    byte_order_mark: bool


def iterate_jsonl(path: str | Path, keys: Sequence[str], **options: Unpack[JsonlOptions]) -> Iterator[JsonlColumns]:
    """The fields ``keys`` of a JSON-lines file, some thousand lines at a time.

    Every line is checked whole, and must have all ``keys``. Short values that repeat are one object.

    Parameters
    ----------
    path : the file; gzip and zstandard are recognised by content
    keys : fields to keep
    **options : of ``JsonlOptions``

    Raises
    ------
    RecordError
        At a bad line, with path, line, byte column and reason.
    TooManyBadLines
        After the last lines, where more were skipped than ``max_bad`` tolerates.
    OSError
        If the file cannot be read.

    Notes
    -----
    Peak memory: ``(2 * threads + 1) * (2 * w + 24 * f)`` bytes and the values of one piece, whatever the file's size;
    ``w`` is the larger of 1 MiB and the longest line, ``f`` the values in ``w``. A compressed file is decompressed as
    it is read: 8 MiB more, or what its writer asked for. A line beyond ``max_line_bytes`` is not kept.
    """
    for columns, rest in _windows(path, keys, text=False, **options):
        yield JsonlColumns(columns, *rest)


def iterate_jsonl_text(path: str | Path, keys: Sequence[str], **options: Unpack[JsonlOptions]) -> Iterator[JsonlTexts]:
    """As ``iterate_jsonl``, to offsets and bytes; a value of ``keys`` that is not a string makes a bad line.

    Parameters
    ----------
    path, keys, **options : as in ``iterate_jsonl``, and its peak memory twice
    """
    for columns, rest in _windows(path, keys, text=True, **options):
        yield JsonlTexts({key: TextColumn(*pair) for key, pair in columns.items()}, *rest)


def _windows(
    path: str | Path,
    keys: Sequence[str],
    *,
    text: bool,
    on_bad_line: Literal["error", "skip"] = "error",
    max_bad: float | str | None = DEFAULT_MAX_BAD,
    rejects: str | Path | None = None,
    max_line_bytes: int = DEFAULT_MAX_LINE_BYTES,
    threads: int = 1,
) -> Iterator[tuple[dict[str, Any], tuple[NDArray[np.int64], BadLines, int, int, bool]]]:
    """Columns by key, and (lines, rejects, n_lines, n_blank, byte_order_mark), of some lines after others."""
    name, keys = str(path), list(dict.fromkeys(keys))
    with tolerated(name, max_bad=max_bad, rejects=_only_when_skipping(rejects, on_bad_line)) as tally:
        reader = _native.JsonlReader(name, keys, text, on_bad_line, max_line_bytes, threads)
        while (found := reader.read()) is not None:
            columns, lines, bad, counts = found
            bad_lines = BadLines(*bad)
            tally.add(bad_lines, len(lines))
            yield dict(zip(keys, columns, strict=True)), (lines, bad_lines, *counts)


def read_jsonl(path: str | Path, keys: Sequence[str], **options: Unpack[JsonlOptions]) -> JsonlColumns:
    """The fields ``keys`` of a whole JSON-lines file; as ``iterate_jsonl``, whose memory it needs beyond the lists.

    Parameters
    ----------
    path, keys, **options : as in ``iterate_jsonl``

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.jsonl"
    >>> _ = path.write_text('{"prompt": "Hi", "n": 1}' + chr(10) + '{"prompt": "cut')
    >>> read = read_jsonl(path, ["prompt"], on_bad_line="skip", max_bad=1)
    >>> read.columns, [bad.line for bad in read.rejects]
    ({'prompt': ['Hi']}, [2])
    """
    columns: dict[str, list[Any]] = {key: [] for key in keys}
    lines: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    rejects = BadLines()
    n_lines, n_blank, byte_order_mark = 0, 0, False
    # The lists leave the youngest generation while they are empty: else a later round of the garbage collector goes
    # through all that they hold by then, a tenth of the time of a long read.
    gc.collect(0)
    for piece in iterate_jsonl(path, keys, **options):
        for key, values in piece.columns.items():
            columns[key] += values
        lines.append(piece.lines)
        rejects.extend(piece.rejects)
        n_lines, n_blank = n_lines + piece.n_lines, n_blank + piece.n_blank
        byte_order_mark |= piece.byte_order_mark
    return JsonlColumns(columns, np.concatenate(lines), rejects, n_lines, n_blank, byte_order_mark)


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

    def load_jsonl(
        self, path: str | Path, keys: Sequence[str] | None = None, **options: Unpack[SkipOptions]
    ) -> list[Json]:
        """Objects of the JSON-lines file at ``path``, or only some of their fields.

        Warns of lines that were skipped, and of a byte order mark that was dropped.

        Parameters
        ----------
        path : the file
        keys : fields to keep; a record that lacks one is an error, whatever is skipped
        **options : of ``SkipOptions``

        Raises
        ------
        RecordError
            At the first line that is not a JSON object, or that lacks one of ``keys``.
        TooManyBadLines
            If more lines were skipped than ``max_bad`` tolerates.
        OSError
            If the file cannot be read.
        """
        if keys and not options and _begins_as_lines(Path(path)):
            # Where anything is wrong, the way below finds it again and words it for the whole record.
            with contextlib.suppress(RecordError):
                read = read_jsonl(path, keys, threads=self._threads)
                if read.byte_order_mark:
                    warnings.warn(_mark_dropped(path), stacklevel=2)
                rows = zip(*read.columns.values(), strict=True)
                return [dict(zip(read.columns, values, strict=True)) for values in rows]
        records = self.load_records(path, **options)
        for notice in records.notices:
            warnings.warn(notice, stacklevel=2)
        if keys is None:
            return list(records.rows)
        for index, row in enumerate(records.rows):
            for key in keys:
                if key not in row:
                    raise records.error(index, no_field(key, row))
        return [{key: row[key] for key in keys} for row in records.rows]

    def load_records(self, path: str | Path, **options: Unpack[SkipOptions]) -> Records:
        """Records of a file of any format we read, recognised by its content and name.

        ``.parquet``, ``.csv`` and ``.txt`` (a prompt a line) go by name; else a file that begins with ``[`` is a JSON
        array, one object of lists of prompts under names is read as BOLD's, any other is JSON lines. Compression is
        recognised by content.

        Parameters
        ----------
        path : the file
        **options : of ``SkipOptions``, for the lines of a JSON-lines file; no other format has lines to skip

        Raises
        ------
        RecordError
            With path, line, byte column and reason.
        TooManyBadLines
            If more lines were skipped than ``max_bad`` tolerates.
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
            raise DataError(f"{name} is empty. Give a file with one record per line or array item.")
        suffixes = [suffix.lower() for suffix in Path(path).suffixes]
        if ".parquet" in suffixes or data[:4] == b"PAR1":
            return parsing.parse_parquet(data, name)
        parsing.refuse_other_encodings(data, name)
        if ".csv" in suffixes:
            records = parsing.parse_csv(data, name)
        elif ".txt" in suffixes:
            records = parsing.parse_text(data, name)
        elif data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"[":
            records = parsing.parse_array(data, name)
        elif ".json" in suffixes and (tree := parse_tree(data, name)) is not None:
            records = tree
        else:
            records = self._parse_lines(data, name, **options)
        if data.startswith(b"\xef\xbb\xbf"):
            records = replace(records, notices=(_mark_dropped(name), *records.notices))
        return records

    def _parse_lines(
        self,
        data: bytes,
        name: str,
        on_bad_line: Literal["error", "skip"] = "error",
        max_bad: float | str | None = DEFAULT_MAX_BAD,
        rejects: str | Path | None = None,
    ) -> Records:
        try:
            with tolerated(name, max_bad=max_bad, rejects=_only_when_skipping(rejects, on_bad_line)) as tally:
                rows, lines, bad, _ = _native.parse_jsonl(
                    data, name, on_bad_line, DEFAULT_MAX_LINE_BYTES, self._threads
                )
                bad_lines = BadLines(*bad)
                tally.add(bad_lines, len(rows))
        except RecordError as error:
            # A single object over many lines is the commonest mistake: say that, not "line 1 ends early".
            if _is_one_object(data):
                reason = "one JSON object over several lines; expected an array of objects, or one object per line"
                raise RecordError(name, 0, 0, reason) from error
            raise
        notices = (
            (f"{name}: {tally.n_bad} of {tally.n_lines} lines cannot be used and were left out",) if bad_lines else ()
        )
        line_of = partial(_line_again, name)
        return Records(rows, name, lines.tolist(), "line", notices=notices, rejects=bad_lines, line_of=line_of)

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


def _only_when_skipping(rejects: str | Path | None, on_bad_line: str) -> str | Path | None:
    if rejects is not None and on_bad_line != "skip":
        raise ConfigError(f"rejects = {str(rejects)!r}: no line is left out. Pass on_bad_line='skip' too.")
    return rejects


def _mark_dropped(path: str | Path) -> str:
    return f"{path}: a byte order mark at its start was dropped"


def _line_again(name: str, number: int) -> bytes:
    """A line of a file that was read before; empty where it is a pipe, or gone."""
    if not Path(name).is_file():
        return b""
    lines = _native.read_file(name).split(b"\n", number)
    return lines[number - 1] if len(lines) >= number else b""


def _begins_as_lines(path: Path) -> bool:
    """Whether a file that is no table by its name begins with an object."""
    if not path.is_file() or {".parquet", ".csv"} & {suffix.lower() for suffix in path.suffixes}:
        return False
    with path.open("rb") as file:
        return file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def _is_one_object(data: bytes) -> bool:
    try:
        return isinstance(parse_json(data), dict)
    except ValueError:
        return False
