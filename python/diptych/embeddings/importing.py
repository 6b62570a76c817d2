"""What was found among files of the original, into a folder of ours and a store of vectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from diptych._types import Json, Progress
from diptych.data.legacy.stages import OldVectors
from diptych.data.legacy.survey import Found
from diptych.embeddings.cache import EmbeddingCache
from diptych.embeddings.original import Statements, import_statement_embeddings, read_statement_embeddings, space_of
from diptych.errors import DataError, ShapeError
from diptych.utils.files import new_folder, sync_folder, write_atomic, write_files, writing
from diptych.utils.text import json_text

SUMMARY = "summary.json"
STORE = "vectors"


def write_import(found: Found, out: Path, *, cache_dir: Path | None = None, progress: Progress) -> Json:
    """Write a folder with all that was found, whole or not at all, and say what is in it.

    Parameters
    ----------
    found : from ``survey``
    out : new or empty folder
    cache_dir : store of vectors; None for ``vectors`` in the folder
    progress : advanced an embedding file at a time

    Returns
    -------
    dict
        ``taken``, ``left``, ``notices`` and ``n_vectors``, as ``summary.json`` holds it

    Raises
    ------
    DataError
        If nothing can be taken: says why, of the first.
    RunError
        If the folder exists and is not empty, or cannot be written.
    StoreError
        If the store cannot be written.
    """
    caches = _read_caches(found, progress)
    if not found.taken:
        first = found.left[0]
        raise DataError(
            f"nothing can be taken of {len(found.left)} files; the first is {first['source']}: {first['reason']}"
        )
    summary: Json = {"taken": found.taken, "left": found.left, "notices": found.notices, "n_vectors": 0}
    with writing(out), new_folder(out) as folder:
        write_files(folder, found.files)
        if caches or found.vectors:
            summary["n_vectors"] = _keep(EmbeddingCache(cache_dir or folder / STORE), caches, found)
        for inner in (path for path in folder.rglob("*") if path.is_dir()):
            sync_folder(inner)
        write_atomic(folder / SUMMARY, json_text(summary).encode() + b"\n")
    return summary


def _read_caches(found: Found, progress: Progress) -> list[Statements]:
    caches = []
    progress.start("read", len(found.embeddings))
    for path in found.embeddings:
        try:
            read = read_statement_embeddings(path)
        except DataError as error:
            found.left.append({"source": str(path), "reason": str(error).removeprefix(f"{path}: ")})
        else:
            caches.append(read)
            n = sum(map(len, read.spaces.values()))
            found.taken.append({"source": str(path), "what": f"{n} vectors of {', '.join(read.spaces)}", "files": []})
            found.notices += [f"{path}: left out: {sentence}" for sentence in read.refused]
        progress.advance()
    progress.finish()
    return caches


def _keep(cache: EmbeddingCache, caches: list[Statements], found: Found) -> int:
    """How many vectors are new to the store; those of the cache of embeddings go before those of stages."""
    n_new = 0
    for statements in caches:
        with _misfit_noted(found):
            n_new += import_statement_embeddings(cache, statements).n_new
    for old in found.vectors:
        with _misfit_noted(found):
            n_new += _keep_stage(cache, old)
    return n_new


@contextmanager
def _misfit_noted(found: Found) -> Iterator[None]:
    try:
        yield
    except ShapeError as error:
        found.notices.append(f"vectors were left out, as they do not fit those that the store has: {error}")


def _keep_stage(cache: EmbeddingCache, old: OldVectors) -> int:
    good = np.flatnonzero(np.isfinite(old.vectors).all(axis=1) & (old.vectors != 0).any(axis=1))
    texts = [old.texts[row] for row in good.tolist()]
    return cache.put_many(space_of(old.model), texts, np.ascontiguousarray(old.vectors[good]))
