"""``hash_rows`` against BLAKE3 in plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych import _core
from diptych.errors import ConfigError, ShapeError
from tests.helpers.blake3_twin import blake3, row_digest

text = st.text(max_size=40)


def official_input(n: int) -> bytes:
    return bytes(i % 251 for i in range(n))


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
        (1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"),
        (1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"),
        (1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"),
    ],
)
def test_the_twin_gives_the_official_vectors(n: int, expected: str) -> None:
    assert blake3(official_input(n)).hex() == expected


@settings(max_examples=60, deadline=None)
@given(domain=text, rows=st.lists(st.tuples(text, text), max_size=4), threads=st.sampled_from([1, 2, 4, 8]))
def test_every_digest_is_that_of_the_length_prefixed_fields(
    domain: str, rows: list[tuple[str, str]], threads: int
) -> None:
    got = _core.hash_rows(domain, [[a for a, _ in rows], [b for _, b in rows]], threads)
    assert got.shape == (len(rows), 32)
    assert got.dtype == np.uint8
    assert [row.tobytes() for row in got] == [row_digest(domain, [a, b]) for a, b in rows]


@pytest.mark.parametrize("n", [0, 1, 1023, 1024, 1025, 2048, 3073, 5000])
def test_long_texts_cross_chunks_rightly(n: int) -> None:
    long = "\N{CJK UNIFIED IDEOGRAPH-4E2D}" * (n // 3) + "a" * (n % 3)
    assert _core.hash_rows("d", [[long]], 1)[0].tobytes() == row_digest("d", [long])


def test_threads_do_not_change_a_bit() -> None:
    rows = [f"row {i}\0\N{GREEK SMALL LETTER ALPHA}" for i in range(20_000)]
    one = _core.hash_rows("d", [rows], 1)
    assert len({row.tobytes() for row in one}) == len(rows)
    for threads in (2, 4, 8):
        np.testing.assert_array_equal(_core.hash_rows("d", [rows], threads), one)


def test_domain_and_field_borders_count() -> None:
    cases = [("d", ["ab", ""]), ("d", ["a", "b"]), ("d", ["", "ab"]), ("d", ["ab"]), ("da", ["b"]), ("e", ["ab"])]
    digests = {_core.hash_rows(domain, [[field] for field in fields], 1).tobytes() for domain, fields in cases}
    assert len(digests) == len(cases)


def test_text_is_not_normalised() -> None:
    composed, decomposed = _core.hash_rows("d", [["\u00e9", "e\u0301"]], 1)
    assert composed.tobytes() != decomposed.tobytes()


@pytest.mark.parametrize(
    ("columns", "threads", "error", "message"),
    [
        ([], 1, ShapeError, "columns: expected at least one list of strings, got none; pass one list for each field"),
        ([["a"], []], 1, ShapeError, "columns[1]: has 0 rows, columns[0] has 1; pass lists of one length"),
        (
            [["a", "\ud800"]],
            1,
            ShapeError,
            "columns[0][1]: holds a lone surrogate, which has no UTF-8 form; replace it, for example with "
            "text.encode('utf-8', 'replace').decode()",
        ),
        ([["a"], [None]], 1, TypeError, "columns[1][0]: expected str, got NoneType"),
        ([["a"], [b"a"]], 1, TypeError, "columns[1][0]: expected str, got bytes"),
        ([["a"], "a"], 1, TypeError, "columns[1]: expected a list of str, got str"),
        ("ab", 1, TypeError, "columns: expected a list of lists of str, got str"),
        (np.array([["a"]]), 1, TypeError, "columns: expected a list of lists of str, got ndarray"),
        ([["a"]], 0, ConfigError, "threads: got 0; pass 1 or more"),
        ([["a"]], -1, ConfigError, "threads: got -1; pass 1 or more"),
    ],
)
def test_wrong_input_is_refused_with_its_place(
    columns: Any, threads: int, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        _core.hash_rows("d", columns, threads)
    assert str(caught.value) == message
