"""Vectors out of a store and into another: the same bytes, or a refusal that names the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.embeddings.cache import EmbeddingCache
from diptych.embeddings.exchange import CONTENTS, export_vectors, import_vectors, read_export
from diptych.errors import ConfigError, DataError, RunError

TEXTS = [f"text {i}" for i in range(50)]


def filled(path: Path) -> EmbeddingCache:
    cache, rng = EmbeddingCache(path), np.random.default_rng(0)
    cache.put_many("m@1", TEXTS, rng.normal(size=(50, 8)).astype(np.float32))
    cache.put_many("n@2 é\u2028", TEXTS[:7], rng.normal(size=(7, 3)).astype(np.float32))
    return cache


def test_every_vector_arrives_bit_for_bit(tmp_path: Path) -> None:
    cache = filled(tmp_path / "a")
    parts = export_vectors(cache, tmp_path / "out")
    assert [(part.space, part.n_rows, part.dim) for part in parts] == [("m@1", 50, 8), ("n@2 é\u2028", 7, 3)]
    other = EmbeddingCache(tmp_path / "b")
    assert (import_vectors(other, read_export(tmp_path / "out")).n_new, other.verify()) == (57, [])
    assert other.stats() == cache.stats()
    for space, texts, dim in (("m@1", TEXTS, 8), ("n@2 é\u2028", TEXTS[:7], 3)):
        here, there = (store.get_many(space, texts, dim) for store in (cache, other))
        assert there.found.all()
        assert here.vectors.tobytes() == there.vectors.tobytes()
    again = import_vectors(other, read_export(tmp_path / "out"))
    assert (again.n_new, again.n_kept) == (0, 57)


def test_a_vector_that_is_there_stays(tmp_path: Path) -> None:
    export_vectors(filled(tmp_path / "a"), tmp_path / "out")
    other, mine = EmbeddingCache(tmp_path / "b"), np.ones((1, 8), np.float32)
    other.put_many("m@1", ["text 3"], mine)
    brought = import_vectors(other, read_export(tmp_path / "out"))
    assert (brought.n_new, brought.n_kept) == (56, 1)
    np.testing.assert_array_equal(other.get_many("m@1", ["text 3"], 8).vectors, mine)


def test_rows_come_in_parts_in_the_order_of_commit(tmp_path: Path) -> None:
    cache = filled(tmp_path)
    parts = list(cache.rows("m@1", n_rows=20))
    assert [len(keys) for keys, _ in parts] == [20, 20, 10]
    together = np.concatenate([vectors for _, vectors in parts])
    np.testing.assert_array_equal(together, cache.get_many("m@1", TEXTS, 8).vectors)
    assert list(cache.rows("none")) == []


def test_one_space_alone_and_an_unknown_one(tmp_path: Path) -> None:
    cache = filled(tmp_path / "a")
    assert [part.space for part in export_vectors(cache, tmp_path / "out", spaces=["m@1"])] == ["m@1"]
    with pytest.raises(ConfigError, match="'m@2' is not in .*there are: 'm@1'"):
        export_vectors(cache, tmp_path / "out2", spaces=["m@2"])
    with pytest.raises(RunError, match="out"):
        export_vectors(cache, tmp_path / "out")
    assert not (tmp_path / "out2").exists()


def _flip(folder: Path) -> None:
    path = folder / "000001.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def _retell(folder: Path, **changes: object) -> None:
    first, *rest = (folder / CONTENTS).read_text().split("\n")
    (folder / CONTENTS).write_text("\n".join([json.dumps({**json.loads(first), **changes}), *rest]))


DAMAGE = {
    "a flipped bit": (_flip, "sha256 is"),
    "a missing file": (lambda folder: (folder / "000002.safetensors").unlink(), "000002.safetensors: No such file"),
    "no contents": (lambda folder: (folder / CONTENTS).unlink(), "is no export of vectors"),
    "contents that are no JSON": (lambda folder: (folder / CONTENTS).write_text("{"), "line 1"),
    "a path out of the folder": (lambda folder: _retell(folder, file="../x.safetensors"), "is no name such as"),
    "another shape": (lambda folder: _retell(folder, n_rows=49), r"expected .*49"),
    "a newer format": (lambda folder: _retell(folder, format=2), "format 2, this diptych reads 1"),
    "a number for a space": (lambda folder: _retell(folder, space=5), "expected the fields"),
    "an unknown field": (lambda folder: _retell(folder, more=1), "expected the fields"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_is_damaged_is_refused(kind: str, tmp_path: Path) -> None:
    damage, words = DAMAGE[kind]
    export_vectors(filled(tmp_path / "a"), tmp_path / "out")
    damage(tmp_path / "out")
    with pytest.raises(DataError, match=words):
        read_export(tmp_path / "out")


def test_what_changes_after_it_was_checked_is_refused(tmp_path: Path) -> None:
    export_vectors(filled(tmp_path / "a"), tmp_path / "out")
    export = read_export(tmp_path / "out")
    _flip(tmp_path / "out")
    other = EmbeddingCache(tmp_path / "b")
    with pytest.raises(DataError, match="000001.safetensors: sha256 is"):
        import_vectors(other, export)
    assert other.stats() == []


def test_tensors_that_lie_about_themselves_are_refused(tmp_path: Path) -> None:
    import hashlib

    from safetensors.numpy import save

    export_vectors(filled(tmp_path / "a"), tmp_path / "out")
    keys, vectors = np.zeros((50, 32), np.uint8), np.zeros((50, 8), np.float32)
    vectors[3, 2] = np.nan
    cases: list[tuple[dict[str, Any], str]] = [
        ({"keys": keys, "vectors": vectors}, "not finite"),
        ({"keys": keys, "vectors": vectors.astype(np.float64)}, "float64"),
        ({"vectors": vectors}, "expected"),
    ]
    for tensors, words in cases:
        data = save(tensors)
        (tmp_path / "out" / "000001.safetensors").write_bytes(data)
        _retell(tmp_path / "out", sha256=hashlib.sha256(data).hexdigest())
        with pytest.raises(DataError, match=words):
            read_export(tmp_path / "out")
    (tmp_path / "out" / "000001.safetensors").write_bytes(b"\xff" * 64)
    _retell(tmp_path / "out", sha256=hashlib.sha256(b"\xff" * 64).hexdigest())
    with pytest.raises(DataError, match="000001.safetensors: .*Export again"):
        read_export(tmp_path / "out")
