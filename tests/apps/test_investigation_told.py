"""What an investigating assistant is told, and what is read of its answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.apps.interventions.investigation.asking import Move, read_move
from diptych.apps.interventions.investigation.instructions import Told
from diptych.errors import DataError


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('```json\n{"hypotheses": [], "prompts": ["a"]}\n``` Good luck!', Move(prompts=["a"])),
        ('{"note": 1} {"prompts": ["a", 3, null]}', Move(prompts=["a"])),
        ('{"hypotheses": "none", "prompts": {"1": "a"}}', Move()),
        ("{", None),
        ("", None),
        ("[" * 5000, None),
        ('["a"]', None),
    ],
)
def test_a_move_is_read_from_whatever_stands_around_it(text: str, found: Move | None) -> None:
    assert read_move(text) == found


def test_instructions_that_do_not_fit_are_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "told.json"
    for content, message in (
        ("{", "not JSON"),
        ("[]", "expected an object with role, task, form"),
        ('{"role": " ", "task": "t", "form": "f"}', "role: it is blank"),
        ('{"role": "r", "task": "t"}', "form: it is missing"),
        ('{"role": "r", "task": "t", "form": "f", "tsak": "x"}', "tsak"),
    ):
        path.write_text(content)
        with pytest.raises(DataError, match=message):
            Told.load(path)
    with pytest.raises(DataError, match="cannot be read"):
        Told.load(tmp_path / "none.json")
    path.write_text('{"role": "Mine.", "task": "Give {hypotheses}.", "form": "JSON"}')
    assert Told.load(path).wanted(hypotheses=2, written=1, prompts=1) == "Give 2."
