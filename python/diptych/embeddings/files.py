"""Files of vectors: ``.npz``, ``.npy`` and ``.safetensors``, with the texts and names that belong to them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych._types import Json, Vectors
from diptych.errors import ConfigError, DataError
from diptych.utils.extras import require_extra
from diptych.utils.files import check_new_file, reading, write_atomic, writing
from diptych.utils.text import parse_json

SUFFIXES = (".npz", ".npy", ".safetensors")
WRITABLE = (".npz", ".safetensors")
"""Formats that can hold texts and names beside the vectors."""


@dataclass(frozen=True)
class VectorFile:
    """Vectors, one a text.

    Parameters
    ----------
    vectors : float32 (n, d), finite
    texts : what each row was made of; None where the file does not say
    ids : a name for each row; None where the file has none
    about : what else is known: ``embedder``, ``space`` (all that changes a vector), ``n_truncated``
    """

    vectors: Vectors
    texts: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    about: Json = field(default_factory=dict)


def check_vector_path(path: Path) -> Path:
    """Return a path that vectors with their texts can be written to.

    Raises
    ------
    ConfigError
        If its ending is another, or its folder is not there.
    """
    return check_new_file(path, "vectors", WRITABLE)


def write_vectors(path: Path, file: VectorFile) -> None:
    """Write a file that `read_vectors` and other programs read, whole or not at all; the same vectors, the same bytes.

    Arrays: ``vectors`` float32 (n, d); ``texts``, ``ids`` and ``about`` as the UTF-8 bytes of a JSON value, in uint8:
    ``json.loads(array.tobytes())`` gives them in every language.

    Parameters
    ----------
    path : ``.npz`` or ``.safetensors``
    file : the vectors

    Raises
    ------
    ConfigError
        As `check_vector_path`.
    RunError
        If the file cannot be written.
    MissingExtraError
        For safetensors without its library.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "two.npz"
    >>> write_vectors(path, VectorFile(np.eye(2, dtype=np.float32), texts=("one", "two")))
    >>> read_vectors(path).texts
    ('one', 'two')
    """
    arrays: dict[str, NDArray[Any]] = {"vectors": np.ascontiguousarray(file.vectors, dtype=np.float32)}
    for name, value in (("texts", file.texts), ("ids", file.ids), ("about", file.about or None)):
        if value is not None:
            text = json.dumps(value, ensure_ascii=False, sort_keys=True)
            arrays[name] = np.frombuffer(text.encode(), dtype=np.uint8)
    data = _npz(arrays) if check_vector_path(path).suffix == ".npz" else _safetensors(arrays)
    with writing(path):
        write_atomic(path, data)


def read_vectors(path: Path) -> VectorFile:
    """The vectors of a file, with their texts and names where it has them.

    A ``.npy`` is a matrix alone. In the others, ``vectors`` (or the only matrix that there is) is taken; float16 and
    float64 become float32; ``texts`` and ``ids`` may be JSON in uint8, as `write_vectors` has it, or text.

    Parameters
    ----------
    path : the file

    Raises
    ------
    DataError
        If it cannot be read, has no matrix, a value that is not finite, or texts or ids that are not one a row.
    ConfigError
        If its ending is another.
    MissingExtraError
        For safetensors without its library.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "matrix.npy"
    >>> np.save(path, np.eye(3))
    >>> read_vectors(path).vectors.dtype, read_vectors(path).texts
    (dtype('float32'), None)
    """
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{path}: vectors are read from {', '.join(SUFFIXES)}; the name ends in {path.suffix!r}")
    arrays = _arrays(path)
    vectors = _matrix(arrays, path)
    n = len(vectors)
    about = _json(arrays["about"]) if "about" in arrays else None
    return VectorFile(
        vectors,
        _strings(arrays, "texts", n, path),
        _strings(arrays, "ids", n, path),
        about if isinstance(about, dict) else {},
    )


def _npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """As ``numpy.savez``, but for the time of writing, which would stand in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getbuffer())
    return buffer.getvalue()


def _safetensors(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    require_extra("safetensors", extra="exchange")
    from safetensors.numpy import save

    return bytes(save(dict(arrays)))


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    with reading(path):
        data = path.read_bytes()
    if path.suffix == ".safetensors":
        require_extra("safetensors", extra="exchange")
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            return dict(load(data))
        except (SafetensorError, KeyError, ValueError) as error:
            raise DataError(f"{path} is no file of safetensors: {error}.") from error
    try:
        found = np.load(io.BytesIO(data), allow_pickle=False)
        return {"vectors": found} if isinstance(found, np.ndarray) else {name: found[name] for name in found.files}
    except (ValueError, OSError, EOFError, KeyError, SyntaxError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is no file of plain NumPy arrays: {str(error) or type(error).__name__}.") from error


def _matrix(arrays: Mapping[str, NDArray[Any]], path: Path) -> Vectors:
    shapes = ", ".join(f"{name} {array.dtype} {array.shape}" for name, array in arrays.items()) or "nothing"
    matrices = [array for array in arrays.values() if array.ndim == 2 and array.dtype.kind == "f"]
    found = arrays.get("vectors", matrices[0] if len(matrices) == 1 else None)
    if found is None or found.ndim != 2 or found.dtype.kind != "f" or not found.shape[1]:
        raise DataError(f"{path}: expected 'vectors' as a matrix of floats, one row a text; it holds {shapes}.")
    with np.errstate(over="ignore"):
        vectors = np.ascontiguousarray(found, dtype=np.float32)
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise DataError(f"{path}: row {int(np.argmin(finite))} (counted from 0) has a value that is not finite.")
    return vectors


def _strings(arrays: Mapping[str, NDArray[Any]], name: str, n: int, path: Path) -> tuple[str, ...] | None:
    if name not in arrays:
        return None
    array = arrays[name]
    values: Any = array.tolist() if array.dtype.kind == "U" else _json(array)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise DataError(
            f"{path}: {name!r} is {array.dtype} {array.shape}, expected text, or a JSON list of it in uint8."
        )
    if len(values) != n:
        raise DataError(f"{path}: {len(values)} {name} for {n} vectors; there must be one for each.")
    return tuple(values)


def _json(array: NDArray[Any]) -> Any:
    try:
        return parse_json(array.tobytes()) if array.dtype == np.uint8 else None
    except ValueError:
        return None


def by_text(texts: Sequence[str], vectors: Vectors, source: str) -> dict[str, int]:
    """The first row of each text.

    Parameters
    ----------
    texts : n of them
    vectors : float32 (n, d)
    source : for messages

    Raises
    ------
    DataError
        If a text stands twice with vectors that differ.
    """
    first: dict[str, int] = {}
    for row, text in enumerate(texts):
        place = first.setdefault(text, row)
        if place != row and not np.allclose(vectors[place], vectors[row], rtol=1e-3, atol=1e-4):
            raise DataError(
                f"{source}: rows {place} and {row} (counted from 0) have one text and two vectors: {text!r:.60}.\n"
                "Vectors belong to texts; give each text one."
            )
    return first
