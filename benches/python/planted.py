"""Planted differences, kept: ``python benches/python/planted.py [FLAGS OF diptych bench planted] [--record]``.

What ``diptych bench planted`` prints; with ``--record`` the figures are written to ``benches/record`` too: as JSON, as
a table and as a picture, beside cells of the same day that were run with the same settings.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from diptych.bench.planted import plot, table
from diptych.bench.planted.plants import KINDS
from diptych.utils.names import slug

RECORD = Path(__file__).resolve().parents[1] / "record"


def main() -> None:
    """Run, print, and with ``--record`` keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--record", action="store_true", help="keep the figures in benches/record")
    options, flags = parser.parse_known_args()
    command = [sys.executable, "-m", "diptych", "bench", "planted", *flags, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    result = json.loads(done.stdout)
    print("\n".join(table.lines(result)))
    if options.record:
        print(f"kept as {keep(result)} (.json, .md, .svg) in benches/record", file=sys.stderr)


def keep(result: dict[str, Any]) -> str:
    """Write the figures beside those of the same day and settings: the name that they are kept under."""
    settings = result["settings"]
    embedder = "" if settings["embedder"] == "lexical" else f"-{slug(settings['embedder'])}"
    name = f"{result['created'][:10]}-planted-{slug(settings['source'])}{embedder}"
    path = RECORD / f"{name}.json"
    if path.exists():
        result = join(json.loads(path.read_text(encoding="utf-8")), result)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(table.markdown(result), encoding="utf-8")
    path.with_suffix(".svg").write_text(plot.draw(result), encoding="utf-8")
    return name


def join(kept: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """The new cells in place of the same ones that were kept; all of them anew where a setting differs."""
    if kept["settings"] != result["settings"] or kept["machine"] != result["machine"]:
        return result
    cells = {_cell(cell): cell for cell in (*kept["cells"], *result["cells"])}
    took_s = round(sum(cell["took_s"] for cell in cells.values()), 1)
    return {**result, "took_s": took_s, "cells": [cells[key] for key in sorted(cells)]}


def _cell(cell: dict[str, Any]) -> tuple[int, tuple[int, ...], float]:
    """Fewer prompts first, then kinds in their order, then smaller doses."""
    return cell["n_prompts"], tuple(KINDS.index(kind) for kind in cell["kinds"]), cell["dose"]


if __name__ == "__main__":
    main()
