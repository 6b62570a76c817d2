"""The vector store: ours, the embedded databases people use, an array with a dict beside it, and the bare disk.

All get the same 32-byte digests, so that what is timed is the store and not the hashing of texts. The original keeps
one JSON file and writes all of it after every batch: 21 s for 5,000 rows and quadratic from there, so no row runs it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.bench.kernels.harness import MIB, Competitor, Job, Row, Target, once_a_job

FULL = {"n": 100_000, "dim": 384, "batch": 1024, "ask": 100_000}
QUICK = {"n": 10_000, "dim": 384, "batch": 1024, "ask": 10_000}
Batch = tuple[NDArray[np.uint8], NDArray[np.float32]]
Writer = Callable[[Path, Job, Iterator[Batch]], None]
Reader = Callable[[NDArray[np.uint8], NDArray[np.float32]], object]


@once_a_job
def keys_and_vectors(job: Job) -> Batch:
    """The same for everyone."""
    rng = np.random.default_rng(7)
    keys = rng.integers(0, 256, (job["n"], 32), dtype=np.uint8)
    return keys, rng.random((job["n"], job["dim"]), dtype=np.float32) - np.float32(0.5)


def batches(keys: NDArray[np.uint8], vectors: NDArray[np.float32], size: int) -> Iterator[Batch]:
    """The keys and vectors, in batches as they are put."""
    for at in range(0, len(keys), size):
        yield keys[at : at + size], vectors[at : at + size]


def folder() -> Path:
    """A folder that goes when the process ends; beside the repository, because /tmp may be in memory."""
    parent = Path(__file__).resolve().parents[2] / "target"
    parent.mkdir(exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="bench-store-", dir=parent))
    weakref.finalize(np, shutil.rmtree, made, ignore_errors=True)
    return made


# Writers: every batch is durable before the next begins, or what they write is not durable and they say so.


def put_ours(path: Path, _job: Job, parts: Iterator[Batch]) -> None:
    """Put by the store."""
    from diptych._native import Store

    store = Store(str(path))
    for keys, vectors in parts:
        store.put("bench", keys, vectors)


def put_lmdb(path: Path, job: Job, parts: Iterator[Batch]) -> None:
    """Put by LMDB, one transaction and one sync a batch."""
    lmdb = import_module("lmdb")
    with lmdb.open(str(path), map_size=job["n"] * job["dim"] * 16 + (1 << 24), sync=True) as environment:
        for keys, vectors in parts:
            with environment.begin(write=True) as transaction:
                transaction.cursor().putmulti(
                    [(key.tobytes(), row.tobytes()) for key, row in zip(keys, vectors, strict=True)]
                )


def put_sqlite(path: Path, _job: Job, parts: Iterator[Batch]) -> None:
    """Put by SQLite, one transaction a batch."""
    connection = sqlite3.connect(path / "vectors.sqlite")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE vectors (key BLOB PRIMARY KEY, vector BLOB)")
    for keys, vectors in parts:
        with connection:
            rows = [(key.tobytes(), row.tobytes()) for key, row in zip(keys, vectors, strict=True)]
            connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)
    connection.close()


def put_bare(path: Path, _job: Job, parts: Iterator[Batch]) -> None:
    """What the disk allows: the bytes, and one fdatasync a batch; no key, no checksum, no transaction."""
    with (path / "000001.f32").open("wb", buffering=0) as file:
        for _, vectors in parts:
            file.write(vectors.data)
            os.fdatasync(file.fileno())


def put_memmap(path: Path, job: Job, parts: Iterator[Batch]) -> None:
    """An array and its keys; not durable, and nothing is there until the end."""
    vectors = np.memmap(path / "vectors.f32", np.float32, "w+", shape=(job["n"], job["dim"]))
    at, all_keys = 0, []
    for keys, rows in parts:
        vectors[at : at + len(rows)] = rows
        all_keys.append(keys)
        at += len(rows)
    np.save(path / "keys.npy", np.concatenate(all_keys))


def start_put(write: Writer, job: Job) -> Callable[[], Path]:
    """Each call fills a new folder; the one before is removed outside the timing of most calls."""
    keys, vectors = keys_and_vectors(job)
    parent = folder()
    made: list[Path] = []

    def put() -> Path:
        path = parent / str(len(made))
        path.mkdir()
        made.append(path)
        write(path, job, batches(keys, vectors, job["batch"]))
        return path

    return put


# Readers: open what the writer above wrote, with warm pages, and answer one request.


def get_ours(path: Path, job: Job, *, threads: int) -> Reader:
    """A reader of the store."""
    from diptych._native import Store

    store, dim = Store(str(path)), job["dim"]
    return lambda keys, out: store.get("bench", keys, dim, threads, out=out)


def get_lmdb(path: Path, job: Job) -> Reader:
    """A reader of LMDB."""
    lmdb = import_module("lmdb")
    environment = lmdb.open(str(path), map_size=job["n"] * job["dim"] * 16 + (1 << 24), readonly=True, lock=False)

    def get(keys: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
        with environment.begin(buffers=True) as transaction:
            for i, key in enumerate(keys):
                out[i] = np.frombuffer(transaction.get(key.tobytes()), np.float32)

    return get


def get_sqlite(path: Path, _job: Job) -> Reader:
    """A reader of SQLite."""
    connection = sqlite3.connect(path / "vectors.sqlite")
    query = "SELECT vector FROM vectors WHERE key = ?"

    def get(keys: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
        for i, key in enumerate(keys):
            out[i] = np.frombuffer(connection.execute(query, (key.tobytes(),)).fetchone()[0], np.float32)

    return get


def get_memmap(path: Path, job: Job) -> Reader:
    """A reader of a memory-mapped file with a dictionary of places."""
    vectors = np.memmap(path / "vectors.f32", np.float32, "r", shape=(job["n"], job["dim"]))
    place = {key.tobytes(): i for i, key in enumerate(np.load(path / "keys.npy"))}
    return lambda keys, out: vectors.take([place[key.tobytes()] for key in keys], 0, out, "clip")


def request(job: Job) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """The keys in random order, and the row of each."""
    order = np.random.default_rng(11).permutation(job["n"])
    return keys_and_vectors(job)[0][order], order


def start_get(write: Writer, read: Callable[[Path, Job], Reader], job: Job) -> Callable[[], NDArray[np.float32]]:
    """Fill a store, open a reader, and give the call that reads."""
    path = folder()
    keys, vectors = keys_and_vectors(job)
    write(path, job, batches(keys, vectors, job["n"]))
    wanted, _ = request(job)
    get, ask, dim = read(path, job), job["ask"], job["dim"]

    def by_parts() -> NDArray[np.float32]:
        out = np.empty((len(wanted), dim), np.float32)
        for at in range(0, len(wanted), ask):
            get(wanted[at : at + ask], out[at : at + ask])
        return out

    return by_parts


def start_gather(job: Job) -> Callable[[], NDArray[np.float32]]:
    """The vectors in memory already, and the row of every key known."""
    vectors, (_, order), ask = keys_and_vectors(job)[1], request(job), job["ask"]

    def by_parts() -> NDArray[np.float32]:
        out = np.empty_like(vectors)
        for at in range(0, len(order), ask):
            vectors.take(order[at : at + ask], 0, out[at : at + ask], "clip")
        return out

    return by_parts


# Oracles.


def check_put(job: Job, path: Path) -> str:
    """What was written is read back, by the documented format or by the peer's own reader; says its size on disk."""
    keys, vectors = keys_and_vectors(job)
    size, beyond = _bytes_of(path), (_bytes_of(path) - vectors.nbytes) / job["n"]
    said = f"{size / vectors.nbytes:.3f} x raw on disk, {beyond:.0f} B a row beyond it"
    if (path / "index.sqlite").exists():
        read = get_ours(path, job, threads=1)
        rows = np.fromfile(path / "segments" / "000001.f32", "<f4").reshape(-1, job["dim"])
        np.testing.assert_array_equal(rows, vectors)
        limit = 1.03 * vectors.nbytes + 64 * job["n"]
        said += f"; at most 1.03 x raw + 64 B a row: {'met' if size <= limit else 'NOT MET'}"
    elif (path / "data.mdb").exists():
        read = get_lmdb(path, job)
    else:
        read = get_sqlite(path, job)
    out = np.zeros_like(vectors)
    read(keys, out)
    np.testing.assert_array_equal(out, vectors)
    return said


def check_get(job: Job, answer: NDArray[np.float32]) -> None:
    """The rows asked for, in the order asked for."""
    np.testing.assert_array_equal(answer, keys_and_vectors(job)[1][request(job)[1]])


def _bytes_of(path: Path) -> int:
    """Bytes that the files take on the disk, logs included; sparse files count what they take."""
    total = 0
    for file in path.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            status = file.stat()
            total += min(status.st_size, status.st_blocks * 512) if file.is_file() else 0
    return total


def _put_mib(job: Job) -> float:
    """As in the docstring of ``EmbeddingCache.put_many``, the digests given."""
    return 160 * float(job["n"] + job["batch"]) / MIB


def _get_mib(job: Job) -> float:
    """As in the docstring of ``EmbeddingCache.get_many``, the digests given, and the result."""
    return float(4 * job["n"] * job["dim"] + 160 * (job["n"] + job["ask"])) / MIB


def _start(job: Job, *, of: Callable[..., Callable[[], Any]], arguments: tuple[Any, ...]) -> Callable[[], Any]:
    return of(*arguments, job)


def _put(name: str, kind: Any, write: Writer, *needs: str, max_rounds: int | None = None) -> Competitor:
    return Competitor(name, kind, partial(_start, of=start_put, arguments=(write,)), needs, max_rounds)


def _get(
    name: str, kind: Any, write: Writer, read: Callable[[Path, Job], Reader], *needs: str, max_rounds: int | None = None
) -> Competitor:
    return Competitor(name, kind, partial(_start, of=start_get, arguments=(write, read)), needs, max_rounds)


GET = (
    _get("diptych, 2 threads", "ours", put_ours, partial(get_ours, threads=2)),
    _get("diptych, 1 thread", "ours", put_ours, partial(get_ours, threads=1)),
    _get("lmdb", "peer", put_lmdb, get_lmdb, "lmdb"),
    _get("sqlite3", "peer", put_sqlite, get_sqlite, max_rounds=1),
    _get("numpy memmap and dict", "peer", put_memmap, get_memmap),
    Competitor("bare gather into a new array", "limit", start_gather),
)

ROWS = [
    Row(
        key="store.put",
        title="100,000 x 384 float32 in batches of 1,024, each durable",
        full=FULL,
        quick=QUICK,
        competitors=(
            _put("diptych", "ours", put_ours),
            _put("lmdb, sync", "peer", put_lmdb, "lmdb"),
            _put("sqlite3 WAL, full sync", "peer", put_sqlite, max_rounds=2),
            _put("write + fdatasync a batch", "limit", put_bare),
        ),
        check=check_put,
        memory_mib=_put_mib,
        targets=(Target("lmdb, sync", 0.2), Target("sqlite3 WAL, full sync", 0.2),
                 Target("write + fdatasync a batch", 3.5)),
    ),
    Row(
        key="store.get_all",
        title="the same 100,000, random order, one call",
        full=FULL,
        quick=QUICK,
        competitors=GET,
        check=check_get,
        memory_mib=_get_mib,
        targets=(Target("lmdb", 0.2), Target("bare gather into a new array", 3.0)),
    ),
    Row(
        key="store.get_32",
        title="the same 100,000, random order, 32 a call",
        full={**FULL, "ask": 32},
        quick={**QUICK, "ask": 32},
        competitors=[competitor for competitor in GET if competitor.name != "sqlite3"],
        check=check_get,
        memory_mib=_get_mib,
        targets=(Target("lmdb", 1 / 1.5),),
    ),
]  # fmt: skip
