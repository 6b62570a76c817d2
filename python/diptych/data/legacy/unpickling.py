"""Pickled data, read without running it: plain values, plain arrays and tensors, stand-ins for fitted estimators.

Unpickling calls whatever a file names. Here a name stands for nothing but what the table below holds, none of which
does more than build a value; any other is refused before it is looked up, so that no code of the file's choosing runs.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from diptych._types import Json
from diptych.errors import DataError

MAX_BYTES = 4 << 30
"""Of a file; the largest of the original's hold the vectors of some ten thousand texts."""
_KINDS, _SIZES = "biuf", ("1", "2", "4", "8")
_NUMPY = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")


class _Made:
    """Something that a file builds from its parts; whatever it is called with, it starts empty."""

    def __new__(cls, *_: Any, **__: Any) -> Self:
        made = super().__new__(cls)
        made.clear()
        return made

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def clear(self) -> None:
        """Begin."""

    def __setstate__(self, state: Any) -> None: ...


class Estimator(_Made):
    """What is left of a fitted estimator, or a graph: its ``fields`` by name, and nothing that can be called."""

    def clear(self) -> None:
        """No fields yet."""
        self.fields: Json = {}

    def __setstate__(self, state: Any) -> None:
        self.fields = dict(state) if isinstance(state, dict) else {}


class _Dtype(_Made):
    """A type of numbers, as a file describes it."""

    def __init__(self, code: Any = "", *_: Any, **__: Any) -> None:
        self.code = str(code)

    def clear(self) -> None:
        self.code, self.order = "", "|"

    def __setstate__(self, state: Any) -> None:
        self.order = str(state[1])

    def dtype(self) -> np.dtype[Any]:
        """Of plain numbers; any other is refused."""
        order = "" if self.order == "|" else self.order
        if self.code[:1] not in _KINDS or self.code[1:] not in _SIZES or order not in ("", "<", ">", "="):
            raise pickle.UnpicklingError(f"an array of {self.code!r:.20}, which is not plain numbers")
        return np.dtype(order + self.code)


class _Array(_Made):
    """An array in the making; ``value`` when all of it was read."""

    def clear(self) -> None:
        self.value: NDArray[Any] = np.zeros(0)

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        if not isinstance(dtype, _Dtype) or not isinstance(data, bytes | bytearray | str):
            raise pickle.UnpicklingError("an array of Python objects")
        content = data.encode("latin-1") if isinstance(data, str) else data
        self.value = np.frombuffer(content, dtype.dtype()).reshape(shape, order="F" if fortran else "C")


class _Names(dict[Any, Any]):
    """A dict; what a file sets on it besides its keys is dropped."""

    def __setstate__(self, state: Any) -> None: ...


class _Call:
    """A function of ours that a file may call, and cannot change."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *given: Any) -> Any:
        return self._function(*given)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a state for a function")


def _from_buffer(data: Any, dtype: _Dtype, shape: Any, order: Any) -> _Array:
    made = _Array()
    made.__setstate__((1, shape, dtype, order == "F", data))
    return made


def _scalar(dtype: _Dtype, data: Any) -> Any:
    return np.frombuffer(data.encode("latin-1") if isinstance(data, str) else data, dtype.dtype())[0].item()


@dataclass(frozen=True, slots=True)
class _StorageType:
    """The type of a tensor's numbers, by its code in NumPy; ``bf16`` for the upper half of a float32."""

    code: str

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a state for a type of numbers")


@dataclass(frozen=True, slots=True)
class _Storage:
    """The numbers of a tensor, one after the other."""

    values: NDArray[Any]


def _load_storage(data: Any) -> _Storage:
    """What torch puts into a pickle for a storage: a file of its own with five pickles and the bytes of the numbers."""
    file = io.BytesIO(data)
    magic, version, _ = (_Unpickler(file).load() for _ in range(3))
    described = _StorageUnpickler(file).load()
    _Unpickler(file).load()  # its keys, of which there is one
    if (magic, version) != _TORCH_FORMAT or not isinstance(described, _StorageType):
        raise pickle.UnpicklingError("a storage of an unknown form")
    n = int.from_bytes(file.read(8), "little")
    return _as_storage(described, n, file.read())


def _as_storage(kind: _StorageType, n: int, content: bytes) -> _Storage:
    dtype = np.dtype("<u2" if kind.code == "bf16" else f"<{kind.code}")
    if len(content) != n * dtype.itemsize:
        raise pickle.UnpicklingError(f"a storage of {n} numbers in {len(content)} bytes")
    values = np.frombuffer(content, dtype)
    return _Storage((values.astype(np.uint32) << 16).view(np.float32) if kind.code == "bf16" else values)


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> _Array:
    """A tensor as an array; only one whose numbers stand one after the other."""
    shape = tuple(int(n) for n in size)
    n = math.prod(shape)
    steps = tuple(math.prod(shape[place + 1 :]) for place in range(len(shape)))
    if not isinstance(storage, _Storage) or min((*shape, offset), default=0) < 0 or (n > 1 and tuple(stride) != steps):
        raise pickle.UnpicklingError("a tensor that is not its numbers in their order")
    made = _Array()
    made.value = storage.values[offset : offset + n].reshape(shape)
    return made


_TORCH_FORMAT = (0x1950A86A20F9469CFC6C, 1001)
_STORAGES = {
    "FloatStorage": "f4", "DoubleStorage": "f8", "HalfStorage": "f2", "BFloat16Storage": "bf16", "LongStorage": "i8",
    "IntStorage": "i4",
}  # fmt: skip
_GRAPHS = [
    ("graph", "Graph"), ("coreviews", "AdjacencyView"), ("reportviews", "NodeView"), ("reportviews", "EdgeView"),
    ("reportviews", "DegreeView"),
]  # fmt: skip
_SAFE: dict[tuple[str, str], Any] = {
    **{(module, "_reconstruct"): _Array for module in _NUMPY},
    **{(module, "ndarray"): _Array for module in _NUMPY},
    **{(module, "dtype"): _Dtype for module in _NUMPY},
    **{(module, "scalar"): _Call(_scalar) for module in _NUMPY},
    **{(module, "_frombuffer"): _Call(_from_buffer) for module in _NUMPY},
    ("_codecs", "encode"): _Call(lambda text, *_: text.encode("latin-1")),
    ("collections", "OrderedDict"): _Call(lambda *_: _Names()),
    ("collections", "defaultdict"): _Call(lambda *_: {}),
    ("torch._utils", "_rebuild_tensor_v2"): _Call(_tensor),
    ("torch.storage", "_load_from_bytes"): _Call(_load_storage),
    ("builtins", "dict"): _Call(lambda *_: {}),
    **{(f"networkx.classes.{module}", name): Estimator for module, name in _GRAPHS},
    **{(module, name): _StorageType(code) for module in ("torch", "torch.cuda") for name, code in _STORAGES.items()},
}
"""All that a name can stand for, besides the classes of scikit-learn, which stand for `Estimator`."""


class _Refused(pickle.UnpicklingError):
    pass


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = _SAFE.get((module, name))
        if found is None and module.partition(".")[0] == "sklearn" and name[:1].isupper():
            return Estimator
        if found is None:
            raise _Refused(f"it asks for {module}.{name}".encode("unicode_escape").decode()[:200])
        return found


class _StorageUnpickler(_Unpickler):
    """For the one pickle that describes a storage: ``("storage", type, key, place, number, view)``."""

    def persistent_load(self, pid: Any) -> Any:
        if not isinstance(pid, tuple) or len(pid) < 2 or pid[0] != "storage":
            raise pickle.UnpicklingError("a storage of an unknown form")
        return pid[1]


class _ZipUnpickler(_Unpickler):
    """For ``torch.save``: one pickle in an archive, beside the numbers of each storage, stored as they are."""

    def __init__(self, archive: ZipFile) -> None:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise pickle.UnpicklingError(f"an archive with {len(pickles)} files data.pkl")
        self._archive, self._root = archive, pickles[0].removesuffix("data.pkl")
        self._storages: dict[str, _Storage] = {}
        order = f"{self._root}byteorder"
        if order in archive.namelist() and self._bytes("byteorder") != b"little":
            raise pickle.UnpicklingError("numbers whose bytes are not in little-endian order")
        super().__init__(io.BytesIO(self._bytes("data.pkl")))

    def persistent_load(self, pid: Any) -> Any:
        kind, described, key, _, n = pid
        if kind != "storage" or not isinstance(described, _StorageType):
            raise pickle.UnpicklingError("a storage of an unknown form")
        if key not in self._storages:
            self._storages[key] = _as_storage(described, n, self._bytes(f"data/{key}"))
        return self._storages[key]

    def _bytes(self, name: str) -> bytes:
        about = self._archive.getinfo(self._root + name)
        if about.compress_type != ZIP_STORED:
            raise pickle.UnpicklingError(f"{name} is compressed, which torch does not do")
        return self._archive.read(about)


def read_torch(path: Path) -> Any:
    """The value that ``torch.save`` wrote, as `read_stage` gives it: tensors are arrays.

    Parameters
    ----------
    path : the file, an archive

    Raises
    ------
    DataError
        As `read_stage` does.
    """
    with _damage_told(path), ZipFile(path) as archive:
        return _plain(_ZipUnpickler(archive).load(), {})


def read_stage(path: Path) -> Any:
    """The value of a pickled file: plain containers, text, numbers, arrays, `Estimator`.

    Parameters
    ----------
    path : the file

    Raises
    ------
    DataError
        If it cannot be read, is damaged, or asks for anything else: names it. Nothing that it names is called.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.pkl"
    >>> _ = path.write_bytes(b"(lp0" + bytes([10]) + b"I7" + bytes([10]) + b"a.")
    >>> read_stage(path)
    [7]
    """
    with _damage_told(path):
        return _plain(_Unpickler(io.BytesIO(path.read_bytes())).load(), {})


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path} has {path.stat().st_size:,} bytes; at most {MAX_BYTES:,} are read.")
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}.") from error
    except _Refused as error:
        raise DataError(f"{path} is not plain data: {error}. Nothing of it was run, and nothing was taken.") from None
    except (
        pickle.UnpicklingError, BadZipFile, NotImplementedError, EOFError, ValueError, TypeError, AttributeError,
        LookupError, ImportError, RecursionError, MemoryError, OverflowError, RuntimeError,
    ) as error:  # fmt: skip
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is damaged, or no file of plain data: {str(error)[:200]!r}.") from None


def _plain(value: Any, done: dict[int, Any]) -> Any:
    """The same with finished arrays in place of those in the making; what stands at many places is finished once."""
    if isinstance(value, _Array):
        return value.value
    if not isinstance(value, Estimator | dict | list | tuple):
        return value
    if id(value) not in done:
        if isinstance(value, Estimator):
            done[id(value)] = value  # a graph holds views that hold the graph
        done[id(value)] = _plain_inside(value, done)
    return done[id(value)]


def _plain_inside(value: Estimator | dict[Any, Any] | list[Any] | tuple[Any, ...], done: dict[int, Any]) -> Any:
    if isinstance(value, Estimator):
        value.fields = {str(name): _plain(field, done) for name, field in value.fields.items()}
        return value
    if isinstance(value, dict):
        return {key: _plain(field, done) for key, field in value.items()}
    items = [_plain(item, done) for item in value]
    return items if isinstance(value, list) else tuple(items)
