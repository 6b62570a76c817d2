"""The embedding service: unique texts once, cached vectors never again."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from diptych._types import Encoder, Inputs, Progress, Silent, Vectors
from diptych.embeddings.cache import CachedVectors, EmbeddingCache
from diptych.embeddings.encoders import cut_batches, make_encoder
from diptych.embeddings.interfaces import MAX_BYTES, MAX_TEXTS, InterfaceEncoder
from diptych.errors import ConfigError, ShapeError
from diptych.models.spending import Purse


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
    provider : which encoder; ``"lexical"`` needs nothing, ``"st/MODEL"`` runs here, ``"openai/MODEL"`` is asked
    options : of that encoder, such as ``{"dimensions": 256}``; see ``encoders.check_encoder``
    progress : where it says how far it is
    purse : pays an interface; by default any amount

    Examples
    --------
    >>> vectors = EmbeddingService().get_embeddings(["one", "two", "one"])
    >>> vectors.shape, bool((vectors[0] == vectors[2]).all())
    ((3, 384), True)
    """

    def __init__(
        self,
        cache_dir: str | Path | None = None,
        provider: str = "lexical",
        *,
        options: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
        purse: Purse | None = None,
    ) -> None:
        self._cache = EmbeddingCache(cache_dir) if cache_dir is not None else None
        self._provider, self._options = provider, dict(options or {})
        self._progress, self._purse = progress or Silent(), purse or Purse()
        self.n_truncated = 0
        """Of the last texts that were asked for, repetitions not counted: how many the encoder does not see whole."""
        self.notices: tuple[str, ...] = ()
        """What a reader should know about the last vectors."""
        self.space = ""
        """Everything that changes a vector, as one string; what the last vectors are kept under."""

    def get_embeddings(self, texts: Sequence[str], model: str | None = None, batch_size: int = 256) -> Vectors:
        """One unit row per text.

        Parameters
        ----------
        texts : any number; duplicates are encoded once
        model : encoder to use instead of the service's provider, without its options
        batch_size : texts encoded and stored at a time; the result does not depend on it

        Returns
        -------
        float32, shape (n, d)

        Raises
        ------
        ConfigError
            If ``batch_size`` is below 1, or an option does not fit.
        UnknownNameError
            If there is no such encoder; names the near ones.
        ShapeError
            If the encoder gives another number of rows, another width, or values that are not finite: nothing of that
            batch is stored.
        BudgetError
            Before the first batch that could cost more than the purse allows; what came before is stored.
        ModelError
            If an interface gives no vectors, or wrong ones: what it gave before is stored, nothing of that batch is.
        """
        if batch_size < 1:
            raise ConfigError(f"batch_size = {batch_size}: it should be at least 1")
        name = model or self._provider
        encoder = make_encoder(name, self._options if name == self._provider else None)
        given = list(dict.fromkeys(texts))
        inputs = encoder.inputs_of(given)
        self._note(name, inputs, len(given))
        self.space = encoder.fingerprint
        unique = list(dict.fromkeys(inputs.texts))
        vectors = self._embed(encoder, unique, batch_size)
        row_of = {text: row for row, text in enumerate(unique)}
        place = {text: row_of[sent] for text, sent in zip(given, inputs.texts, strict=True)}
        return vectors[[place[text] for text in texts]]

    def missing(self, texts: Sequence[str]) -> list[str]:
        """The inputs that would have to be encoded, each once; nothing is encoded, and no store is made.

        Parameters
        ----------
        texts : any number
        """
        encoder = make_encoder(self._provider, self._options)
        unique = list(dict.fromkeys(encoder.inputs_of(list(dict.fromkeys(texts))).texts))
        found = self._stored(encoder, unique).found
        return [text for text, there in zip(unique, found, strict=True) if not there]

    def _embed(self, encoder: Encoder, texts: Sequence[str], batch_size: int) -> Vectors:
        vectors, found = self._stored(encoder, texts)
        todo = np.flatnonzero(~found)
        limits = (
            (min(batch_size, MAX_TEXTS), MAX_BYTES) if isinstance(encoder, InterfaceEncoder) else (batch_size, None)
        )
        batches = cut_batches([texts[i] for i in todo.tolist()], *limits)
        ends = np.cumsum([0, *map(len, batches)])
        self._progress.start("embed", len(todo))

        def keep(number: int, rows: Vectors) -> None:
            nonlocal vectors
            batch = batches[number]
            _check(rows, len(batch), encoder.dim or rows.shape[-1])
            if self._cache is not None:
                self._cache.put_many(encoder.fingerprint, batch, rows)
            if not vectors.shape[1]:
                vectors = np.zeros((len(texts), rows.shape[1]), np.float32)
            vectors[todo[ends[number] : ends[number + 1]]] = rows
            self._progress.advance(len(batch))

        if isinstance(encoder, InterfaceEncoder):
            encoder.dim = vectors.shape[1] or None
            encoder.encode_batches(batches, keep, self._purse)
        else:
            for number, batch in enumerate(batches):
                keep(number, encoder.encode(batch))
        self._progress.finish()
        return vectors

    def _stored(self, encoder: Encoder, texts: Sequence[str]) -> CachedVectors:
        """What the store holds of these; of width 0 where nothing tells the width yet."""
        dim = encoder.dim
        if self._cache is not None:
            spaces = self._cache.stats() if dim is None else []
            dim = dim or next((entry.dim for entry in spaces if entry.space == encoder.fingerprint), None)
            if dim is not None:
                return self._cache.get_many(encoder.fingerprint, texts, dim)
        return CachedVectors(np.zeros((len(texts), dim or 0), np.float32), np.zeros(len(texts), np.bool_))

    def _note(self, name: str, inputs: Inputs, n: int) -> None:
        self.n_truncated = inputs.n_truncated
        longer = f"{inputs.n_truncated} of {n} texts are longer than {name} sees"
        said = f"{longer} ({inputs.limit}); the rest of each is left out"
        self.notices = (said,) if inputs.n_truncated else ()


def _check(rows: Vectors, n: int, dim: int) -> None:
    if rows.shape != (n, dim) or rows.dtype != np.float32:
        raise ShapeError(f"the encoder gave {rows.dtype} of shape {rows.shape}, expected float32 of shape ({n}, {dim})")
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise ShapeError(f"the encoder gave a vector that is not finite for text {int(np.argmin(finite))} of its batch")
