"""Many runs of the real command, each in a process of its own, without starting Python for each.

A server process imports diptych once and forks for every command. The child has its own folder, environment,
descriptors and exit status; nothing of the parent but the imported modules reaches it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from tests.helpers.cli import SOURCE, Outcome, environment

LOADED_BEFORE = (
    "diptych.cli.app",
    "diptych.cli.runs",
    "diptych.comparison.lenses.clusters",
    "diptych.comparison.lenses.phrases",
    "diptych.comparison.report",
    "scipy.stats",
    "sklearn.cluster",
)


class Forge:
    """A server that forks commands; a context manager.

    Examples
    --------
    >>> with Forge() as forge:
    ...     forge.run("--version", cwd=Path()).code
    0
    """

    def __enter__(self) -> Self:
        path = os.pathsep.join([str(Path(__file__).parents[2]), str(SOURCE)])
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.forge"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment({"PYTHONPATH": path}),
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(10)
        assert self._server.stdout is not None
        self._server.stdout.close()

    def run(self, *arguments: str | os.PathLike[str], cwd: Path, env: Mapping[str, str] | None = None) -> Outcome:
        """Run ``diptych ARGUMENTS`` in a forked process."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            streams = [str(Path(folder, name)) for name in ("out", "err")]
            order = {
                "arguments": [os.fspath(argument) for argument in arguments],
                "cwd": str(cwd),
                "env": dict(env or {}),
                "streams": streams,
            }
            self._server.stdin.write(json.dumps(order) + "\n")
            self._server.stdin.flush()
            code = int(self._server.stdout.readline())
            return Outcome(code, *(Path(stream).read_text(encoding="utf-8") for stream in streams))


def _serve() -> None:
    import typer

    from diptych.cli.app import app
    from diptych.embeddings.encoders import LexicalEncoder

    for module in LOADED_BEFORE:
        import_module(module)
    typer.main.get_command(app)
    LexicalEncoder().encode(["its table is made once"])  # no thread is started: a fork would lose it
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _obey(json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _obey(order: dict[str, Any]) -> None:
    from diptych.cli import main

    code = 1
    try:
        os.chdir(order["cwd"])
        os.environ.update(order["env"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for descriptor, path in enumerate(order["streams"], start=1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
        sys.argv = ["diptych", *order["arguments"]]
        main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except BaseException:  # noqa: BLE001 - a child must tell and end, whatever happened
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
