"""The report of a run of approvals: one offline page, in which nothing that a model or a catalogue says is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from diptych._types import Json
from diptych.comparison.report import format as fmt
from diptych.comparison.report import own_style, page_environment
from diptych.comparison.report.text import visible
from diptych.utils.amounts import percent
from diptych.visualization.pages import Picture

if TYPE_CHECKING:
    from jinja2 import Environment

_MAX_FINDINGS = 200


@dataclass(frozen=True, slots=True)
class Share:
    """A share in a cell of a table: in words, and as a width in per cent."""

    text: str
    detail: str
    width: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A finding as it is shown."""

    statement: str
    other: str
    means: str
    effect: str
    interval: str
    n: str
    q: str
    examples: tuple[tuple[str, str, str], ...]


def render_report(summary: Json, manifest: Json, plots: Sequence[Picture] = (), writeup: bool = False) -> str:
    """The page of a run.

    Parameters
    ----------
    summary : ``findings.json``
    manifest : ``manifest.json``
    plots : that lie in ``plots``
    writeup : whether there is a ``disagreements.md``
    """
    style, style_hash = own_style()
    return (
        _environment()
        .get_template("approvals.html.j2")
        .render(
            style=style,
            style_hash=style_hash,
            models=[visible(name) for name in summary["models"]],
            personas=[{name: visible(text) for name, text in one.items()} for one in manifest["personas"]],
            overall=_rows(summary["overall"]["approves"]),
            clusters=[_cluster(one) for one in summary["clusters"]],
            findings=[_difference(one) for one in summary["findings"][:_MAX_FINDINGS]],
            n_findings=len(summary["findings"]),
            pairs=[_pair(one) for one in summary["pairs"]],
            family_size=fmt.count(summary["family_size"]),
            alpha=percent(summary["alpha"]),
            n_statements=fmt.count(summary["n_statements"]),
            draws=summary["draws"],
            n_missing=summary["n_missing"],
            notices=[visible(one) for one in summary["notices"]],
            created=fmt.moment(summary["created"]),
            version=summary["diptych_version"],
            config=manifest["config"],
            question=visible(manifest["config"]["question"]),
            plots=plots,
            writeup=writeup,
        )
    )


def render_clusters(summary: Json) -> str:
    """``clusters.html``: the cluster table alone.

    Parameters
    ----------
    summary : ``findings.json``
    """
    style, style_hash = own_style()
    return (
        _environment()
        .get_template("clusters.html.j2")
        .render(
            style=style,
            style_hash=style_hash,
            models=[visible(name) for name in summary["models"]],
            personas=[{name: visible(text) for name, text in one.items()} for one in summary["personas"]],
            clusters=[_cluster(one) for one in summary["clusters"]],
        )
    )


@cache
def _environment() -> Environment:
    return page_environment(__package__)


def _rows(shares: Sequence[Sequence[Json]]) -> list[list[Share]]:
    return [[_share(one) for one in row] for row in shares]


def _share(one: Json) -> Share:
    if one["share"] is None:
        return Share("–", "nothing was answered", 0)
    low, high = (round(100 * one[end]) for end in ("low", "high"))
    percent = round(100 * one["share"])
    return Share(f"{percent} %", f"{low} to {high} %, {one['n']} statements", percent)


def _cluster(one: Json) -> Json:
    categories = [f"{visible(name)} ({n})" for name, n in list(one["categories"].items())[:3]]
    return {
        "number": one["cluster"],
        "size": fmt.count(one["size"]),
        "themes": visible(one["themes"]),
        "categories": "; ".join(categories),
        "shares": _rows(one["approves"]),
        "no_answer": _rows(one["no_answer"]),
    }


def _difference(one: Json) -> Difference:
    scale = fmt.scale_for(one["unit"], one["ci_low"], one["ci_high"], (one["mean_a"], one["mean_b"]))
    return Difference(
        statement=visible(one["statement"]),
        other=visible(one["a"]),
        means=f"{scale.mean(one['mean_a']).text} to {scale.mean(one['mean_b']).text}",
        effect=scale.difference(one["effect"]).text,
        interval=f"{scale.difference(one['ci_low']).text} to {scale.difference(one['ci_high']).text}",
        n=fmt.count(one["n_prompts"]),
        q=fmt.probability(one["q_value"]).text,
        examples=tuple(
            (visible(example["prompt"]), visible(example["a"] or ""), visible(example["b"] or ""))
            for example in one["examples"][:2]
        ),
    )


def _pair(one: Json) -> Json:
    phi = "–" if one["phi"] is None else fmt.fixed(one["phi"], 2)
    names = {name: visible(one[name]) for name in ("model", "section", "first", "second", "answer")}
    cells = [fmt.count(one[name]) for name in ("both", "only_first", "only_second", "neither")]
    return {**names, "cells": cells, "phi": phi, "p": fmt.probability(one["p_value"]).text}
