"""The store seen from Python: a dict as twin, the documented format as oracle, forks, full disks, wrong arrays."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from diptych._native import Store
from diptych.errors import ConfigError, CorruptStoreError, ShapeError, StoreError, StoreVersionError
from tests.helpers.namespace import on_small_disk

Keys = NDArray[np.uint8]
Vectors = NDArray[np.float32]


def digests(texts: list[str]) -> Keys:
    joined = b"".join(hashlib.sha256(text.encode()).digest() for text in texts)
    return np.frombuffer(joined, np.uint8).reshape(-1, 32)


def numbered(n: int) -> Keys:
    return digests([str(i) for i in range(n)])


def random_vectors(n: int, dim: int, seed: int = 0) -> Vectors:
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


def run_python(code: str, *args: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


rows = st.lists(st.tuples(st.integers(0, 15), st.floats(width=32, allow_nan=False, allow_infinity=False)), max_size=8)
steps = st.lists(st.tuples(st.sampled_from(["put", "get", "reopen"]), st.sampled_from("xy"), rows), max_size=10)


@settings(max_examples=25, deadline=None)
@given(steps)
def test_any_history_gives_what_a_dict_gives(history: list[tuple[str, str, list[tuple[int, float]]]]) -> None:
    twin: dict[tuple[str, int], float] = {}
    with tempfile.TemporaryDirectory() as path:
        store = Store(path)
        for verb, space, batch in history:
            keys = digests([str(number) for number, _ in batch])
            if verb == "put":
                before = len(twin)
                for number, value in batch:
                    twin.setdefault((space, number), value)
                vectors = np.array([[value, 1.0] for _, value in batch], np.float32).reshape(-1, 2)
                assert store.put(space, keys, vectors) == len(twin) - before
            elif verb == "get":
                got, found = store.get(space, keys, 2)
                assert found.tolist() == [(space, number) in twin for number, _ in batch]
                expected = [[twin[space, n], 1.0] if (space, n) in twin else [0.0, 0.0] for n, _ in batch]
                assert got.tobytes() == np.array(expected, np.float32).tobytes()
            else:
                del store
                store = Store(path)
        assert store.verify() == []


READER = """
import json, sqlite3, sys, numpy
folder = sys.argv[1]
index = sqlite3.connect(f"file:{folder}/index.sqlite?mode=ro", uri=True)
pragma = {name: index.execute(f"pragma {name}").fetchone()[0] for name in ("application_id", "user_version", "journal_mode")}
sql = "select fingerprint, segment, row, dim, entries from batches join spaces on spaces.id = space order by batches.id"
vectors = {}
for space, segment, first, dim, entries in index.execute(sql):
    for row, entry in enumerate(numpy.frombuffer(entries, "u1").reshape(-1, 40), first):
        at = numpy.fromfile(f"{folder}/segments/{segment:06d}.f32", "<f4", dim, offset=4 * dim * row)
        vectors.setdefault(space, {})[entry[:32].tobytes().hex()] = at.tobytes().hex()
committed = index.execute("select id, dim, rows from segments order by id").fetchall()
print(json.dumps({"pragma": pragma, "vectors": vectors, "segments": committed}))
"""


def test_sqlite3_and_fromfile_in_another_process_read_the_documented_format(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    batches: dict[str, dict[str, str]] = {}
    for space, dim in [("m@1", 5), ("m@2", 5), ("other", 3)]:
        keys, vectors = numbered(20), random_vectors(20, dim, seed=len(batches))
        batches[space] = {key.tobytes().hex(): row.tobytes().hex() for key, row in zip(keys, vectors, strict=True)}
        for part in (slice(0, 7), slice(5, 20)):
            store.put(space, keys[part], vectors[part])
    seen = json.loads(run_python(READER, str(tmp_path)))
    assert seen["vectors"] == batches
    assert seen["pragma"] == {"application_id": 0x64697074, "user_version": 2, "journal_mode": "wal"}
    assert seen["segments"] == [[1, 5, 40], [2, 3, 20]]
    assert store.stats() == [("m@1", 5, 20, 400), ("m@2", 5, 20, 400), ("other", 3, 20, 240)]


def test_what_is_found_does_not_depend_on_the_order_or_the_repetition_of_keys(tmp_path: Path) -> None:
    store, keys, vectors = Store(str(tmp_path)), numbered(300), random_vectors(300, 7)
    assert store.put("s", keys, vectors) == 300
    order = np.random.default_rng(1).integers(0, 300, 1000)
    got, found = store.get("s", keys[order], 7)
    assert (str(got.dtype), got.shape, str(found.dtype)) == ("float32", (1000, 7), "bool")
    assert found.all()
    np.testing.assert_array_equal(got, vectors[order])


@pytest.mark.parametrize("n_threads", [1, 2, 7])
def test_out_is_filled_and_returned_and_keeps_its_rows_that_are_not_found(tmp_path: Path, n_threads: int) -> None:
    store, keys, vectors = Store(str(tmp_path)), numbered(9000), random_vectors(9000, 3)
    store.put("s", keys[:8000], vectors[:8000])
    order = np.random.default_rng(2).permutation(9000)
    out = np.full((9000, 3), 5, np.float32)
    got, found = store.get("s", keys[order], 3, n_threads, out=out)
    assert got is out
    np.testing.assert_array_equal(found, order < 8000)
    np.testing.assert_array_equal(out, np.where(found[:, None], vectors[order], np.float32(5)))


def test_an_out_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    store, keys = Store(str(tmp_path)), numbered(4)
    store.put("s", keys, random_vectors(4, 3))
    frozen = np.ones((4, 3), np.float32)
    frozen.flags.writeable = False
    for out, text in [
        (
            np.ones((4, 2), np.float32),
            r"out: expected a C-contiguous float32 array of shape \[4, 3\], got shape \[4, 2\]",
        ),
        (np.ones((8, 3), np.float32)[::2], "out: expected a C-contiguous"),
        (frozen, "out: .*; pass an array of your own"),
    ]:
        with pytest.raises(ShapeError, match=text):
            store.get("s", keys, 3, out=out)
        assert (out == 1).all()
    with pytest.raises(TypeError, match="out"):
        store.get("s", keys, 3, out=np.ones((4, 3)))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="threads: got 0; pass 1 or more"):
        store.get("s", keys, 3, 0)


def test_of_two_vectors_for_a_key_the_first_wins_for_ever(tmp_path: Path) -> None:
    store, key = Store(str(tmp_path)), numbered(1)
    assert store.put("s", np.repeat(key, 2, axis=0), np.array([[1.0], [2.0]], np.float32)) == 1
    assert store.put("s", key, np.array([[3.0]], np.float32)) == 0
    assert Store(str(tmp_path)).get("s", key, 1)[0].tolist() == [[1.0]]


@pytest.mark.parametrize("n_threads", [1, 2, 4, 8])
def test_threads_leave_the_same_rows_however_many_there_are(tmp_path: Path, n_threads: int) -> None:
    store, keys, vectors = Store(str(tmp_path)), numbered(96), random_vectors(96, 4)
    new: list[int] = []

    def work() -> None:
        for at in range(0, 96, 16):
            new.append(store.put("s", keys[at : at + 16], vectors[at : at + 16]))
            store.get("s", keys, 4)

    threads = [threading.Thread(target=work) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(new) == 96
    np.testing.assert_array_equal(store.get("s", keys, 4)[0], vectors)
    assert store.verify() == []


def test_other_threads_run_while_a_put_waits_for_the_disk(tmp_path: Path) -> None:
    store, ticks, done = Store(str(tmp_path)), 0, threading.Event()
    keys, vectors = numbered(20_000), random_vectors(20_000, 64)

    def work() -> None:
        store.put("s", keys, vectors)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.is_set():
        ticks += 1
        time.sleep(0.001)
    thread.join()
    assert ticks > 5


EMPTY = np.zeros((0, 3), np.float32)


def test_no_row_and_one_row_are_batches_too(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert store.put("s", numbered(0), EMPTY) == 0
    assert store.get("s", numbered(0), 3)[0].shape == (0, 3)
    assert store.stats() == []
    assert store.put("s", numbered(1), np.ones((1, 3), np.float32)) == 1
    assert store.get("s", numbered(1), 3)[1].tolist() == [True]


def odd(text: str) -> NDArray[np.float32]:
    vectors = np.ones((2, 3), np.float32)
    match text:
        case "nan":
            vectors[1, 2] = np.nan
        case "inf":
            vectors[0, 1] = -np.inf
    return vectors


@pytest.mark.parametrize(
    ("keys", "vectors", "error", "text"),
    [
        (numbered(2), odd("nan"), ShapeError, r"vectors\[1, 2\] is NaN; nothing of this batch was stored"),
        (numbered(2), odd("inf"), ShapeError, r"vectors\[0, 1\] is -inf"),
        (numbered(3), odd(""), ShapeError, "3 keys of 32 bytes need 3 x 3 = 9 values, got 6"),
        (numbered(2), np.zeros((2, 0), np.float32), ShapeError, "vectors have width 0; a store takes 1 to 1048576"),
        (numbered(2)[:, :31], odd(""), ShapeError, r"keys: expected shape \(n, 32\), got \[2, 31\]"),
        (numbered(4)[::2], odd(""), ShapeError, "keys: expected a C-contiguous array"),
        (np.asfortranarray(numbered(2)), odd(""), ShapeError, r"pass numpy.ascontiguousarray\(keys\)"),
        (numbered(2), np.asfortranarray(odd("")), ShapeError, r"pass numpy.ascontiguousarray\(vectors\)"),
        (numbered(2), odd("").astype(np.float64), TypeError, "vectors"),
        (numbered(2).astype(np.int64), odd(""), TypeError, "keys"),
        (numbered(2)[0], odd(""), TypeError, "keys"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_and_nothing_is_stored(
    tmp_path: Path, keys: Keys, vectors: Vectors, error: type[Exception], text: str
) -> None:
    store = Store(str(tmp_path))
    with pytest.raises(error, match=text):
        store.put("s", keys, vectors)
    assert store.stats() == []


def test_a_width_that_is_not_the_spaces_is_refused(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.put("s", numbered(1), np.ones((1, 3), np.float32))
    text = 'space "s" holds vectors of width 3, got width 2'
    with pytest.raises(ShapeError, match=text):
        store.put("s", numbered(1), np.ones((1, 2), np.float32))
    with pytest.raises(ShapeError, match=text):
        store.get("s", numbered(1), 2)
    for dim in (0, 2**40):
        with pytest.raises(ShapeError, match=f"width {dim}"):
            store.get("s", numbered(1), dim)


def test_every_typed_error_names_the_folder_and_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"^{re.escape(str(tmp_path / 'no'))}: there is no store here") as missing:
        Store(str(tmp_path / "no"), read_only=True)
    assert (missing.value.path, isinstance(missing.value, OSError)) == (str(tmp_path / "no"), True)
    assert not (tmp_path / "no").exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="the path is a file, not a folder; name a new or empty folder"):
        Store(str(tmp_path / "file"))
    folder = tmp_path / "store"
    store = Store(str(folder))
    store.put("s", numbered(2), np.ones((2, 3), np.float32))
    (folder / "segments" / "000001.f32").unlink()
    with pytest.raises(CorruptStoreError, match=r"000001\.f32 is missing.*move the folder away and run again"):
        store.get("s", numbered(2), 3)
    del store
    run_python(
        "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('pragma user_version = 9')", f"{folder}/index.sqlite"
    )
    before = (folder / "index.sqlite").read_bytes()
    with pytest.raises(StoreVersionError, match=r"format version 9 and this diptych reads up to 2.*upgrade diptych"):
        Store(str(folder))
    assert (folder / "index.sqlite").read_bytes() == before


FULL = """
import resource, sys, numpy
from diptych._native import Store
from diptych.errors import StoreError
store = Store(sys.argv[1])
keys = numpy.random.default_rng(0).integers(0, 256, (4000, 32), dtype=numpy.uint8)
vectors = numpy.random.default_rng(1).random((4000, 64), dtype=numpy.float32)
store.put("s", keys[:100], vectors[:100])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    store.put("s", keys, vectors)
except StoreError as error:
    print(error)
assert (store.get("s", keys[:100], 64)[0] == vectors[:100]).all()
assert store.get("s", keys, 64)[1].sum() == 100
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert store.put("s", keys, vectors) == 3900
assert (store.get("s", keys, 64)[0] == vectors).all()
assert store.verify() == []
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file-size limits are POSIX")
def test_a_file_that_cannot_grow_stops_the_batch_and_nothing_else(tmp_path: Path) -> None:
    out = run_python(FULL, str(tmp_path / "store"), "500000")
    assert "disk full while appending rows; nothing of this batch was stored and earlier rows are intact" in out


TMPFS = """
import os, shutil, sys, numpy
from diptych._native import Store
from diptych.errors import StoreError
root = sys.argv[1]
store = Store(f"{root}/store")
rng = numpy.random.default_rng(0)
batches = [(rng.integers(0, 256, (64, 32), dtype=numpy.uint8), rng.random((64, 384), dtype=numpy.float32)) for _ in range(120)]
with open(f"{root}/ballast", "wb") as ballast:
    ballast.write(bytes(3 << 20))
for stored, batch in enumerate(batches):
    try:
        store.put("s", *batch)
    except StoreError as error:
        print(error)
        break
def check(n):
    for keys, vectors in batches[:n]:
        assert (store.get("s", keys, 384)[0] == vectors).all()
check(stored)
os.unlink(f"{root}/ballast")
assert store.put("s", *batches[stored]) == 64
check(stored + 1)
assert not store.get("s", batches[stored + 1][0], 384)[1].any()
assert store.verify() == []
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a small tmpfs")
def test_a_full_disk_is_an_error_and_writing_works_again_when_there_is_room(tmp_path: Path) -> None:
    assert "disk full while" in on_small_disk(TMPFS, tmp_path / "disk", "8m", timeout_s=60)


FORK = """
import os, sys, numpy
from diptych._native import Store
store, other = Store(sys.argv[1]), Store(sys.argv[1], read_only=True)
keys = numpy.random.default_rng(0).integers(0, 256, (4, 25, 32), dtype=numpy.uint8)
vectors = numpy.random.default_rng(1).random((4, 25, 3), dtype=numpy.float32)
store.put("s", keys[0], vectors[0])
assert other.get("s", keys[0], 3)[1].all()
go, went = os.pipe()
children = []
for child in (1, 2, 3):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(went)
            os.read(go, 1)  # until the parent has closed its store
            assert (other.get("s", keys[0], 3)[0] == vectors[0]).all()
            for row in range(25):
                store.put("s", keys[child][row : row + 1], vectors[child][row : row + 1])
            status = 0
        finally:
            os._exit(status)
    children.append(pid)
del store, other
os.close(went)
assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
store = Store(sys.argv[1])
for number in range(4):
    assert (store.get("s", keys[number], 3)[0] == vectors[number]).all(), number
assert store.verify() == []
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_children_write_to_the_parents_store_and_lose_nothing(tmp_path: Path) -> None:
    run_python(FORK, str(tmp_path))
