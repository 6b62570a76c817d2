"""An import may only point down; a kernel has one calling file; torch stays out. import-linter says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.house.tree import PACKAGE, ROOT, run_python

LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"


def lint(folder: Path) -> tuple[int, str]:
    """Check the package in ``folder`` against the contracts of this repository."""
    done = run_python("-c", LINT, cwd=ROOT, env={"PYTHONPATH": str(folder)})
    return done.returncode, done.stdout + done.stderr


def test_every_import_points_down() -> None:
    code, said = lint(PACKAGE.parent)
    assert "Analyzed" in said
    assert int(said.split("Analyzed ")[1].split()[0]) > 60
    assert "3 kept, 0 broken" in said
    assert code == 0, said


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("stats/power.py", "import diptych.data.loaders", "Layers"),
        ("clustering/labels.py", "import diptych.embeddings.service", "Layers"),
        ("errors.py", "import diptych.utils.text", "Layers"),
        ("newcomer.py", "", "Layers"),
        ("comparison/run.py", "from diptych import _native", "One kernel"),
        ("stats/exact.py", "from diptych._native import assign", "One kernel"),
        ("stats/exact.py", "import torch", "Torch"),
    ],
)
def test_a_wrong_import_is_reported(tmp_path: Path, file: str, line: str, contract: str) -> None:
    copy = tmp_path / "diptych"
    shutil.copytree(PACKAGE, copy, ignore=lambda folder, names: [n for n in names if n.endswith((".so", ".jsonl"))])
    with (copy / file).open("a") as module:
        module.write(f"\n{line}\n")
    code, said = lint(tmp_path)
    assert code != 0
    broken = [text for text in said.splitlines() if text.endswith("BROKEN")]
    assert any(text.startswith(contract) for text in broken) or ("newcomer" in said and "exhaustive" in said), said
