"""``diptych intervene change``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diptych.cli import settings as flags
from diptych.cli.console import errors_as_messages, say
from diptych.cli.settings import METHOD, OUTPUT, option


def change(
    context: typer.Context,
    kind: Annotated[
        str, typer.Argument(help="noise, rounding, system-prompt, mixture, checkpoint, or nothing: a control.")
    ],
    base: Annotated[str, typer.Argument(help="hf/…: the model before; for system-prompt and checkpoint any model.")],
    out: Annotated[Path, option("out", "Folder that is made.", OUTPUT)],
    size: Annotated[float | None, option("size", "noise: its norm over that of each matrix.", METHOD, "0.02")] = None,
    seed: Annotated[int | None, option("seed", "noise: of its numbers.", METHOD, "0")] = None,
    bits: Annotated[int | None, option("bits", "rounding: of a weight, 2 to 8.", METHOD, "8")] = None,
    group: Annotated[int | None, option("group", "rounding: weights that share a scale.", METHOD, "64")] = None,
    system: Annotated[str | None, option("system", "system-prompt: the prompt.", METHOD)] = None,
    other: Annotated[str | None, option("other", "mixture, checkpoint: the other model.", METHOD)] = None,
    weight: Annotated[
        float | None, option("weight", "mixture: 0 for the model before, 1 for the other.", METHOD, "0.5")
    ] = None,
    json: Annotated[bool, option("json", "Print provenance.json.", OUTPUT)] = False,
) -> None:
    """Make another model of a model without training it, to see what is found between the two.

    OUT gets models.yaml, which names both: diptych compare before after --models OUT/models.yaml. Where weights change,
    the new ones lie in OUT/model, in float32, and no other library is needed to run them. The base is left as it is.
    """
    with errors_as_messages():
        from diptych.apps.interventions.changed_folder import change as run
        from diptych.utils.text import json_text

        names = ("size", "seed", "bits", "group", "system", "other", "weight")
        given = {name: context.params[name] for name in names if context.params[name] is not None}
        places = {name: flags.place_of(context, name) for name in names}
        made = run(base, kind, given, out, places=places)
        if json:
            say(json_text(made))
            return
        say(f"after: {made['after']}")
        say(f"diptych compare before after --models {out / 'models.yaml'}")
