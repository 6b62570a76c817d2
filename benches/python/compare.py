"""How long a whole comparison takes, how much memory, and how long diptych takes to start.

Every figure is the median of several fresh processes after one that is not counted. Nothing is asserted; nothing is
written unless ``--record`` asks for it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from diptych.bench import machine

ROOT = Path(__file__).resolve().parents[2]
ALPACA = ROOT.parent / "shared" / "data" / "alpaca_eval"
LIBRARIES = ("numpy", "scipy", "scikit-learn")


@dataclass(frozen=True)
class Figure:
    """Of one command: seconds of wall time, and the peak resident memory of its process in MiB."""

    what: str
    n: int
    wall_s: float
    wall_s_min: float
    wall_s_max: float
    peak_mib: float


def run_once(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall seconds and peak MiB of one process."""
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        said = child.stderr.read() if child.stderr else b""
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.perf_counter() - start
    if child.returncode:
        sys.exit(f"{' '.join(command)} ended with {child.returncode}:\n{said.decode(errors='replace')}")
    per_mib = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss: bytes there, KiB elsewhere
    return wall_s, usage.ru_maxrss / per_mib


def measure(what: str, command: list[str], n: int) -> Figure:
    """The median of ``n`` runs after one that is not counted, each in an empty folder."""
    runs = []
    for _ in range(n + 1):
        with tempfile.TemporaryDirectory() as folder:
            runs.append(run_once(command, Path(folder)))
    walls, peaks = zip(*runs[1:], strict=True)
    figure = Figure(what, n, statistics.median(walls), min(walls), max(walls), statistics.median(peaks))
    spread = f"{figure.wall_s_min:.2f} to {figure.wall_s_max:.2f}"
    print(f"{what:<52} {figure.wall_s:8.2f} s  ({spread})  {figure.peak_mib:7.0f} MiB", flush=True)
    return figure


def corpora(*, quick: bool) -> tuple[str, Path, Path]:
    """The pair to compare: 805 answers of a real model and of its concise self where they are, else the demo's."""
    a, b = (ALPACA / f"gpt4_1106_preview{suffix}.json" for suffix in ("", "_concise"))
    if a.exists() and b.exists() and not quick:
        return "compare gpt4_1106_preview, _concise (805 prompts)", a, b
    demo = Path(str(files("diptych") / "demo_data"))
    return "compare before, after of the demo (150 prompts)", demo / "before.jsonl", demo / "after.jsonl"


def main() -> None:
    """Measure, print, and with ``--record`` keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="the demo data, three runs instead of five")
    parser.add_argument("--record", action="store_true", help="keep the figures in benches/record")
    options = parser.parse_args()
    n = 3 if options.quick else 5
    python = [sys.executable, "-m", "diptych"]
    what, a, b = corpora(quick=options.quick)
    figures = [
        measure("python -c pass", [sys.executable, "-c", "pass"], 2 * n),
        measure("import diptych", [sys.executable, "-c", "import diptych"], 2 * n),
        measure("diptych --help", [*python, "--help"], 2 * n),
        measure(what, [*python, "compare", str(a), str(b), "--out", "run"], n),
    ]
    if options.record:
        now = datetime.now(UTC)
        path = ROOT / "benches" / "record" / f"{now:%Y-%m-%d}-compare.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        record = {
            "date": f"{now:%Y-%m-%d}",
            "commit": machine.commit(ROOT),
            "machine": machine.describe(LIBRARIES),
            "figures": [asdict(figure) for figure in figures],
        }
        path.write_text(json.dumps(record, indent=1) + "\n")
        print(f"kept in {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
