"""``diptych softprompt …``: prompts that make two models differ most."""

from __future__ import annotations

import typer

from diptych.cli.softprompt.evaluate import evaluate
from diptych.cli.softprompt.harden import harden
from diptych.cli.softprompt.list import list_
from diptych.cli.softprompt.run import run
from diptych.cli.softprompt.search import search
from diptych.cli.softprompt.train import train
from diptych.cli.softprompt.transfer import transfer

app = typer.Typer(help="Which prompts, of vectors or of words, make two models differ most?", no_args_is_help=True)
app.command("train")(train)
app.command("run")(run)
app.command("list")(list_)
app.command("search")(search)
app.command("harden")(harden)
app.command("evaluate")(evaluate)
app.command("transfer")(transfer)
