"""Folders and files that may not be read or written: an error with the place and the reason, and nothing else."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from diptych.embeddings.cache import EmbeddingCache
from tests.helpers.cli import Outcome, command, environment, listing, run_cli
from tests.helpers.records import write_pair

COMPARE = ("compare", "a.jsonl", "b.jsonl", "--lenses", "surface,clusters", "--resamples", "100")
# name: arguments, words of the message
REFUSED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a new store in a folder that may not be written": (
        (*COMPARE, "--cache-dir", "sealed/new"), ("sealed/new: ", "Permission denied", "check the permissions")),
    "a store in a folder that may not be written": (
        (*COMPARE, "--cache-dir", "sealed"), ("sealed: index.sqlite: Permission denied", "check the permissions")),
    "a store under a file": ((*COMPARE, "--cache-dir", "a.jsonl/store"), ("a.jsonl/store: ", "Not a directory")),
    "a file for a store": ((*COMPARE, "--cache-dir", "a.jsonl"), ("a.jsonl: not a diptych store: the path is a file",)),
    "vectors that may not be read": (
        ("cache", "export", "--cache-dir", "store", "--out", "out"), ("store: segments/000001.f32: Permission denied",)),
    "a run in a folder that may not be written": ((*COMPARE, "--out", "sealed/run"), ("sealed cannot be written",)),
    "responses that may not be read": (
        ("compare", "secret.jsonl", "b.jsonl"), ("secret.jsonl: cannot be read: Permission denied",)),
}  # fmt: skip


def run_without_rights(*arguments: str, cwd: Path) -> Outcome:
    """Run the real command as a user for whom permissions count: root is none, but in a namespace of its own."""
    root = ["unshare", "-U"] if os.geteuid() == 0 else []
    try:
        done = subprocess.run(
            [*root, *command(*arguments)], cwd=cwd, env=environment(), capture_output=True, timeout=60, check=False
        )
    except FileNotFoundError as error:
        pytest.skip(f"root, and no user namespace here: {error}")
    if b"unshare:" in done.stderr:
        pytest.skip(f"root, and no user namespace here: {done.stderr.decode().strip()}")
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Two files to compare, a store whose vectors may not be read, a folder that may not be written."""
    write_pair(tmp_path)
    EmbeddingCache(tmp_path / "store").put_many("m@1", ["a"], np.ones((1, 2), np.float32))
    (tmp_path / "secret.jsonl").write_bytes((tmp_path / "a.jsonl").read_bytes())
    (tmp_path / "sealed").mkdir()
    modes = {"store/segments/000001.f32": 0, "secret.jsonl": 0, "sealed": 0o500}
    for name, mode in modes.items():
        (tmp_path / name).chmod(mode)
    yield tmp_path
    for name in modes:
        (tmp_path / name).chmod(0o700)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_may_not_be_read_or_written_is_named_and_all_else_stays(kind: str, folder: Path) -> None:
    arguments, words = REFUSED[kind]
    said = run_without_rights(*arguments, cwd=folder)
    assert (said.code, said.out) in ((1, ""), (2, ""))
    assert "Traceback" not in said.err
    for piece in words:
        assert piece in said.err
    assert not (folder / "runs").exists()
    assert not (folder / "out").exists()
    assert list((folder / "sealed").iterdir()) == []


def test_a_report_that_may_not_be_written_anew_is_named_and_stays(folder: Path) -> None:
    assert run_cli(*COMPARE, "--out", "run", cwd=folder).code == 0
    before = listing(folder / "run")
    (folder / "run").chmod(0o500)
    said = run_without_rights("report", "run", cwd=folder)
    (folder / "run").chmod(0o700)
    assert (said.code, said.out) == (2, ""), said.err
    assert "run/report.html cannot be written: Permission denied" in said.err and "Traceback" not in said.err
    assert listing(folder / "run") == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder to another user")
def test_a_store_in_which_anyone_may_write_is_noted_once(folder: Path) -> None:
    (folder / "store").chmod(0o777)
    os.chown(folder / "store", 12_345, 0)
    said = run_cli("cache", "stats", "--cache-dir", "store", cwd=folder)
    assert said.code == 0
    assert said.err == (
        "note: store belongs to another user and everybody may write to it: its vectors may be anyone's. "
        "Use a folder of your own.\n"
    )


def test_a_store_that_may_not_be_written_is_read(folder: Path) -> None:
    (folder / "store" / "segments" / "000001.f32").chmod(0o400)
    for path in (folder / "store", folder / "store" / "segments", *(folder / "store").glob("index.sqlite*")):
        path.chmod(path.stat().st_mode & ~0o222)
    before = listing(folder / "store")
    said = run_without_rights("cache", "verify", "--cache-dir", "store", cwd=folder)
    assert (said.code, said.out) == (0, "every vector is whole\n")
    assert listing(folder / "store") == before
    for path in (folder / "store", folder / "store" / "segments"):
        path.chmod(0o700)
