"""Pairs of models to train on, from a YAML file of named runs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych._types import Json
from diptych.apps.soft_prompting.config import TrainConfig
from diptych.config.loader import DEFAULT, Section, over_default, read_sections
from diptych.errors import ConfigError
from diptych.models.registry import Registry
from diptych.utils.names import check_name, slug

_FILE_NAME = re.compile(r"\w[\w.-]{0,99}(?<!\.json)", re.ASCII)


class RunSettings(TrainConfig):
    """Settings of a run: those of a training, and where its pairs stand."""

    models: str | None = None
    """YAML file of models, as ``--models`` takes; a and b may be names in it."""
    category: str | None = None
    """Of that file: each model in it is paired with the one that it was made from, in place of a and b."""
    description: str = ""
    """For people."""


@dataclass(frozen=True, slots=True)
class Run:
    """A pair, and how a soft prompt is trained on it.

    Parameters
    ----------
    name : of its folder below that of all runs
    config : of the training
    counts : numbers of vectors, each trained by itself
    """

    name: str
    config: TrainConfig
    counts: tuple[int, ...]


def read_runs(
    path: str | Path, names: Collection[str] = (), *, models: str | None = None, over: Mapping[str, Any] | None = None
) -> list[Run]:
    r"""The runs of a YAML file, in its order: names with settings under each, on top of those under ``default``.

    Parameters
    ----------
    path : the file
    names : of the runs that are wanted; none for all
    models : file of models, in place of what the file says
    over : settings that go before those of the file

    Raises
    ------
    ConfigError
        If the file cannot be read, or a setting of any run is unknown, missing or does not fit: with its line.
    UnknownNameError
        If there is no such run, model or category; names the near ones.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "runs.yaml"
    >>> _ = file.write_text("default: {prompts: p.txt, n_tokens: [1, 4]}\nedit: {a: hf/plain, b: hf/edited}\n")
    >>> [(run.name, run.config.b, run.counts) for run in read_runs(file)]
    [('edit', 'hf/edited', (1, 4))]
    """
    sections = read_sections(Path(path))
    known = [name for name in sections if name != DEFAULT]
    if not known:
        raise ConfigError(f"{path}: it has no runs. Give names with settings under each: 'mine: {{a: …, b: …}}'")
    for name in names:
        check_name(f"run of {path}", name, known)
    found: list[Run] = []
    for name in known:
        if not _FILE_NAME.fullmatch(name):
            raise ConfigError(
                f"{path}: {name!r}: no folder of a run is called so; give letters, digits, '_', '.' and '-'"
            )
        values, places = over_default(sections, name)
        given = {"models": models} if models is not None else {}
        section = {**values, **(over or {}), **given}, places
        found += _runs(name, section, f"{path}: {name}")
    folders = [run.name for run in found]
    twice = next((one for one in folders if folders.count(one) > 1), None)
    if twice is not None:
        raise ConfigError(f"{path}: two pairs would be written to {twice}. Give one of them a run of its own.")
    return [run for run in found if not names or run.name.partition("/")[0] in names]


def _runs(name: str, section: Section, source: str) -> Iterator[Run]:
    """One run for its pair, or one for each pair of its category."""
    values, places = section
    for key in ("models", "category"):
        if not isinstance(values.get(key), str | None):
            raise ConfigError(f"{places.get(key, source)} = {values[key]!r}: expected a text")
    if "category" in values and {"a", "b"} & values.keys():
        raise ConfigError(f"{places.get('category', source)}: a run has a category, or a and b")
    registry = Registry.load(values["models"]) if values.get("models") else None
    if "category" not in values:
        named = {side: _model(values[side], registry, places.get(side, source)) for side in "ab" if side in values}
        yield _parsed(name, {**values, **named}, places, source)
        return
    if registry is None:
        raise ConfigError(f"{places['category']}: give the file that it stands in as 'models', or with --models")
    pairs = registry.pairs(values["category"])
    if not pairs:
        raise ConfigError(f"{places['category']}: no model of {values['category']!r} says what it was made from")
    for made, original in pairs:
        if made != original:
            sides = {
                side: _model(model, registry, places["category"]) for side, model in (("a", original), ("b", made))
            }
            yield _parsed(f"{name}/{slug(made, max_length=100)}", {**values, **sides}, places, source)


def _model(given: Any, registry: Registry | None, place: str) -> Any:
    """The name of a model by which it can be opened."""
    if not isinstance(given, str) or registry is None or given.startswith("hf/"):
        return given
    if given not in registry.names:
        return f"hf/{given}"
    entry = registry.entry(given)
    if entry.system or entry.base_url or entry.options:
        raise ConfigError(f"{place}: {given}: a soft prompt is for weights as they are, without system or options")
    return entry.model


def _parsed(name: str, values: Json, places: Mapping[str, str], source: str) -> Run:
    rest, counts = split_counts(values, places.get("n_tokens", f"{source}: n_tokens"))
    checked = RunSettings.parse(rest, source=source, places=places)
    return Run(name, TrainConfig(**checked.model_dump(include=set(TrainConfig.model_fields))), counts)


def split_counts(values: Mapping[str, Any], place: str) -> tuple[Json, tuple[int, ...]]:
    """Settings with the first number of vectors, and all such numbers.

    Parameters
    ----------
    values : by setting; ``n_tokens`` may be a number, a list, or numbers with commas between them
    place : of it, for messages

    Raises
    ------
    ConfigError
        If they are no numbers, or one stands twice.

    Examples
    --------
    >>> split_counts({"seed": 1, "n_tokens": "1,4"}, "--n-tokens")
    ({'seed': 1, 'n_tokens': 1}, (1, 4))
    """
    given = values.get("n_tokens", TrainConfig.model_fields["n_tokens"].default)
    parts = given if isinstance(given, list) else str(given).split(",")
    found = [int(part) if str(part).strip().isdecimal() else 0 for part in parts]
    if not found or min(found) < 1 or len(set(found)) < len(found):
        raise ConfigError(f"{place} = {given!r}: give a number of vectors, or several, each once: 1,4,16")
    return {**values, "n_tokens": found[0]}, tuple(found)
