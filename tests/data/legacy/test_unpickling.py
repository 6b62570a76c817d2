"""A pickled file is read as data: what it holds comes out, and what it would run does not run."""

from __future__ import annotations

import os
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.data.legacy.unpickling import Estimator, read_stage
from diptych.errors import DataError
from tests.data.legacy.forge import Foreign, Planted, results, under_another_name

VALUES: list[Any] = [
    results(),
    {"a": [1, 2.5, None, True, "漢", b"x", (1,)], "n": -(2**70)},
    [],
    "text",
    {1, 2},
]


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "a.pkl"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_plain_values_come_out(tmp_path: Path, value: Any, protocol: int) -> None:
    if isinstance(value, set) and protocol < 4:
        pytest.skip("sets are built by name before protocol 4, and no stage holds one")
    assert read_stage(written(tmp_path, pickle.dumps(value, protocol=protocol))) == value


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i4", "i8", "u1", "b1", ">f8"])
def test_arrays_come_out(tmp_path: Path, dtype: str, protocol: int) -> None:
    for order in "CF":
        array = np.asarray(np.arange(6).reshape(2, 3), dtype=dtype, order=order)
        scalar = np.float64(1.5)
        read = read_stage(written(tmp_path, pickle.dumps([array, {"x": array[0]}, scalar], protocol=protocol)))
        np.testing.assert_array_equal(read[0], array)
        assert read[0].dtype == array.dtype
        np.testing.assert_array_equal(read[1]["x"], array[0])
        assert read[2] == 1.5


def test_old_module_paths_of_numpy_are_known(tmp_path: Path) -> None:
    data = pickle.dumps(np.eye(2), protocol=0).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert b"numpy.core" in data
    np.testing.assert_array_equal(read_stage(written(tmp_path, data)), np.eye(2))


def test_an_estimator_is_its_fields(tmp_path: Path) -> None:
    made = Foreign(labels_=np.array([0, 1]), inner={"x": np.eye(1)})
    read = read_stage(written(tmp_path, under_another_name(made, "sklearn.cluster._kmeans", "KMeans")))
    assert isinstance(read, Estimator)
    assert read.fields["labels_"].tolist() == [0, 1]
    assert read.fields["inner"]["x"].tolist() == [[1.0]]


HOSTILE = {
    "posix.system": b"cposix\nsystem\n(S'true'\ntR.",
    "builtins.eval": b"cbuiltins\neval\n(S'1'\ntR.",
    "os.system by stack": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
    "a dotted name": b"\x80\x04\x8c\x0cnumpy\x8c\x08f2py.run\x93.".replace(b"\x0cnumpy", b"\x05numpy"),
    "a function of numpy": b"cnumpy\nload\n(S'x'\ntR.",
    "a function of sklearn": b"csklearn.utils\nall_estimators\n)R.",
    "an old class": b"(S'true'\nios\nsystem\n.",
    "an extension": b"\x80\x02\x82\x01.",
    "a persistent id": b"Pname\n.",
    "getattr": b"cbuiltins\ngetattr\n(cbuiltins\nlist\nS'append'\ntR.",
    "our own module": b"cdiptych.data.legacy.unpickling\nread_stage\n(S'x'\ntR.",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=list(HOSTILE))
def test_a_name_that_is_no_data_is_refused_and_named(tmp_path: Path, data: bytes) -> None:
    path = written(tmp_path, data)
    with pytest.raises(DataError) as raised:
        read_stage(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("protocol", range(6))
def test_what_is_planted_runs_no_time_and_would_have_run(tmp_path: Path, protocol: int) -> None:
    target = tmp_path / "ran"
    data = pickle.dumps({"inputs": ["a"], "x": Planted(target)}, protocol=protocol)
    with pytest.raises(DataError, match=r"asks for (posix|nt)\.mkdir\. Nothing of it was run"):
        read_stage(written(tmp_path, data))
    assert not target.exists()
    pickle.loads(data)
    assert target.exists()  # the trap works


def test_a_state_cannot_change_our_functions(tmp_path: Path) -> None:
    scalar = b"cnumpy.core.multiarray\nscalar\n"
    with pytest.raises(DataError, match="a state for a function"):
        read_stage(written(tmp_path, scalar + b"(N(dS'__name__'\nS'x'\nstb."))
    storage = b"ctorch\nFloatStorage\n"
    for state in (b"(lS'i8'\na", b"(dS'code'\nS'i8'\ns"):
        with pytest.raises(DataError, match="a state for a type of numbers"):
            read_stage(written(tmp_path, storage + state + b"b."))
    array = b"cnumpy\nndarray\n"
    with pytest.raises(DataError):
        read_stage(written(tmp_path, array + b"(dS'clear'\nI1\nsb."))
    np.testing.assert_array_equal(read_stage(written(tmp_path, pickle.dumps(np.eye(1), protocol=2))), np.eye(1))


def test_arrays_of_objects_and_other_types_are_refused(tmp_path: Path) -> None:
    for value in (np.array([{}], dtype=object), np.array(["a"]), np.array([1], "M8[s]"), np.zeros(1, "i4,f4")):
        with pytest.raises(DataError, match="array of"):
            read_stage(written(tmp_path, pickle.dumps(value, protocol=2)))


def test_what_stands_at_many_places_is_not_copied_to_each(tmp_path: Path) -> None:
    value: Any = []
    for _ in range(60):
        value = [value, value]
    read = read_stage(written(tmp_path, pickle.dumps(value)))
    assert read[0] is read[1]
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(DataError, match="damaged"):
        read_stage(written(tmp_path, pickle.dumps(loop)))


@given(st.binary(max_size=200), st.integers(0, 400))
def test_damage_is_one_error(tmp_path: Path, noise: bytes, cut: int) -> None:
    whole = pickle.dumps(results(), protocol=4)
    for data in (noise, whole[:cut] + noise):
        with suppress(DataError):  # and nothing else
            read_stage(written(tmp_path, data))


def test_places_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_stage(tmp_path / "none.pkl")
    with pytest.raises(DataError, match="directory"):
        read_stage(tmp_path)
    assert os.listdir(tmp_path) == []
