"""Files that are either whole or absent."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from diptych.errors import ConfigError, DataError, DiptychError, RunError

_DAMAGED = (
    ArithmeticError, AttributeError, EOFError, LookupError, NotImplementedError, OSError, TypeError, ValueError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
_ROOM = "Free some space or choose another place, then give the command again."
_ELSEWHERE = "Choose another folder, or free some space."
_FULL = ("No space left", "file write failed", "failed writing file", "inline_container.cc")
"""What safetensors and torch, which have errors of their own, say of a full disk."""


@contextmanager
def writing(place: Path, remedy: str = _ROOM) -> Iterator[None]:
    """What the system says against writing, in whichever library it is met, as an error of ours.

    Parameters
    ----------
    place : the file or the folder that is written in the block
    remedy : what can be done about it, as a sentence

    Raises
    ------
    RunError
        In place of any ``OSError`` that is not ours, and of what is said of a full disk.

    Examples
    --------
    >>> with writing(Path("run"), "Choose another folder."):
    ...     raise OSError(28, "No space left on device")
    Traceback (most recent call last):
        ...
    diptych.errors.RunError: run cannot be written: No space left on device. Choose another folder.
    """
    try:
        yield
    except DiptychError:
        raise
    except OSError as error:
        raise RunError(f"{place} cannot be written: {error.strerror or error}. {remedy}") from error
    except Exception as error:
        if any(said in str(error) for said in _FULL):
            raise RunError(f"{place} cannot be written: No space left on device. {remedy}") from error
        raise


@contextmanager
def reading(path: str | Path, what: str = "") -> Iterator[None]:
    """What the system says against reading a file that a user named, as an error of ours.

    Parameters
    ----------
    path : that is read in the block
    what : it should be, in words, which are said when it is not there

    Raises
    ------
    DataError
        In place of any ``OSError`` that is not ours.

    Examples
    --------
    >>> with reading("none.txt", "file of prompts"):
    ...     Path("none.txt").read_bytes()
    Traceback (most recent call last):
        ...
    diptych.errors.DataError: none.txt: no such file of prompts. It is looked up from the current folder.
    """
    try:
        yield
    except DiptychError:
        raise
    except OSError as error:
        if what and isinstance(error, FileNotFoundError):
            raise DataError(f"{path}: no such {what}. It is looked up from the current folder.") from error
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file, for all users to read: temporary sibling, fsync, rename, fsync of the folder."""
    with atomic_file(path) as file:
        file.write(data)


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files in order, each whole or not at all; folders in between are made.

    Parameters
    ----------
    folder : that is there
    files : contents by name, which may have folders in it; text is written as UTF-8
    """
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content if isinstance(content, bytes) else content.encode())


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name, durably, only when the block has ended well.

    Yields
    ------
    A temporary sibling to write into.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o644)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextmanager
def as_written(folder: Path) -> Iterator[None]:
    """Turn what a file that was damaged or edited by hand brings about in its reader into an error that names its run.

    Parameters
    ----------
    folder : of the run

    Raises
    ------
    RunError
        For a file, or a value in one, that is missing, of another type or out of range; errors of diptych pass through.

    Examples
    --------
    >>> with as_written(Path("runs/mine")):
    ...     {"n": 1}["share"]
    Traceback (most recent call last):
    diptych.errors.RunError: runs/mine is not as it was written: KeyError('share'). Make the run again, or take a copy.
    """
    try:
        yield
    except DiptychError:
        raise
    except _DAMAGED as error:
        said = str(error) if isinstance(error, OSError) else repr(error)
        reason = f"{folder} is not as it was written: {said:.200}. Make the run again, or take a copy."
        raise RunError(reason) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder that appears under its name, durably, only when the block has ended well.

    Yields
    ------
    A temporary sibling to write into, with `write_atomic`; folders in it are made with `new_folder`.

    Raises
    ------
    RunError
        If ``path`` exists and is not an empty folder, or cannot be created.
    """
    made: list[Path] = []
    try:
        with writing(path.parent, _ELSEWHERE):
            _refuse_used(path)
            _make_parents(path.parent, made)
            temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    except RunError:
        _remove_empty(made)
        raise
    try:
        yield temporary
        temporary.chmod(0o755)
        for file in temporary.iterdir():
            if not file.is_dir():
                file.chmod(0o644)
        sync_folder(temporary)
        if path.exists():
            path.rmdir()
        os.rename(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        _remove_empty(made)
        raise
    for folder in (path, *reversed(made)):
        sync_folder(folder.parent)


def check_new_file(path: Path, what: str, endings: Sequence[str]) -> Path:
    """Return a path that a file can be written to.

    Parameters
    ----------
    path : of the file
    what : is written there, in words
    endings : that it may have

    Raises
    ------
    ConfigError
        If its ending is another, or its folder is not there.
    """
    if path.suffix not in endings:
        raise ConfigError(f"{path}: {what} are written as {' or '.join(endings)}; give a name that ends so")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.absolute().parent}. Make it, or choose another.")
    return path


def check_new_folder(path: Path) -> None:
    """Find out before long work whether `new_folder` will be able to do its part; leaves nothing.

    Raises
    ------
    RunError
        As `new_folder` does.
    """
    made: list[Path] = []
    try:
        with writing(path.parent, _ELSEWHERE):
            _refuse_used(path)
            _make_parents(path.parent, made)
            os.rmdir(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    finally:
        _remove_empty(made)


def _refuse_used(path: Path) -> None:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(f"{path} already exists and is not empty. Choose another folder, or delete it.")


def _make_parents(folder: Path, made: list[Path]) -> None:
    """Create a folder and those above it, and note the new ones as they are made."""
    if folder.is_dir():
        return
    if folder.exists():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    _make_parents(folder.parent, made)
    with suppress(FileExistsError):  # another process made it just now
        folder.mkdir()
        made.append(folder)


def _remove_empty(folders: list[Path]) -> None:
    for folder in reversed(folders):
        with suppress(OSError):  # something else is in it by now
            folder.rmdir()
