"""Digests: equal for equal content, different for content that was cut elsewhere, stable for ever."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.errors import ShapeError
from diptych.utils.hashing import content_hash, derive_seed, hash_rows, hash_texts, hex_digests

TEXTS = st.lists(st.text(max_size=20), min_size=1, max_size=8)


@given(TEXTS)
def test_a_digest_depends_on_its_own_row_only(texts: list[str]) -> None:
    together = hash_texts("t/1", texts)
    alone = np.concatenate([hash_texts("t/1", [text]) for text in texts])
    np.testing.assert_array_equal(together, alone)
    assert len(np.unique(together, axis=0)) == len(set(texts))


@given(st.text(), st.text(), st.integers(0, 10))
def test_fields_do_not_run_into_one_another(first: str, second: str, cut: int) -> None:
    joined = first + second
    a, b = joined[:cut], joined[cut:]
    equal = (hash_rows("t/1", [[first], [second]]) == hash_rows("t/1", [[a], [b]])).all()
    assert equal == ((first, second) == (a, b))


def test_domains_and_numbers_of_fields_never_meet() -> None:
    digests = [
        hash_rows(domain, columns).tobytes() for domain in ("t/1", "t/2") for columns in ([["a"]], [["a"], [""]])
    ]
    assert len(set(digests)) == 4


def test_hex_digests_are_the_same_digits() -> None:
    row = hash_texts("t/1", ["a"])[0].tobytes().hex()
    assert hex_digests("t/1", [["a"]]) == [row]
    assert hex_digests("t/1", [["a"]], length=16) == [row[:16]]


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ShapeError):
        hash_rows("t/1", [["a"], ["b", "c"]])


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=5))
def test_content_hash_forgets_the_order_of_keys_and_nothing_else(value: dict[str, object]) -> None:
    assert content_hash("t/1", value) == content_hash("t/1", json.loads(json.dumps(dict(reversed(value.items())))))
    assert content_hash("t/1", value) != content_hash("t/1", {**value, "another key": 1})


def test_content_hash_refuses_nan() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        content_hash("t/1", {"a": float("nan")})


def test_seeds_are_in_range_and_differ_by_purpose_and_seed() -> None:
    seeds = [derive_seed(seed, purpose) for seed in range(50) for purpose in ("a", "b", "sign flips")]
    assert len(set(seeds)) == 150
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(3, "a") == derive_seed(3, "a")


def test_seeds_of_recorded_runs_stay_what_they_are() -> None:
    """A changed number here makes every old result unrepeatable."""
    assert derive_seed(0, "bootstrap") == GOLDEN_SEED
    assert hex_digests("diptych/prompt/1", [["Hello?"]], length=16) == [GOLDEN_PROMPT]


GOLDEN_SEED = 9094179829921239572
GOLDEN_PROMPT = "5b5825cb00a90547"
