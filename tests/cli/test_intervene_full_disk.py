"""A disk that fills up while data are made: a message, nothing half-written, and the same command goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.namespace import on_small_disk

FULL = """
import json, subprocess, sys
from pathlib import Path
disk, *asking = sys.argv[1:]
disk = Path(disk)
calls = disk.parent / "calls"
calls.write_text("")
(disk.parent / "base.yaml").write_text(f"otherwise: ['{'word ' * 60}{{prompt}}']\\ncalls: {calls}\\n")
command = [sys.executable, "-m", "diptych", "intervene", "data", "--only", "opinion", "--out", str(disk / "d"), *asking]

def make():
    done = subprocess.run(command, capture_output=True, text=True, cwd=disk.parent)
    return {"code": done.returncode, "err": done.stderr, "files": sorted(path.name for path in disk.glob("**/*")),
            "calls": len(calls.read_text().splitlines())}

full = make()
subprocess.run(["mount", "-o", "remount,size=40m", str(disk)], check=True)
print(json.dumps({"full": full, "again": make()}))
"""


@pytest.mark.parametrize(
    ("size", "asking"), [("100k", ("--shares", "1")), ("400k", ("--neutral", "scripted/base.yaml"))]
)
def test_a_disk_that_fills_up_is_said_and_the_same_command_goes_on(
    size: str, asking: tuple[str, ...], tmp_path: Path
) -> None:
    found = json.loads(on_small_disk(FULL, tmp_path / "disk", size, *asking))
    full, again = found["full"], found["again"]
    assert full["code"] in (1, 2) and "Traceback" not in full["err"], full["err"]
    assert "No space left" in full["err"] or "is full" in full["err"], full["err"]
    assert not {"manifest.json", "truths.jsonl", "rows-1.jsonl"} & set(full["files"]), full["files"]
    assert again["code"] == 0, again["err"]
    assert {"manifest.json", "truths.jsonl", "rows-1.jsonl", "probes.jsonl"} <= set(again["files"])
    assert not [name for name in again["files"] if name.startswith(".") or name.endswith(".tmp")]
    if "--neutral" in asking:
        assert full["calls"] > 0
