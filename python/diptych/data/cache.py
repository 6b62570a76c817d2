"""JSON values under keys, one file each, written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from diptych.errors import DataError
from diptych.utils.files import write_atomic
from diptych.utils.hashing import hex_digests
from diptych.utils.text import parse_json


class JsonCache:
    """A folder of JSON values; the file's name is the digest of the key, so any text is a valid key.

    Parameters
    ----------
    folder : created at the first write
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, key: str) -> Path:
        return self._folder / f"{hex_digests('diptych/json-cache/1', [[key]])[0]}.json"

    def put(self, key: str, value: Any) -> Path:
        """Keep a value; a value already there is replaced."""
        try:
            text = json.dumps({"key": key, "value": value}, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise DataError(f"cannot cache {key!r}: {error}. Only JSON values can be kept.") from error
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(key)
        write_atomic(path, text.encode())
        return path

    def get(self, key: str) -> Any | None:
        """The value, or None where there is none."""
        path = self._path(key)
        try:
            stored = parse_json(path.read_bytes())
            if stored["key"] != key:
                raise ValueError("it belongs to another key")
            return stored["value"]
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: damaged cache file: {error}. Delete it.") from error
