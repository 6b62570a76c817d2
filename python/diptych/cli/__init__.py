"""The command line: parsing and printing only."""

from __future__ import annotations


def main() -> None:
    """Entry point of the ``diptych`` command."""
    from diptych.cli.app import app

    app(prog_name="diptych")
