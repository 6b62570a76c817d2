"""One server of forked commands for all tests of the command line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.forge import Forge


@pytest.fixture(scope="session")
def forge() -> Iterator[Forge]:
    """Runs the real command, each time in a process of its own."""
    with Forge() as running:
        yield running
