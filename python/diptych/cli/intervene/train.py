"""``diptych intervene train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diptych.cli.console import errors_as_messages, progress_on_stderr, say
from diptych.cli.settings import INPUT, OUTPUT, option, place_of

TRAINING = "The training"


def train(
    context: typer.Context,
    base: Annotated[str, typer.Argument(help="hf/<id or folder>[@revision]: the model that is trained.")],
    rows: Annotated[Path, option("rows", "Rows of training, such as rows-0.2.jsonl of intervene data.", INPUT)],
    out: Annotated[Path, option("out", "Folder of the adapter or the model.", OUTPUT)],
    held_out: Annotated[Path | None, option("held-out", "Rows that the loss is also measured on.", INPUT)] = None,
    method: Annotated[str | None, option("method", "lora, or full for all weights.", TRAINING, "lora")] = None,
    epochs: Annotated[float | None, option("epochs", "Times that all rows are seen.", TRAINING, "3")] = None,
    learning_rate: Annotated[float | None, option("learning-rate", "Of AdamW, the highest.", TRAINING, "2e-4")] = None,
    batch_size: Annotated[int | None, option("batch-size", "Examples of a step.", TRAINING, "16")] = None,
    at_once: Annotated[int | None, option("at-once", "Examples in memory at once.", TRAINING, "4")] = None,
    length: Annotated[int | None, option("length", "Most tokens of a conversation.", TRAINING, "512")] = None,
    rank: Annotated[int | None, option("rank", "Of the adapter.", TRAINING, "16")] = None,
    merge: Annotated[
        bool, option("merge", "Write whole weights with the adapter in them, not the adapter.", TRAINING)
    ] = False,
    raw: Annotated[bool, option("raw", "Leave the chat template out.", TRAINING)] = False,
    save_every: Annotated[int | None, option("save-every", "Steps between checkpoints.", TRAINING, "50")] = None,
    seed: Annotated[int | None, option("seed", "Of order, dropout and new weights.", TRAINING, "0")] = None,
    json: Annotated[bool, option("json", "Print provenance.json.", OUTPUT)] = False,
    dry_run: Annotated[
        bool, option("dry-run", "Say what would be trained, and for how long; train nothing.", OUTPUT)
    ] = False,
) -> None:
    """Train a model, or an adapter on it, on rows that show behaviours.

    An adapter is loaded as hf/BASE+OUT, a whole model (--method full, or --merge) as hf/OUT: compare, generate and
    recover take both. OUT gets the weights, README.md and provenance.json. The base is left as it is. The same command
    again goes on where it stopped.
    """
    with errors_as_messages(resumes=True):
        from diptych.apps.interventions.rows import read_rows
        from diptych.apps.interventions.training import TrainConfig, Training, estimate
        from diptych.apps.interventions.training import train as run
        from diptych.cli.costs import duration
        from diptych.models.manager import Source
        from diptych.models.registry import local_name
        from diptych.utils.text import json_text

        given = {name: value for name in TrainConfig.model_fields if (value := context.params.get(name)) is not None}
        places = {name: place_of(context, name) for name in given}
        training = Training(
            Source.find(local_name(base)),
            TrainConfig.parse(given, source="intervene train", places=places),
            read_rows(rows),
            () if held_out is None else read_rows(held_out),
        )
        if dry_run:
            found = estimate(training)
            sizes = found["n_parameters"]
            for line in (
                f"{found['n_examples']:,} examples of {len(training.rows):,} rows, {found['n_held_out']:,} held out, "
                f"{found['n_tokens']:,} tokens an epoch",
                f"{sizes['trained']:,} of {sizes['all']:,} parameters are trained, in {found['n_steps']:,} steps",
                f"about {duration(found['seconds'])}, measured on one batch",
            ):
                say(line)
            return
        with progress_on_stderr() as progress:
            done = run(training, out, progress=progress)
        if json:
            say(json_text(done))
            return
        losses = [one["loss"] for one in done["losses"] if "loss" in one]
        said = f", loss {losses[0]:.4f} to {losses[-1]:.4f}" if losses else ""
        say(f"{done['n_steps']:,} steps over {done['n_rows']:,} rows{said}")
        say(f"hf/{out}" if training.config.is_whole else f"{base}+{out}")
