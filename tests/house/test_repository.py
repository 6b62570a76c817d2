"""What is tracked is small, and speaks of the product, not of the machine that it was written on."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from tests.house.tree import files, name

MAX_BYTES = 600_000
MACHINE_PATH = re.compile(r"(?<![\w.:/~}*-])/(?:home|root|Users|work|opt|mnt|srv|tmp)/[\w.]")


def too_large(sizes: Iterable[tuple[str, int]]) -> list[str]:
    return [f"{file}: {size} bytes, at most {MAX_BYTES}" for file, size in sizes if size > MAX_BYTES]


def machine_paths(text: str) -> list[str]:
    """Lines that hold an absolute path of somebody's machine."""
    return [line.strip() for line in text.splitlines() if MACHINE_PATH.search(line)]


def test_no_tracked_file_is_large() -> None:
    sizes = [(name(path), path.stat().st_size) for path in files()]
    assert len(sizes) > 130
    assert too_large(sizes) == []


def test_no_text_names_a_path_of_a_machine() -> None:
    texts = {}
    for path in files():
        raw = path.read_bytes()
        if b"\0" not in raw[:8192]:
            texts[name(path)] = raw.decode("utf-8", errors="replace")
    assert len(texts) > 120
    assert {file: found for file, text in texts.items() if (found := machine_paths(text))} == {}


def test_a_large_file_is_reported() -> None:
    assert too_large([("a", MAX_BYTES), ("b", MAX_BYTES + 1)]) == [f"b: {MAX_BYTES + 1} bytes, at most {MAX_BYTES}"]


@pytest.mark.parametrize("folder", ["home", "root", "Users", "work", "tmp"])
def test_a_path_of_a_machine_is_reported(folder: str) -> None:
    line = f"data = '/{folder}/" + "someone/data'"
    assert machine_paths(f"first\n{line}\nhttps://example.org/{folder}/page\nruns/{folder}/x\n") == [line]
