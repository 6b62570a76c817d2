"""JSON values under keys: any text is a key, and a value comes back equal or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.data import DataLoader
from diptych.data.cache import JsonCache
from diptych.errors import DataError

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    TEXT,
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)
    ),
)
def test_any_json_value_comes_back_under_any_key(tmp_path: Path, key: str, value: Any) -> None:
    path = JsonCache(tmp_path / "cache").put(key, value)
    assert JsonCache(tmp_path / "cache").get(key) == value
    assert path.parent == tmp_path / "cache", "no key leads out of the folder"


def test_a_key_that_was_never_kept_gives_none_and_creates_nothing(tmp_path: Path) -> None:
    assert JsonCache(tmp_path / "cache").get("x") is None
    assert list(tmp_path.iterdir()) == []


def test_a_value_is_replaced(tmp_path: Path) -> None:
    cache = JsonCache(tmp_path)
    cache.put("k", 1)
    cache.put("k", [2])
    assert cache.get("k") == [2]
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object(), b"x"])
def test_what_is_not_json_is_refused_and_the_old_value_stays(tmp_path: Path, value: Any) -> None:
    cache = JsonCache(tmp_path)
    cache.put("k", 1)
    with pytest.raises(DataError, match="cannot cache 'k'"):
        cache.put("k", value)
    assert cache.get("k") == 1


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"key": "other", "value": 1}', b'{"key": "k"}', b"\xff"])
def test_a_damaged_file_is_an_error_never_a_value(tmp_path: Path, damage: bytes) -> None:
    cache = JsonCache(tmp_path)
    cache.put("k", 1).write_bytes(damage)
    with pytest.raises(DataError, match="damaged cache file.*Delete it"):
        cache.get("k")


def test_a_loader_caches_through_it_and_says_when_it_has_none(tmp_path: Path) -> None:
    loader = DataLoader(tmp_path)
    loader.cache_data([1], "k")
    assert loader.load_cached("k") == [1]
    for call in (lambda: DataLoader().cache_data(1, "k"), lambda: DataLoader().load_cached("k")):
        with pytest.raises(DataError, match="no cache. Make it with"):
            call()
