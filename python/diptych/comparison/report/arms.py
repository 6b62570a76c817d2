"""What the page of several comparisons shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from diptych._types import Json
from diptych.comparison.report import format as fmt
from diptych.comparison.report.clusters import ClusterView, build_clusters
from diptych.comparison.report.text import visible
from diptych.utils.amounts import percent

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class PairView:
    """One comparison: its arms, how many findings, the strongest in words, and where its report lies."""

    a: str
    b: str
    href: str
    n_prompts: str
    pairing: str
    n_findings: int
    statements: tuple[str, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ArmsView:
    """The page. ``matrix`` has a row an arm; its cells are numbers of the pairs, None where nothing was compared."""

    names: tuple[str, ...]
    sources: tuple[tuple[str, str, str], ...]
    against_rest: bool
    pairs: tuple[PairView, ...]
    matrix: tuple[tuple[str, tuple[int | None, ...]], ...]
    n_findings: int
    family_size: str
    alpha: str
    created: str
    version: str
    clusters: tuple[ClusterView, ...]
    columns: tuple[str, ...]
    plots: Mapping[str, str]


def build_arms(findings: Json, table: Json | None = None, plots: Mapping[str, str] | None = None) -> ArmsView:
    """The view of ``findings.json`` of several comparisons; every text is fit to be shown.

    Parameters
    ----------
    findings : as ``arms_folder.findings_of`` makes it
    table : ``clusters.json`` of all arms together
    plots : files that lie beside the page, and what each shows
    """
    names = [str(arm["name"]) for arm in findings["arms"]]
    pairs = tuple(_pair(comparison) for comparison in findings["comparisons"])
    number = {frozenset((str(c["a"]), str(c["b"]))): i for i, c in enumerate(findings["comparisons"])}
    return ArmsView(
        names=tuple(map(visible, names)),
        sources=tuple(
            (visible(str(arm["name"])), visible(str(arm["source"])), fmt.count(arm["n_responses"]))
            for arm in findings["arms"]
        ),
        against_rest=findings["versus"] == "rest",
        pairs=pairs,
        matrix=tuple(
            (visible(row), tuple(number.get(frozenset((row, column))) if row != column else None for column in names))
            for row in names
        ),
        n_findings=sum(pair.n_findings for pair in pairs),
        family_size=fmt.count(findings["family_size"]),
        alpha=percent(findings["alpha"]),
        created=visible(fmt.moment(str(findings["created"]))),
        version=visible(str(findings["diptych_version"])),
        clusters=build_clusters(table) if table else (),
        columns=tuple(map(visible, table["arms"])) if table else (),
        plots=plots or {},
    )


def _pair(comparison: Json) -> PairView:
    return PairView(
        a=visible(str(comparison["a"])),
        b=visible(str(comparison["b"])),
        href=f"{comparison['folder']}/report.html",
        n_prompts=fmt.count(comparison["n_prompts"]),
        pairing=visible(str(comparison["pairing"])),
        n_findings=len(comparison["findings"]),
        statements=tuple(visible(str(finding["statement"])) for finding in comparison["findings"][:_SHOWN]),
        notices=tuple(visible(str(notice)) for notice in comparison["notices"]),
    )
