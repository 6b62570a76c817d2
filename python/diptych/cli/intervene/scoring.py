"""What ``diptych intervene score`` does with its flags."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import typer

from diptych.apps.interventions.blind_run import BlindRun
from diptych.apps.interventions.investigation.folder import SUMMARY, read_investigation
from diptych.apps.interventions.recovery import blind_comparison
from diptych.apps.interventions.score_report import as_lines, dose_rows, write_scores
from diptych.apps.interventions.scoring import LEAST_MISMATCHED, MOST_RATED, Rate, score_run
from diptych.apps.interventions.similarity import AT_ONCE, Rater
from diptych.apps.interventions.truth_files import read_truths
from diptych.apps.interventions.truths import Truth, built_in, chosen
from diptych.cli import asking
from diptych.cli import settings as flags
from diptych.cli.console import note, progress_on_stderr, say
from diptych.cli.costs import describe_readers
from diptych.cli.intervene.asked_folder import check_out, ledger_in
from diptych.comparison.folder import LEDGER, read_run
from diptych.comparison.readers import Reader
from diptych.comparison.readiness import check_ready
from diptych.embeddings.service import EmbeddingService
from diptych.embeddings.settings import EmbedderSettings
from diptych.errors import ConfigError
from diptych.models.assistant import Assistant
from diptych.utils.files import as_written
from diptych.utils.text import json_text

_TRUTHS = "truths.jsonl"
_CHARACTERS_OF_A_TRUTH = 120


def score_runs(context: typer.Context) -> None:
    """Read the runs, hold the truths against them, write what came of it.

    Parameters
    ----------
    context : of the verb, with its flags
    """
    given = context.params
    out: Path = given["out"]
    check_out(out, asks=given["similarity"] is not None)
    planted = chosen(_read(given["data"], given["truths"]), given["only"] or ())
    texts, ids = {truth.text for truth in planted}, {truth.id for truth in planted}
    others = [truth.text for truth in built_in() if truth.id not in ids and truth.text not in texts]
    runs = [(folder.name, dose, _read_run(folder)) for dose, folder in _parsed(given["runs"])]
    with ExitStack() as stack:
        reader = _reader(context, others, stack)
        if given["dry_run"]:
            found = [min(len(run.hypotheses), MOST_RATED) for _, _, run in runs]
            for line in _plan(reader, sum(found) * -(-(len(planted) + len(others)) // AT_ONCE), out):
                say(line)
            return
        if reader is not None:
            check_ready(out / LEDGER, [reader.model], EmbedderSettings(embedder=given["embedder"] or "lexical"))
        rate = None if reader is None else _rate(context, reader, stack)
        service = EmbeddingService(given["cache_dir"], given["embedder"] or "lexical")
        scores = [score_run(name, dose, run, planted, others, service.get_embeddings, rate) for name, dose, run in runs]
        summary = write_scores(out, scores)
    if given["json"]:
        say(json_text(summary))
        return
    for line in as_lines(dose_rows(summary)):
        say(line)
    say()
    say(f"{out / 'score.md'}")


def _reader(context: typer.Context, others: list[str], stack: ExitStack) -> Reader | None:
    """The model that rates, opened; None without one."""
    name = context.params["similarity"]
    if name is None:
        return None
    if len(others) < LEAST_MISMATCHED:
        raise ConfigError(
            f"{flags.place_of(context, 'similarity')}: ratings are held against those of {LEAST_MISMATCHED} truths "
            f"that were not planted, and there are {len(others)}. Plant fewer of the built-in ones."
        )
    choices = asking.chosen(context)
    reader = Reader.open(choices.reader(name, alone=True), choices.max_cost)
    stack.callback(reader.model.close)
    return reader


def _rate(context: typer.Context, reader: Reader, stack: ExitStack) -> Rate:
    given = context.params
    ledger = stack.enter_context(ledger_in(given["out"], {"similarity": reader.config}))
    progress = stack.enter_context(progress_on_stderr())
    assistant = reader.on(ledger, "similarity", max_cost=given["max_cost"], progress=progress)
    stack.callback(_tell, assistant)
    return Rater(assistant, given["seed"] or 0).rate


def _tell(assistant: Assistant) -> None:
    for notice in assistant.notices():
        note(f"note: {notice}")


def _plan(reader: Reader | None, n_requests: int, out: Path) -> Iterator[str]:
    if reader is not None:
        most = reader.estimate([(n_requests, AT_ONCE * _CHARACTERS_OF_A_TRUTH)])
        yield from describe_readers([(reader, most)])
    yield f"would write {out}" + ("" if reader is not None else "; calls no model, costs nothing")


def _read_run(folder: Path) -> BlindRun:
    """What ``recover`` or ``investigate`` left there."""
    with as_written(folder):
        return read_investigation(folder) if (folder / SUMMARY).exists() else blind_comparison(read_run(folder))


def _read(data: Path | None, truths: Path | None) -> tuple[Truth, ...]:
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
