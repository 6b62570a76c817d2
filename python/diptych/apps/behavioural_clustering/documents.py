"""The documents of a run: what stands in its folder, made from what came of it."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from diptych._types import Json
from diptych.apps.behavioural_clustering.approvals import NAMES
from diptych.apps.behavioural_clustering.config import APPLICATION
from diptych.apps.behavioural_clustering.contrasts import Found
from diptych.apps.behavioural_clustering.page import render_clusters
from diptych.apps.behavioural_clustering.run import Outcome
from diptych.apps.behavioural_clustering.tables import APPROVALS, cluster_shares
from diptych.comparison.findings import columns
from diptych.comparison.hypotheses import link
from diptych.data.answers import Approval
from diptych.data.catalogue import Persona, distinct_labels
from diptych.utils.markdown import as_markdown
from diptych.utils.text import csv_text, json_lines, json_text

SCHEMA = 1
_PLACE = ("between", "section", "cluster", "a", "b")
"""What stands before the columns of a finding."""


def summary_of(outcome: Outcome) -> Json:
    """``findings.json``: shares of every model and persona, over all and by cluster, and the differences found.

    Parameters
    ----------
    outcome : of the run
    """
    approvals, manifest = outcome.approvals, outcome.manifest
    found = [one.as_json() for one in strongest_first(outcome.found, manifest["config"]["alpha"])]
    values = approvals.values
    everything = np.zeros(len(approvals.statements), dtype=np.int32)
    return {
        "schema": SCHEMA,
        "application": APPLICATION,
        "diptych_version": manifest["diptych_version"],
        "created": manifest["created"],
        "models": list(approvals.models),
        "personas": [{"section": one.section, "label": one.label} for one in approvals.personas],
        "n_statements": len(approvals.statements),
        "draws": values.shape[3],
        "n_missing": int((values == Approval.MISSING).sum()),
        "alpha": manifest["config"]["alpha"],
        "family_size": len(outcome.found),
        "overall": {
            NAMES[approval]: cluster_shares(approvals, everything, 1, approval).as_json(0) for approval in APPROVALS
        },
        "clusters": list(_clusters(outcome)),
        "findings": found,
        "pairs": [{name: getattr(pair, name) for name in pair.__slots__} for pair in outcome.pairs],
        "notices": list(outcome.notices),
    }


def strongest_first(found: Sequence[Found], alpha: float) -> list[Found]:
    """Those that passed, by the size of their statistic.

    Parameters
    ----------
    found : every tested measure
    alpha : false discovery rate
    """
    passed = [one for one in found if one.finding.q_value <= alpha]
    return sorted(passed, key=lambda one: (-round(abs(one.finding.statistic), 9), one.finding.id))


def _clusters(outcome: Outcome) -> Iterator[Json]:
    approvals, clusters = outcome.approvals, outcome.clusters
    shares = {one: cluster_shares(approvals, clusters.labels, len(clusters), one) for one in APPROVALS}
    for c, (size, theme) in enumerate(zip(clusters.sizes, clusters.themes, strict=True)):
        members = [row for row, label in zip(approvals.statements.rows, clusters.labels, strict=True) if label == c]
        yield {
            "cluster": c,
            "size": size,
            "themes": theme,
            "categories": dict(Counter(row.category for row in members).most_common()),
            "examples": [row.statement_id for row in members[:5]],
            **{NAMES[one]: shares[one].as_json(c) for one in APPROVALS},
        }


def text_files(outcome: Outcome, summary: Json) -> dict[str, str]:
    """The text files of the folder, by name, but for the report, the plots and the manifest.

    Parameters
    ----------
    outcome : of the run
    summary : ``findings.json``
    """
    tested: list[Json] = []
    for one in outcome.found:
        tested.append(link({name: value for name, value in one.as_json().items() if name != "examples"}, tested))
    names = [*_PLACE, *columns(is_grouped=False)]
    header, *rows = cluster_rows(summary)
    return {
        "approvals.jsonl": json_lines(outcome.approvals.rows()),
        "clusters.csv": csv_text([header, *rows]),
        "clusters.md": as_markdown([header, *rows]),
        "findings.json": json_text(summary) + "\n",
        "findings.csv": csv_text([names, *([one[name] for name in names] for one in summary["findings"])]),
        "tested.jsonl": json_lines(tested),
        "pairwise.csv": csv_text(_pair_rows(summary)),
        "tree.json": json_text(outcome.tree.as_json(outcome.approvals)) + "\n",
        "clusters.html": render_clusters(summary),
    }


def arrays_of(outcome: Outcome) -> bytes:
    """``approvals.npz``: the tensor, its axes, and the cluster of each statement.

    Parameters
    ----------
    outcome : of the run
    """
    approvals = outcome.approvals
    out = io.BytesIO()
    np.savez_compressed(
        out,
        approvals=approvals.values,
        statement_ids=np.array([row.statement_id for row in approvals.statements.rows]),
        models=np.array(approvals.models),
        sections=np.array([persona.section for persona in approvals.personas]),
        labels=np.array([persona.label for persona in approvals.personas]),
        clusters=outcome.clusters.labels,
    )
    return out.getvalue()


def cluster_rows(summary: Json) -> list[list[Any]]:
    """The cluster table, names of columns first: size, share of approval of every model and persona, themes.

    Parameters
    ----------
    summary : ``findings.json``
    """
    labels = distinct_labels([Persona(one["section"], one["label"], "") for one in summary["personas"]])
    arms = [f"{model} as {label}" for model in summary["models"] for label in labels]
    kinds = ("share", "low", "high")
    header = ["cluster", "size", *(f"{arm}: {kind}" for arm in arms for kind in kinds), "themes"]
    rows = []
    for cluster in summary["clusters"]:
        shares = [shown[kind] for model in cluster["approves"] for shown in model for kind in kinds]
        rows.append([cluster["cluster"], cluster["size"], *shares, cluster["themes"]])
    return [header, *rows]


def _pair_rows(summary: Json) -> Iterator[list[Any]]:
    names = list(summary["pairs"][0]) if summary["pairs"] else ["model", "section", "first", "second", "answer"]
    yield names
    yield from ([pair[name] for name in names] for pair in summary["pairs"])
