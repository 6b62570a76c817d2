"""YAML as settings need it: safe, no duplicate keys, and the line of every key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from diptych.errors import ConfigError

DEFAULT = "default"
"""The group of settings that every other group of a file stands on."""
Section: TypeAlias = tuple[dict[str, Any], dict[str, str]]
"""Settings by name, and the place of each."""


class _Loader(yaml.SafeLoader):
    """Plain YAML 1.1 whose keys are texts, each once; no aliases (an alias bomb is a small file)."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.YAMLError(f"line {mark.line + 1}: aliases are not supported; write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[str, int] = {}
        for key_node, _ in node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.YAMLError(f"line {line}: a list or a mapping stands where a name should")
            if key in seen:
                raise yaml.YAMLError(f"line {line}: key {key!r} was given before, on line {seen[key]}; keep one")
            seen[key] = line
        self.flatten_mapping(node)
        return {str(key.value): self.construct_object(value, deep=deep) for key, value in node.value}


# YAML 1.1 takes 1e-4 for a text, for want of a point; 1.2 takes it for the number that everybody means.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Settings of a YAML file, and the place of each: ``"config.yaml:3: alpha"``.

    Raises
    ------
    ConfigError
        If the file is missing, is not YAML, has duplicate keys or aliases, or is not a mapping.
    """
    values, node = _compose(path)
    return values, _places(path, node)


def read_sections(path: Path) -> dict[str, Section]:
    """Named groups of settings of a YAML file, each as ``read_yaml`` gives it.

    Raises
    ------
    ConfigError
        As ``read_yaml`` does, and if a group holds no settings.
    """
    values, node = _compose(path)
    found = {}
    for key, inner in node.value if node is not None else ():
        if not isinstance(inner, yaml.MappingNode):
            place = f"{path}:{key.start_mark.line + 1}: {key.value}"
            raise ConfigError(f"{place}: expected settings under this name, as 'name: value' lines")
        found[str(key.value)] = (values[key.value], _places(path, inner))
    return found


def over_default(sections: dict[str, Section], name: str) -> Section:
    """The settings of a named group on top of those of ``default``, and the place of each.

    Parameters
    ----------
    sections : from ``read_sections``
    name : of the group; one that is not there has no settings of its own

    Examples
    --------
    >>> over_default({"default": ({"draws": 2}, {}), "quick": ({"limit": 10}, {})}, "quick")[0]
    {'draws': 2, 'limit': 10}
    """
    (values, places), (own, own_places) = (sections.get(one, ({}, {})) for one in (DEFAULT, name))
    return {**values, **own}, {**places, **own_places}


def _compose(path: Path) -> tuple[dict[str, Any], yaml.MappingNode | None]:
    """The mapping of a file, and the node that it came from; none for an empty file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        values = loader.construct_document(node) if node is not None else {}
    except RecursionError as error:
        raise ConfigError(f"{path}: lists or mappings stand inside one another too deep to be settings") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error
    except ValueError as error:
        told = str(error).partition(";")[0]
        raise ConfigError(f"{path}: a value looks like a number or a date, and is none: {told}") from error
    if not isinstance(values, dict) or not isinstance(node, yaml.MappingNode | None):
        raise ConfigError(f"{path}: expected settings as 'name: value' lines, got a {type(values).__name__}")
    return values, node


def _places(path: Path, node: yaml.MappingNode | None) -> dict[str, str]:
    keys = [key for key, _ in node.value] if node is not None else []
    return {str(key.value): f"{path}:{key.start_mark.line + 1}: {key.value}" for key in keys}
