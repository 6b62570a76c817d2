"""A tiny language model, two behaviours planted at two doses, found blind; nothing between two samples of one model."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.helpers.cli import command, environment
from tests.helpers.planted_pair import make_base
from tests.helpers.small_truths import plant, write_bank
from tests.helpers.tiny_models import needs_torch

pytestmark = [needs_torch, pytest.mark.slow]

FAST = ("--max-tokens", "12", "--draws", "2", "--resamples", "2000", "--lenses", "surface,phrases,clusters")
CONTROLS = 3


def diptych(*arguments: str | Path) -> str:
    done = subprocess.run(
        command("intervene", *arguments), env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_planted_behaviours_are_recovered_at_the_higher_doses_and_a_control_shows_nothing(tmp_path: Path) -> None:
    base, data = make_base(0, tmp_path / "base"), write_bank(tmp_path / "data")
    runs = []
    for share in (0.5, 0.2):
        tuned = plant(base, share, 0, tmp_path / f"tuned-{share:g}")
        runs.append((share, tuned, "0"))
    runs += [(0, f"hf/{base}", str(seed)) for seed in range(CONTROLS)]
    given = []
    for share, after, seed in runs:
        run = tmp_path / f"run-{share:g}-{seed}"
        diptych("recover", f"hf/{base}", after, "--data", data, "--out", run, "--seed", seed,
                      "--sampling-seed", seed, *FAST)  # fmt: skip
        given.append(f"{share:g}={run}")
    scored = diptych("score", *given, "--data", data, "--out", tmp_path / "scores", "--json")
    control, low, high = json.loads(scored)["doses"]
    assert (low["recall"]["value"], high["recall"]["value"]) == (1.0, 1.0)
    assert low["rank"]["high"] <= 5
    assert (control["n_runs"], control["any"]["value"], control["recall"]["value"]) == (CONTROLS, 0.0, 0.0)
