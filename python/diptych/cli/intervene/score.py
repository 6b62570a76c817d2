"""``diptych intervene score``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli import settings as flags
from diptych.cli.console import errors_as_messages, say
from diptych.cli.settings import INPUT, METHOD, OUTPUT, option
from diptych.errors import ConfigError

if TYPE_CHECKING:
    from diptych.apps.interventions.truths import Truth

_TRUTHS = "truths.jsonl"


def score(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="[DOSE=]RUN...",
            help="Folders of intervene recover. DOSE is the share of planted rows, as 0.2=runs/d; 0 of a control.",
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
    json: Annotated[bool, option("json", "Print score.json.", OUTPUT)] = False,
) -> None:
    """Say which planted truths were recovered, at which rank, and how often a control raises a false alarm.

    A truth with a mark is recovered when a finding follows the mark, answer by answer; one without, when a finding's
    sentence is nearer to it than to nearly every truth that was not planted. OUT gets score.json, tables of doses and
    of truths as CSV, score.md, score.tex and, with plotly, score.html.
    """
    with errors_as_messages():
        from diptych.apps.interventions.run_evidence import Evidence
        from diptych.apps.interventions.score_report import as_lines, dose_rows, write_scores
        from diptych.apps.interventions.scoring import score_run
        from diptych.apps.interventions.truths import built_in, chosen
        from diptych.comparison.folder import read_run
        from diptych.embeddings.service import EmbeddingService
        from diptych.utils.files import check_new_folder
        from diptych.utils.text import json_text

        check_new_folder(out)
        planted = chosen(_read(data, truths), only or ())
        texts, ids = {truth.text for truth in planted}, {truth.id for truth in planted}
        others = [truth.text for truth in built_in() if truth.id not in ids and truth.text not in texts]
        service = EmbeddingService(cache_dir, embedder or "lexical")
        scores = [
            score_run(folder.name, dose, Evidence(read_run(folder)), planted, others, service.get_embeddings)
            for dose, folder in _parsed(runs)
        ]
        summary = write_scores(out, scores)
        if json:
            say(json_text(summary))
            return
        for line in as_lines(dose_rows(summary)):
            say(line)
        say()
        say(f"{out / 'score.md'}")


def _read(data: Path | None, truths: Path | None) -> tuple[Truth, ...]:
    from diptych.apps.interventions.truth_files import read_truths

    if (data is None) == (truths is None):
        raise ConfigError("which truths were planted? Give --data, the folder of intervene data, or --truths FILE.")
    return read_truths(truths or (data or Path()) / _TRUTHS)


def _parsed(runs: list[str]) -> list[tuple[float | None, Path]]:
    """Dose and folder of each run."""
    found: list[tuple[float | None, Path]] = []
    for text in runs:
        dose, mark, folder = text.partition("=")
        if not mark or Path(text).exists():
            found.append((None, Path(text)))
            continue
        try:
            value = float(dose)
        except ValueError:
            value = -1.0
        if not 0.0 <= value <= 1.0:
            raise ConfigError(
                f"{text}: the dose {dose!r} is no share from 0 to 1. Write 0.2=RUN, and 0=RUN for a control."
            )
        found.append((value, Path(folder)))
    places = [folder.resolve() for _, folder in found]
    twice = next((folder for folder in places if places.count(folder) > 1), None)
    if twice is not None:
        raise ConfigError(f"{twice} is given twice. Give each run once.")
    return found
