"""Planted differences, kept: ``python benches/python/planted.py [FLAGS OF diptych bench planted] [--record]``.

What ``diptych bench planted`` prints; with ``--record`` the figures are written to ``benches/record`` too: as JSON, as
a table and as a picture.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from diptych.bench.planted import plot, table
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
        settings = result["settings"]
        embedder = "" if settings["embedder"] == "lexical" else f"-{slug(settings['embedder'])}"
        name = f"{result['created'][:10]}-planted-{slug(settings['source'])}{embedder}"
        (RECORD / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        (RECORD / f"{name}.md").write_text(table.markdown(result), encoding="utf-8")
        (RECORD / f"{name}.svg").write_text(plot.draw(result), encoding="utf-8")
        print(f"kept as {name} (.json, .md, .svg) in benches/record", file=sys.stderr)


if __name__ == "__main__":
    main()
