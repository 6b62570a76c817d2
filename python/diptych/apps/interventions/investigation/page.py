"""The page of an investigation: one offline file. Model text is hostile text, and reaches it through escaping only."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterator

from diptych._types import Json
from diptych.apps.interventions.investigation.hypotheses import Trial
from diptych.apps.interventions.investigation.run import Outcome
from diptych.apps.interventions.investigation.summary import RULES, figure, head_of, said
from diptych.comparison.report import own_style, page_environment
from diptych.comparison.report.format import probability
from diptych.utils.text import printable

MAX_EXAMPLES = 4
"""Prompts of a test that the page shows; first those on which both differ."""


def render_investigation(outcome: Outcome, summary: Json) -> str:
    """The page of what an investigation found.

    Parameters
    ----------
    outcome : of it
    summary : of ``summarise``
    """
    style, style_hash = own_style()
    pages = page_environment("diptych.apps.interventions")
    own = pages.get_template("investigation.css").render()
    rows = [_view(*pair) for pair in zip(outcome.found.trials, summary["hypotheses"], strict=True)]
    return pages.get_template("investigation.html.j2").render(
        style=style,
        style_hash=style_hash,
        own_hash=base64.b64encode(hashlib.sha256(own.encode()).digest()).decode(),
        **{name: printable(summary[name]) for name in ("a", "b", "assistant")},
        judges=printable(" and ".join(summary["judges"])),
        summary=summary,
        rule=RULES[summary["online"]],
        head=head_of(summary),
        notices=[printable(notice) for notice in summary["notices"]],
        rows=rows,
    )


def _view(trial: Trial, row: Json) -> Json:
    """A hypothesis as the page shows it."""
    tested = trial.tested is not None
    return {
        "number": row["number"],
        "round": row["round"],
        "outcome": row["outcome"],
        "class": row["outcome"].replace(" ", "-"),
        "sentence": printable(row["sentence"]),
        "said": printable(said(row)),
        "reason": printable(row["reason"] or ""),
        "statement": printable(row["statement"]) if tested else "",
        "a": figure(row, "a") if tested else "",
        "b": figure(row, "b") if tested else "",
        "p": probability(row["p_value"]).text if tested else "",
        "q": probability(row["q_value"]).text if tested else "",
        "level": f"{row['level']:.2g}" if tested else "",
        "n_prompts": row["n_prompts"] if tested else 0,
        "n_missing": row["n_missing"] if tested else 0,
        "n_written": len(row["written_by_the_assistant"]),
        "seen": [printable(prompt) for prompt in row["seen_before"]],
        "examples": list(_examples(trial)),
    }


def _examples(trial: Trial) -> Iterator[Json]:
    """Pairs of answers with what was measured of each, those first on which both differ."""
    sides: tuple[dict[str, Json], dict[str, Json]] = ({}, {})
    for row, score in zip(trial.rows, trial.scores, strict=True):
        shown = {"text": printable(row.response), "score": "?" if math.isnan(score) else f"{score:.3g}", "by": score}
        sides[row.arm == "B"].setdefault(row.prompt_id, {**shown, "prompt": printable(row.prompt)})
    both = [(sides[0][name], sides[1][name]) for name in sides[0] if name in sides[1]]
    both.sort(key=_apart, reverse=True)
    for a, b in both[:MAX_EXAMPLES]:
        yield {"prompt": a["prompt"], "a": a, "b": b}


def _apart(pair: tuple[Json, Json]) -> float:
    """By how much both differ; nothing where one has no measurement."""
    difference = abs(pair[1]["by"] - pair[0]["by"])
    return float(difference) if math.isfinite(difference) else 0.0
