"""Commands in a namespace of their own, where they may mount; skipped where there is none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.cli import environment

ROOT = Path(__file__).parents[2]
_ON_TMPFS = 'mount -t tmpfs -o "size=$0" tmpfs "$1" && shift && exec "$@"'


def counts_on(disk: Path, module: str, *arguments: str) -> dict[str, int]:
    """What a module counts on a disk whose power it cuts: ``python -m tests.helpers.MODULE DISK ARGUMENTS``."""
    disk.mkdir()
    done = _unshared(sys.executable, "-m", f"tests.helpers.{module}", str(disk), *arguments, timeout_s=50)
    last = done.stderr.strip().rpartition("\n")[2]
    if "/dev/fuse" in last or last.endswith(f"{str(disk)!r}"):
        pytest.skip(f"no FUSE in a user namespace here: {last}")
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


def on_small_disk(script: str, disk: Path, size: str, *arguments: str, timeout_s: int = 55) -> str:
    """What a Python script prints, ``python -c SCRIPT DISK ARGUMENTS``, that alone sees a disk so small: ``700k``."""
    disk.mkdir()
    own = (sys.executable, "-c", script, str(disk), *arguments)
    done = _unshared("sh", "-c", _ON_TMPFS, size, str(disk), *own, timeout_s=timeout_s)
    if done.stderr.startswith("mount:"):
        pytest.skip(f"no mount in a user namespace here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def _unshared(*command: str, timeout_s: int) -> subprocess.CompletedProcess[str]:
    env = environment({"PYTHONPATH": f"{environment()['PYTHONPATH']}:{ROOT}"})
    started = ["unshare", "-Urm", *command]
    try:
        done = subprocess.run(
            started, cwd=ROOT, env=env, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except FileNotFoundError as error:
        pytest.skip(f"no user namespace here: {error}")
    if done.stderr.startswith("unshare:"):
        pytest.skip(f"no user namespace here: {done.stderr.strip()}")
    return done
