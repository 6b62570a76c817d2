"""Vectors that were computed once, kept until they are removed, by the text and by everything that changes a vector.

A vector that is recomputed in another batch differs in its last bits, so the first one stored for a text is its
vector from then on: an analysis that is run again reads the same bytes. The format of the folder, and why a crash
leaves it whole, are described in ``rust/core/src/store/mod.rs``.
"""

from __future__ import annotations

import os
import stat
import time
import warnings
from collections.abc import Iterator, Sequence
from datetime import timedelta
from os import PathLike, fspath
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diptych._native import Store
from diptych.errors import ConfigError, ShapeError
from diptych.utils.hashing import hash_texts

__all__ = ["CachedVectors", "EmbeddingCache", "Removed", "SpaceStats"]

_DOMAIN = "diptych/text/1"


class CachedVectors(NamedTuple):
    """What `EmbeddingCache.get_many` found.

    Attributes
    ----------
    vectors : float32, shape (n, dim); a row that was not found is zero
    found : bool, shape (n,)
    """

    vectors: NDArray[np.float32]
    found: NDArray[np.bool_]


class SpaceStats(NamedTuple):
    """What one space holds.

    Attributes
    ----------
    space : the fingerprint it was created with
    dim : width of its vectors
    n_rows : number of vectors
    n_bytes : bytes of the vectors themselves, without the index
    """

    space: str
    dim: int
    n_rows: int
    n_bytes: int


class Removed(NamedTuple):
    """What `EmbeddingCache.gc` removed, or would remove.

    Attributes
    ----------
    spaces : rows and bytes by space, in order of its name
    n_stray_files : files in the store that no row lies in, as a crash leaves them
    n_stray_bytes : their bytes
    """

    spaces: list[SpaceStats]
    n_stray_files: int
    n_stray_bytes: int

    @property
    def n_rows(self) -> int:
        """Of all spaces."""
        return sum(entry.n_rows for entry in self.spaces)

    @property
    def n_bytes(self) -> int:
        """Of all rows and files."""
        return self.n_stray_bytes + sum(entry.n_bytes for entry in self.spaces)


class EmbeddingCache:
    """A folder of vectors by (space, text); threads and processes may share one.

    Parameters
    ----------
    path
        The folder. It is created, readable by its owner alone, unless ``read_only``.
    read_only
        Create nothing and write nothing; `put_many` then raises.

    Raises
    ------
    StoreError
        If there is no store at ``path`` and ``read_only`` is set, or something else is there, or it cannot be
        opened.
    CorruptStoreError
        If its index is damaged.
    StoreVersionError
        If a newer diptych wrote it; it is left unchanged.

    Warns
    -----
    UserWarning
        If the folder belongs to another user and everybody may write to it: its vectors may be anyone's.

    Notes
    -----
    A ``space`` is one string that names everything that changes a vector: model, resolved revision, pooling, prefix,
    normalisation, truncation length, dtype, dimension, endpoint. Vectors of two spaces never meet.

    A text is kept by the BLAKE3 digest of its UTF-8 bytes, without normalisation; the text itself is not kept.

    Do not open the folder's ``index.sqlite`` with Python's `sqlite3` in the same process: two copies of SQLite in one
    process undo each other's locks.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from diptych.embeddings.cache import EmbeddingCache
    >>> folder = tempfile.TemporaryDirectory()
    >>> cache = EmbeddingCache(folder.name)
    >>> cache.put_many("toy@1", ["a", "b"], np.array([[1, 2], [3, 4]], dtype=np.float32))
    2
    >>> vectors, found = cache.get_many("toy@1", ["b", "c"], dim=2)
    >>> vectors.tolist(), found.tolist()
    ([[3.0, 4.0], [0.0, 0.0]], [True, False])
    >>> folder.cleanup()
    """

    def __init__(self, path: str | PathLike[str], *, read_only: bool = False) -> None:
        self.path = fspath(path)
        if _is_open_to_all(self.path):
            warnings.warn(
                f"{self.path} belongs to another user and everybody may write to it: its vectors may be anyone's. "
                "Use a folder of your own.",
                stacklevel=2,
            )
        self._store = Store(self.path, read_only=read_only)

    def __repr__(self) -> str:
        return f"EmbeddingCache({self.path!r})"

    def get_many(
        self,
        space: str,
        texts: Sequence[str],
        dim: int,
        *,
        threads: int = 1,
        out: NDArray[np.float32] | None = None,
    ) -> CachedVectors:
        """Look texts up.

        Parameters
        ----------
        space
            Everything that changes a vector, as one string.
        texts
            n texts, in any order, with or without repetitions.
        dim
            Width of the space's vectors.
        threads
            The result is the same for every value; a second starts at 4,096 rows.
        out
            float32 of shape (n, dim), C-contiguous, to be filled and returned as ``vectors``: pages that were used
            before take half the time of new ones. Rows that are not found keep what stood there.

        Returns
        -------
        CachedVectors
            ``vectors`` float32 of shape (n, dim), zero where not found (without ``out``), and ``found`` of shape
            (n,), in the order of ``texts``.

        Raises
        ------
        ShapeError
            If the space holds vectors of another width, or ``out`` does not fit.
        CorruptStoreError
            If a checksum is wrong; nothing is returned then.

        Notes
        -----
        The first call on a space reads all its keys, 10 ms for 100,000, and keeps them. Peak memory beyond the result:
        at most 160 bytes a key of the space, and 160 bytes a text.
        """
        _check_space(space)
        keys = hash_texts(_DOMAIN, texts, threads=threads)
        return CachedVectors(*self._store.get(space, keys, dim, threads, out=out))

    def put_many(self, space: str, texts: Sequence[str], vectors: NDArray[np.float32]) -> int:
        """Keep the vectors of texts that are not there yet; durable when the call returns, all or nothing.

        Parameters
        ----------
        space
            Everything that changes a vector, as one string.
        texts
            n texts. Of equal texts the first counts, and a text that is there already keeps its vector.
        vectors
            float32, shape (n, dim), finite. Other dtypes are refused, not converted.

        Returns
        -------
        int
            How many were new.

        Raises
        ------
        ShapeError
            If the shape or the dtype is wrong, a value is not finite, or the space has another width.
        StoreError
            If the disk is full or cannot be written; the rows stored before are intact.

        Notes
        -----
        Two syncs a call, whatever its size. Peak memory beyond the arguments, of which vectors that are not
        C-contiguous are copied: at most 160 bytes a key of the space, and 160 bytes a text.
        """
        _check_space(space)
        if vectors.ndim != 2 or len(vectors) != len(texts) or vectors.dtype != np.float32:
            msg = (
                f"vectors: expected float32 of shape ({len(texts)}, dim), one row for each text, "
                f"got {vectors.dtype} of shape {vectors.shape}"
            )
            raise ShapeError(msg)
        return self._store.put(space, hash_texts(_DOMAIN, texts), np.ascontiguousarray(vectors))

    def rows(self, space: str, *, n_rows: int = 65_536) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
        """Everything that a space holds, in order of commit, in parts.

        Parameters
        ----------
        space
            The fingerprint that the vectors were put under.
        n_rows
            Rows a part at most.

        Yields
        ------
        keys, vectors
            uint8 of shape (n, 32), the digests of the texts, and float32 of shape (n, dim).

        Raises
        ------
        CorruptStoreError
            If a checksum is wrong.
        """
        dim = next((entry.dim for entry in self.stats() if entry.space == space), 1)
        keys = self._store.keys(space)
        for start in range(0, len(keys), n_rows):
            part = keys[start : start + n_rows]
            vectors, found = self._store.get(space, part, dim)
            yield part[found], vectors[found]  # another process may be removing some

    def put_rows(self, space: str, keys: NDArray[np.uint8], vectors: NDArray[np.float32]) -> int:
        """`put_many` by the digests of the texts, as `rows` gave them.

        Parameters
        ----------
        space
            Everything that changes a vector, as one string.
        keys
            uint8, shape (n, 32).
        vectors
            float32, shape (n, dim), finite.

        Returns
        -------
        int
            How many were new.
        """
        _check_space(space)
        return self._store.put(space, np.ascontiguousarray(keys), np.ascontiguousarray(vectors))

    def stats(self) -> list[SpaceStats]:
        """Each space with its number of rows and bytes, in order of creation."""
        return [SpaceStats(*entry) for entry in self._store.stats()]

    def gc(
        self,
        *,
        spaces: Sequence[str] | None = None,
        older_than: timedelta | None = None,
        max_bytes: int | None = None,
        dry_run: bool = False,
    ) -> Removed:
        """Remove vectors by space, age and size, and files that a crash left; other processes may go on meanwhile.

        Parameters
        ----------
        spaces
            Only vectors of these spaces: all of them, unless ``older_than`` or ``max_bytes`` is given too.
        older_than
            Those that were put in longer ago than this. A look does not make a vector younger.
        max_bytes
            The oldest, until the vectors of the rest take no more.
        dry_run
            Remove nothing, and say what would go.

        Returns
        -------
        Removed
            Without any limit only files that no vector lies in.

        Raises
        ------
        ConfigError
            If there is no such space, or a limit is negative.
        StoreError
            If the store is read-only, or the disk is full: rows that stay in a file are written anew before it goes.
        CorruptStoreError
            If one of those is damaged.

        Notes
        -----
        Vectors go in batches of up to 4,096, as they were put in. Time: a copy of the files that vectors go from. Peak
        memory: 50 MB and 150 bytes a batch.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> from diptych.embeddings.cache import EmbeddingCache
        >>> folder = tempfile.TemporaryDirectory()
        >>> cache = EmbeddingCache(folder.name)
        >>> cache.put_many("toy@1", ["a"], np.ones((1, 2), dtype=np.float32))
        1
        >>> cache.gc(spaces=["toy@1"]).n_rows, cache.stats()
        (1, [])
        >>> folder.cleanup()
        """
        if spaces is not None:
            known = [entry.space for entry in self.stats()]
            for space in spaces:
                if space not in known:
                    msg = f"{self.path}: no space {space!r}; it holds {', '.join(map(repr, known)) or 'none'}"
                    raise ConfigError(msg)
        if max_bytes is not None and max_bytes < 0:
            msg = f"max_bytes: got {max_bytes}; pass 0 or more"
            raise ConfigError(msg)
        if older_than is not None and older_than < timedelta():
            msg = f"older_than: got {older_than}; pass 0 or more"
            raise ConfigError(msg)
        before = None if older_than is None else int(time.time() - older_than.total_seconds())
        removed, n_files, n_bytes = self._store.gc(
            None if spaces is None else list(spaces), before, max_bytes, dry_run=dry_run
        )
        return Removed([SpaceStats(*entry) for entry in removed], n_files, n_bytes)

    def verify(self) -> list[str]:
        """Read every vector and check it: one sentence a fault, empty when all is well."""
        return self._store.verify()


def _is_open_to_all(path: str) -> bool:
    """Whether there is a folder of another user that everybody may write to."""
    try:
        found = Path(path).stat()
    except OSError:
        return False
    return os.name == "posix" and found.st_uid != os.geteuid() and bool(found.st_mode & stat.S_IWOTH)


def _check_space(space: str) -> None:
    if not space:
        msg = "space is empty; name what changes a vector: model, revision, pooling, prefix, dtype, dimension"
        raise ConfigError(msg)
