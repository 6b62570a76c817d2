"""Vectors that were computed elsewhere: from a file, a store, or a field of the records."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diptych._types import Vectors
from diptych.data import Response
from diptych.embeddings.cache import EmbeddingCache
from diptych.embeddings.encoders import unit_rows
from diptych.embeddings.files import SUFFIXES, by_text, read_vectors
from diptych.errors import DataError
from diptych.utils.text import shorten


@dataclass(frozen=True)
class GivenVectors:
    """A vector for each text, in place of an embedder's.

    Parameters
    ----------
    rows : number of the row of each text
    vectors : float32 (n, d), of unit length or zero
    source : where they came from
    """

    rows: dict[str, int]
    vectors: Vectors
    source: str
    notices: tuple[str, ...] = ()

    def get_embeddings(self, texts: Sequence[str]) -> Vectors:
        """Their rows, float32 (n, d).

        Parameters
        ----------
        texts : any number

        Raises
        ------
        DataError
            If one has no vector: says how many, and names the first.
        """
        missing = [text for text in dict.fromkeys(texts) if text not in self.rows]
        if missing:
            raise DataError(
                f"{self.source}: {len(missing)} of {len(set(texts))} responses have no vector; the first is "
                f"{shorten(missing[0], 50)!r}. Give vectors of all, or leave them to --embedder."
            )
        return self.vectors[[self.rows[text] for text in texts]]

    @property
    def sha256(self) -> str:
        """Of texts and vectors, in whatever order they came."""
        digest = hashlib.sha256()
        for text in sorted(self.rows):
            digest.update(hashlib.sha256(text.encode()).digest())
            digest.update(self.vectors[self.rows[text]].tobytes())
        return digest.hexdigest()


def vectors_of_file(path: Path, texts: Sequence[str]) -> GivenVectors:
    """Vectors from a file or a store, for given texts.

    Parameters
    ----------
    path : ``.npz`` or ``.safetensors`` with texts, as ``diptych embed`` writes them; a matrix alone (``.npy``), whose
        rows are in the order of ``texts``; or the folder of a store, one space of which holds all texts
    texts : n of them, repetitions included

    Raises
    ------
    DataError
        If it cannot be read, a matrix alone has another number of rows, one text has two vectors, or no space or
        several hold all texts.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.npy"
    >>> np.save(path, np.array([[3.0, 4.0], [1.0, 0.0]]))
    >>> vectors_of_file(path, ["yes", "no"]).get_embeddings(["no"]).tolist()
    [[1.0, 0.0]]
    """
    if path.is_dir():
        return _of_store(path, list(dict.fromkeys(texts)))
    if not path.is_file():
        raise DataError(f"{path}: no such file or store of vectors. It is looked up from the current folder.")
    file = read_vectors(path)
    if file.texts is None and len(file.vectors) != len(texts):
        raise DataError(
            f"{path} has {len(file.vectors)} rows and no texts, for {len(texts)} responses: without texts, rows must "
            f"be those of A and then of B, in their order. Or give {SUFFIXES[0]} with texts, as diptych embed does."
        )
    owners = texts if file.texts is None else file.texts
    return GivenVectors(by_text(owners, file.vectors, str(path)), unit_rows(file.vectors), str(path))


def _of_store(path: Path, texts: list[str]) -> GivenVectors:
    cache = EmbeddingCache(path, read_only=True)
    whole = []
    most = 0
    for entry in cache.stats():
        vectors, found = cache.get_many(entry.space, texts, entry.dim)
        most = max(most, int(found.sum()))
        if found.all():
            whole.append((entry.space, vectors))
    if len(whole) != 1:
        reason = (
            f"no space of it holds more than {most} of the {len(texts)} responses"
            if not whole
            else f"{len(whole)} spaces of it hold all responses: {', '.join(repr(space) for space, _ in whole)}"
        )
        raise DataError(f"{path}: {reason}. One must hold all; --embedder with --cache-dir computes what is missing.")
    [(_, vectors)] = whole
    return GivenVectors({text: row for row, text in enumerate(texts)}, unit_rows(vectors), str(path))


def vectors_of_field(rows: Sequence[Response], name: str) -> GivenVectors:
    """Vectors that came with the records.

    Parameters
    ----------
    rows : the responses; ``meta`` holds the field
    name : of the field, a list of numbers

    Raises
    ------
    DataError
        If a record lacks it, has another width or a value that is no finite number: names its place; or if one text has
        two vectors.
    """
    width = len(rows[0].meta[name]) if isinstance(rows[0].meta.get(name), list) else 0
    for row in rows:
        fault = _fault(row.meta.get(name), width)
        if fault:
            raise DataError(f"arm {row.arm}, {row.place}: field {name!r} {fault}")
    vectors = np.array([row.meta[name] for row in rows], dtype=np.float64)
    first = by_text([row.response for row in rows], vectors.astype(np.float32), f"field {name!r}")
    return GivenVectors(first, unit_rows(vectors), f"field {name}")


def _fault(value: Any, width: int) -> str:
    if not isinstance(value, list) or not value:
        return f"is {type(value).__name__}, expected a list of numbers"
    if len(value) != width:
        return f"has {len(value)} numbers, that of the first record has {width}"
    for place, one in enumerate(value):
        if isinstance(one, bool) or not isinstance(one, int | float) or not abs(one) < 1e30:
            return f"has {one!r:.20} at {place}, expected a finite number"
    return ""
