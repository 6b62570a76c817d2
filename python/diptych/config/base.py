"""The base of every configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from diptych.config.loader import read_yaml
from diptych.errors import ConfigError, UnknownNameError


class Settings(BaseModel):
    """Frozen settings; unknown names and wrong types are refused.

    Examples
    --------
    >>> class Example(Settings):
    ...     seed: int = 0
    >>> Example.parse({"seed": 3}).seed
    3
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())

    @classmethod
    def parse(cls, values: dict[str, Any], *, source: str = "settings", lines: dict[str, int] | None = None) -> Self:
        """Check values.

        Raises
        ------
        ConfigError
            Names the setting, what it was, what is wanted, and the line when it came from a file.
        """
        try:
            return cls.model_validate(values, strict=False)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(str(part) for part in first["loc"]) or "(all)"
            line = (lines or {}).get(str(first["loc"][0])) if first["loc"] else None
            where = f"{source}:{line}" if line else source
            if first["type"] == "extra_forbidden":
                known = ", ".join(cls.model_fields)
                raise ConfigError(f"{where}: unknown setting {key!r}. Known: {known}.") from error
            cause = first.get("ctx", {}).get("error")
            if isinstance(cause, UnknownNameError):
                raise cause from error
            raise ConfigError(f"{where}: {key} = {first['input']!r}: {first['msg']}") from error

    @classmethod
    def from_yaml(cls, path: str | Path) -> Self:
        """Read settings from a YAML file.

        Raises
        ------
        ConfigError
            If the file cannot be read, or a setting is unknown, given twice, or of the wrong type: with its line.
        """
        values, lines = read_yaml(Path(path))
        return cls.parse(values, source=str(path), lines=lines)


class BaseConfig(Settings):
    """What every configuration that runs a model has."""

    model_name: str
    """``provider/model[@revision]``."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda`` or ``cuda:N``."""
    batch_size: int = 32
    """Texts per forward pass; results do not depend on it."""
