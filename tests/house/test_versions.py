"""One version, wherever it is written, and an entry that says what it brings."""

from __future__ import annotations

import re
import tomllib

import diptych
from diptych import _native
from tests.house.tree import ROOT


def stated() -> dict[str, str]:
    """Every place that states the version."""
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {
        "Cargo.toml": cargo["workspace"]["package"]["version"],
        "pyproject.toml": project["project"]["version"],
        "diptych.__version__": diptych.__version__,
        "the compiled module": _native.__version__,
        **{f"Cargo.lock, {p['name']}": p["version"] for p in lock["package"] if p["name"].startswith("diptych-")},
    }


def faults(versions: dict[str, str], changelog: str) -> list[str]:
    """Places that differ from pyproject.toml, and what its entry in the changelog lacks."""
    wanted = versions["pyproject.toml"]
    others = {place: version for place, version in versions.items() if version != wanted}
    found = [f"{place} says {version}, pyproject.toml {wanted}" for place, version in others.items()]
    entry = re.search(rf"^## {re.escape(wanted)}\b.*\n((?:(?!## ).*\n?)*)", changelog, re.MULTILINE)
    if not entry:
        found.append(f"CHANGELOG.md has no entry '## {wanted}'")
    elif not re.search(r"^- \S", entry[1], re.MULTILINE):
        found.append(f"CHANGELOG.md says nothing under {wanted}")
    return found


def test_the_versions_agree_and_have_an_entry() -> None:
    versions = stated()
    assert len(versions) >= 6
    assert faults(versions, (ROOT / "CHANGELOG.md").read_text()) == []


def test_a_version_that_differs_or_has_no_entry_is_reported() -> None:
    assert faults({"pyproject.toml": "1.2", "Cargo.toml": "1.1"}, "## 1.2\n\n- Something\n") == [
        "Cargo.toml says 1.1, pyproject.toml 1.2"
    ]
    assert faults({"pyproject.toml": "1.2"}, "## 1.1\n\n- Something\n") == ["CHANGELOG.md has no entry '## 1.2'"]
    assert faults({"pyproject.toml": "1.2"}, "## 1.2\n\n## 1.1\n\n- x\n") == ["CHANGELOG.md says nothing under 1.2"]
