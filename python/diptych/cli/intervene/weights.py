"""``diptych intervene weights``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diptych.cli.console import errors_as_messages, progress_on_stderr, say
from diptych.cli.settings import OUTPUT, option


def weights(
    a: Annotated[str, typer.Argument(help="hf/<id or folder>[@revision]: the model before.")],
    b: Annotated[str, typer.Argument(help="The model after: hf/…, or hf/base+adapter.")],
    out: Annotated[Path, option("out", "Folder that is made.", OUTPUT)],
    json: Annotated[bool, option("json", "Print summary.json.", OUTPUT)] = False,
) -> None:
    """Say how much an intervention changed each matrix of weights, and along how many directions.

    Matrices are paired by name and subtracted in float64; what an adapter adds is part of them. OUT gets weights.csv,
    spectra.npz (singular values and first directions), summary.json and weights.html.
    """
    with errors_as_messages():
        from diptych.apps.interventions.weights import weight_changes
        from diptych.apps.interventions.weights_report import as_lines, summary_of, write_weights
        from diptych.models.manager import Source
        from diptych.models.merging import load_merged
        from diptych.models.registry import local_name
        from diptych.utils.files import check_new_folder
        from diptych.utils.text import json_text

        check_new_folder(out)
        names = local_name(a), local_name(b)
        sources = [Source.find(name) for name in names]
        before, after = (dict(load_merged(source).named_parameters()) for source in sources)
        with progress_on_stderr() as progress:
            changes = weight_changes(before, after, progress=progress)
        manifest = {side: source.identity for side, source in zip("ab", sources, strict=True)}
        write_weights(out, changes, manifest, a=sources[0].name, b=sources[1].name)
        lines = [json_text(summary_of(changes))] if json else [*as_lines(changes), "", f"{out / 'weights.html'}"]
        for line in lines:
            say(line)
