"""The kernels against their peers: ``python benches/python/kernels.py [--quick] [--only store.put] [--record]``."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import harness
from harness import Row, Timing

KERNELS = ("store", "hashing", "jsonl", "matching", "permutation", "analysis")
RECORD = Path(__file__).resolve().parents[1] / "record"
PEERS = ("numpy", "scipy", "scikit-learn", "lmdb", "duckdb", "msgspec", "orjson", "pysimdjson", "blake3", "xxhash",
         "faiss-cpu", "numba", "lapx")  # fmt: skip


def main() -> None:
    options = _parse(sys.argv[1:])
    rounds = options.rounds or (3 if options.quick else harness.MIN_ROUNDS)
    found = []
    for kernel in KERNELS:
        if not (harness.FOLDER / f"{kernel}.py").exists():
            continue
        for row in harness.load_rows(kernel):
            if options.only and not any(row.key.startswith(only) for only in options.only):
                continue
            timings = harness.run_row(kernel, row, quick=options.quick, rounds=rounds)
            found.append(_as_json(row, timings, options.quick))
            if not options.json:
                print(_table(row, timings, options.quick), flush=True)
    result = {"created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "machine": _machine(),
              "quick": options.quick, "rounds": rounds, "rows": found}  # fmt: skip
    if options.json:
        print(json.dumps(result, indent=1))
    if options.record:
        path = RECORD / f"{result['created'][:10]}-kernels.json"
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        print(f"recorded in {path}", file=sys.stderr)


def _parse(arguments: list[str]) -> Any:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small jobs, three rounds")
    parser.add_argument("--full", dest="quick", action="store_false", help="the jobs of the record (default)")
    parser.add_argument("--only", action="append", help="rows whose key begins so; repeat for more")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--record", action="store_true", help="keep the figures in benches/record/")
    return parser.parse_args(arguments)


def _table(row: Row, timings: list[Timing], quick: bool) -> str:
    timed = sorted((t for t in timings if t.walls), key=lambda t: t.median)
    best = min((t.median for t in timed if t.kind == "peer"), default=None)
    lines = [f"\n{row.key}: {row.title}" + (" (quick: smaller)" if quick else "")]
    lines.append(f"  {'kind':<9}{'who':<44}{'median (min to max)':<34}{'CPU':>10}{'x best peer':>13}{'extra MiB':>11}")
    for t in timed:
        spread = f"{_seconds(t.median)} ({_seconds(min(t.walls))} to {_seconds(max(t.walls))})"
        few = f" n={len(t.walls)}" if len(t.walls) < harness.MIN_ROUNDS else ""
        factor = f"{t.median / best:.2f}" if best else "-"
        cpu = _seconds(sorted(t.cpus)[len(t.cpus) // 2])
        lines.append(f"  {t.kind:<9}{t.name:<44}{spread + few:<34}{cpu:>10}{factor:>13}{t.extra_mib:>11.0f}")
    lines.extend(f"  skipped  {t.name}: {t.skipped}" for t in timings if t.skipped)
    for target, ratio in harness.verdicts(row, timings):
        name = "moonshot" if target.moonshot else "target"
        if ratio is None:
            lines.append(f"  {name}: at most {target.ratio:g} x {target.against}: not measured")
        else:
            word = "met" if ratio <= target.ratio else "NOT MET"
            lines.append(f"  {name}: at most {target.ratio:g} x {target.against}: {ratio:.2f}, {word}")
    return "\n".join(lines)


def _as_json(row: Row, timings: list[Timing], quick: bool) -> dict[str, Any]:
    return {
        "key": row.key,
        "title": row.title,
        "job": {key: value for key, value in (row.quick if quick else row.full).items() if _plain(value)},
        "timings": [timing.as_json() for timing in timings],
        "targets": [
            {"against": target.against, "ratio": target.ratio, "moonshot": target.moonshot, "reached": reached}
            for target, reached in harness.verdicts(row, timings)
        ],
    }


def _plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool | list | tuple)


def _seconds(value: float) -> str:
    if value >= 1.0:
        return f"{value:.3g} s"
    return f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.3g} us"


def _machine() -> dict[str, Any]:
    names = {}
    for name in PEERS:
        try:
            names[name] = version(name)
        except PackageNotFoundError:
            names[name] = "not installed"
    cpu = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    return {
        "cpu": cpu,
        "processors": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_at_end": os.getloadavg()[0],
        "libraries": names,
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


if __name__ == "__main__":
    main()
