"""The diptych command: in a process of its own, or in this one."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

import diptych

SOURCE = Path(diptych.__file__).parents[1]
"""Where the package under test lies: the installed wheel, or the source tree."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


def command(*arguments: str | os.PathLike[str]) -> list[str]:
    """The command line of ``diptych ARGUMENTS`` for this Python."""
    return [sys.executable, "-m", "diptych", *(os.fspath(argument) for argument in arguments)]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would change the output; the package under test comes first."""
    dropped = ("DIPTYCH_", "FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS", "_TYPER", "NO_COLOR", "COLUMNS", "TERMINAL_WIDTH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    paths = [str(SOURCE), *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUTF8": "1", **(extra or {})}


def run_cli(
    *arguments: str | os.PathLike[str], cwd: Path, env: Mapping[str, str] | None = None, timeout_s: float = 60
) -> Outcome:
    """Run the real command in a subprocess."""
    done = subprocess.run(
        command(*arguments), cwd=cwd, env=environment(env), capture_output=True, timeout=timeout_s, check=False
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


def invoke(*arguments: str | os.PathLike[str], env: Mapping[str, str] | None = None) -> Outcome:
    """Run the command in this process: quick, but signals, descriptors and the exit are typer's imitation."""
    from diptych.cli.app import app

    result = CliRunner().invoke(app, [os.fspath(argument) for argument in arguments], env=dict(env or {}), prog_name="diptych")
    return Outcome(result.exit_code, result.stdout, result.stderr)


def listing(folder: Path) -> dict[str, str]:
    """Every path under a folder, hidden ones too, with the digest of its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }
