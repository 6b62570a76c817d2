"""What goes from an embedding store, and what stays."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from diptych.embeddings.cache import EmbeddingCache, Removed, SpaceStats
from diptych.errors import ConfigError, StoreError


def put(cache: EmbeddingCache, space: str, n: int, dim: int = 4) -> None:
    rows = np.arange(n * dim, dtype=np.float32).reshape(n, dim)
    assert cache.put_many(space, [f"text {i}" for i in range(n)], rows) == n


def age(path: Path, space: str, days: float) -> None:
    """Another process, since two copies of SQLite in one undo each other's locks."""
    code = (
        "import sqlite3, sys; index = sqlite3.connect(sys.argv[1]); "
        "index.execute('UPDATE batches SET created = ? WHERE space = (SELECT id FROM spaces WHERE fingerprint = ?)', "
        "(int(sys.argv[2]), sys.argv[3])); index.commit(); index.close()"
    )
    created = str(int(time.time() - days * 86_400))
    subprocess.run([sys.executable, "-c", code, str(path / "index.sqlite"), created, space], check=True)


def held(path: Path) -> int:
    return sum(file.stat().st_size for file in (path / "segments").iterdir())


def test_a_space_goes_whole_and_gives_its_bytes_back(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    put(cache, "old@1", 10)
    put(cache, "new@1", 7)
    planned = cache.gc(spaces=["old@1"], dry_run=True)
    assert planned == Removed([SpaceStats("old@1", 4, 10, 160)], 0, 0)
    assert [entry.space for entry in cache.stats()] == ["old@1", "new@1"]
    assert cache.gc(spaces=["old@1"]) == planned
    assert (planned.n_rows, planned.n_bytes) == (10, 160)
    assert cache.stats() == [SpaceStats("new@1", 4, 7, 112)]
    assert held(tmp_path) == 112
    vectors, found = cache.get_many("new@1", [f"text {i}" for i in range(7)], 4)
    assert found.all()
    assert vectors[6].tolist() == [24, 25, 26, 27]
    assert not cache.get_many("old@1", ["text 0"], 4).found.any()
    assert cache.verify() == []


def test_old_vectors_go_and_young_ones_stay(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    for space, days in [("a", 40.0), ("b", 20.0), ("c", 0.0)]:
        put(cache, space, 5)
        age(tmp_path, space, days)
    assert [entry.space for entry in cache.gc(older_than=timedelta(days=30)).spaces] == ["a"]
    assert [entry.space for entry in cache.gc(older_than=timedelta(days=10), spaces=["c"]).spaces] == []
    assert [entry.space for entry in cache.gc(older_than=timedelta(days=10)).spaces] == ["b"]
    assert [entry.space for entry in cache.stats()] == ["c"]


def test_the_oldest_go_until_the_rest_fits(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    for space, days in [("a", 1.0), ("b", 3.0), ("c", 2.0)]:
        put(cache, space, 5)
        age(tmp_path, space, days)
    assert cache.gc(max_bytes=240).spaces == []
    assert [entry.space for entry in cache.gc(max_bytes=239).spaces] == ["b"]
    assert [entry.space for entry in cache.gc(max_bytes=0, spaces=["a"]).spaces] == ["a"]
    assert [entry.space for entry in cache.stats()] == ["c"]


def test_without_a_limit_nothing_goes_but_what_a_crash_left(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    put(cache, "a", 5)
    (tmp_path / "segments" / "000009.f32").write_bytes(bytes(64))
    assert cache.gc() == Removed([], 1, 64)
    assert cache.gc() == Removed([], 0, 0)
    assert cache.verify() == []


def test_a_text_is_stored_anew_after_its_space_went(tmp_path: Path) -> None:
    first, second = EmbeddingCache(tmp_path), EmbeddingCache(tmp_path)
    put(first, "a", 3)
    assert second.get_many("a", ["text 2"], 4).found.all()
    first.gc(spaces=["a"])
    put(second, "a", 3, dim=2)
    assert first.get_many("a", ["text 2"], 2).vectors.tolist() == [[4, 5]]


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"spaces": ["x"]}, r"no space 'x'; it holds 'a'"),
        ({"max_bytes": -1}, r"max_bytes: got -1"),
        ({"older_than": timedelta(days=-1)}, r"older_than: got -1 day"),
    ],
)
def test_a_limit_that_means_nothing_is_refused(tmp_path: Path, limits: dict[str, object], said: str) -> None:
    cache = EmbeddingCache(tmp_path)
    put(cache, "a", 1)
    with pytest.raises(ConfigError, match=said):
        cache.gc(**limits)  # type: ignore[arg-type]
    assert len(cache.stats()) == 1


def test_a_store_opened_to_read_can_plan_and_not_remove(tmp_path: Path) -> None:
    put(EmbeddingCache(tmp_path), "a", 1)
    cache = EmbeddingCache(tmp_path, read_only=True)
    assert cache.gc(spaces=["a"], dry_run=True).n_rows == 1
    with pytest.raises(StoreError, match="read-only"):
        cache.gc(spaces=["a"])


def test_rows_leaves_out_what_is_removed_while_it_reads(tmp_path: Path) -> None:
    cache, other = EmbeddingCache(tmp_path), EmbeddingCache(tmp_path)
    put(cache, "a", 9)
    parts = cache.rows("a", n_rows=4)
    keys, vectors = next(parts)
    assert (len(keys), len(vectors)) == (4, 4)
    other.gc(spaces=["a"])
    put(other, "b", 1)
    for keys, vectors in parts:
        assert len(keys) == len(vectors)
        assert (vectors != 0).any(axis=1).all()
