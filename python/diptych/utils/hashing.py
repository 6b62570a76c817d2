"""Content digests: the one key function of the house."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych import _native


def hash_rows(domain: str, columns: Sequence[Sequence[str]], *, threads: int = 1) -> NDArray[np.uint8]:
    """BLAKE3 digest of each row of text fields.

    Parameters
    ----------
    domain : names what is hashed and the version of its layout, for example ``"diptych/split/1"``
    columns : k >= 1 columns of n strings
    threads : the result is the same for every value

    Returns
    -------
    uint8, shape (n, 32)

    Notes
    -----
    Memory: the digests, and below 1 MiB a thread and column; the UTF-8 form of texts beyond ASCII stays with them.
    Domain and fields are length-prefixed, so ``("ab", "c")`` and ``("a", "bc")`` differ.

    Examples
    --------
    >>> hash_rows("example/1", [["ab"], ["c"]])[0, :4].tobytes().hex() == hash_rows(
    ...     "example/1", [["a"], ["bc"]])[0, :4].tobytes().hex()
    False
    """
    lists = [column if isinstance(column, list) else list(column) for column in columns]
    return _native.hash_rows(domain, lists, threads)


def hash_texts(domain: str, texts: Sequence[str], *, threads: int = 1) -> NDArray[np.uint8]:
    """Digest of each text: uint8, shape (n, 32)."""
    return hash_rows(domain, [texts], threads=threads)


def hex_digests(domain: str, columns: Sequence[Sequence[str]], *, length: int = 64) -> list[str]:
    """The first ``length`` hexadecimal digits of each row's digest."""
    return [row.tobytes().hex()[:length] for row in hash_rows(domain, columns)]


def content_hash(domain: str, value: Any) -> str:
    """64 hexadecimal digits of a JSON value: the order of keys does not matter, NaN is refused.

    Examples
    --------
    >>> content_hash("example/1", {"a": 1, "b": 2}) == content_hash("example/1", {"b": 2, "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hex_digests(domain, [[text]])[0]


def derive_seed(seed: int, purpose: str) -> int:
    """A seed below 2**63 for one purpose of a run, so that no two purposes share random numbers.

    Examples
    --------
    >>> derive_seed(0, "bootstrap") == derive_seed(0, "sign flips")
    False
    """
    digest = hash_rows("diptych/seed/1", [[str(seed)], [purpose]])[0]
    return int.from_bytes(digest[:8].tobytes(), "little") >> 1


def file_sha256(path: Path) -> str | None:
    """The digest of a file, ``path``, as ``sha256sum`` gives it; None where there is none."""
    if not path.is_file():  # a pipe can be read only once
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def source_sha256(path: Path) -> str | None:
    """The digest of a file, or of all files in a folder and below it; None where neither is there to be read twice.

    Parameters
    ----------
    path : of the file or folder

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("Why?")
    >>> source_sha256(folder / "a.txt") == file_sha256(folder / "a.txt"), len(source_sha256(folder))
    (True, 64)
    """
    if not path.is_dir():
        return file_sha256(path)
    inside = sorted(file for file in path.rglob("*") if file.is_file())
    return content_hash("diptych/folder/1", [[str(file.relative_to(path)), file_sha256(file)] for file in inside])
