"""The kernels against their peers, kept: ``python benches/python/kernels.py [--quick] [--only store.put]``.

What ``diptych bench kernels`` prints; a whole run of the full jobs is written to ``benches/record`` too.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from diptych.bench.kernels import record, tables
from diptych.cli.console import progress_on_stderr

RECORD = Path(__file__).resolve().parents[1] / "record"


def main() -> None:
    """Run, print, and keep a whole run of the full jobs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small jobs, three rounds; nothing is kept")
    parser.add_argument("--only", action="append", default=[], help="rows whose key begins so; repeat for more")
    parser.add_argument("--rounds", type=int, help="timed runs of each competitor")
    options = parser.parse_args()
    with progress_on_stderr() as progress:
        result = record.run(only=options.only, quick=options.quick, rounds=options.rounds, progress=progress)
    print("\n".join(tables.lines(result)))
    if not options.quick and not options.only:
        path = RECORD / f"{result['created'][:10]}-kernels.json"
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        (RECORD / "README.md").write_text(tables.markdown(result), encoding="utf-8")
        print(f"kept in {path.name} and README.md of benches/record", file=sys.stderr)


if __name__ == "__main__":
    main()
