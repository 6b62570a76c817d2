"""A store whose computer loses its power, on a file system that then forgets what was not synced."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.cli import environment

ROOT = Path(__file__).parents[2]


def power_cuts(folder: Path, store: str, n_rounds: int, how: str = "syncs") -> dict[str, int]:
    """What is left of a store after so many cuts; skipped where nothing can be mounted."""
    folder.mkdir()
    python = [sys.executable, "-m", "tests.helpers.power_cuts", str(folder), store, str(n_rounds), how]
    env = environment({"PYTHONPATH": f"{environment()['PYTHONPATH']}:{ROOT}"})
    try:
        done = subprocess.run(
            ["unshare", "-Urm", *python], cwd=ROOT, env=env, capture_output=True, text=True, timeout=50, check=False
        )
    except FileNotFoundError as error:
        pytest.skip(f"no FUSE in a user namespace here: {error}")
    last = done.stderr.strip().rpartition("\n")[2]
    if "unshare:" in last or "/dev/fuse" in last or last.endswith(f"{str(folder)!r}"):
        pytest.skip(f"no FUSE in a user namespace here: {last}")
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = json.loads(done.stdout)
    assert counts["stored"] > n_rounds, "the test examined little"
    return counts


NOTHING = {"lost": 0, "in part": 0, "faults": 0}


@pytest.mark.parametrize("how", ["syncs", "removes"])
def test_no_batch_that_was_stored_is_lost(tmp_path: Path, how: str) -> None:
    counts = power_cuts(tmp_path / "disk", f"{tmp_path}/disk/store", 6, how)
    assert counts == {**counts, **NOTHING}


@pytest.mark.slow
@pytest.mark.parametrize("how", ["syncs", "removes"])
def test_no_batch_that_was_stored_is_lost_in_twenty_cuts(tmp_path: Path, how: str) -> None:
    counts = power_cuts(tmp_path / "disk", f"{tmp_path}/disk/store", 20, how)
    assert counts == {**counts, **NOTHING}


def test_no_batch_is_lost_of_a_store_named_from_where_one_is(tmp_path: Path) -> None:
    counts = power_cuts(tmp_path / "disk", "store", 3)
    assert counts == {**counts, **NOTHING}


@pytest.mark.xfail(reason="of several new folders only the last has its name synced")
def test_no_batch_is_lost_of_a_store_in_new_folders(tmp_path: Path) -> None:
    counts = power_cuts(tmp_path / "disk", f"{tmp_path}/disk/a/b/store", 3)
    assert counts == {**counts, **NOTHING}


def test_a_disk_that_does_not_sync_is_seen_to_lose_batches(tmp_path: Path) -> None:
    assert power_cuts(tmp_path / "disk", f"{tmp_path}/disk/store", 3, "forgets")["lost"] > 0
