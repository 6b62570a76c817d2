"""Names into models: ``provider/model``, or a name from a registry file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field

from diptych._types import Json
from diptych.config import Settings
from diptych.errors import ConfigError
from diptych.models.prices import Price, find_price, parse_price
from diptych.models.requests import Model
from diptych.utils.names import check_name
from diptych.utils.text import parse_json

if TYPE_CHECKING:
    from diptych.models.providers.hf import HFModel

_API = "diptych.models.api_clients"
PROVIDERS = {
    "openai": _API,
    "anthropic": _API,
    "openrouter": _API,
    "openai-api": _API,
    "vllm": _API,
    "hf": "diptych.models.providers.hf",
    "contrast": "diptych.models.providers.contrast",
    "mix": "diptych.models.providers.mix",
    "scripted": "diptych.models.providers.scripted",
}
"""The module that opens each provider's models; imported when a model is opened."""
_CLASSES = {"hf": "HFModel", "contrast": "ContrastModel", "mix": "MixModel", "scripted": "ScriptedModel"}
"""Those of models without an interface behind them."""
_WITH_WEIGHTS = ("hf", "mix")
"""Providers whose models can be looked into."""
TAKE_BATCHES = ("anthropic", "openai")
"""Providers with an interface for batches (see `models.batches`)."""


class Entry(Settings):
    """A model of a registry file."""

    name: str
    """What it is called there; without ``model``, the name of a model or of a repository on the Hugging Face hub."""
    model: str | None = None
    """``provider/model[@revision]``."""
    original: str | None = None
    """Name of the model that it was made from."""
    description: str = ""
    system: str | None = None
    """System prompt that it is always asked under."""
    base_url: str | None = None
    """Address of its server."""
    options: Json = Field(default_factory=dict)
    """Of the provider, as ``--model-arg``."""
    price: str | None = None
    """``IN,OUT``, US dollars for a million tokens."""
    max_new_tokens: int | None = None
    """Read, so that older files can stay as they are, and not used."""


class Registry(Settings):
    """Models by name, where each comes from, and categories of them.

    Examples
    --------
    >>> edited = Entry(name="org/edited", original="org/plain")
    >>> registry = Registry(models=(edited,), categories={"edited": ("org/edited",)})
    >>> registry.pairs("edited")
    [('org/edited', 'org/plain')]
    >>> registry.entry("org/edited").model
    'hf/org/edited'
    """

    models: tuple[Entry, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    defaults: Json = Field(default_factory=dict)
    """Read, so that older files can stay as they are, and not used."""

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The registry of a YAML file.

        Raises
        ------
        ConfigError
            If it cannot be read, a name stands twice, or a category names a model that is not there.
        """
        registry = cls.from_yaml(path)
        names = [entry.name for entry in registry.models]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ConfigError(f"{path}: models: the name {twice!r} stands twice")
        for category, members in registry.categories.items():
            for name in members:
                if name not in names:
                    raise ConfigError(f"{path}: categories: {category}: no model is called {name!r}")
        return registry

    @property
    def names(self) -> list[str]:
        """Of all models, in the order of the file."""
        return [entry.name for entry in self.models]

    def entry(self, name: str) -> Entry:
        """A model by its name; its ``model`` is always set.

        Raises
        ------
        UnknownNameError
            Names the models that are near.
        """
        check_name("model", name, self.names)
        found = next(entry for entry in self.models if entry.name == name)
        return found if found.model else found.model_copy(update={"model": _as_model(name)})

    def pairs(self, category: str) -> list[tuple[str, str]]:
        """Each model of a category that has an original, with it; the original need not be in the registry.

        Raises
        ------
        UnknownNameError
            Names the categories that are near.
        """
        members = self.categories[check_name("category", category, self.categories)]
        return [(name, original) for name in members if (original := self.entry(name).original)]


@dataclass(frozen=True)
class ModelSpec:
    """A model by name, with what is needed to open it; nothing is opened, imported or asked yet.

    Parameters
    ----------
    name : ``provider/model[@revision]``
    base_url : address of its server, where it is not the provider's own
    options : of the provider
    system : system prompt that it is always asked under
    price : of its tokens; None where it is not known
    """

    name: str
    base_url: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    system: str | None = None
    price: Price | None = None

    @property
    def provider(self) -> str:
        """What stands before the first slash."""
        return self.name.partition("/")[0]

    def open(self) -> Model:
        """Make the model: import its library, load its weights if it has any; send nothing.

        Raises
        ------
        ConfigError
            If an option or the address does not fit.
        MissingExtraError
            If its library is not installed.
        ModelError
            If it cannot be loaded.
        """
        module, rest = import_module(PROVIDERS[self.provider]), self.name.partition("/")[2]
        if self.provider in _CLASSES:
            return getattr(module, _CLASSES[self.provider]).open(rest, self.options)  # type: ignore[no-any-return]
        factory = module.APIClientFactory
        return factory.create_client(self.name, base_url=self.base_url, options=self.options)  # type: ignore[no-any-return]


def looks_like_model(name: str) -> bool:
    """Whether a name begins with one of our providers.

    Examples
    --------
    >>> looks_like_model("openai/gpt-5"), looks_like_model("answers/a.jsonl")
    (True, False)
    """
    provider, slash, model = name.partition("/")
    return bool(slash and model) and provider in PROVIDERS


def is_model(name: str, registry: Registry | None = None) -> bool:
    """Whether an arm is a model: what is a file on the disk is not, whatever it is called.

    Parameters
    ----------
    name : as it was given
    registry : of models

    Examples
    --------
    >>> is_model("scripted/echo"), is_model("answers/a.jsonl")
    (True, False)
    """
    with suppress(OSError):  # no file can have such a name
        if Path(name).exists() and not Path(name).is_dir():
            return False
    return looks_like_model(name) or (registry is not None and name in registry.names)


def local_name(name: str) -> str:
    """The name without ``hf/`` of a model whose weights are here.

    Parameters
    ----------
    name : ``hf/<id or folder>[@revision]``, or ``hf/base+adapter``

    Raises
    ------
    ConfigError
        If it is another's, or a mixture, which has no weights before it is asked.

    Examples
    --------
    >>> local_name("hf/owner/model+folder/adapter")
    'owner/model+folder/adapter'
    """
    if name.startswith("mix/"):
        raise ConfigError(
            f"{name}: this takes no mixture, which is made when it is asked. Give one of the models that it lies "
            "between, hf/…; generate, compare, contrast score and contrast mine take mix/…"
        )
    if not name.startswith("hf/"):
        raise ConfigError(f"{name}: this takes models whose weights are here; give hf/…")
    return name.removeprefix("hf/")


def find_model(
    name: str,
    *,
    registry: Registry | None = None,
    base_url: str | None = None,
    options: Mapping[str, Any] | None = None,
    price: str | None = None,
) -> ModelSpec:
    """What a name stands for.

    Parameters
    ----------
    name : ``provider/model[@revision]``, or that of a model in the registry
    registry : of models
    base_url, options, price : go before what the registry says

    Raises
    ------
    UnknownNameError
        If there is no such provider or model; names the near ones.
    ConfigError
        If the price is none, or a provider that is not behind a server gets an address.

    Examples
    --------
    >>> find_model("openai/gpt-5").provider
    'openai'
    """
    entry = registry.entry(name) if registry and (name in registry.names or not looks_like_model(name)) else None
    full = entry.model or name if entry else name
    provider, _, model = full.partition("/")
    if not model:
        raise ConfigError(f"model {name!r}: give provider/model, with one of the providers {', '.join(PROVIDERS)}")
    check_name("provider", provider, PROVIDERS)
    address = base_url or (entry.base_url if entry else None)
    if address and PROVIDERS[provider] != _API:
        raise ConfigError(f"--base-url = {address!r}: {full} is not behind a server")
    given = price or (entry.price if entry else None)
    chosen = {**(entry.options if entry else {}), **(options or {})}
    return ModelSpec(
        full,
        address,
        chosen,
        entry.system if entry else None,
        parse_price(given) if given else find_price(provider, model, batch=chosen.get("batch") is True),
    )


def open_local(name: str, options: Mapping[str, Any]) -> HFModel:
    """A model whose weights are here.

    Parameters
    ----------
    name : ``hf/<id or folder>[@revision]``, ``hf/base+adapter``, or ``mix/a~0.5~b``
    options : of the provider

    Raises
    ------
    ConfigError
        If it is another's.
    ModelError
        If there is no such model.
    """
    spec = find_model(name, options=options)
    if spec.provider not in _WITH_WEIGHTS:
        raise ConfigError(f"{name}: what a model expects can be seen only where its weights are here; give hf/…")
    return spec.open()  # type: ignore[return-value]


def parse_options(texts: Sequence[str], *, flag: str = "--model-arg", example: str = "concurrency=8") -> Json:
    """``concurrency=8`` and the like; a value that is JSON is taken as that, any other as text.

    Parameters
    ----------
    texts : as they were typed
    flag, example : for messages

    Raises
    ------
    ConfigError
        If there is no ``=``.

    Examples
    --------
    >>> parse_options(["concurrency=8", "dtype=bfloat16"])
    {'concurrency': 8, 'dtype': 'bfloat16'}
    """
    found: Json = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ConfigError(f"{flag} = {text!r}: give name=value, such as {example}")
        try:
            found[name.replace("-", "_")] = parse_json(value)
        except ValueError:
            found[name.replace("-", "_")] = value
    return found


def _as_model(name: str) -> str:
    return name if looks_like_model(name) else f"hf/{name}"
