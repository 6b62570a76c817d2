"""The machine and the libraries that figures were taken on."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from diptych._types import Json

_EXTENSIONS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "sha_ni")


def describe(libraries: Sequence[str]) -> Json:
    """Processor, system and versions.

    Parameters
    ----------
    libraries : distributions as the package index names them

    Returns
    -------
    Json
        ``cpu``, ``vector_extensions``, ``processors``,
        ``system``, ``python``, ``diptych``, and ``libraries``: each with its version, or "not installed".
    """
    flags = _first("flags").split()
    return {
        "cpu": _first("model name") or platform.processor() or platform.machine(),
        "vector_extensions": [flag for flag in _EXTENSIONS if flag in flags],
        "processors": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "diptych": version("diptych"),
        "libraries": {name: _version(name) for name in libraries},
    }


def commit(folder: Path) -> str:
    """The commit that a folder is checked out at, and whether files were changed; "" outside of a repository.

    Parameters
    ----------
    folder : anywhere in the working tree
    """
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, encoding="utf-8", check=False).stdout.strip()
    except FileNotFoundError:
        return ""


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _first(name: str) -> str:
    """Linux: what is said of the first processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def peak_while(run: Callable[[], object]) -> float:
    """The most memory that this process holds while something runs, beyond what it held before, in MiB; Linux only.

    Parameters
    ----------
    run : what is done meanwhile

    Examples
    --------
    >>> peak_while(lambda: b"x" * 2**26) > 60  # doctest: +SKIP
    True
    """
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before = _status("VmRSS")
    run()
    return _status("VmHWM") - before


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024
