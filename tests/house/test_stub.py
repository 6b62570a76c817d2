"""The stub of the kernels says what the compiled module has: names, arguments, defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.tree import PACKAGE, ROOT, run_python

pytestmark = pytest.mark.timeout(240)  # mypy builds everything that the stub imports, on a machine that may be busy
STUB = (PACKAGE / "_core.pyi").read_text()


def stubtest(stub: str, folder: Path) -> tuple[int, str]:
    """Hold the compiled module against a stub; ``folder`` is empty."""
    package = folder / "stubs" / "diptych"
    package.mkdir(parents=True)
    (package / "__init__.pyi").write_text("")
    (package / "_core.pyi").write_text(stub)
    (folder / "mypy.ini").write_text("[mypy]\n")
    done = run_python(
        "-m", "mypy.stubtest", "diptych._core", "--mypy-config-file", str(folder / "mypy.ini"),
        cwd=ROOT, env={"MYPYPATH": str(folder / "stubs")},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_the_stub_holds(tmp_path: Path) -> None:
    code, said = stubtest(STUB, tmp_path)
    assert code == 0, said
    assert "no issues found in 1 module" in said


WRONG = {
    "def assign(": "def allot(",
    "data: bytes, path: str": "path: str, data: bytes",
    "read_only: bool = False": "read_only: bool = True",
}


def test_a_stub_that_does_not_hold_is_reported(tmp_path: Path) -> None:
    stub = STUB
    for right, wrong in WRONG.items():
        assert right in stub
        stub = stub.replace(right, wrong)
    code, said = stubtest(stub, tmp_path)
    assert code != 0
    for fault in ("diptych._core.assign is not present in stub", "_core.allot", "_core.parse_jsonl", "_core.Store"):
        assert fault in said
