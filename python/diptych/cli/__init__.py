"""The command line: parsing and printing only."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the ``diptych`` command."""
    try:
        from diptych.cli.app import app
    except KeyboardInterrupt:
        sys.stderr.write("interrupted before anything was begun\n")
        sys.exit(130)
    app(prog_name="diptych")
