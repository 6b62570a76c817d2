"""From vectors to words: a search that starts from what a training came to, on the texts of that training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from diptych._types import Json
from diptych.apps.soft_prompting.config import TextSettings, TrainConfig
from diptych.apps.soft_prompting.folder import APPLICATION, SOFT_PROMPT, read_texts
from diptych.apps.soft_prompting.ready import Origin
from diptych.apps.soft_prompting.search_config import SearchConfig
from diptych.errors import ConfigError, ModelError, RunError
from diptych.models.manager import Source
from diptych.models.registry import local_name
from diptych.models.soft_prompts import START, SoftPrompt

_TAKEN = (*TextSettings.model_fields, "n_tokens", "objective", "temperature")
"""Settings that are those of the training."""


@dataclass(frozen=True)
class Hardening:
    """A search for words in the place of vectors.

    Parameters
    ----------
    config : of the search
    origin : what it starts from
    """

    config: SearchConfig
    origin: Origin


def hardening(run: Path, given: Json, places: Mapping[str, str]) -> Hardening:
    """The search that a training's folder asks for. Vectors before the whole prompt become words before the turn.

    Parameters
    ----------
    run : folder of the training
    given : further settings of the search
    places : where those come from, for messages

    Raises
    ------
    ConfigError
        If a setting is none, or is the training's to say.
    ModelError
        If the training is not over, or its models are not what they were.
    RunError
        If the folder holds no training.
    """
    begun = read_texts(run, remedy="Give the folder of a training.")
    if begun.manifest.get("application") != APPLICATION:
        raise RunError(f"{run} holds no training of a soft prompt. Give the folder that softprompt train wrote.")
    trained = TrainConfig.parse(begun.manifest["config"], source=f"{run / 'manifest.json'}: config")
    if not (run / SOFT_PROMPT).is_dir():
        raise ModelError(f"{run}: its training is not over. Let it end: the same command goes on.")
    soft = SoftPrompt.load(run / SOFT_PROMPT)
    for name, known in zip((trained.a, trained.b), soft.models, strict=True):
        if Source.find(local_name(name)).identity != known["identity"]:
            raise ModelError(f"{name} has other weights than when {run} was trained. Train it again.")
    for name in (*_TAKEN, "place"):
        if name in given and name != "seed":
            raise ConfigError(f"{places.get(name, name)}: {name} is that of the training; leave it out")
    place = "prefix" if trained.place == START else trained.place
    taken = {name: value for name, value in trained.model_dump(mode="json").items() if name in _TAKEN}
    config = SearchConfig.parse({**taken, "place": place, **given}, source="settings", places=places)
    return Hardening(config, Origin(soft, begun.seeds))
