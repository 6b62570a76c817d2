"""Differences between personas, within a model, and between models, within a persona: all through the one test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from diptych._types import FloatVector, Json, Labels, Progress, Silent
from diptych.apps.behavioural_clustering.approvals import Approvals
from diptych.apps.behavioural_clustering.config import ApproveConfig
from diptych.comparison.evidence import with_examples
from diptych.comparison.findings import Finding, build_findings
from diptych.comparison.inference import Resampling, Tested, as_one_family, infer
from diptych.comparison.lenses.approval import KINDS
from diptych.comparison.measures import Measure
from diptych.comparison.pairing import Table, pair_arms
from diptych.comparison.units import UnitMeans, unit_means
from diptych.data.answers import Approval
from diptych.stats.multiplicity import resamples_for
from diptych.utils.hashing import derive_seed

Place = tuple[int, int]
"""Numbers of a model and a persona."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two arms that are compared.

    Parameters
    ----------
    between : ``"personas"`` of one model, or ``"models"`` under one persona
    section : of the catalogue
    a, b : numbers of model and persona
    """

    between: Literal["personas", "models"]
    section: str
    a: Place
    b: Place


@dataclass(frozen=True)
class Found:
    """A tested measure of a contrast.

    Parameters
    ----------
    contrast : whose it is
    names : of its arms
    cluster : of statements that it is over; None for all
    finding : what came of it
    """

    contrast: Contrast
    names: tuple[str, str]
    cluster: int | None
    finding: Finding

    def as_json(self) -> Json:
        """As in ``findings.json``."""
        between = {"between": self.contrast.between, "section": self.contrast.section, "cluster": self.cluster}
        return {**between, "a": self.names[0], "b": self.names[1], **self.finding.as_json()}


def all_contrasts(approvals: Approvals) -> Iterator[Contrast]:
    """Each pair of personas of a section in each model, then each pair of models under each persona.

    Parameters
    ----------
    approvals : whose models and personas
    """
    sections = [persona.section for persona in approvals.personas]
    for m in range(len(approvals.models)):
        for p, q in combinations(range(len(sections)), 2):
            if sections[p] == sections[q]:
                yield Contrast("personas", sections[p], (m, p), (m, q))
    for p, section in enumerate(sections):
        for m, other in combinations(range(len(approvals.models)), 2):
            yield Contrast("models", section, (m, p), (other, p))


def compare_arms(
    approvals: Approvals,
    labels: Labels,
    names: Sequence[str],
    *,
    config: ApproveConfig,
    threads: int = 1,
    progress: Progress,
) -> list[Found]:
    """Test every share that varies, over all statements and in each cluster, in every contrast, as one family.

    A statement is a prompt, and so the unit. Clusters rest on the statements alone, so all statements are tested on. A
    share that is the same for every statement and both arms of a contrast is not tested; that rule would be the same
    if the arms were exchanged.

    Parameters
    ----------
    approvals : every answer
    labels : int32 (n,), cluster of each statement
    names : of the clusters
    config : seed, alpha, fdr
    threads, progress : of the kernels; no result depends on them

    Returns
    -------
    list of Found
        contrast by contrast; each q is over the measures of all contrasts, each family-wise p also times their number
    """
    parts = [_Part.of(n, contrast, approvals, labels, names) for n, contrast in enumerate(all_contrasts(approvals))]
    parts = [part for part in parts if part.measures]
    family = sum(len(part.measures) for part in parts)
    if not family:
        return []
    n_resamples = resamples_for(family, config.alpha, method=config.fdr)
    tested = []
    progress.start("test", len(parts))
    for part in parts:
        seed = derive_seed(config.seed, f"contrast {part.number}")
        how = Resampling(seed, n_resamples, config.alpha, family, threads, Silent(), config.fdr, early=True)
        everything = np.ones(len(part.table.units), dtype=np.bool_)
        tested.append(infer(part.table, part.means, everything, part.measures, how))
        progress.advance()
    progress.finish()
    corrected = as_one_family(tested, config.fdr)
    return [found for part, one in zip(parts, corrected, strict=True) for found in part.found(one, config.alpha)]


@dataclass(frozen=True)
class _Part:
    """A contrast, its answers in a table, and what is measured of them."""

    number: int
    contrast: Contrast
    table: Table
    measures: tuple[Measure, ...]
    clusters: tuple[int | None, ...]
    means: UnitMeans

    @classmethod
    def of(cls, number: int, contrast: Contrast, approvals: Approvals, labels: Labels, names: Sequence[str]) -> _Part:
        arms = [approvals.responses[place] for place in (contrast.a, contrast.b)]
        table = pair_arms(arms[0], arms[1], names=(arms[0][0].arm, arms[1][0].arm), pairing="paired")
        index = {row.statement_id: i for i, row in enumerate(approvals.statements.rows)}
        statement = np.array([index[row.prompt_id] for row in table.rows])
        places = (contrast.a, contrast.b)
        said = np.array(
            [
                approvals.values[i, *places[int(is_b)], row.draw]
                for i, is_b, row in zip(statement, table.is_b, table.rows, strict=True)
            ]
        )
        measures, clusters, columns = [], [], []
        for approval, cluster, column in _columns(said, labels[statement], len(names)):
            there = column[~np.isnan(column)]
            if len(there) and there.min() < there.max():
                measures.append(_measure(number, approval, cluster, names))
                clusters.append(cluster)
                columns.append(column)
        values = np.array(columns, dtype=np.float64).reshape(len(columns), len(said)).T
        return cls(number, contrast, table, tuple(measures), tuple(clusters), unit_means(table, values))

    def found(self, tested: Tested, alpha: float) -> Iterator[Found]:
        on = ["all prompts"] * len(self.measures)
        findings = build_findings(self.measures, tested, on, table=self.table, swapped=False, margins={})
        everything = np.ones(len(self.table.units), dtype=np.bool_)
        names = (self.table.arms[0].name, self.table.arms[1].name)
        for j, finding in enumerate(findings):
            if finding.q_value <= alpha:
                a, b = self.means.prompts.first[:, j], self.means.prompts.second[:, j]
                finding = with_examples(finding, self.table, a, b, everything, lambda text: [])
            yield Found(self.contrast, names, self.clusters[j], finding)


def _columns(
    said: FloatVector, cluster_of: Labels, n_clusters: int
) -> Iterator[tuple[Approval, int | None, FloatVector]]:
    """Each measure: 0 or 1 for each answer, NaN outside of its cluster."""
    for approval in KINDS:
        says = (said == approval).astype(np.float64)
        yield approval, None, says
        for cluster in range(n_clusters):
            yield approval, cluster, np.where(cluster_of == cluster, says, np.nan)


def _measure(number: int, approval: Approval, cluster: int | None, names: Sequence[str]) -> Measure:
    name, more, fewer = KINDS[approval]
    where, of = ("all", "statements") if cluster is None else (f"cluster_{cluster}", f"statements on {names[cluster]}")
    return Measure(
        id=f"approval.{number}.{name}.{where}",
        lens="approval",
        more=f"{more} {of}",
        fewer=f"{fewer} {of}",
        unit="share of responses",
        kind="indicator",
        definition={"answer": name, "cluster": cluster},
    )
