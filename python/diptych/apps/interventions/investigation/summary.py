"""What an investigation found, as JSON, in lines, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from diptych._types import Json
from diptych.apps.interventions.investigation.run import Outcome
from diptych.comparison.report.format import SHARES, probability
from diptych.stats.multiplicity import q_values
from diptych.utils.markdown import as_markdown, markdown_cell
from diptych.utils.text import shorten

RULES = {"saffron": "SAFFRON", "lord": "LORD++"}


def summarise(outcome: Outcome) -> Json:
    """The whole of ``investigation.json``.

    Parameters
    ----------
    outcome : of an investigation
    """
    found, manifest = outcome.found, outcome.manifest
    rows = [trial.as_json() for trial in found.trials]
    tested = [row for row in rows if row["outcome"] != "not tested"]
    for row, q_value in zip(tested, q_values(np.array([row["p_value"] for row in tested])), strict=True):
        row["q_value"] = float(q_value)
    config = manifest["config"]
    return {
        "schema": 1,
        **{name: manifest[name] for name in ("a", "b", "assistant", "judges")},
        "alpha": config["alpha"],
        "online": config["online"],
        "n_rounds": len(found.rounds),
        "n_looked_at": len(found.samples),
        "n_tested": len(tested),
        "n_found": sum(row["outcome"] == "found" for row in rows),
        "n_found_by_bh": sum(row["q_value"] <= config["alpha"] for row in tested),
        "n_requests_of_assistant": len(outcome.interactions),
        "hypotheses": rows,
        "rounds": list(found.rounds),
        "counts": {what: n for what, n in found.counts.items() if n},
        "stopped": found.stopped or None,
        "notices": list(outcome.notices),
    }


def as_lines(summary: Json) -> Iterator[str]:
    """The summary as text.

    Parameters
    ----------
    summary : of ``summarise``
    """
    yield head_of(summary)
    yield names_of(summary)
    yield ""
    for row in summary["hypotheses"]:
        tested = row["outcome"] != "not tested"
        yield f"  {row['number']}. {row['outcome']}: {shorten(row['sentence'], 80)}"
        yield f"     {said(row)}: {_numbers(row) if tested else row['reason']}"


def _numbers(row: Json) -> str:
    return f"p {probability(row['p_value']).text}; A {figure(row, 'a')}, B {figure(row, 'b')}"


def head_of(summary: Json) -> str:
    """The answer in a sentence.

    Parameters
    ----------
    summary : of ``summarise``
    """
    rule = RULES[summary["online"]]
    return (
        f"{summary['n_found']} of {summary['n_tested']} hypotheses were found, by {rule} at a false discovery rate of "
        f"{summary['alpha']:g}; {summary['n_found_by_bh']} by Benjamini–Hochberg over all"
    )


def names_of(summary: Json) -> str:
    """Which model is called what.

    Parameters
    ----------
    summary : of ``summarise``
    """
    return f"A is {summary['a']}, B is {summary['b']}"


def said(row: Json) -> str:
    """What is measured, in words.

    Parameters
    ----------
    row : of ``hypotheses``
    """
    return f"“{row['criterion']}”" if row["criterion"] else str(row["counted"])


def figure(row: Json, side: str) -> str:
    """A mean with its unit.

    Parameters
    ----------
    row : of ``hypotheses``, which was tested
    side : ``"a"`` or ``"b"``
    """
    mean = row[f"mean_{side}"]
    return f"{100 * mean:.0f} %" if row["unit"] in SHARES else f"{mean:.3g} {row['unit']}"


def as_document(summary: Json) -> str:
    """The whole of ``investigation.md``.

    Parameters
    ----------
    summary : of ``summarise``
    """
    header = ["", "hypothesis", "measured", "A", "B", "p", "level", "q", "outcome"]
    rows = [_row(row) for row in summary["hypotheses"]]
    table = as_markdown([header, *rows])
    seen = [[row["number"], _together(row["seen_before"])] for row in summary["hypotheses"]]
    led = as_markdown([["hypothesis", "prompts whose answers led to it"], *seen])
    notices = "".join(f"- {markdown_cell(line)}\n" for line in summary["notices"])
    return f"{head_of(summary)}. {markdown_cell(names_of(summary))}.\n\n{table}\n{led}\n{notices}"


def _together(prompts: Sequence[str]) -> str:
    return " / ".join(shorten(one, 80) for one in prompts)


def _row(row: Json) -> Sequence[object]:
    if row["outcome"] == "not tested":
        return [row["number"], row["sentence"], said(row), None, None, None, None, None, f"not tested: {row['reason']}"]
    p_value, q_value = (probability(row[name]).text for name in ("p_value", "q_value"))
    level = f"{row['level']:.2g}"
    figures = (figure(row, "a"), figure(row, "b"))
    return [row["number"], row["sentence"], said(row), *figures, p_value, level, q_value, row["outcome"]]
