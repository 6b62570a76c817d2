"""Settings of asking from a YAML file: they go behind flags and the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from diptych._types import Json
from diptych.cli.console import errors_as_messages
from diptych.cli.settings import METHOD, PLACES
from diptych.config import Settings
from diptych.errors import ConfigError


class AskSettings(Settings):
    """What a file may say about asking models; each is the flag of that name."""

    prompts: str | None = None
    draws: int | None = None
    system: str | None = None
    system_a: str | None = None
    system_b: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] | None = None
    sampling_seed: int | None = None
    base_url: str | None = None
    base_url_a: str | None = None
    base_url_b: str | None = None
    model_arg: Json | None = None
    model_arg_a: Json | None = None
    model_arg_b: Json | None = None
    batch: bool | None = None
    models: str | None = None
    price: str | None = None
    max_cost: float | None = None
    max_failures: str | int | None = None


def take(context: typer.Context, path: Path | None) -> Path | None:
    """Let a file say what no flag and no variable says; called before any other flag is looked at.

    Parameters
    ----------
    context : of the verb
    path : of the file
    """
    if path is None:
        return None
    with errors_as_messages():
        from diptych.config.loader import read_yaml

        values, places = read_yaml(path)
        flags = {parameter.name for parameter in context.command.params}
        compares = "lenses" in flags
        own = {name: value for name, value in values.items() if name in AskSettings.model_fields or not compares}
        checked = AskSettings.parse(own, source=str(path), places=places).model_dump(mode="json", exclude_none=True)
        for name in checked.keys() - flags:
            raise ConfigError(f"{places[name]}: {context.info_name} has no such setting")
        context.default_map = {name: _as_flag(value) for name, value in checked.items()}
        context.meta[PLACES] = places
    return path


def _as_flag(value: Any) -> Any:
    """A setting as it would be typed."""
    import json

    if isinstance(value, dict):
        return [f"{name}={inner if isinstance(inner, str) else json.dumps(inner)}" for name, inner in value.items()]
    return value


ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="YAML file of settings; flags go before it.", rich_help_panel=METHOD,
        envvar="DIPTYCH_CONFIG", show_envvar=False, show_default=False, callback=take, is_eager=True,
    ),
]  # fmt: skip
