"""Hostile text in figures."""

from __future__ import annotations

import re
from html import unescape

from hypothesis import given
from hypothesis import strategies as st

from diptych.utils.text import printable
from diptych.visualization.text import label, paragraph


@given(st.text())
def test_no_markup_is_left_and_nothing_is_lost(text: str) -> None:
    shown = label(text, 10_000)
    assert not re.search(r"[<>$]|&(?!#\d+;)", shown)
    assert unescape(shown) == printable(" ".join(text.split()))


@given(st.text(alphabet="ab <&\n", max_size=600))
def test_a_paragraph_has_short_lines_and_every_word(text: str) -> None:
    lines = [unescape(line) for line in paragraph(text, 10_000).split("<br>")]
    assert all(len(line) <= 80 for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_long_text_is_cut_before_it_is_escaped() -> None:
    assert label("<" * 100, 5) == "&#60;" * 4 + "…"
    assert paragraph("word " * 1_000).endswith("…")
