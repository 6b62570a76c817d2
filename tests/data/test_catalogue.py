"""Catalogues: free sections, one placeholder, and every mistake with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diptych.data.catalogue import Catalogue
from diptych.errors import ConfigError, DataError, UnknownNameError


def test_a_new_key_at_the_top_is_a_new_section_and_the_task_is_filled_in_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.json"
    path.write_text(
        json.dumps({"moods": {"glad": "Be glad while you <X>.", "sad": "Be sad."}, "awareness": {"x": "y"}})
    )
    catalogue = Catalogue.load(path)
    assert catalogue.sections == ("moods", "awareness")
    chosen = catalogue.choose(["moods"], task="judge texts")
    assert [(one.label, one.message) for one in chosen.personas] == [
        ("glad", "Be glad while you judge texts."),
        ("sad", "Be sad."),
    ]


def test_the_built_in_catalogue_has_two_sections_of_four_different_messages() -> None:
    catalogue = Catalogue.load().choose(task="judge texts")
    assert catalogue.sections == ("personas", "awareness")
    assert len({one.message for one in catalogue.personas}) == len(catalogue.personas) == 8
    assert not any("<X>" in one.message for one in catalogue.personas)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"personas": {"a": ""}}', "section 'personas', label 'a': the system message is blank"),
        ('{"personas": {"a": null}}', "section 'personas', label 'a': the system message is None"),
        ('{"personas": {" ": "x"}}', "section 'personas': a label is blank"),
        ('{"personas": {}}', "section 'personas' is empty"),
        ('{"personas": ["a"]}', "section 'personas' is a list"),
        ("[]", "is a list"),
        ("{}", "is empty"),
        ('{"personas": {"a": "x", "a": "y"}}', "the name 'a' stands twice"),
        ('{"personas":\n {"a" "x"}}', "catalogue.json:2:7: not JSON"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "catalogue.json"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        Catalogue.load(path)
    assert said in str(caught.value)
    assert "catalogue.json" in str(caught.value)


def test_an_unknown_section_and_a_missing_task_are_refused() -> None:
    catalogue = Catalogue.load()
    with pytest.raises(UnknownNameError, match="Did you mean 'personas'"):
        catalogue.choose(["persona"], task="x")
    with pytest.raises(ConfigError, match="section 'awareness', label 'unaware'.*--task"):
        catalogue.choose(["awareness"])
