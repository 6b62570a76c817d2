"""Hostile text made harmless, and nothing else changed."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.utils.text import json_text, parse_json, printable, shorten, spreadsheet_safe

DANGEROUS = [
    *map(
        chr,
        [*range(0, 9), *range(0xB, 0x20), *range(0x7F, 0xA0), 0x200E, 0x202E, 0x2028, 0x2066, 0xFEFF, 0xE0001, 0xE01EF],
    )
]


@pytest.mark.parametrize("character", DANGEROUS, ids=lambda c: f"U+{ord(c):04X}")
def test_a_character_that_moves_a_terminal_is_escaped(character: str) -> None:
    shown = printable(f"a{character}b")
    assert character not in shown
    assert shown.startswith("a\\")
    assert shown.encode("ascii").decode("unicode_escape") == f"a{character}b"


@given(st.text())
def test_printable_text_has_no_control_but_tab_and_newline_and_keeps_letters(text: str) -> None:
    shown = printable(text)
    assert [c for c in shown if unicodedata.category(c) == "Cc" and c not in "\t\n"] == []
    assert printable(shown) == shown
    assert [c for c in shown if c.isalpha() and c in text] or not any(c.isalpha() for c in text)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_text_reads_back_equal_and_is_printable_as_it_is(value: object) -> None:
    text = json_text(value)
    assert json.loads(text) == value
    assert printable(text) == text


def test_json_text_keeps_letters_of_every_script_and_refuses_nan() -> None:
    assert json_text("é漢😀") == '"é漢😀"'
    with pytest.raises(ValueError, match="nan"):
        json_text(float("nan"))


@pytest.mark.parametrize("text", ["[" * 100_000, b'{"a":' * 100_000])
def test_json_that_is_nested_too_deep_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="too deep"):
        parse_json(text)
    assert parse_json(b'{"a": [1]}') == {"a": [1]}


@given(st.text(), st.integers(1, 40))
def test_shortened_text_is_one_line_of_at_most_the_length(text: str, length: int) -> None:
    short = shorten(text, length)
    assert len(short) <= length
    assert short.splitlines() in ([], [short])
    assert short == " ".join(text.split()) or short.endswith("…")


@given(st.text())
def test_a_cell_is_either_unchanged_or_shielded_by_an_apostrophe(text: str) -> None:
    safe = spreadsheet_safe(text)
    assert safe in (text, "'" + text)
    assert safe[:1] not in set("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


@pytest.mark.parametrize("start", "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
def test_each_sign_that_begins_a_formula_is_shielded(start: str) -> None:
    assert spreadsheet_safe(f"{start}1") == f"'{start}1"
