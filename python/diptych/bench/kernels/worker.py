"""One competitor in its process: set up once, then run whenever a line comes in; one JSON line goes out for each."""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from typing import Any

from diptych.bench.kernels import harness


def main() -> None:
    """Answer orders from stdin until it closes."""
    module, key, index, size = sys.argv[1:]
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not mix with the answers
    row = next(row for row in harness.load_rows(module) if row.key == key)
    job = row.job(quick=size == "quick")
    competitor = row.competitors[int(index)]
    call: Any = None
    for order in sys.stdin:
        try:
            if call is None:
                call = competitor.start(job)
            answer = timed(call)
            if order.strip() == "check" and competitor.kind != "limit":
                answer["said"] = row.check(job, answer.pop("answer"))
            answer.pop("answer", None)
        except Exception as error:  # noqa: BLE001 - whatever it was, the table must say so
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        out.write(json.dumps(answer) + "\n")
        out.flush()


def timed(call: Any) -> dict[str, Any]:
    """Call once: ``wall_s``, ``cpu_s``, ``answer``, and ``extra_mib``, the peak of memory above where it stood."""
    gc.collect()
    _forget_peak()
    before, cpu = _resident_mib("VmRSS"), time.process_time()
    start = time.perf_counter()
    answer = call()
    wall = time.perf_counter() - start
    return {
        "wall_s": wall,
        "cpu_s": time.process_time() - cpu,
        "extra_mib": max(0.0, _resident_mib("VmHWM") - before),
        "answer": answer,
    }


def _forget_peak() -> None:
    """Linux: start the high-water mark anew."""
    try:
        with open("/proc/self/clear_refs", "w") as file:  # noqa: PTH123
            file.write("5")
    except OSError:
        pass


def _resident_mib(name: str) -> float:
    try:
        with open("/proc/self/status") as file:  # noqa: PTH123
            return next(int(line.split()[1]) / 1024.0 for line in file if line.startswith(name))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


if __name__ == "__main__":
    main()
