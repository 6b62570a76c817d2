"""A disk that fills up while a model is asked: a message, nothing lost, and the same command goes on."""

from __future__ import annotations

import json
from pathlib import Path

from tests.helpers.namespace import on_small_disk

FULL = """
import json, subprocess, sys
from pathlib import Path
disk = Path(sys.argv[1])
(disk / "ballast").write_bytes(bytes(300_000))
calls = disk.parent / "calls"
(disk.parent / "s.yaml").write_text(f"otherwise: ['{'word ' * 200}{{prompt}}']\\ncalls: {calls}\\nconcurrency: 4\\n")
(disk.parent / "p.txt").write_text("".join(f"Question {i}?\\n" for i in range(300)))
command = [sys.executable, "-m", "diptych", "generate", f"scripted/{disk.parent / 's.yaml'}",
           "--prompts", str(disk.parent / "p.txt"), "--out"]

def ask(out):
    done = subprocess.run([*command, str(out)], capture_output=True, text=True, cwd=disk.parent)
    return {"code": done.returncode, "err": done.stderr, "calls": len(calls.read_text().splitlines())}

full = ask(disk / "out.jsonl")
written = sorted(path.name for path in disk.iterdir())
(disk / "ballast").unlink()
subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
again = ask(disk / "out.jsonl")
calm = ask(disk.parent / "calm.jsonl")
same = (disk / "out.jsonl").read_bytes() == (disk.parent / "calm.jsonl").read_bytes()
print(json.dumps({"full": full, "written": written, "again": again, "same": same}))
"""


def test_a_disk_that_fills_up_is_said_and_the_same_command_goes_on(tmp_path: Path) -> None:
    """On a disk of 700 KB, mounted where only this process sees it; freed, then enlarged."""
    found = json.loads(on_small_disk(FULL, tmp_path / "disk", "700k"))
    full, again = found["full"], found["again"]
    assert full["code"] == 1 and "Traceback" not in full["err"]
    assert "full" in full["err"] and "Free some space" in full["err"], full["err"]
    assert "out.jsonl" not in found["written"]
    assert 10 < full["calls"] < 300
    assert again["code"] == 0, again["err"]
    assert again["calls"] <= 300 + 4  # those that were under way are asked again, no other
    assert found["same"]
