"""Planted behaviours, recovered: ``python benches/python/interventions.py [--seeds 5] [--controls 20] [--record]``.

A tiny language model is trained, two behaviours are planted in it at each dose and seed, and ``diptych intervene``
looks for them blind. Of a control the second sample is of the same model. Needs torch; PYTHONPATH is the repository's
root.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.helpers.planted_pair import make_base
from tests.helpers.small_truths import plant, write_bank

ROOT = Path(__file__).resolve().parents[2]

DOSES = (0.5, 0.2, 0.1, 0.05)
FLAGS = ("--max-tokens", "12", "--draws", "2", "--resamples", "2000", "--lenses", "surface,phrases,clusters")


def main() -> None:
    """Train, recover, score, print, and with ``--record`` keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each dose")
    parser.add_argument("--controls", type=int, default=20, help="samples of the base against itself")
    parser.add_argument("--record", action="store_true", help="keep the tables in benches/record")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scores = run(Path(folder), options.seeds, options.controls)
        print((scores / "score.md").read_text(encoding="utf-8").split("\n\n")[0])
        if options.record:
            name = f"{datetime.datetime.now(tz=datetime.UTC):%Y-%m-%d}-interventions"
            for ending in (".json", ".md"):
                kept = (scores / f"score{ending}").read_bytes()
                (ROOT / "benches/record" / f"{name}{ending}").write_bytes(kept)


def run(folder: Path, seeds: int, controls: int) -> Path:
    """The folder of scores."""
    base, data = make_base(0, folder / "base"), write_bank(folder / "data")
    wanted = [(dose, seed) for dose in DOSES for seed in range(seeds)] + [(0.0, seed) for seed in range(controls)]
    given = []
    for dose, seed in wanted:
        name = f"{dose:g}-{seed}"
        after = plant(base, dose, seed, folder / f"tuned-{name}") if dose else f"hf/{base}"
        asked = ("--seed", str(seed), "--sampling-seed", str(seed), "--data", str(data), *FLAGS)
        _diptych("recover", f"hf/{base}", after, "--out", str(folder / f"run-{name}"), *asked)
        given.append(f"{dose:g}={folder / f'run-{name}'}")
        print(f"{name} done", file=sys.stderr)
    scores = folder / "scores"
    report = json.loads(_diptych("score", *given, "--data", str(data), "--out", str(scores), "--json"))
    assert len(report["runs"]) == len(wanted)
    return scores


def _diptych(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "diptych", "intervene", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    main()
