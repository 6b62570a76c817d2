"""A store in which bits were changed on the disk: found, named, and never served."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from diptych._types import Vectors
from diptych.embeddings.cache import EmbeddingCache
from diptych.errors import ShapeError, StoreError
from tests.helpers.cli import run_cli

TEXTS = [f"text {i}" for i in range(300)]
SPACES = {"m@1": 5, "m@2": 5, "other": 3}


def vectors_of(space: str, n: int = len(TEXTS)) -> Vectors:
    rng = np.random.default_rng(list(space.encode()))
    return rng.standard_normal((n, SPACES[space]), dtype=np.float32)


def flip(path: Path, bit: int) -> None:
    """Turn one bit of a file, where it lies."""
    with path.open("r+b") as file:
        file.seek(bit // 8)
        (byte,) = file.read(1)
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of three spaces, closed, with all that it holds in its index and its segments."""
    cache = EmbeddingCache(tmp_path / "store")
    for space in SPACES:
        for start in range(0, len(TEXTS), 100):
            cache.put_many(space, TEXTS[start : start + 100], vectors_of(space)[start : start + 100])
    del cache
    log = tmp_path / "store" / "index.sqlite-wal"
    assert not log.exists() or log.stat().st_size == 0
    return tmp_path / "store"


def outcome(cache: EmbeddingCache, space: str) -> str:
    """What a look for every text of a space comes to."""
    try:
        vectors, found = cache.get_many(space, TEXTS, SPACES[space])
    except StoreError:
        return "refused"
    except ShapeError:
        return "of another width"
    if vectors[found].tobytes() != vectors_of(space)[found].tobytes():
        return "wrong"
    return "right" if found.all() else "missed"


def outcomes(folder: Path, bits: Iterable[int]) -> Iterator[tuple[list[str], bool]]:
    """For each bit of the index, turned alone: what each space gives, and whether `verify` finds all whole."""
    index = folder / "index.sqlite"
    whole = index.read_bytes()
    for number, bit in enumerate(bits):
        for file in folder.glob("index.sqlite*"):
            file.unlink()
        index.write_bytes(whole)
        flip(index, bit)
        try:
            cache = EmbeddingCache(folder, read_only=number % 2 == 0)
        except StoreError:
            yield ["refused"] * len(SPACES), False
            continue
        try:
            clean = cache.verify() == []
        except StoreError:
            clean = False
        yield [outcome(cache, space) for space in SPACES], clean
        del cache


def test_verify_finds_every_one_of_twenty_faults_in_100_000_rows(tmp_path: Path) -> None:
    cache, rows = EmbeddingCache(tmp_path / "store"), {"m@1": 70_000, "other": 30_000}
    for space, n in rows.items():
        for start in range(0, n, 20_000):
            texts = [f"{i}" for i in range(start, min(n, start + 20_000))]
            cache.put_many(space, texts, vectors_of(space, n)[start : start + 20_000])
    assert cache.verify() == []
    del cache
    draw, planted = random.Random(0), []
    for number, (space, n) in enumerate(rows.items(), start=1):
        row_bits, name = 32 * SPACES[space], f"{number:06d}.f32"
        for row in sorted({0, n - 1, *draw.sample(range(1, n - 1), 8)}):
            flip(tmp_path / "store" / "segments" / name, row * row_bits + draw.randrange(row_bits))
            planted.append(f"segments/{name} row {row}")
    said = run_cli("cache", "verify", "--cache-dir", "store", cwd=tmp_path)
    *faults, last = said.out.splitlines()
    assert said.code == 1
    assert [fault.partition(": checksum 0x")[0] for fault in faults] == planted
    assert (len(planted), last) == (20, "20 faults; no damaged vector is ever served")


def test_no_flipped_bit_of_the_index_leads_to_a_wrong_vector(store: Path) -> None:
    n_bits, draw = 8 * (store / "index.sqlite").stat().st_size, random.Random(0)
    seen: Counter[str] = Counter()
    for found, clean in outcomes(store, (draw.randrange(n_bits) for _ in range(200))):
        assert set(found) <= {"right", "refused", "missed"}
        assert "missed" not in found or not clean, "verify finds whole what is not served"
        seen.update(found)
    assert min(seen["right"], seen["refused"]) > 50, f"the test examined little: {seen}"


@pytest.fixture
def beside_the_names(store: Path) -> Counter[str]:
    """Outcomes for every bit of the rows that name the spaces, in their table and in the index of it."""
    data = (store / "index.sqlite").read_bytes()
    starts = [at for space in SPACES for at in range(len(data)) if data.startswith(space.encode(), at)]
    assert len(starts) == 2 * len(SPACES)
    bits = sorted({bit for at in starts for bit in range(8 * (at - 6), 8 * (at + 12))})
    seen = Counter(one for found, _ in outcomes(store, bits) for one in found)
    assert min(seen["right"], seen["refused"]) > 50, f"the test examined little: {seen}"
    return seen


def test_no_flipped_bit_of_the_table_of_spaces_leads_elsewhere(beside_the_names: Counter[str]) -> None:
    assert set(beside_the_names) == {"right", "refused"}
