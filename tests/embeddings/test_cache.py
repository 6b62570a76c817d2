"""EmbeddingCache: texts in, the first vectors that were ever stored for them out."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from diptych.embeddings.cache import EmbeddingCache
from diptych.errors import ConfigError, ShapeError, StoreError

TEXTS = ["", "a", "A", "a\u0301", "\u00e1", "a\0b", "long " * 1000]


def vectors_of(n: int, dim: int = 3) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(n).standard_normal((n, dim)).astype(np.float32)


def test_each_text_gets_its_own_vector_back_in_the_order_asked(tmp_path: Path) -> None:
    cache, vectors = EmbeddingCache(tmp_path / "cache"), vectors_of(len(TEXTS))
    assert cache.put_many("m@1", TEXTS, vectors) == len(TEXTS)
    order = [4, 1, 1, 6, 0, 2, 3, 5]
    answer = cache.get_many("m@1", [TEXTS[i] for i in order], dim=3)
    assert answer.found.all()
    np.testing.assert_array_equal(answer.vectors, vectors[order])


def test_the_first_vector_of_a_text_stays_its_vector(tmp_path: Path) -> None:
    cache, vectors = EmbeddingCache(tmp_path), vectors_of(1)
    assert cache.put_many("m", ["t", "t"], np.vstack([vectors, vectors + 1])) == 1
    assert cache.put_many("m", ["t"], vectors + 2) == 0
    np.testing.assert_array_equal(EmbeddingCache(tmp_path).get_many("m", ["t"], 3).vectors, vectors)


def test_two_spaces_never_share_a_vector(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    cache.put_many("m@1", ["t"], vectors_of(1))
    vectors, found = cache.get_many("m@2", ["t"], 3)
    assert not found.any()
    assert not vectors.any()
    assert [entry.space for entry in cache.stats()] == ["m@1"]


def test_columns_in_fortran_order_are_stored_as_the_rows_they_are(tmp_path: Path) -> None:
    cache, vectors = EmbeddingCache(tmp_path), vectors_of(4)
    cache.put_many("m", list("abcd"), np.asfortranarray(vectors))
    np.testing.assert_array_equal(cache.get_many("m", list("abcd"), 3).vectors, vectors)
    assert cache.verify() == []


def test_read_only_reads_and_refuses_to_write(tmp_path: Path) -> None:
    EmbeddingCache(tmp_path).put_many("m", ["t"], vectors_of(1))
    cache = EmbeddingCache(tmp_path, read_only=True)
    assert cache.get_many("m", ["t"], 3).found.all()
    with pytest.raises(StoreError, match="read-only"):
        cache.put_many("m", ["u"], vectors_of(1))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder to another user")
@pytest.mark.parametrize("read_only", [False, True])
def test_a_folder_of_another_user_that_all_may_write_to_is_warned_of(tmp_path: Path, read_only: bool) -> None:
    folder = tmp_path / "store"
    EmbeddingCache(folder)
    for owner, mode in ((0, 0o777), (12_345, 0o775), (12_345, 0o700)):
        os.chown(folder, owner, 0)
        folder.chmod(mode)
        EmbeddingCache(folder, read_only=read_only)  # a warning is an error here
    folder.chmod(0o1777)
    with pytest.warns(UserWarning, match=f"{folder} belongs to another user.* folder of your own"):
        EmbeddingCache(folder, read_only=read_only)


def test_an_empty_space_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="space is empty"):
        EmbeddingCache(tmp_path).get_many("", ["t"], 3)


@pytest.mark.parametrize(
    ("vectors", "text"),
    [
        (np.zeros((1, 3), np.float32), r"shape \(2, dim\).*got float32 of shape \(1, 3\)"),
        (np.zeros((2, 3)), "got float64"),
        (np.zeros(2, np.float32), r"of shape \(2,\)"),
        (np.full((2, 3), np.nan, np.float32), r"vectors\[0, 0\] is NaN"),
        (np.zeros((2, 0), np.float32), "width 0"),
    ],
)
def test_vectors_that_do_not_fit_are_refused_and_nothing_is_stored(
    tmp_path: Path, vectors: np.ndarray[tuple[int, ...], np.dtype[np.float32]], text: str
) -> None:
    cache = EmbeddingCache(tmp_path)
    with pytest.raises(ShapeError, match=text):
        cache.put_many("m", ["t", "u"], vectors)
    assert cache.stats() == []
