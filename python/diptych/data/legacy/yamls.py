"""YAML as the original wrote it: with tuples and other tags of Python, which are read as what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from diptych.errors import DataError

_PYTHON = "tag:yaml.org,2002:python/"


class _Loader(yaml.SafeLoader):
    """Builds nothing but lists, mappings and scalars; refuses aliases (an alias bomb is a small file)."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read; write the value out")
        return super().compose_node(parent, index)


def _as_it_stands(loader: _Loader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    return node.value


_Loader.add_multi_constructor(_PYTHON, _as_it_stands)


def read_python_yaml(path: Path) -> dict[str, Any]:
    """The mapping of a YAML file; ``!!python/tuple`` and the like become lists, mappings and text.

    Parameters
    ----------
    path : the file

    Raises
    ------
    DataError
        If it cannot be read, is no YAML, or is no mapping.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.yaml"
    >>> _ = path.write_text("models: !!python/tuple [openai, gpt-4]")
    >>> read_python_yaml(path)
    {'models': ['openai', 'gpt-4']}
    """
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        value = loader.get_single_data()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        raise DataError(f"{path} is no YAML that can be read: {' '.join(str(error).split())[:200]}.") from error
    if not isinstance(value, dict):
        raise DataError(f"{path}: expected a mapping, got {type(value).__name__}.")
    return value
