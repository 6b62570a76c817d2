"""The verbs, one file each."""

from __future__ import annotations

from typing import Annotated

import typer

from diptych import __version__
from diptych.cli import (
    aa,
    approve,
    bench,
    cache,
    cluster,
    compare,
    contrast,
    demo,
    doctor,
    embed,
    generate,
    importing,
    intervene,
    match,
    plan,
    report,
    rerun,
    softprompt,
    status,
)

app = typer.Typer(
    help="Put language models side by side and say, with statistics that hold, how their behaviour differs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"diptych {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


app.command("compare")(compare.compare)
app.command("aa")(aa.aa)
app.command("approve")(approve.approve)
app.command("generate")(generate.generate)
app.command("embed")(embed.embed)
app.command("import")(importing.import_)
app.command("cluster")(cluster.cluster)
app.command("match")(match.match)
app.command("plan")(plan.plan)
app.command("demo")(demo.demo)
app.command("report")(report.report)
app.command("rerun")(rerun.rerun)
app.command("status")(status.status)
app.command("doctor")(doctor.doctor)
app.add_typer(bench.app, name="bench")
app.add_typer(cache.app, name="cache")
app.add_typer(contrast.app, name="contrast")
app.add_typer(intervene.app, name="intervene")
app.add_typer(softprompt.app, name="softprompt")
