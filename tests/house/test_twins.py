"""Every kernel has a slow, obvious twin that it is tested against, a test at its door, and a thin binding."""

from __future__ import annotations

import re
from pathlib import Path

from tests.house.tree import ROOT

WITHOUT_TWIN = {"files": "reads files; Python's open, gzip and zstandard are its twins, in tests/native/test_files.py"}
WITHOUT_DOOR = {"stream": "the random bits inside permutation; Python never calls it"}


def kernels(root: Path) -> list[str]:
    """Public modules of the core crate."""
    return re.findall(r"^pub mod (\w+);", (root / "rust/core/src/lib.rs").read_text(), re.MULTILINE)


def faults(root: Path) -> list[str]:
    """Kernels that lack a twin, a test against it, a binding, or a test through it."""
    found = []
    for kernel in kernels(root):
        tests = root / "rust" / "core" / "tests"
        if kernel not in WITHOUT_TWIN:
            test = tests / f"{kernel}_matches_naive.rs"
            if not (tests / "naive" / f"{kernel}.rs").exists():
                found.append(f"{kernel}: no twin")
            if not test.exists() or f"naive/{kernel}.rs" not in test.read_text():
                found.append(f"{kernel}: not tested against its twin")
        if kernel not in WITHOUT_DOOR:
            source = root / "rust" / "py" / "src"
            if not (source / f"{kernel}.rs").exists() and not (source / kernel / "mod.rs").exists():
                found.append(f"{kernel}: no binding of that name")
            if not (root / "tests" / "native" / f"test_{kernel}.py").exists():
                found.append(f"{kernel}: no test at the door")
    return found


def test_every_kernel_has_its_twin_and_its_tests() -> None:
    assert len(kernels(ROOT)) >= 7
    assert set(WITHOUT_TWIN) | set(WITHOUT_DOOR) <= set(kernels(ROOT))
    assert faults(ROOT) == []


def test_a_kernel_without_them_is_reported(tmp_path: Path) -> None:
    for file, text in {
        "rust/core/src/lib.rs": "pub mod lone;\npub mod forgotten;\nmod private;\n",
        "rust/core/tests/naive/forgotten.rs": "",
        "rust/core/tests/forgotten_matches_naive.rs": "// compares with nothing",
        "rust/py/src/forgotten.rs": "",
        "tests/native/test_forgotten.py": "",
    }.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    assert faults(tmp_path) == [
        "lone: no twin",
        "lone: not tested against its twin",
        "lone: no binding of that name",
        "lone: no test at the door",
        "forgotten: not tested against its twin",
    ]
