"""``diptych cache``, through the real command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from diptych.embeddings.cache import EmbeddingCache
from diptych.embeddings.exchange import export_vectors
from tests.helpers.cli import Outcome, listing
from tests.helpers.forge import Forge


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    with Forge() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Path:
    EmbeddingCache(tmp_path / "store").put_many("m@1", ["a", "b"], np.eye(2, dtype=np.float32))
    return tmp_path / "store"


def test_out_of_one_store_and_into_another(forge: Forge, store: Path, tmp_path: Path) -> None:
    said = forge.run("cache", "export", "--cache-dir", store, "--out", "out", cwd=tmp_path)
    assert (said.code, said.out) == (0, "2 vectors in 1 files: out\n")
    said = forge.run("cache", "import", "out", "--cache-dir", "other", "--json", cwd=tmp_path)
    assert json.loads(said.out) == {"n_new": 2, "n_kept": 0, "refused": []}
    listed = [
        json.loads(forge.run("cache", "stats", "--cache-dir", folder, "--json", cwd=tmp_path).out)
        for folder in (store, "other")
    ]
    assert listed[0] == listed[1] == [{"space": "m@1", "dim": 2, "n_rows": 2, "n_bytes": 16}]


def test_verify_names_the_damage_and_exits_with_one(forge: Forge, store: Path, tmp_path: Path) -> None:
    env = {"DIPTYCH_CACHE_DIR": str(store)}
    assert forge.run("cache", "verify", cwd=tmp_path, env=env).out == "every vector is whole\n"
    (segment,) = (store / "segments").iterdir()
    data = bytearray(segment.read_bytes())
    data[0] ^= 1
    segment.write_bytes(bytes(data))
    said = forge.run("cache", "verify", cwd=tmp_path, env=env)
    assert said.code == 1
    assert "000001.f32 row 0: checksum" in said.out
    refused = forge.run("cache", "export", "--out", "out", cwd=tmp_path, env=env)
    assert refused.code == 1
    assert "000001.f32 row 0" in refused.err
    assert not (tmp_path / "out").exists()


def test_the_originals_file_is_taken_and_what_is_left_out_is_said(forge: Forge, tmp_path: Path) -> None:
    good = {"statement": "a", "embedding": [1.0], "embedding_model": "m", "other_params": {}}
    (tmp_path / "e.json").write_text(json.dumps({"a_m": good, "b_m": {**good, "embedding": "x"}}))
    said = forge.run("cache", "import", "e.json", "--cache-dir", "store", cwd=tmp_path)
    assert (said.code, said.out) == (0, "1 new vectors, 0 that were there already, 1 left out\n")
    assert "left out: entry 2: field 'embedding' is 'x'" in said.err


SOURCES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nothing there": (lambda folder: folder / "gone", "gone: No such file"),
    "a folder that is no export": (lambda folder: _folder(folder / "empty"), "is no export of vectors"),
    "an export with a file missing": (lambda folder: _export(folder, cut=False), "000001.safetensors: No such file"),
    "an export that was cut short": (lambda folder: _export(folder, cut=True), "sha256"),
    "some other JSON": (lambda folder: _written(folder / "x.json", b'{"seed": 1}'), "none of its 1 entries"),
    "no JSON": (lambda folder: _written(folder / "x.json", b"PK"), "is not JSON"),
}  # fmt: skip


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _export(folder: Path, *, cut: bool) -> Path:
    cache = EmbeddingCache(folder / "source")
    cache.put_many("m@1", ["a", "b"], np.eye(2, dtype=np.float32))
    (part,) = export_vectors(cache, folder / "out")
    file = folder / "out" / part.file
    if cut:
        file.write_bytes(file.read_bytes()[:-1])
    else:
        file.unlink()
    return folder / "out"


@pytest.mark.parametrize("kind", SOURCES)
def test_a_wrong_source_of_an_import_leaves_no_store_behind(forge: Forge, kind: str, tmp_path: Path) -> None:
    make, words = SOURCES[kind]
    source = make(tmp_path)
    before = listing(tmp_path)
    said = forge.run("cache", "import", source, "--cache-dir", "store", cwd=tmp_path)
    assert (said.code, said.out) == (2, "")
    assert words in said.err
    assert "Traceback" not in said.err
    assert listing(tmp_path) == before


@pytest.mark.parametrize("verb", ["stats", "verify"])
def test_a_folder_without_a_store_is_an_error_and_stays_as_it_is(forge: Forge, verb: str, tmp_path: Path) -> None:
    said = forge.run("cache", verb, "--cache-dir", "none", cwd=tmp_path)
    assert said.code == 1
    assert "there is no store here" in said.err
    assert "Traceback" not in said.err
    assert list(tmp_path.iterdir()) == []


def test_gc_says_what_would_go_and_then_removes_it(forge: Forge, store: Path, tmp_path: Path) -> None:
    EmbeddingCache(store).put_many("n@1", ["a"], np.ones((1, 2), dtype=np.float32))
    env = {"DIPTYCH_CACHE_DIR": str(store)}

    def gc(*flags: str) -> Outcome:
        return forge.run("cache", "gc", *flags, cwd=tmp_path, env=env)

    said = gc("--space", "m@1", "--dry-run")
    assert said.out.splitlines()[-1].split() == ["2", "rows,", "0.0", "MiB,", "would", "go"]
    assert len(EmbeddingCache(store).stats()) == 2
    said = gc("--space", "m@1", "--json")
    assert json.loads(said.out) == {
        "spaces": [{"space": "m@1", "dim": 2, "n_rows": 2, "n_bytes": 16}],
        "n_stray_files": 0,
        "n_stray_bytes": 0,
        "dry_run": False,
    }
    assert [entry.space for entry in EmbeddingCache(store).stats()] == ["n@1"]
    assert gc("--older-than", "30", "--max-size", "1GiB").code == 0
    assert "0 rows, 0.0 MiB, removed" in gc().out
    assert gc("--max-size", "0B").code == 0
    assert EmbeddingCache(store).stats() == []


def test_gc_refuses_what_it_cannot_read(forge: Forge, store: Path, tmp_path: Path) -> None:
    for flags, text in [
        (["--max-size", "big"], "--max-size: got 'big'"),
        (["--space", "x"], "no space 'x'; it holds 'm@1'"),
        (["--older-than", "-1"], "older-than"),
    ]:
        said = forge.run("cache", "gc", "--cache-dir", store, *flags, cwd=tmp_path)
        assert said.code == 2
        assert text in said.err
