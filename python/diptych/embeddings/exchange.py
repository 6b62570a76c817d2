"""Vectors of a store in a folder that other programs read: safetensors, and a table of contents in JSON lines."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diptych._types import Progress, Silent
from diptych.embeddings.cache import EmbeddingCache
from diptych.errors import ConfigError, DataError
from diptych.utils.extras import require_extra
from diptych.utils.files import new_folder, write_atomic, writing
from diptych.utils.text import parse_json

CONTENTS = "contents.jsonl"
FORMAT = 1
KEY_BYTES = 32
_NAME = re.compile(r"\d{6}\.safetensors")


@dataclass(frozen=True, slots=True)
class Part:
    """A line of ``contents.jsonl``: one file, with tensors ``keys`` (uint8, n × 32) and ``vectors`` (float32, n × d).

    Parameters
    ----------
    file : its name in the folder
    sha256 : of its bytes
    space : everything that changes a vector, as one string
    dim, n_rows : shape of the vectors
    format : of this page, 1
    """

    file: str
    sha256: str
    space: str
    dim: int
    n_rows: int
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Export:
    """A folder that `export_vectors` wrote, with every file of it checked."""

    folder: Path
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """How many vectors an import brought, and how many the store had already and kept as they were."""

    n_new: int
    n_kept: int


def export_vectors(
    cache: EmbeddingCache, folder: Path, *, spaces: Sequence[str] = (), progress: Progress | None = None
) -> list[Part]:
    """Write vectors into a new folder, which appears when it is complete.

    Parameters
    ----------
    cache : the store
    folder : new or empty
    spaces : which spaces; empty for all
    progress : advanced a row at a time

    Raises
    ------
    ConfigError
        If a space is not in the store; names those that are.
    CorruptStoreError
        If a checksum in the store is wrong; nothing is left then.
    RunError
        If the folder exists and is not empty, or cannot be written.
    MissingExtraError
        If safetensors is not installed.
    """
    require_extra("safetensors", extra="exchange")
    from safetensors.numpy import save

    stats = {entry.space: entry for entry in cache.stats()}
    for space in spaces:
        if space not in stats:
            raise ConfigError(f"space {space!r} is not in {cache.path}; there are: {', '.join(map(repr, stats))}")
    chosen = [stats[space] for space in spaces or stats]
    parts: list[Part] = []
    progress = progress or Silent()
    progress.start("export", sum(entry.n_rows for entry in chosen))
    with writing(folder), new_folder(folder) as temporary:
        for entry in chosen:
            for keys, vectors in cache.rows(entry.space):
                data = save({"keys": keys, "vectors": vectors})
                name = f"{len(parts) + 1:06d}.safetensors"
                write_atomic(temporary / name, data)
                parts.append(Part(name, hashlib.sha256(data).hexdigest(), entry.space, entry.dim, len(keys)))
                progress.advance(len(keys))
        lines = "".join(json.dumps(asdict(part), ensure_ascii=False) + "\n" for part in parts)
        write_atomic(temporary / CONTENTS, lines.encode())
    progress.finish()
    return parts


def read_export(folder: Path) -> Export:
    """Check every file of an export: there, as its hash says, and with the tensors of the table of contents.

    It needs no store, so that a wrong folder is refused before one is made.

    Parameters
    ----------
    folder : what `export_vectors` wrote

    Raises
    ------
    DataError
        If the folder is no export, or a file in it is missing, damaged, or not what the table of contents says.
    MissingExtraError
        If safetensors is not installed.
    """
    require_extra("safetensors", extra="exchange")
    parts = tuple(_contents(folder))
    for part in parts:
        _tensors(folder, part)
    return Export(folder, parts)


def import_vectors(cache: EmbeddingCache, export: Export, *, progress: Progress | None = None) -> Imported:
    """Put what `export_vectors` wrote into a store, file by file, each whole or not at all.

    A vector that the store has already stays as it is, since the first one stored is the vector of its text.

    Parameters
    ----------
    cache : the store
    export : from `read_export`
    progress : advanced a row at a time

    Raises
    ------
    DataError
        If a file has changed since it was checked.
    StoreError
        If the store cannot be written.
    """
    n_rows = sum(part.n_rows for part in export.parts)
    n_new, progress = 0, progress or Silent()
    progress.start("import", n_rows)
    for part in export.parts:
        tensors = _tensors(export.folder, part)
        n_new += cache.put_rows(part.space, tensors["keys"], tensors["vectors"])
        progress.advance(part.n_rows)
    progress.finish()
    return Imported(n_new, n_rows - n_new)


def _contents(folder: Path) -> Iterator[Part]:
    path = folder / CONTENTS
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{folder} is no export of vectors: {CONTENTS} cannot be read ({error}).") from error
    types = {"file": str, "sha256": str, "space": str, "dim": int, "n_rows": int, "format": int}
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            entry = parse_json(line)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: {error}. Export again.") from error
        if not isinstance(entry, dict) or {k: type(v) for k, v in entry.items()} != types or not entry["space"]:
            raise DataError(f"{path}, line {number}: expected the fields {', '.join(types)}, got {line[:200]!r}.")
        if entry["format"] != FORMAT:
            raise DataError(
                f"{path}, line {number}: format {entry['format']}, this diptych reads {FORMAT}. Upgrade it."
            )
        if not _NAME.fullmatch(entry["file"]):
            raise DataError(f"{path}, line {number}: file {entry['file']!r:.80} is no name such as 000001.safetensors.")
        yield Part(**entry)


def _checked_bytes(folder: Path, part: Part) -> bytes:
    path = folder / part.file
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}. Nothing was imported from it; export again.") from error
    found = hashlib.sha256(data).hexdigest()
    if found != part.sha256:
        raise DataError(
            f"{path}: sha256 is {found}, {CONTENTS} says {part.sha256}. Nothing was imported; export again."
        )
    return data


def _tensors(folder: Path, part: Part) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(_checked_bytes(folder, part))
    except SafetensorError as error:
        raise DataError(f"{folder / part.file}: {error}. Export again.") from error
    expected = {"keys": ("uint8", (part.n_rows, KEY_BYTES)), "vectors": ("float32", (part.n_rows, part.dim))}
    found = {name: (str(tensor.dtype), tensor.shape) for name, tensor in tensors.items()}
    if found != expected:
        raise DataError(f"{folder / part.file} holds {found}, expected {expected}. Export again.")
    if not np.isfinite(tensors["vectors"]).all():
        raise DataError(f"{folder / part.file}: a value is not finite. Export again.")
    return tensors
