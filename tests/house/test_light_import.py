"""``import diptych`` and ``diptych --help`` ask for nothing heavy, whether it is installed or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.tree import run_python

HEAVY = ("torch", "sklearn", "scipy", "pandas", "polars", "pyarrow", "plotly", "transformers")

TRIPWIRE = """
import sys

asked = set()

class Tripwire:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {heavy!r}:
            asked.add(name.partition(".")[0])
        return None

sys.meta_path.insert(0, Tripwire())
try:
    {statement}
except SystemExit as end:
    assert not end.code, end.code
print("asked for:", *sorted(asked))
"""


def asked_for(statement: str, folder: Path) -> list[str]:
    """The heavy libraries that a statement asks for, found or not."""
    done = run_python("-c", TRIPWIRE.format(heavy=HEAVY, statement=statement), cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].removeprefix("asked for:").split()


@pytest.mark.parametrize(
    "statement",
    [
        "import diptych; assert diptych.__version__",
        "import sys; sys.argv = ['diptych', '--help']; from diptych.cli import main; main()",
        "import sys; sys.argv = ['diptych', 'compare', '--help']; from diptych.cli import main; main()",
        "import sys; sys.argv = ['diptych', '--version']; from diptych.cli import main; main()",
    ],
)
def test_nothing_heavy_is_imported(statement: str, tmp_path: Path) -> None:
    assert asked_for(statement, tmp_path) == []


@pytest.mark.parametrize(
    ("statement", "library"),
    [
        ("import diptych.stats.exact, scipy.special", "scipy"),
        ("import importlib.util; importlib.util.find_spec('torch')", "torch"),
    ],
)
def test_a_heavy_import_trips_the_wire(statement: str, library: str, tmp_path: Path) -> None:
    assert library in asked_for(statement, tmp_path)
