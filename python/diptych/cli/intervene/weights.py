"""``diptych intervene weights``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diptych.cli import settings as flags
from diptych.cli.console import errors_as_messages, progress_on_stderr, say
from diptych.cli.settings import INPUT, OUTPUT, option


def weights(
    a: Annotated[str, typer.Argument(help="hf/<id or folder>[@revision]: the model before.")],
    b: Annotated[str, typer.Argument(help="The model after: hf/…, or hf/base+adapter.")],
    out: Annotated[Path, option("out", "Folder that is made.", OUTPUT)],
    texts: Annotated[
        Path | None, option("texts", "File of responses: is their loss higher between the two models?", INPUT)
    ] = None,
    points: Annotated[
        int, option("points", "On the line between the models, both ends among them.", INPUT, "11", least=2)
    ] = 11,
    prompt_field: flags.PromptField = None,
    response_field: flags.ResponseField = None,
    json: Annotated[bool, option("json", "Print summary.json.", OUTPUT)] = False,
) -> None:
    """Say how much an intervention changed each matrix of weights, and along how many directions.

    Matrices are paired by name and subtracted in float64; what an adapter adds is part of them. OUT gets weights.csv,
    spectra.npz (singular values and first directions), summary.json and weights.html. With --texts it also says whether
    the loss of these texts rises on the straight line between the two (linear mode connectivity).
    """
    with errors_as_messages():
        from diptych.apps.interventions.connectivity import loss_path
        from diptych.apps.interventions.weights import weight_changes
        from diptych.apps.interventions.weights_report import as_lines, summary_of, write_weights
        from diptych.comparison.sources import load_arm
        from diptych.models.manager import Source
        from diptych.models.merging import load_merged
        from diptych.models.registry import local_name
        from diptych.models.requests import conversation
        from diptych.models.scoring import TextToScore
        from diptych.utils.files import check_new_folder
        from diptych.utils.text import json_text

        check_new_folder(out)
        rows = None
        if texts is not None:
            rows = load_arm(texts, arm="a", prompt_field=prompt_field, response_field=response_field, threads=1)
        names = local_name(a), local_name(b)
        sources = [Source.find(name) for name in names]
        before, after = (dict(load_merged(source).named_parameters()) for source in sources)
        with progress_on_stderr() as progress:
            changes = weight_changes(before, after, progress=progress)
            path = None
            if rows is not None:
                scored = [TextToScore(conversation(row.prompt, row.system), row.response) for row in rows]
                path = loss_path(before, after, sources[0].base, scored, n_points=points, progress=progress)
        manifest = {side: source.identity for side, source in zip("ab", sources, strict=True)}
        write_weights(out, changes, manifest, a=sources[0].name, b=sources[1].name, path=path)
        lines = (
            [json_text(summary_of(changes, path))]
            if json
            else [*as_lines(changes, path), "", f"{out / 'weights.html'}"]
        )
        for line in lines:
            say(line)
