"""Files that say which cluster each item is in: ours, and anybody's with a column of clusters."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diptych._types import Json, Labels
from diptych.data.loaders import DataLoader
from diptych.data.records import Records
from diptych.errors import DataError
from diptych.utils.files import check_new_file, reading, write_atomic, writing
from diptych.utils.text import json_text, parse_json, spreadsheet_safe

KEYS = ("id", "row", "arm", "prompt_id", "draw")
"""Fields that may tell items apart."""
CLUSTER = ("cluster", "label")
WRITABLE = (".csv", ".json")
_NOISE = ("", "-1")


@dataclass(frozen=True)
class Assignments:
    """Which cluster each item is in.

    Parameters
    ----------
    keys : what tells each item from the others
    key_fields : the fields that these are of
    labels : int32 (n,), -1 for noise
    names : of the clusters, as the file has them
    source : the file
    """

    keys: tuple[tuple[str, ...], ...]
    key_fields: tuple[str, ...]
    labels: Labels
    names: tuple[str, ...]
    source: str


def check_assignments_path(path: Path) -> Path:
    """Return a path that assignments can be written to.

    Raises
    ------
    ConfigError
        If its ending is another, or its folder is not there.
    """
    return check_new_file(path, "clusters", WRITABLE)


def write_assignments(path: Path, rows: Sequence[Json], about: Json) -> None:
    """Write a file that `read_assignments` reads, whole or not at all.

    Parameters
    ----------
    path : ``.csv`` holds the rows; ``.json`` also what is known about the clusters
    rows : for each item some of ``KEYS``, and its ``cluster``
    about : beside ``rows`` in the JSON object

    Raises
    ------
    ConfigError
        As `check_assignments_path`.
    RunError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "clusters.csv"
    >>> write_assignments(path, [{"row": 0, "cluster": 1}, {"row": 1, "cluster": -1}], {})
    >>> read_assignments(path).labels.tolist()
    [0, -1]
    """
    check_assignments_path(path)
    data = _as_csv(rows) if path.suffix == ".csv" else json_text({**about, "rows": list(rows)}) + "\n"
    with writing(path):
        write_atomic(path, data.encode())


def read_assignments(path: Path, *, by: Sequence[str] = ()) -> Assignments:
    """The cluster of each item of a file.

    Parameters
    ----------
    path : ``.json`` of `write_assignments`, or CSV, JSON lines, an array or Parquet with a field ``cluster`` or
        ``label``; empty and -1 are noise
    by : the fields that tell items apart; by default those of ``KEYS`` that the first row has

    Raises
    ------
    DataError
        If it cannot be read, lacks such fields, or an item stands twice.
    RecordError
        If a row lacks a field.
    """
    records = _records(path)
    if not len(records):
        raise DataError(f"{records.source} has no rows. Give at least one item.")
    found = list(records.rows[0])
    fields = tuple(by) or tuple(name for name in KEYS if name in found)
    cluster = next((name for name in CLUSTER if name in found), None)
    missing = [name for name in fields if name not in found]
    if cluster is None or not fields or missing:
        told_by = " and ".join(map(repr, by)) if by else f"one of {', '.join(KEYS)}"
        wanted = f"{' or '.join(map(repr, CLUSTER))} and {told_by}"
        raise DataError(f"{records.source}: expected the fields {wanted}; found {', '.join(map(repr, found))}.")
    keys = [tuple(_text(records, i, name) for name in fields) for i in range(len(records))]
    seen: dict[tuple[str, ...], int] = {}
    for i, key in enumerate(keys):
        if seen.setdefault(key, i) != i:
            what = ", ".join(f"{name} {value!r:.60}" for name, value in zip(fields, key, strict=True))
            raise records.error(i, f"{what} stood at {records.place(seen[key])} already; an item has one cluster")
    given = [_text(records, i, cluster) for i in range(len(records))]
    names = sorted(set(given) - set(_NOISE), key=lambda name: (len(name), name) if name.isdigit() else (10**6, name))
    number = {name: place for place, name in enumerate(names)}
    labels = np.array([number.get(name, -1) for name in given], dtype=np.int32)
    return Assignments(tuple(keys), fields, labels, tuple(names), records.source)


def _records(path: Path) -> Records:
    with reading(path, "file"):
        if path.suffix == ".json" and (rows := _rows_of_object(path.read_bytes())) is not None:
            return Records(rows, str(path), range(1, len(rows) + 1), "row")
        return DataLoader().load_records(path)


def _rows_of_object(data: bytes) -> list[Json] | None:
    """The rows of what `write_assignments` has written; None where it is something else, which the loader judges."""
    try:
        value = parse_json(data)
    except ValueError:
        return None
    rows = value.get("rows") if isinstance(value, dict) else None
    return rows if isinstance(rows, list) and all(isinstance(row, dict) for row in rows) else None


def _text(records: Records, index: int, name: str) -> str:
    value: Any = records.rows[index].get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise records.error(index, f"{name!r} is {value!r:.60}, expected text or a whole number", name)
    return str(value)


def _as_csv(rows: Iterable[Json]) -> str:
    rows = list(rows)
    names = list(rows[0]) if rows else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([spreadsheet_safe(v) if isinstance(v, str) else v for v in (row[name] for name in names)])
    return text.getvalue()
