"""What a trained model says of itself: names in it are text, whatever stands in them."""

from __future__ import annotations

import re

import pytest
import yaml

from diptych.apps.interventions.model_card import change_card, model_card

HOSTILE = 'x: "y"\n---\n# Owned <img src=x onerror=alert(1)> [a](javascript:alert(1)) `code` | \x1b[31m\u202e'
TRAINED = {
    "config": {"method": "lora", "epochs": 3.0, "learning_rate": 2e-4, "batch_size": 16, "seed": 0}, "n_steps": 1,
    "truths": {HOSTILE: 80, "": 20}, "n_parameters": {"trained": 10, "all": 100}, "rows": "abc", "losses": [],
    "diptych_version": "0.1.0",
}  # fmt: skip
CHANGED = {"kind": "noise", "settings": {"size": HOSTILE}, "after": HOSTILE, "diptych_version": "0.1.0"}


@pytest.mark.parametrize("name", [HOSTILE, "owner/base", "/a b/c", "no", "1", "hf/x: y", "- x"])
@pytest.mark.parametrize("is_trained", [True, False])
def test_a_hostile_name_is_text_in_the_card_and_in_its_head(name: str, is_trained: bool) -> None:
    card = model_card(TRAINED, name) if is_trained else change_card(CHANGED, name)
    head, body = card.removeprefix("---\n").split("\n---\n", 1)
    assert yaml.safe_load(head)["base_model"] == name
    assert len([line for line in body.split("\n") if line.startswith("# ")]) == 1
    assert not {"\x1b", "\u202e"} & set(card)
    marks = re.sub(r"\\.", "", body)  # without what is escaped
    outside = "".join(marks.split("`")[::2])
    assert "<img" not in outside and "[a](" not in outside and "alert(1)" not in outside
