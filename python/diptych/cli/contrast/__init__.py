"""``diptych contrast …``: two models token by token."""

from __future__ import annotations

import typer

from diptych.cli.contrast.explain import explain
from diptych.cli.contrast.mine import mine
from diptych.cli.contrast.prompts import prompts
from diptych.cli.contrast.sample import sample
from diptych.cli.contrast.score import score

app = typer.Typer(
    help="Two models token by token: what text does the one like and the other not?", no_args_is_help=True
)
app.command("prompts")(prompts)
app.command("mine")(mine)
app.command("sample")(sample)
app.command("score")(score)
app.command("explain")(explain)
