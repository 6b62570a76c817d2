"""What the statistics promise, measured and kept: ``python benches/python/stats.py [--quick] [--only SECTION]``.

Each section is written to ``benches/record`` as soon as it is done, beside those of the same day that are there: so an
interrupted run goes on with ``--missing``. Exit code 1 if a figure is not as promised. ``--quick`` keeps nothing, and
proves little: four splits cannot show a wrong design to fail.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from diptych.bench import machine
from diptych.bench.stats import table
from diptych.bench.stats.run import SECTIONS, Bench, measure
from diptych.cli.console import progress_on_stderr
from diptych.utils.files import write_atomic

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "benches" / "record"
DATA = ROOT.parent / "shared" / "data"
REAL = DATA / "alpaca_eval" / "gpt4_1106_preview.json"
STATEMENTS = DATA / "model_written_evals" / "persona"


def newest_planted(folder: Path) -> list[Path]:
    """Of each source the newest record of ``make bench-planted``, the names of which begin with a date."""
    newest = {path.name[len("2026-01-01") :]: path for path in sorted(folder.glob("*-planted-*.json"))}
    return list(newest.values())


def make_bench(options: argparse.Namespace) -> Bench:
    """The settings of a run; with ``--quick`` all sections together take a minute."""
    demo = Path(str(files("diptych") / "demo_data" / "before.jsonl"))
    source = options.source or (REAL if REAL.exists() and not options.quick else demo)
    few: dict[str, Any] = {"splits": 4, "deals": 100, "runs": 200, "planted_runs": 2, "numbers": (1_000, 10_000)}
    given = {name: value for name in ("splits", "deals", "runs", "planted_runs")
             if (value := getattr(options, name)) is not None}  # fmt: skip
    return Bench(
        source,
        **{
            "planted": newest_planted(RECORD),
            "statements": STATEMENTS if STATEMENTS.is_dir() else None,
            "embedder": options.embedder,
            "threads": options.threads,
            **(few if options.quick else {}),
            **given,
        },
    )


def parse() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few of everything, on the demo; nothing is kept")
    parser.add_argument("--only", action="append", default=[], choices=list(SECTIONS), help="repeat for more")
    parser.add_argument("--missing", action="store_true", help="only what today's record does not hold yet")
    parser.add_argument("--source", type=Path, help="responses of one model, one to each prompt")
    parser.add_argument("--splits", type=int, help="comparisons of the model with itself, in each design (200)")
    parser.add_argument("--deals", type=int, help="splits for the p-values of single measures (1,000)")
    parser.add_argument("--runs", type=int, help="intervals of a shape, and families of a kind (4,000)")
    parser.add_argument("--planted-runs", type=int, help="fresh pairs of each recorded cell (10)")
    parser.add_argument("--embedder", default="lexical", help="of every comparison")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="changes no result")
    return parser.parse_args()


def main() -> int:
    """Run, keep each section when it is done, print."""
    options = parse()
    bench, path = make_bench(options), RECORD / f"{datetime.now(UTC):%Y-%m-%d}-stats.json"
    kept: dict[str, Any] = {}
    if not options.quick and path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))["sections"]
    done: dict[str, Any] = {}
    there = [name for name in SECTIONS if name != "planted" or bench.planted]
    for name in options.only or [name for name in there if not (options.missing and name in kept)]:
        print(f"{name}:", file=sys.stderr)
        with progress_on_stderr() as progress:
            done[name] = {"commit": machine.commit(ROOT), **measure(name, bench, progress=progress)}
        if not options.quick:
            keep(path, {**kept, **done})
    print("\n".join(table.lines(done)))
    broken = table.broken(done)
    if broken:
        print(f"not as promised: {', '.join(broken)}")
    return 1 if broken and not options.quick else 0


def keep(path: Path, sections: dict[str, Any]) -> None:
    """Write the record and its page, both whole, sections in their order."""
    ordered = {name: sections[name] for name in SECTIONS if name in sections}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, (json.dumps({"schema": 1, "sections": ordered}, indent=1) + "\n").encode())
    write_atomic(path.with_suffix(".md"), table.markdown(ordered).encode())
    print(f"kept in {path.name} and {path.stem}.md of benches/record", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
