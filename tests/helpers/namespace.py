"""Commands in a namespace of their own, where they may mount; skipped where there is none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.cli import environment

ROOT = Path(__file__).parents[2]


def counts_on(disk: Path, module: str, *arguments: str) -> dict[str, int]:
    """What a module counts on a disk whose power it cuts: ``python -m tests.helpers.MODULE DISK ARGUMENTS``."""
    disk.mkdir()
    command = ["unshare", "-Urm", sys.executable, "-m", f"tests.helpers.{module}", str(disk), *arguments]
    env = environment({"PYTHONPATH": f"{environment()['PYTHONPATH']}:{ROOT}"})
    try:
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=50, check=False)
    except FileNotFoundError as error:
        pytest.skip(f"no FUSE in a user namespace here: {error}")
    last = done.stderr.strip().rpartition("\n")[2]
    if "unshare:" in last or "/dev/fuse" in last or last.endswith(f"{str(disk)!r}"):
        pytest.skip(f"no FUSE in a user namespace here: {last}")
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found
