"""Files into records: JSON lines, JSON arrays, CSV, Parquet, each optionally gzip or zstandard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from diptych import _native
from diptych._types import Json
from diptych.data import parsing
from diptych.data.cache import JsonCache
from diptych.data.records import Records
from diptych.errors import DataError, RecordError

DEFAULT_MAX_LINE_BYTES = 64 * 1024 * 1024


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


def _is_one_object(data: bytes) -> bool:
    try:
        return isinstance(json.loads(data), dict)
    except ValueError:
        return False
