"""Files and folders are whole or absent, whatever happens in between."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from diptych.errors import ConfigError, DataError, RunError
from diptych.utils.files import check_new_folder, new_folder, reading, write_atomic, writing
from tests.helpers.cli import listing
from tests.helpers.namespace import counts_on

INTERRUPTIONS = [KeyboardInterrupt, OSError, ValueError, SystemExit]


def test_write_atomic_writes_and_replaces(tmp_path: Path) -> None:
    for data in (b"one", b"", b"three\x00"):
        write_atomic(tmp_path / "f", data)
        assert (tmp_path / "f").read_bytes() == data
        assert (tmp_path / "f").stat().st_mode & 0o777 == 0o644, "others may read it"
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("interruption", INTERRUPTIONS)
def test_write_atomic_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, interruption: type[BaseException]
) -> None:
    (tmp_path / "f").write_bytes(b"old")

    def fail(*_: object) -> None:
        raise interruption

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(interruption):
        write_atomic(tmp_path / "f", b"new")
    assert os.listdir(tmp_path) == ["f"]
    assert (tmp_path / "f").read_bytes() == b"old"


def test_new_folder_appears_only_when_the_block_has_ended(tmp_path: Path) -> None:
    with new_folder(tmp_path / "deep" / "run") as temporary:
        (temporary / "f").write_bytes(b"x")
        assert not (tmp_path / "deep" / "run").exists()
    assert listing(tmp_path / "deep").keys() == {"run", "run/f"}
    assert stat.S_IMODE((tmp_path / "deep" / "run").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "deep" / "run" / "f").stat().st_mode) == 0o644


def test_new_folder_may_take_the_place_of_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with new_folder(tmp_path / "run") as temporary:
        (temporary / "f").write_bytes(b"x")
    assert listing(tmp_path).keys() == {"run", "run/f"}


@pytest.mark.parametrize("interruption", INTERRUPTIONS)
@pytest.mark.parametrize("name", ["run", "deep/er/run"])
def test_new_folder_leaves_nothing_behind_on_an_exception(
    tmp_path: Path, name: str, interruption: type[BaseException]
) -> None:
    with pytest.raises(interruption), new_folder(tmp_path / name) as temporary:
        (temporary / "f").write_bytes(b"x")
        (temporary / "g").mkdir()
        raise interruption
    assert listing(tmp_path) == {}


def test_new_folder_keeps_parents_in_which_something_else_appeared(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "runs" / "run"):
        (tmp_path / "runs" / "other").mkdir()
        raise KeyboardInterrupt
    assert listing(tmp_path).keys() == {"runs", "runs/other"}


@pytest.mark.parametrize("block", [new_folder, check_new_folder])
def test_a_folder_that_cannot_be_made_is_a_run_error_before_any_work(tmp_path: Path, block: object) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    for target, message in (
        (tmp_path / "file" / "run", "Not a directory"),
        (tmp_path / "file" / "er" / "run", "Not a directory"),
        (tmp_path / "new" / ("x" * 300), "name too long"),
        (tmp_path / ("x" * 300), "name too long"),
        (Path("/proc/nowhere/run"), "/proc/nowhere cannot be written"),
    ):
        with pytest.raises(RunError, match=message):
            if block is new_folder:
                with new_folder(target):
                    pytest.fail("the block was entered")
            check_new_folder(target)
    assert listing(tmp_path).keys() == {"file"}


@pytest.mark.parametrize("content", ["file", "full folder"])
def test_new_folder_refuses_what_is_there_and_leaves_it_alone(tmp_path: Path, content: str) -> None:
    target = tmp_path / "run"
    if content == "file":
        target.write_bytes(b"mine")
    else:
        target.mkdir()
        (target / "f").write_bytes(b"mine")
    before = listing(tmp_path)
    with pytest.raises(RunError, match="already exists and is not empty. Choose another"), new_folder(target):
        pytest.fail("the block was entered")
    with pytest.raises(RunError, match="already exists and is not empty. Choose another"):
        check_new_folder(target)
    assert listing(tmp_path) == before


def test_check_new_folder_leaves_nothing(tmp_path: Path) -> None:
    check_new_folder(tmp_path / "deep" / "er" / "run")
    assert listing(tmp_path) == {}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("pwrite: No space left")])
def test_a_full_disk_is_one_message_whichever_library_meets_it(error: Exception) -> None:
    said = "run cannot be written: No space left on device."
    with pytest.raises(RunError, match=f"^{said} Free some space"), writing(Path("run")):
        raise error
    with pytest.raises(RunError, match=f"^{said} Wait.$"), writing(Path("run"), "Wait."):
        raise error


@pytest.mark.parametrize("error", [ConfigError("ours"), RunError("ours too"), RuntimeError("of another kind")])
def test_other_errors_stay_as_they_are_while_a_file_is_written(error: Exception) -> None:
    with pytest.raises(type(error)) as met, writing(Path("run")):
        raise error
    assert met.value is error


def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    for path, what, said in (
        (tmp_path / "none", "file of texts", "none: no such file of texts. It is looked up from the current folder.$"),
        (tmp_path / "none", "", "none: cannot be read: No such file or directory.$"),
        (tmp_path, "file of texts", "cannot be read: Is a directory.$"),
    ):
        with pytest.raises(DataError, match=said), reading(path, what):
            path.read_bytes()
    with pytest.raises(ConfigError, match="^ours$"), reading(tmp_path):
        raise ConfigError("ours")


@pytest.mark.parametrize("kind", ["files", "lines", "folders"])
def test_what_was_written_outlasts_a_power_cut(tmp_path: Path, kind: str) -> None:
    counts = counts_on(tmp_path / "disk", "cut_files", kind, "6")
    assert counts["written"] > 6, "the test examined little"
    assert counts["cuts that cost"] == 0
