"""A store whose computer loses its power, on a file system that then forgets what was not synced."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.namespace import counts_on

NOTHING = {"lost": 0, "in part": 0, "faults": 0}


def power_cuts(disk: Path, store: str, n_rounds: int, how: str = "syncs") -> dict[str, int]:
    """What is left of a store after so many cuts."""
    counts = counts_on(disk, "power_cuts", store, str(n_rounds), how)
    assert counts["stored"] > n_rounds, "the test examined little"
    return counts


@pytest.mark.parametrize("how", ["syncs", "removes"])
def test_no_batch_that_was_stored_is_lost(tmp_path: Path, how: str) -> None:
    counts = power_cuts(tmp_path / "disk", f"{tmp_path}/disk/store", 6, how)
    assert counts == {**counts, **NOTHING}


@pytest.mark.slow
@pytest.mark.parametrize("how", ["syncs", "removes"])
def test_no_batch_that_was_stored_is_lost_in_twenty_cuts(tmp_path: Path, how: str) -> None:
    counts = power_cuts(tmp_path / "disk", f"{tmp_path}/disk/store", 20, how)
    assert counts == {**counts, **NOTHING}


def test_no_batch_is_lost_of_a_store_named_from_where_one_is(tmp_path: Path) -> None:
    counts = power_cuts(tmp_path / "disk", "store", 3)
    assert counts == {**counts, **NOTHING}


def test_no_batch_is_lost_of_a_store_in_new_folders(tmp_path: Path) -> None:
    counts = power_cuts(tmp_path / "disk", f"{tmp_path}/disk/a/b/store", 3)
    assert counts == {**counts, **NOTHING}


def test_a_disk_that_does_not_sync_is_seen_to_lose_batches(tmp_path: Path) -> None:
    assert power_cuts(tmp_path / "disk", f"{tmp_path}/disk/store", 3, "forgets")["lost"] > 0
