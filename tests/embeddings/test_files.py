"""Files of vectors: what is written is read, by us and by NumPy, and what does not fit is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from diptych.embeddings.files import VectorFile, by_text, read_vectors, write_vectors
from diptych.errors import ConfigError, DataError, RunError
from tests.helpers.cli import listing

MATRIX = np.arange(6, dtype=np.float32).reshape(3, 2)
FILE = VectorFile(MATRIX, ("a", "", "漢 \x00 😀"), ("1", "1", "x"), {"embedder": "lexical"})


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_what_is_written_is_read_and_the_same_vectors_give_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    for name in ("one", "two"):
        write_vectors(tmp_path / f"{name}{suffix}", FILE)
    read = read_vectors(tmp_path / f"one{suffix}")
    np.testing.assert_array_equal(read.vectors, MATRIX)
    assert (read.texts, read.ids, read.about) == (FILE.texts, FILE.ids, FILE.about)
    first, second = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("one", "two"))
    assert first == second


def test_other_programs_read_it(tmp_path: Path) -> None:
    write_vectors(tmp_path / "a.npz", FILE)
    write_vectors(tmp_path / "a.safetensors", FILE)
    with np.load(tmp_path / "a.npz") as arrays:
        assert json.loads(arrays["texts"].tobytes()) == list(FILE.texts or ())
    np.testing.assert_array_equal(load_file(tmp_path / "a.safetensors")["vectors"], MATRIX)


def test_what_other_programs_wrote_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", MATRIX.astype(np.float64))
    np.savez(tmp_path / "b.npz", vectors=MATRIX.astype(np.float16), texts=np.array(["x", "y", "z"]))
    save_file({"embeddings": MATRIX}, tmp_path / "c.safetensors")
    np.testing.assert_array_equal(read_vectors(tmp_path / "a.npy").vectors, MATRIX)
    assert read_vectors(tmp_path / "b.npz").texts == ("x", "y", "z")
    assert read_vectors(tmp_path / "c.safetensors").vectors.dtype == np.float32


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"vectors": MATRIX[0]}, r"expected 'vectors' as a matrix of floats.*it holds vectors float32 \(2,\)"),
        ({"vectors": MATRIX.astype(np.int64)}, "matrix of floats"),
        ({"a": MATRIX, "b": MATRIX}, "expected 'vectors'"),
        ({"vectors": np.where(MATRIX == 3, np.nan, MATRIX)}, "row 1 .* not finite"),
        ({"vectors": MATRIX.astype(np.float64) * 1e300}, "row 0 .* not finite"),
        ({"vectors": MATRIX, "texts": np.array(["a"])}, "1 texts for 3 vectors"),
        ({"vectors": MATRIX, "ids": np.array([1, 2, 3])}, "'ids' is int64"),
        ({"vectors": MATRIX, "texts": np.frombuffer(b"[1, 2, 3]", np.uint8)}, "'texts' is uint8"),
    ],
)
def test_a_file_that_does_not_fit_is_said(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read_vectors(tmp_path / "a.npz")


def test_a_file_that_would_run_something_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"x": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="no file of plain NumPy arrays"):
        read_vectors(tmp_path / "a.npy")


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_cut_file_is_one_error(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_vectors(path, FILE)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="a"):
            read_vectors(path)


def test_places_that_cannot_be_written_or_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.npz or \.safetensors"):
        write_vectors(tmp_path / "a.npy", FILE)
    with pytest.raises(ConfigError, match="there is no folder"):
        write_vectors(tmp_path / "none" / "a.npz", FILE)
    (tmp_path / "b.npz").mkdir()
    with pytest.raises(RunError, match="cannot be written"):
        write_vectors(tmp_path / "b.npz", FILE)
    with pytest.raises(DataError, match="cannot be read"):
        read_vectors(tmp_path / "none.npy")
    with pytest.raises(ConfigError, match="'.txt'"):
        read_vectors(tmp_path / "a.txt")
    assert list(listing(tmp_path)) == ["b.npz"]


def test_one_text_has_one_vector() -> None:
    rows = np.array([[1, 0], [0, 1], [1, 1e-6]], np.float32)
    assert by_text(["a", "b", "a"], rows, "x.npy") == {"a": 0, "b": 1}
    with pytest.raises(DataError, match=r"rows 0 and 1 .* two vectors: 'a'"):
        by_text(["a", "a", "b"], rows, "x.npy")
