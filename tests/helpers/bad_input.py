"""Commands that must be refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.helpers.cli import Outcome, listing
from tests.helpers.forge import Forge
from tests.helpers.records import jsonl, records, write

DEFAULT_FILES = {"a.jsonl": jsonl(records()), "b.jsonl": jsonl(records(answer="No."))}


@dataclass(frozen=True)
class Refused:
    """A command that must be refused.

    Parameters
    ----------
    name : of the case
    says : pieces of the message: the place, what was wrong, the remedy
    arguments : after ``diptych compare``
    files : in the folder beside ``a.jsonl`` and ``b.jsonl``; None removes one of those
    env : of the process
    """

    name: str
    says: tuple[str, ...]
    arguments: tuple[str, ...] = ("a.jsonl", "b.jsonl")
    files: Mapping[str, bytes] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)


def check_refused(case: Refused, folder: Path, forge: Forge) -> None:
    """Exit code 2, a message of at most three lines that says it all, nothing else anywhere."""
    write(folder, {**DEFAULT_FILES, **case.files})
    before = listing(folder)
    outcome = forge.run("compare", *case.arguments, cwd=folder, env=case.env)
    check_message(outcome, *case.says)
    assert listing(folder) == before, "something was left on disk"


def check_message(outcome: Outcome, *says: str) -> None:
    """The one shape that every refusal has."""
    assert outcome.code == 2, f"exit code {outcome.code}:\n{outcome.out}{outcome.err}"
    assert outcome.out == ""
    lines = outcome.err.splitlines()
    assert 1 <= len(lines) <= 3, outcome.err
    assert lines[0].startswith("diptych: ")
    assert "Traceback" not in outcome.err
    missing = [piece for piece in says if piece not in outcome.err]
    assert not missing, f"the message lacks {missing}:\n{outcome.err}"
