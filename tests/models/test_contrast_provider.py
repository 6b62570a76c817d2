"""Contrasts as a model that answers: through the registry, on weights that are shared or not, in two vocabularies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from diptych.errors import ConfigError, DiptychError
from diptych.models.registry import find_model
from diptych.models.requests import Message, Reply, Request, Sampling
from diptych.models.vocabulary import compare_vocabularies, names_in
from tests.helpers.tiny_models import needs_torch, reordered, save_adapter, save_tiny

pytestmark = needs_torch

PROMPTS = ["Why?", "How many are there", "Say it again, please", "x"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    base, other = save_tiny(folder / "base"), save_tiny(folder / "other", seed=5)
    return {
        "base": str(base),
        "other": str(other),
        "adapted": f"{base}+{save_adapter(base, folder / 'adapter')}",
        "mixed": str(reordered(save_tiny(folder / "mixed", seed=7))),
    }


def ask(name: str, sampling: Sampling, **options: Any) -> list[str]:
    model = find_model(name, options=options).open()
    said: dict[int, Any] = {}
    try:
        model.check(sampling)
        model.answer([Request((Message("user", prompt),)) for prompt in PROMPTS], sampling, said.__setitem__)
    finally:
        model.close()
    assert all(isinstance(answer, Reply) for answer in said.values())
    return [said[index].text for index in range(len(PROMPTS))]


GREEDY = Sampling(max_tokens=8, temperature=0.0)
DRAWN = Sampling(max_tokens=8, temperature=1.0, seed=3)


@pytest.mark.parametrize("sampling", [GREEDY, DRAWN], ids=["greedy", "drawn"])
def test_weight_nothing_is_the_speaker_alone(folders: dict[str, str], sampling: Sampling) -> None:
    alone = ask(f"hf/{folders['other']}", sampling)
    name = f"contrast/{folders['other']}~{folders['base']}"
    assert ask(name, sampling, weight=0) == alone
    assert ask(name, sampling, weight=1) != alone
    assert ask(f"contrast/{folders['other']}~{folders['other']}", sampling) == alone
    assert ask(name, sampling, batch_size=1) == ask(name, sampling, batch_size=4)


def test_an_adapter_and_its_base_share_weights(folders: dict[str, str]) -> None:
    adapted, base = f"hf/{folders['adapted']}", f"hf/{folders['base']}"
    before = ask(adapted, GREEDY), ask(base, GREEDY)
    there, back = (f"contrast/{folders[a]}~{folders[b]}" for a, b in (("adapted", "base"), ("base", "adapted")))
    assert ask(there, GREEDY, weight=0) == before[0] and ask(back, GREEDY, weight=0) == before[1]
    assert ask(there, GREEDY, weight=3) != ask(back, GREEDY, weight=3)
    assert (ask(adapted, GREEDY), ask(base, GREEDY)) == before


def test_one_model_under_two_system_prompts(folders: dict[str, str]) -> None:
    name = f"contrast/{folders['base']}~{folders['base']}"
    assert ask(name, GREEDY, foil_system="Be brief.") != ask(name, GREEDY)


def test_the_identity_names_both_models_and_the_rule(folders: dict[str, str]) -> None:
    def identity(name: str, **options: Any) -> Any:
        return find_model(name, options=options).open().identity

    one = f"contrast/{folders['base']}~{folders['other']}"
    same = identity(one)
    assert same == identity(one, batch_size=2)
    changes: list[dict[str, Any]] = [
        {"rule": "difference"}, {"weight": 2}, {"plausibility": 0.2}, {"nucleus": 0.9}, {"gating": 1},
        {"foil_system": "x"}, {"beams": 2}, {"shared_vocab": True}, {"raw": True},
    ]  # fmt: skip
    seen = [json.dumps(identity(one, **change)) for change in changes]
    seen += [json.dumps(identity(f"contrast/{folders['other']}~{folders['base']}")), json.dumps(same)]
    assert len(set(seen)) == len(seen)
    assert not any(folders["base"] in text for text in seen)


def test_two_vocabularies_are_refused_or_met(folders: dict[str, str]) -> None:
    name = f"contrast/{folders['base']}~{folders['mixed']}"
    with pytest.raises(ConfigError, match="100 and 100 tokens, 99 in both; only in the first: 'e'; only in the second"):
        ask(name, GREEDY)
    said = ask(name, DRAWN, shared_vocab=True)
    assert all("e" not in text and "é" not in text for text in said) and any(said)
    alone = ask(f"contrast/{folders['base']}~{folders['base']}", DRAWN)
    assert said != alone


def test_names_follow_the_tokens(folders: dict[str, str]) -> None:
    from transformers import AutoTokenizer

    a, b = (AutoTokenizer.from_pretrained(folders[name]) for name in ("base", "mixed"))
    names = names_in(a, b)
    for token, number in a.get_vocab().items():
        assert names[number] == b.get_vocab().get(token, -1)
    assert names[a.get_vocab()["e"]] == -1
    assert compare_vocabularies(a, a).describe() == "both have one vocabulary of 100 tokens"


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("contrast/{base}", {}, "give two models with ~ between them"),
        ("contrast/{base}~", {}, "give two models with ~ between them"),
        ("contrast/{base}~/nowhere", {}, "nowhere"),
        ("contrast/{base}~{other}", {"rule": "amplfy"}, "amplify"),
        ("contrast/{base}~{other}", {"weight": -1}, "weight"),
        ("contrast/{base}~{other}", {"beams": 4}, "nothing is drawn with beams"),
    ],
)
def test_what_does_not_fit_is_named(folders: dict[str, str], name: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(DiptychError, match=says):
        ask(name.format(**folders), DRAWN, **options)
