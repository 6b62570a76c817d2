"""The original research code's cache of embeddings, ``statement_embeddings.json``, into a store."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diptych._types import Json
from diptych.embeddings.cache import EmbeddingCache
from diptych.embeddings.exchange import Imported
from diptych.errors import DataError
from diptych.utils.text import parse_json

_ROWS = 4096
_LARGEST = float(np.finfo(np.float32).max)
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Statements:
    """A file of the original.

    Parameters
    ----------
    spaces : of each space, texts with their vectors, all of one width
    refused : a sentence for each entry that was left out, with its number in the file
    """

    spaces: dict[str, list[tuple[str, list[float]]]]
    refused: tuple[str, ...]


def read_statement_embeddings(path: Path) -> Statements:
    """The vectors of a ``statement_embeddings.json``, by model and text; it needs no store.

    The file's keys, text and model joined by ``_``, are ambiguous and not used; the entry's own ``statement`` and
    ``embedding_model`` are. The space is ``original/MODEL``, with the other parameters as JSON where there are any: the
    original did not record a revision, so these vectors never meet those that diptych computes. Of equal vectors under
    different texts only the first is taken.

    Parameters
    ----------
    path : the file; it is read whole

    Raises
    ------
    DataError
        If the file cannot be read, is not a JSON object, or has entries of which none can be taken.
    """
    try:
        entries = parse_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}.") from error
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}.") from error
    if not isinstance(entries, dict):
        raise DataError(f"{path}: expected an object of entries, got {type(entries).__name__}.")
    spaces: dict[tuple[str, int], list[tuple[str, list[float]]]] = {}
    refused: list[str] = []
    for number, entry in enumerate(entries.values(), start=1):
        fault = _fault(entry)
        if fault:
            refused.append(f"entry {number}: {fault}")
        else:
            key = (space_of(entry["embedding_model"], entry.get("other_params")), len(entry["embedding"]))
            spaces.setdefault(key, []).append((entry["statement"], entry["embedding"]))
    if refused and not spaces:
        raise DataError(f"{path}: none of its {len(refused)} entries can be taken; {refused[0]}.")
    refused.extend(_other_widths(spaces))
    refused.extend(_without_copies(spaces))
    return Statements({space: rows for (space, _), rows in spaces.items()}, tuple(refused))


def import_statement_embeddings(cache: EmbeddingCache, statements: Statements) -> Imported:
    """Put vectors of the original into a store; a text keeps the vector that it has.

    Parameters
    ----------
    cache : the store
    statements : from `read_statement_embeddings`

    Raises
    ------
    StoreError
        If the store cannot be written.
    """
    n_new = n_given = 0
    for space, rows in statements.spaces.items():
        for start in range(0, len(rows), _ROWS):
            part = rows[start : start + _ROWS]
            vectors = np.array([vector for _, vector in part], dtype=np.float32)
            n_new += cache.put_many(space, [text for text, _ in part], vectors)
            n_given += len(part)
    return Imported(n_new, n_given - n_new)


def space_of(model: str, others: Json | None = None) -> str:
    """What vectors of the original are kept under.

    Parameters
    ----------
    model : as the original calls it
    others : further parameters

    Examples
    --------
    >>> space_of("text-embedding-ada-002")
    'original/text-embedding-ada-002'
    """
    return f"original/{model}" + (f" {json.dumps(others, sort_keys=True)}" if others else "")


def _without_copies(spaces: dict[tuple[str, int], list[tuple[str, list[float]]]]) -> Iterator[str]:
    """Take out vectors that stand under an earlier text: after an error the original kept some under the next texts."""
    for (space, _), rows in spaces.items():
        owners: dict[bytes, str] = {}
        kept = [row for row in rows if owners.setdefault(np.array(row[1]).tobytes(), row[0]) == row[0]]
        if len(kept) < len(rows):
            yield (
                f"{len(rows) - len(kept)} entries of {space!r} have the vector of an earlier text, as the "
                "original kept them after an error; embed those texts anew"
            )
        rows[:] = kept


def _fault(entry: Any) -> str:
    if not isinstance(entry, dict):
        return f"expected an object, got {type(entry).__name__}"
    for field in ("statement", "embedding_model"):
        text = entry.get(field)
        if not isinstance(text, str) or _SURROGATE.search(text):
            return f"field {field!r} is {text!r:.40}, expected text"
    vector = entry.get("embedding")
    if not isinstance(vector, list) or not vector:
        return f"field 'embedding' is {vector!r:.40}, expected a list of numbers"
    for place, value in enumerate(vector):
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
            return f"embedding[{place}] is {value!r:.40}, expected a finite number"
    return ""


def _other_widths(spaces: dict[tuple[str, int], list[tuple[str, list[float]]]]) -> Iterator[str]:
    """Leave a space its most frequent width; the rest is reported and taken out."""
    for space in dict.fromkeys(space for space, _ in spaces):
        widths = sorted((width for name, width in spaces if name == space), key=lambda w: -len(spaces[space, w]))
        for width in widths[1:]:
            n = len(spaces.pop((space, width)))
            yield f"{n} entries of {space!r} have width {width}, most have {widths[0]}"
