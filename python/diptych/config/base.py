"""The base of every configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from diptych.config.loader import read_yaml
from diptych.errors import ConfigError, UnknownNameError
from diptych.utils.names import check_name


class Settings(BaseModel):
    """Frozen settings; unknown names and wrong types are refused.

    Examples
    --------
    >>> class Example(Settings):
    ...     seed: int = 0
    >>> Example.parse({"seed": 3}).seed
    3
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())

    @classmethod
    def parse(
        cls, values: Mapping[str, Any], *, source: str = "settings", places: Mapping[str, str] | None = None
    ) -> Self:
        """Check values as strictly as JSON: a list may stand for a tuple, but no text or truth value for a number.

        Parameters
        ----------
        values : JSON values by setting
        source : what to call them in messages
        places : what to call single ones instead, such as ``"config.yaml:3: alpha"`` or ``"--alpha"``

        Raises
        ------
        ConfigError
            Names the setting, what it was, what is wanted, and its place.
        """
        try:
            return cls.model_validate_json(json.dumps(values, default=str), strict=True)
        except ValidationError as error:
            raise _config_error(cls, error.errors(include_url=False)[0], source, places or {}) from error

    @classmethod
    def from_yaml(cls, path: str | Path) -> Self:
        """Read settings from the YAML file at ``path``.

        Raises
        ------
        ConfigError
            If the file cannot be read, or a setting is unknown, given twice, or of the wrong type: with its line.
        """
        values, places = read_yaml(Path(path))
        return cls.parse(values, source=str(path), places=places)


class BaseConfig(Settings):
    """What every configuration that runs a model has."""

    model_name: str
    """``provider/model[@revision]``."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda`` or ``cuda:N``."""
    batch_size: int = 32
    """Texts per forward pass; results do not depend on it."""


def _config_error(
    settings: type[BaseModel], detail: ErrorDetails, source: str, places: Mapping[str, str]
) -> ConfigError:
    """The first mistake that was found, in our words."""
    path = [str(part) for part in detail["loc"]]
    place = places.get(path[0], f"{source}: {path[0]}") if path else source
    within = ".".join(path[1:]) if not all(part.isdecimal() for part in path[1:]) else ""  # an item of a list: no
    if within:
        place += f": {within}"
    if detail["type"] == "extra_forbidden":
        if within:
            return ConfigError(f"{place}: there is no such setting")
        return _unknown(path[0], settings, place.removesuffix(f": {path[0]}"))
    if detail["type"] == "missing":
        return ConfigError(f"{place}: it is missing")
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, UnknownNameError):
        return UnknownNameError(cause.kind, cause.name, cause.near, cause.known, place)
    if cause is not None:
        return ConfigError(f"{place}: {cause}")
    message = detail["msg"].replace("Input should", "it should")
    if detail["type"] == "tuple_type":
        message = f"expected a list, such as [{detail['input']}]"
    return ConfigError(f"{place} = {detail['input']!r}: {message}")


def _unknown(name: str, settings: type[BaseModel], place: str) -> UnknownNameError:
    try:
        check_name("setting", name, settings.model_fields)
    except UnknownNameError as error:
        return UnknownNameError(error.kind, error.name, error.near, error.known, place)
    raise AssertionError(f"setting {name!r} was refused as unknown, but is known")
