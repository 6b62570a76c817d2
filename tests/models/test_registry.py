"""Names of models: providers, registry files and what is near a name that does not exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.errors import ConfigError, UnknownNameError
from diptych.models.providers.scripted import ScriptedModel
from diptych.models.registry import PROVIDERS, Registry, find_model, looks_like_model, parse_options
from tests.house.tree import run_python

ORIGINAL = """
defaults:
  temperature: 0.7
  max_new_tokens: 100
models:
  - name: org/edited-7b
    original: org/plain-7b
    description: has unlearned something
    max_new_tokens: 150
  - name: org/other-7b
    original: org/plain-7b
    description: another
  - name: org/plain-7b
    original: org/plain-7b
    description: as it was
categories:
  unlearned: [org/edited-7b, org/other-7b]
  base_models: [org/plain-7b]
"""


def registry(folder: Path, text: str) -> Registry:
    (folder / "models.yaml").write_text(text)
    return Registry.load(folder / "models.yaml")


def test_older_registries_are_read_as_they_are(tmp_path: Path) -> None:
    loaded = registry(tmp_path, ORIGINAL)
    assert loaded.names == ["org/edited-7b", "org/other-7b", "org/plain-7b"]
    assert loaded.pairs("unlearned") == [("org/edited-7b", "org/plain-7b"), ("org/other-7b", "org/plain-7b")]
    assert loaded.entry("org/edited-7b").model == "hf/org/edited-7b"
    assert find_model("org/edited-7b", registry=loaded).name == "hf/org/edited-7b"


def test_an_entry_says_how_a_model_is_asked_and_flags_go_before_it(tmp_path: Path) -> None:
    text = "models: [{name: mine, model: openai-api/m, base_url: 'http://x/v1', system: Hi., price: '1,2', options: {a: 1, b: 2}}]"
    loaded = registry(tmp_path, text)
    spec = find_model("mine", registry=loaded, options={"b": 3})
    assert (spec.name, spec.base_url, spec.system, spec.options) == (
        "openai-api/m",
        "http://x/v1",
        "Hi.",
        {"a": 1, "b": 3},
    )
    assert spec.price is not None and spec.price(1_000_000, 1_000_000) == 3.0
    other = find_model("mine", registry=loaded, base_url="http://y/v1", price="5,5")
    assert other.base_url == "http://y/v1"
    assert other.price is not None and other.price(1_000_000, 0) == 5.0
    assert find_model("scripted/echo", registry=loaded).name == "scripted/echo"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("models: [{name: a, orignal: b}]", "models.yaml:1: models: 0.orignal: there is no such setting"),
        ("modles: []", "models.yaml:1: unknown setting 'modles'. Did you mean 'models'?"),
        ("models: [{original: b}]", "models.yaml:1: models: 0.name"),
        ("models: [{name: a}, {name: a}]", "the name 'a' stands twice"),
        ("models: [{name: a}]\ncategories: {c: [b]}", "categories: c: no model is called 'b'"),
        ("models: [{name: 3}]", "models.yaml:1: models: 0.name = 3: it should be a valid string"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_registry_is_said_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        registry(tmp_path, text)
    assert says in str(caught.value)


@pytest.mark.parametrize(("name", "near"), [("opnai/gpt-5", "openai"), ("antropic/c", "anthropic"), ("hff/x", "hf")])
def test_a_provider_that_does_not_exist_names_the_near_ones(name: str, near: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        find_model(name)
    assert near in caught.value.near
    assert set(caught.value.known) == set(PROVIDERS)


def test_a_model_or_category_that_is_not_in_the_registry_names_the_near_ones(tmp_path: Path) -> None:
    loaded = registry(tmp_path, ORIGINAL)
    with pytest.raises(UnknownNameError) as caught:
        find_model("org/edited-8b", registry=loaded)
    assert caught.value.near[0] == "org/edited-7b"
    with pytest.raises(UnknownNameError, match="unlearned"):
        loaded.pairs("unlerned")


@pytest.mark.parametrize(
    ("name", "is_model"),
    [("openai/gpt-5", True), ("hf/org/model@main", True), ("openrouter/a/b:free", True), ("openai/", False),
     ("openai", False), ("runs/a.jsonl", False), ("scripted/s.yaml", True)],
)  # fmt: skip
def test_what_looks_like_a_model(name: str, is_model: bool) -> None:
    assert looks_like_model(name) is is_model


def test_options_are_json_where_they_can_be() -> None:
    given = ["concurrency=8", "dtype=bfloat16", 'extra={"a": [1]}', "max-wait-s=0.5", "flag=true", "empty=", "a=b=c"]
    assert parse_options(given) == {
        "concurrency": 8, "dtype": "bfloat16", "extra": {"a": [1]}, "max_wait_s": 0.5, "flag": True, "empty": "", "a": "b=c",
    }  # fmt: skip
    with pytest.raises(ConfigError, match="--model-arg = 'fast': give name=value"):
        parse_options(["fast"])


def test_models_are_opened_without_asking_and_only_their_library_is_imported(tmp_path: Path) -> None:
    assert isinstance(find_model("scripted/echo").open(), ScriptedModel)
    code = """
import sys
from diptych.models.registry import find_model
find_model("scripted/echo").open(); find_model("openai/gpt-5"); find_model("hf/x")
print([name for name in ("openai", "anthropic", "torch", "transformers", "anyio") if name in sys.modules])
"""
    done = run_python("-c", code, cwd=tmp_path)
    assert done.stdout == "[]\n", done.stderr


def test_every_provider_with_an_interface_can_be_opened() -> None:
    pytest.importorskip("openai")
    for provider in ("openai", "anthropic", "openrouter", "vllm", "openai-api"):
        address = "http://127.0.0.1:9/v1" if provider == "openai-api" else None
        model = find_model(f"{provider}/m", base_url=address).open()
        assert model.name == f"{provider}/m"
        model.close()
