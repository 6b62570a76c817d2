"""The repository as the rules see it: its files, and what stands in them."""

from __future__ import annotations

import ast
import functools
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "diptych"
BUILT = {"target", "runs", "dist", "__pycache__"}


@functools.cache
def files(*suffixes: str) -> tuple[Path, ...]:
    """What git tracks or would track (outside a git checkout: what is not built), sorted; of these suffixes if any."""
    listing = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0:
        found = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    else:
        found = [path for path in ROOT.rglob("*") if path.suffix != ".so" and not _built(path.relative_to(ROOT))]
    return tuple(sorted({p for p in found if p.is_file() and (not suffixes or p.suffix in suffixes)}))


def _built(path: Path) -> bool:
    return any(part in BUILT or (part.startswith(".") and part != ".ci") for part in path.parts[:-1])


def python_files(folder: Path = ROOT) -> list[Path]:
    return [path for path in files(".py") if path.is_relative_to(folder)]


def rust_files(folder: Path = ROOT) -> list[Path]:
    return [path for path in files(".rs") if path.is_relative_to(folder)]


def name(path: Path) -> str:
    """The path as a reader of the repository writes it."""
    return path.relative_to(ROOT).as_posix()


Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(source: str) -> Iterator[Function]:
    yield from (node for node in ast.walk(ast.parse(source)) if isinstance(node, Function))


def run_python(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter that sees what this one sees, with ``env`` on top."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    environment = {**os.environ, "PYTHONPATH": path, **(env or {})}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
