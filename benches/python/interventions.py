"""Planted behaviours, recovered: ``python benches/python/interventions.py [--seeds 5] [--controls 20] [--record]``.

A tiny language model is trained, two behaviours are planted in it at each dose and seed, and ``diptych intervene``
looks for them blind. Of a control the second sample is of the same model. ``--base-seed 1`` makes another tiny model;
``--folder F`` keeps models and runs there, and goes on where an earlier call stopped. Needs torch; PYTHONPATH is the
repository's root.
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
    parser.add_argument("--base-seed", type=int, default=0, help="of the tiny model; settings were tuned on 0")
    parser.add_argument("--record", action="store_true", help="keep the tables in benches/record")
    parser.add_argument("--folder", type=Path, help="of models and runs; one that goes when all is done")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        scores = run(options.folder or Path(made), options.seeds, options.controls, options.base_seed)
        print((scores / "score.md").read_text(encoding="utf-8").split("\n\n")[0])
        if options.record:
            name = f"{datetime.datetime.now(tz=datetime.UTC):%Y-%m-%d}-interventions-base{options.base_seed}"
            for ending in (".json", ".md"):
                kept = (scores / f"score{ending}").read_bytes()
                (ROOT / "benches/record" / f"{name}{ending}").write_bytes(kept)


def run(folder: Path, seeds: int, controls: int, base_seed: int) -> Path:
    """The folder of scores."""
    base, data = folder / "base", folder / "data"
    if not data.exists():
        make_base(base_seed, base)
        write_bank(data)
    wanted = [(dose, seed) for seed in range(seeds) for dose in DOSES] + [(0.0, seed) for seed in range(controls)]
    given = []
    for dose, seed in sorted(wanted, key=lambda one: one[1]):
        name = f"{dose:g}-{seed}"
        given.append(f"{dose:g}={folder / f'run-{name}'}")
        if (folder / f"run-{name}" / "recovered.json").exists():
            continue
        after = plant(base, dose, seed, folder / f"tuned-{name}") if dose else f"hf/{base}"
        asked = ("--seed", str(seed), "--sampling-seed", str(seed), "--data", str(data), *FLAGS)
        _diptych("recover", f"hf/{base}", after, "--out", str(folder / f"run-{name}"), *asked)
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
