"""The embedding service: unique texts once, cached vectors never again."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from diptych._types import Progress, Silent, Vectors
from diptych.embeddings.cache import EmbeddingCache
from diptych.embeddings.encoders import make_encoder
from diptych.errors import ConfigError, ShapeError


@contextmanager
def store_for(cache_dir: str | os.PathLike[str] | None) -> Iterator[Path]:
    """The folder of embeddings, by default one for a while: comparisons that share texts embed each once.

    Parameters
    ----------
    cache_dir : a folder to keep
    """
    if cache_dir is not None:
        yield Path(cache_dir)
        return
    with tempfile.TemporaryDirectory(prefix="diptych-") as folder:
        yield Path(folder)


class EmbeddingService:
    """Turns texts into vectors, through a cache where one is given.

    Parameters
    ----------
    cache_dir : folder of the embedding store; None keeps nothing
    provider : which encoder; ``"lexical"`` needs nothing
    progress : where it says how far it is

    Examples
    --------
    >>> vectors = EmbeddingService().get_embeddings(["one", "two", "one"])
    >>> vectors.shape, bool((vectors[0] == vectors[2]).all())
    ((3, 384), True)
    """

    def __init__(
        self, cache_dir: str | Path | None = None, provider: str = "lexical", *, progress: Progress | None = None
    ) -> None:
        self._cache = EmbeddingCache(cache_dir) if cache_dir is not None else None
        self._provider = provider
        self._progress = progress or Silent()

    def get_embeddings(self, texts: Sequence[str], model: str | None = None, batch_size: int = 256) -> Vectors:
        """One unit row per text.

        Parameters
        ----------
        texts : any number; duplicates are encoded once
        model : encoder to use instead of the service's provider
        batch_size : texts encoded and stored at a time; the result does not depend on it

        Returns
        -------
        float32, shape (n, d)

        Raises
        ------
        ConfigError
            If ``batch_size`` is below 1.
        UnknownNameError
            If there is no such encoder; names the near ones.
        ShapeError
            If the encoder gives another number of rows, another width, or values that are not finite: nothing of that
            batch is stored.
        """
        if batch_size < 1:
            raise ConfigError(f"batch_size = {batch_size}: it should be at least 1")
        encoder = make_encoder(model or self._provider)
        unique = list(dict.fromkeys(texts))
        vectors = np.zeros((len(unique), encoder.dim), np.float32)
        missing = np.ones(len(unique), np.bool_)
        if self._cache is not None:
            vectors, found = self._cache.get_many(encoder.fingerprint, unique, encoder.dim)
            missing = ~found
        todo = np.flatnonzero(missing)
        self._progress.start("embed", len(todo))
        for first in range(0, len(todo), batch_size):
            batch = todo[first : first + batch_size]
            chosen = [unique[i] for i in batch]
            rows = _checked(encoder.encode(chosen), len(chosen), encoder.dim)
            if self._cache is not None:
                self._cache.put_many(encoder.fingerprint, chosen, rows)
            vectors[batch] = rows
            self._progress.advance(len(batch))
        self._progress.finish()
        index = {text: i for i, text in enumerate(unique)}
        return vectors[[index[text] for text in texts]]


def _checked(rows: Vectors, n: int, dim: int) -> Vectors:
    if rows.shape != (n, dim) or rows.dtype != np.float32:
        raise ShapeError(f"the encoder gave {rows.dtype} of shape {rows.shape}, expected float32 of shape ({n}, {dim})")
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise ShapeError(f"the encoder gave a vector that is not finite for text {int(np.argmin(finite))} of its batch")
    return rows
