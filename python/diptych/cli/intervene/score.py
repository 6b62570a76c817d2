"""``diptych intervene score``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Unpack

import typer

from diptych.cli import settings as flags
from diptych.cli.asking_flags import ReadersFlags, spelled_out
from diptych.cli.console import errors_as_messages
from diptych.cli.settings import INPUT, METHOD, OUTPUT, option


@spelled_out
def score(
    context: typer.Context,
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="[DOSE=]RUN...",
            help="Folders of intervene recover or investigate. DOSE is the share of planted rows, as 0.2=runs/d; 0 of "
            "a control.",
        ),
    ],
    out: Annotated[Path, option("out", "Folder that is made.", OUTPUT)],
    data: Annotated[
        Path | None, option("data", "Folder of intervene data: its truths were planted.", INPUT, "none")
    ] = None,
    truths: Annotated[
        Path | None, option("truths", "File of the truths that were planted.", INPUT, "of --data")
    ] = None,
    only: Annotated[
        list[str] | None, option("only", "Id or family of truths to take; repeat for more.", INPUT, "all of them")
    ] = None,
    embedder: Annotated[
        str | None, option("embedder", "For truths without a mark: st/MODEL, openai/MODEL, …", METHOD, "lexical")
    ] = None,
    cache_dir: flags.CacheDir = None,
    similarity: Annotated[
        str | None, option("similarity", "Model that rates findings and truths from 1 to 100.", METHOD, "none")
    ] = None,
    seed: flags.Seed = None,
    json: Annotated[bool, option("json", "Print score.json.", OUTPUT)] = False,
    dry_run: Annotated[bool, option("dry-run", "Say what would be asked; ask nothing.", OUTPUT)] = False,
    **shared: Unpack[ReadersFlags],
) -> None:
    """Say which planted truths were recovered, at which rank, and how often a control raises a false alarm.

    A truth with a mark is recovered when a finding follows the mark, answer by answer; one without, when a finding's
    sentence is nearer to it than to nearly every truth that was not planted. OUT gets score.json, tables of doses and
    of truths as CSV, score.md, score.tex and, with plotly, score.html. With --similarity a model, which does not know
    what was planted, rates each truth, and 20 or more that were not, against what was found; that stands beside, and
    changes nothing.
    """
    with errors_as_messages(resumes=True):
        from diptych.cli.intervene.scoring import score_runs

        score_runs(context)
