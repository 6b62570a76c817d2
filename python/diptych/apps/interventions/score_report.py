"""Scores of many runs in tables and a picture: recall, precision and rank by dose, false discoveries on controls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from diptych import __version__
from diptych._types import Json
from diptych.apps.interventions.scoring import FALSE_MATCHES, LEAST_OF_EACH, Recovery, RunScore
from diptych.comparison.folder import to_write
from diptych.stats.agreement import AGREES
from diptych.stats.summaries import median, share
from diptych.utils.files import write_files, writing
from diptych.utils.latex import as_latex
from diptych.utils.markdown import as_markdown
from diptych.utils.text import csv_text, json_text, printable
from diptych.visualization.doses import dose_response
from diptych.visualization.pages import page_of

CONTROL = 0.0
_KIND = "kind of run"
_DOSES = ("dose", _KIND, "runs", "recall", "precision", "rank", "runs with a finding", "hypotheses a run")
_TRUTHS = (
    "run", _KIND, "dose", "truth", "recovered", "rank", "finding", "agreement", "threshold", "by", "before", "after",
)  # fmt: skip
_DRAWN = {"recall": "recall", "precision": "precision", "any": "runs with a finding"}
_RATED = ("rating", "rated finding", "rank by rating", "rating threshold", "recovered by rating")


def summary_of(scores: Sequence[RunScore]) -> Json:
    """``score.json``: the rule, what came of each dose by each kind of run, and of each truth in each run.

    Parameters
    ----------
    scores : of all runs
    """
    alike: dict[tuple[float, str], list[RunScore]] = {}
    for score in sorted(scores, key=_place):
        alike.setdefault(_place(score), []).append(score)
    return {
        "schema": 1,
        "diptych_version": __version__,
        "rule": {"agreement": AGREES, "least_of_each": LEAST_OF_EACH, "false_matches": FALSE_MATCHES},
        "doses": [_of_dose(own) for own in alike.values()],
        "runs": [asdict(score) for score in scores],
    }


def _place(score: RunScore) -> tuple[float, str]:
    """By dose, unknown ones last; kinds of runs side by side."""
    return (math.inf if score.dose is None else score.dose, score.kind)


def _of_dose(scores: Sequence[RunScore]) -> Json:
    """Recall over truths and runs; precision over hypotheses; all with 95 % intervals."""
    truths = [truth for score in scores for truth in score.truths]
    rated = [truth.rated.recovered for truth in truths if truth.rated is not None]
    n_hypotheses = sum(score.n_hypotheses for score in scores)
    ranks = [truth.rank for truth in truths if truth.rank is not None]
    return {
        "dose": scores[0].dose,
        "kind": scores[0].kind,
        "n_runs": len(scores),
        "recall": share(_share(len(ranks), len(truths)), len(truths)),
        "precision": share(_share(sum(score.n_true for score in scores), n_hypotheses), n_hypotheses),
        "rank": median(ranks),
        **({"recall_by_rating": share(_share(sum(rated), len(rated)), len(rated))} if rated else {}),
        "any": share(_share(sum(score.n_findings > 0 for score in scores), len(scores)), len(scores)),
        "n_hypotheses": n_hypotheses / len(scores),
    }


def _share(n: int, of: int) -> float:
    return n / of if of else 0.0


def dose_rows(summary: Json) -> list[list[Any]]:
    """A row for each dose and kind of run, names of columns first; kinds only where there are several.

    Parameters
    ----------
    summary : of ``summary_of``
    """
    by_rating = any("recall_by_rating" in one for one in summary["doses"])
    rows = [
        [dose_name(one["dose"]), one["kind"], one["n_runs"], *(_said(one[name]) for name in ("recall", "precision")),
         "–" if one["rank"]["value"] is None else f"{one['rank']['value']:g}", _said(one["any"]),
         f"{one['n_hypotheses']:.1f}", *([_said(one["recall_by_rating"])] if by_rating else [])]
        for one in summary["doses"]
    ]  # fmt: skip
    return _kinds_where_several([[*_DOSES, *(["recall by rating"] if by_rating else [])], *rows])


def as_lines(rows: Sequence[Sequence[Any]]) -> list[str]:
    """A table for a terminal, in columns.

    Parameters
    ----------
    rows : names of columns first

    Examples
    --------
    >>> as_lines([["dose", "runs"], ["5 %", 20]])
    ['dose  runs', '5 %   20']
    """
    texts = [[printable(str(value)) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in texts]


def truth_rows(scores: Sequence[RunScore]) -> list[list[Any]]:
    """A row for each truth in each run, names of columns first; kinds of runs only where there are several.

    Parameters
    ----------
    scores : of all runs
    """
    by_rating = any(one.rated is not None for score in scores for one in score.truths)
    rows = [
        [score.run, score.kind, score.dose, one.truth, "yes" if one.rank is not None else "no", one.rank, one.finding,
         one.agreement, one.threshold, one.by, one.before, one.after, *_of_rating(one)]
        for score in scores
        for one in score.truths
    ]  # fmt: skip
    return _kinds_where_several([[*_TRUTHS, *(_RATED if by_rating else ())], *rows])


def _kinds_where_several(rows: list[list[Any]]) -> list[list[Any]]:
    """A table, without the column of kinds where all runs are of one."""
    column = rows[0].index(_KIND)
    if len({row[column] for row in rows[1:]}) > 1:
        return rows
    return [[*row[:column], *row[column + 1 :]] for row in rows]


def _of_rating(one: Recovery) -> list[Any]:
    rated = one.rated
    if rated is None:
        return []
    return [rated.value, rated.finding, rated.rank, rated.threshold, "yes" if rated.recovered else "no"]


def dose_name(dose: float | None) -> str:
    """A dose in words.

    Parameters
    ----------
    dose : share of planted rows; 0 for a control, None where it is not known

    Examples
    --------
    >>> dose_name(0.05), dose_name(0.0), dose_name(None)
    ('5 %', 'control', 'not given')
    """
    if dose is None:
        return "not given"
    return "control" if dose == CONTROL else f"{100 * dose:g} %"


def write_scores(folder: Path, scores: Sequence[RunScore]) -> Json:
    """Write ``score.json``, ``doses.csv``, ``truths.csv``, ``score.md``, ``score.tex``, and a picture of the doses.

    The picture, ``score.html``, is there where plotly is installed and a run has a dose.

    Parameters
    ----------
    folder : that is made
    scores : of all runs

    Returns
    -------
    dict
        what ``score.json`` holds

    Raises
    ------
    RunError
        If the folder is not empty or cannot be written.
    """
    summary = summary_of(scores)
    doses, truths = dose_rows(summary), truth_rows(scores)
    files = {
        "score.json": json_text(summary) + "\n",
        "doses.csv": csv_text(doses),
        "truths.csv": csv_text(truths),
        "score.md": f"{as_markdown(doses)}\n{as_markdown(truths)}",
        "score.tex": f"{as_latex(doses)}\n{as_latex(truths)}",
        **_picture(summary),
    }
    with writing(folder), to_write(folder) as made:
        write_files(made, files)
    return summary


def _picture(summary: Json) -> dict[str, str]:
    dosed = [one for one in summary["doses"] if one["dose"] is not None]
    if not dosed or find_spec("plotly") is None:
        return {}
    doses, kinds = (sorted({one[name] for one in dosed}) for name in ("dose", "kind"))
    there = {(one["dose"], one["kind"]): one for one in dosed}
    nowhere = dict.fromkeys(_DRAWN, share(0.0, 0))
    lines = {
        f"{name}, {kind}" if len(kinds) > 1 else name: [there.get((dose, kind), nowhere)[key] for dose in doses]
        for kind in kinds
        for key, name in _DRAWN.items()
    }
    drawn = dose_response(doses, lines, note="of a control, runs with a finding are false alarms")
    return {"score.html": page_of(drawn, "Dose and response")}


def _said(one: Json) -> str:
    return "–" if one["value"] is None else f"{one['value']:.2f} ({one['low']:.2f}–{one['high']:.2f})"
