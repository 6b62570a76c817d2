"""``diptych intervene …``: plant a known change, and see whether it is found."""

from __future__ import annotations

import typer

from diptych.cli.intervene.change import change
from diptych.cli.intervene.data import data
from diptych.cli.intervene.graph import graph
from diptych.cli.intervene.investigate import investigate
from diptych.cli.intervene.plan import plan
from diptych.cli.intervene.recover import recover
from diptych.cli.intervene.score import score
from diptych.cli.intervene.train import train
from diptych.cli.intervene.weights import weights

app = typer.Typer(help="Plant a known change in a model, and see whether it is found.", no_args_is_help=True)
app.command("plan")(plan)
app.command("data")(data)
app.command("train")(train)
app.command("change")(change)
app.command("recover")(recover)
app.command("investigate")(investigate)
app.command("graph")(graph)
app.command("score")(score)
app.command("weights")(weights)
