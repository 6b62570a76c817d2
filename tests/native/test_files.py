"""``read_file``: whole files or a typed error."""

from __future__ import annotations

import errno
import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych import _core
from diptych.errors import RecordError

# One zstandard frame with a checksum, holding b"text\n"; the standard library cannot make one.
ZSTD_FRAME = bytes.fromhex("28b52ffd0448290000746578740a2c51a1bf")

Write = Callable[[bytes], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(data: bytes) -> str:
        path = tmp_path / "file"
        path.write_bytes(data)
        return str(path)

    return write


@pytest.mark.parametrize("data", [b"", b"{}\n", b"\x1f", b"\x28\xb5\x2f", bytes(range(256))])
def test_plain_bytes_come_back_unchanged(write: Write, data: bytes) -> None:
    assert _core.read_file(write(data)) == data


@settings(max_examples=40, deadline=None)
@given(parts=st.lists(st.binary(max_size=300), min_size=1, max_size=4), level=st.integers(0, 9))
def test_gzip_members_are_read_whole(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], level: int) -> None:
    path = tmp_path_factory.mktemp("gz") / "named.txt"
    path.write_bytes(b"".join(gzip.compress(part, level) for part in parts))
    assert _core.read_file(str(path)) == b"".join(parts)


def test_zstandard_frames_are_read_whole(write: Write) -> None:
    assert _core.read_file(write(ZSTD_FRAME * 3)) == b"text\n" * 3


def test_zstandard_of_another_writer_is_read(write: Write) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    data = b"some text, " * 5000
    assert _core.read_file(write(bytes(pyarrow.compress(data, codec="zstd", asbytes=True)))) == data


def test_gzip_header_fields_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as raw, gzip.GzipFile("a name.jsonl", "wb", fileobj=raw, mtime=1) as out:
        out.write(b"text")
    assert _core.read_file(str(path)) == b"text"


@pytest.mark.parametrize("stream", [gzip.compress(b"text\n", mtime=0), ZSTD_FRAME])
def test_a_stream_cut_anywhere_is_refused(write: Write, stream: bytes) -> None:
    for at in range(4, len(stream)):
        with pytest.raises(RecordError, match=r"stream is cut short after \d decompressed bytes; copy or download"):
            _core.read_file(write(stream[:at]))


@pytest.mark.parametrize("stream", [gzip.compress(b"text\n", mtime=0), ZSTD_FRAME])
@pytest.mark.parametrize("garbage", [b"\0", b"{}\n", b"\0" * 512])
def test_what_follows_the_stream_is_refused(write: Write, stream: bytes, garbage: bytes) -> None:
    with pytest.raises(
        RecordError, match=f"{len(garbage)} bytes of other data follow .* at byte {len(stream)}; remove"
    ):
        _core.read_file(write(stream + garbage))


def test_a_wrong_checksum_is_refused_with_path_and_line_zero(write: Write) -> None:
    stream = bytearray(gzip.compress(b"text"))
    stream[-8] ^= 1
    path = write(bytes(stream))
    with pytest.raises(RecordError) as caught:
        _core.read_file(path)
    assert (caught.value.path, caught.value.line, caught.value.column) == (path, 0, 0)
    assert str(caught.value).startswith(f"{path}: the gzip stream is damaged after 4 decompressed bytes (")
    stream = bytearray(ZSTD_FRAME)
    stream[-1] ^= 1
    with pytest.raises(RecordError, match="the zstandard stream is damaged"):
        _core.read_file(write(bytes(stream)))


def test_raw_deflate_and_zlib_are_plain_bytes(write: Write) -> None:
    data = zlib.compress(b"text")
    assert _core.read_file(write(data)) == data


def test_a_missing_file_is_reported_as_open_does(tmp_path: Path) -> None:
    path = str(tmp_path / "missing \N{SNOWMAN}")
    with pytest.raises(FileNotFoundError) as ours:
        _core.read_file(path)
    with pytest.raises(FileNotFoundError) as theirs:
        Path(path).open()  # noqa: SIM115
    assert str(ours.value) == str(theirs.value)
    assert (ours.value.errno, ours.value.filename) == (errno.ENOENT, path)


def test_a_folder_is_reported_as_open_does(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as caught:
        _core.read_file(str(tmp_path))
    assert caught.value.filename == str(tmp_path)


def test_a_path_through_a_file_and_one_with_nul_are_refused(write: Write) -> None:
    with pytest.raises(NotADirectoryError):
        _core.read_file(write(b"") + "/below")
    with pytest.raises(ValueError, match="NUL"):
        _core.read_file("a\0b")
    with pytest.raises(TypeError):
        _core.read_file(3)  # type: ignore[arg-type]
