"""How much memory a process holds at most while something runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def peak_while(run: Callable[[], object]) -> float:
    """The most that this process holds beyond what it held before, in MiB; Linux only.

    Parameters
    ----------
    run : what is done meanwhile
    """
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before = _status("VmRSS")
    run()
    return _status("VmHWM") - before


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024
