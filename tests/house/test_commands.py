"""A command that a reader is told to type exists, with its flags; a file that a page points to is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from diptych.cli.app import app
from tests.house.tree import ROOT, files, name

PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", *sorted(name(path) for path in (ROOT / "docs").glob("*.md")))
CLI: Any = typer.main.get_command(app)
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def commands(page: str) -> Iterator[list[str]]:
    """The words of each ``make …`` and ``diptych …`` in code blocks and in `inline code`."""
    fence = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
    lines = [line for kind, block in fence.findall(page) if kind != "python" for line in _joined(block)]
    lines += re.findall(r"`([^`\n]+)`", fence.sub("", page))
    for line in lines:
        for part in re.split(r"&&|;|\|", line.partition("  #")[0]):
            words = [word for word in part.removeprefix("$ ").split() if not re.fullmatch(r"[A-Z_]+=\S*", word)]
            words[:1] = [word.removeprefix(".venv/bin/") for word in words[:1]]
            if words[:3] in (["python", "-m", "diptych"], ["python3", "-m", "diptych"]):
                words = words[2:]
            if len(words) > 1 and words[0] in {"make", "diptych"}:
                yield words


def _joined(block: str) -> list[str]:
    return block.replace("\\\n", " ").splitlines()


def fault(words: list[str]) -> str | None:
    """Why a command cannot be typed, or None."""
    program, verb = words[0], words[1]
    if program == "make":
        return None if verb in TARGETS else f"make has no {verb}"
    command, rest = CLI, words[1:]
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        if rest[0] not in command.commands:
            return f"diptych has no {' '.join(words[1 : len(words) - len(rest) + 1])}"
        command, rest = command.commands[rest[0]], rest[1:]
    verb = " ".join(words[1 : len(words) - len(rest)])
    known = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
    known |= {"--help", "-h"}
    wrong = [flag for word in words[1:] if word.startswith("-") and (flag := word.partition("=")[0]) not in known]
    return f"diptych {verb} has no {', '.join(wrong)}" if wrong else None


def missing_links(page: str, folder: Path = ROOT) -> list[str]:
    """Relative links and pictures of a page in a folder, and places in the page itself, that lead nowhere."""
    targets = re.findall(r"\]\(([^)\s]+)[^)]*\)", page)
    titles = re.findall(r"^#+ (.*)", page, re.MULTILINE)
    places = {"#" + re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    files = [target.partition("#")[0] for target in targets if "://" not in target]
    wrong = [target for target in files if target and not (folder / target).exists()]
    return wrong + [target for target in targets if target.startswith("#") and target not in places]


def test_every_command_on_the_pages_exists() -> None:
    typed = [(page, words) for page in PAGES for words in commands((ROOT / page).read_text())]
    assert len(typed) >= 10
    assert {"make", "diptych"} == {words[0] for _, words in typed}
    assert [f"{page}: {said}" for page, words in typed if (said := fault(words))] == []


def test_every_link_on_the_pages_leads_somewhere() -> None:
    pages = [path for path in files(".md") if name(path) in PAGES]
    assert len(pages) == len(PAGES)
    assert [(name(path), wrong) for path in pages if (wrong := missing_links(path.read_text(), path.parent))] == []


def test_commands_that_do_not_exist_are_reported() -> None:
    page = """
Run `make tset` or `diptych compare a b --lens x` and read `make`; `diptych` is a name.

```
$ make demo && make all
DIPTYCH_SEED=3 diptych compere a.jsonl b.jsonl
.venv/bin/diptych compare a.jsonl b.jsonl \\
    --out runs/x --sed 3   # --nonsense
python -m diptych demo --fast
```

```python
diptych = diptych
```
"""
    said = [fault(words) for words in commands(page)]
    assert [text for text in said if text] == [
        "make has no all",
        "diptych has no compere",
        "diptych compare has no --sed",
        "diptych demo has no --fast",
        "make has no tset",
        "diptych compare has no --lens",
    ]
    page = "# Who's in?\n[a](README.md) ![b](docs/none.png) [c](https://example.org) [d](#whos-in) [e](#nobody)"
    assert missing_links(page) == ["docs/none.png", "#nobody"]
    assert missing_links("[a](../README.md) [b](README.md)", ROOT / "docs") == ["README.md"]


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run make as a person would, not as a child of the make that runs the tests."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=outer | env, capture_output=True, text=True, check=False)


@needs_make
def test_help_lists_every_verb() -> None:
    said = make("--no-print-directory", "help", env={}).stdout
    listed = set(re.findall(r"^make ([a-z-]+)", said, re.MULTILINE))
    assert {"demo", "test", "check", "bench", "bench-quick", "test-real", "fmt", "docs", "help"} <= listed
    assert listed <= TARGETS


@needs_make
def test_a_missing_tool_is_named_with_its_remedy_in_one_line(tmp_path: Path) -> None:
    for tool in ("bash", "sh", "tr", "make", "cat", "awk", "find", "sort", "xargs", "cut"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or pytest.skip(f"{tool} is not installed"))
    bare = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    for target, remedy in (("needs-python", "PYTHON="), ("needs-cargo", "rustup.rs")):
        done = make("--no-print-directory", target, env=bare)
        lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
        assert done.returncode != 0
        assert len([line for line in lines if line.startswith("diptych ")]) == 1
        assert remedy in lines[-1]
