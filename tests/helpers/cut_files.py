"""Files that are written as diptych writes them, when the power is cut: ``python -m tests.helpers.cut_files``."""

from __future__ import annotations

import json
import random
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from diptych.data.appending import append_jsonl
from diptych.utils.files import new_folder, write_atomic
from tests.helpers.power_cuts import Disk, heard, until_cut

MANY = 10_000


def content(number: int) -> bytes:
    """Of some pages."""
    return f"{number:09}".encode() * 2000


def files(told: Connection) -> None:
    """Replace one file again and again."""
    for number in range(MANY):
        write_atomic(Path("file"), content(number))
        told.send(number)


def lines(told: Connection) -> None:
    """Append to one file, line by line."""
    with append_jsonl("lines.jsonl") as out:
        for number in range(MANY):
            out.write({"n": number, "text": "x" * 3000})
            out.sync()
            told.send(number)


def folders(told: Connection) -> None:
    """Make folder after folder, each in new ones."""
    for number in range(MANY):
        with new_folder(Path(f"{number}/runs/run")) as temporary:
            write_atomic(temporary / "file", content(number))
        told.send(number)


def look(told: Connection, kind: str, last: int) -> None:
    """Tell whether all up to ``last`` is there, and the next one whole or not at all."""
    try:
        if kind == "files":
            told.send(Path("file").read_bytes() in (content(last), content(last + 1)))
        elif kind == "lines":
            found = Path("lines.jsonl").read_bytes().split(b"\n")[: last + 1]
            told.send([json.loads(line)["n"] for line in found] == list(range(last + 1)))
        else:
            whole = all(Path(f"{n}/runs/run/file").read_bytes() == content(n) for n in range(last + 1))
            next_one = Path(f"{last + 1}/runs/run")
            told.send(whole and (not next_one.exists() or (next_one / "file").read_bytes() == content(last + 1)))
    except (OSError, ValueError):
        told.send(False)


def main(folder: str, kind: str, n_rounds: int) -> dict[str, int]:
    """Cut the power so often while one kind is written, each time on an empty disk; count cuts that cost something."""
    draw, counts = random.Random(0), {"written": 0, "cuts that cost": 0}
    for number in range(n_rounds):
        disk = Disk(folder)
        writer, told = disk.start(until_cut, {"files": files, "lines": lines, "folders": folders}[kind])
        told.poll(10)
        time.sleep(0.05 * draw.random())
        disk.cut(number % 2 / 2, number)
        writer.kill()
        writer.join()
        written = heard(told)
        counts["written"] += len(written)
        counts["cuts that cost"] += not disk.start(look, kind, written[-1])[1].recv()
    return counts


if __name__ == "__main__":
    at, what, rounds = sys.argv[1:]
    sys.stdout.write(json.dumps(main(at, what, int(rounds))))
