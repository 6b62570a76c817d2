"""The folder of an intervention without training: how the model before and the model after are asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from diptych import __version__
from diptych._types import Json
from diptych.apps.interventions.kinds import KINDS
from diptych.apps.interventions.model_card import change_card
from diptych.models.manager import Source
from diptych.models.registry import Entry, local_name
from diptych.utils.files import new_folder, write_atomic, writing
from diptych.utils.names import check_name
from diptych.utils.text import json_text

BEFORE = "before"
"""What the model that was started from is called in a registry file."""


def change(base: str, kind: str, values: Json, folder: Path, *, places: Mapping[str, str] | None = None) -> Json:
    """Make a model of another, and write down how both are asked.

    The folder gets ``models.yaml``, a registry of both by the names before and after, ``provenance.json``,
    ``README.md`` and, where weights change, those of a whole model.

    Parameters
    ----------
    base : ``provider/model``: the model before
    kind : one of `KINDS`
    values : settings of the kind
    folder : is made, and only when all went well
    places : what to call settings in messages

    Returns
    -------
    dict
        what ``provenance.json`` holds

    Raises
    ------
    ConfigError
        If a setting does not fit the kind, or the kind the model.
    ModelError
        If a model cannot be loaded.
    RunError
        If the folder exists, or cannot be written.
    """
    intervention = KINDS[check_name("kind", kind, KINDS)].parse(values, source=kind, places=places)
    with writing(folder), new_folder(folder) as made:
        after = intervention.apply(base, made, folder)
        provenance = {
            "schema": 1,
            "diptych_version": __version__,
            "kind": kind,
            "settings": intervention.model_dump(mode="json"),
            "base": Source.find(local_name(base)).identity if base.startswith("hf/") else {"name": base},
            "after": after.model,
        }
        write_atomic(made / "models.yaml", _registry(Entry(name=BEFORE, model=base), after).encode())
        write_atomic(made / "README.md", change_card(provenance, local_name(base)).encode())
        write_atomic(made / "provenance.json", (json_text(provenance) + "\n").encode())
    return provenance


def _registry(*entries: Entry) -> str:
    models = [entry.model_dump(mode="json", exclude_defaults=True) for entry in entries]
    return yaml.safe_dump({"models": models}, allow_unicode=True, sort_keys=False)
