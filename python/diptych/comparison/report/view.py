"""The view model: everything the templates print, ready to print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diptych._types import Json
from diptych.comparison.config import CompareConfig
from diptych.comparison.folder import Documents
from diptych.comparison.report import format as fmt
from diptych.comparison.report.clusters import ClusterView, build_clusters
from diptych.comparison.report.drawing import Map, draw_map
from diptych.comparison.report.format import Figure
from diptych.comparison.report.proposed import Proposed, build_proposed
from diptych.comparison.report.rows import Row, axis_ends, build_rows, detectable
from diptych.comparison.report.text import visible
from diptych.errors import RunError
from diptych.utils.amounts import percent

_HIGHLIGHTS = 3
_FDR = {
    "bh": "Benjamini–Hochberg",
    "by": "Benjamini–Yekutieli, which holds however the measures depend on each other,",
}
_LARGE, _MEDIUM, _SMALL = 0.8, 0.5, 0.2
"""Cohen's conventions for d and h."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of the comparison."""

    name: str
    source: str
    n_responses: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Whole:
    """The test of the answers as a whole."""

    statistic: str
    value: str
    p: Figure
    differs: bool


@dataclass(frozen=True, slots=True)
class View:
    """The page. ``highlights`` are the strongest findings of different lenses, for the opening paragraph.

    ``unit`` is what the test exchanges, a prompt or a group of them; ``units`` are several, ``n_units`` how many.
    """

    a: Arm
    b: Arm
    is_paired: bool
    created: str
    n_prompts: str
    unit: str
    units: str
    n_units: str
    group_field: str | None
    is_split: bool
    n_discovery: str
    n_validation: str
    cross_fit: bool
    family_size: str
    alpha: str
    fdr: str
    resamples: str
    findings: tuple[Row, ...]
    not_found: tuple[Row, ...]
    highlights: tuple[Row, ...]
    lenses: tuple[tuple[str, int], ...]
    sizes: tuple[tuple[str, int], ...]
    share_axis: str
    whole: Whole
    detectable_share: Figure | None
    detectable_words: Figure | None
    interval: str
    is_simultaneous: bool
    equivalent: tuple[str, ...]
    has_shares: bool
    warnings: tuple[str, ...]
    notices: tuple[str, ...]
    draws: str
    is_lexical: bool
    embedder: str
    has_scores: bool
    map: Map
    clusters: tuple[ClusterView, ...]
    has_labels: bool
    plots: Mapping[str, str]
    proposed: Proposed | None
    config: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    identity: str


def build_view(documents: Documents, plots: Mapping[str, str] | None = None) -> View:
    """Everything on the page, from the documents of a run alone.

    Parameters
    ----------
    documents : of a run
    plots : files that lie beside the page, and what each shows

    Raises
    ------
    RunError
        If the documents do not fit each other.
    """
    _check(documents)
    findings, manifest = documents.findings, documents.manifest
    measures = {measure["id"]: measure for measure in documents.measures["measures"]}
    rows = tuple(build_rows(findings, measures))
    found = tuple(row for row in rows if row.is_found)
    not_found = tuple(row for row in rows if not row.is_found)
    clusters = _clusters(documents, rows, measures)
    groups = findings.get("groups")
    names = (str(findings["arms"][0]["name"]), str(findings["arms"][1]["name"]))
    a, b = (_arm(arm, entry) for arm, entry in zip(findings["arms"], manifest["inputs"], strict=True))
    share = findings["not_found"]["minimum_detectable_effect"]["median_share"]
    words = measures.get("surface.words")
    together = any(measure["tested"]["simultaneous_low"] is not None for measure in measures.values())
    vectors_from = CompareConfig.parse(manifest["config"], source="manifest.json").vectors_from
    return View(
        a=a,
        b=b,
        is_paired=findings["pairing"] == "paired",
        created=visible(fmt.moment(str(findings["created"]))),
        n_prompts=fmt.count(findings["n_prompts"]),
        unit="group" if groups else "prompt",
        units="groups of prompts" if groups else "prompts",
        n_units=fmt.count(findings["n_groups"] if groups else findings["n_prompts"]),
        group_field=visible(str(groups["field"])) if groups else None,
        n_discovery=fmt.count(findings["split"]["discovery"]),
        n_validation=fmt.count(findings["split"]["validation"]),
        is_split=any(measure["tested"]["tested_on"] != "all prompts" for measure in measures.values()),
        cross_fit=bool(findings["split"]["cross_fit"]),
        family_size=fmt.count(findings["family_size"]),
        alpha=percent(findings["alpha"]),
        fdr=_FDR[findings["fdr"]],
        resamples=fmt.count(findings["resamples"]),
        findings=found,
        not_found=not_found,
        highlights=_highlights(found),
        lenses=tuple(Counter(row.lens for row in found).items()),
        sizes=_sizes(found),
        share_axis=f"{100 * axis_ends(findings['findings']).get('share of responses', 1.0):g}",
        whole=_whole(findings),
        detectable_share=detectable("share of responses", share) if share else None,
        detectable_words=detectable("words", words["tested"]["minimum_detectable_effect"]) if words else None,
        interval="simultaneous 95 % interval" if together else "95 % interval",
        is_simultaneous=together,
        equivalent=tuple(visible(fmt.equivalence(judged)) for judged in findings["equivalent"]),
        has_shares=any(measure["unit"] == "share of responses" for measure in measures.values()),
        warnings=tuple(dict.fromkeys(warning for row in found for warning in row.warnings)),
        notices=tuple(visible(str(notice)) for notice in findings["notices"]),
        draws=_draws(documents.responses),
        is_lexical=vectors_from == "lexical",
        embedder=visible(vectors_from),
        has_scores=any(row.lens == "scores" for row in rows),
        map=draw_map(documents, names, [cluster.number for cluster in clusters]),
        clusters=clusters,
        has_labels=any(theme.judged for cluster in clusters for theme in cluster.themes),
        plots=plots or {},
        proposed=build_proposed(documents, rows),
        config=tuple((key, visible(_plain(value))) for key, value in sorted(manifest["config"].items())),
        versions=tuple((key, visible(str(value))) for key, value in _versions(manifest)),
        identity=visible(str(manifest["identity"])),
    )


def _check(documents: Documents) -> None:
    sizes = {len(documents.responses), len(documents.coordinates), len(documents.clusters)}
    if len(sizes) > 1:
        raise RunError(
            f"the run is damaged: {len(documents.responses)} responses, {len(documents.coordinates)} places on the "
            f"map, {len(documents.clusters)} cluster labels. Run the comparison again."
        )


def _whole(findings: Json) -> Whole:
    test = findings["global"]
    return Whole(
        statistic=visible(str(test["statistic"])),
        value=f"{float(test['value']):.3g}",
        p=fmt.probability(test["p_value"]),
        differs=float(test["p_value"]) <= float(findings["alpha"]),
    )


def _highlights(found: Sequence[Row]) -> tuple[Row, ...]:
    """The strongest finding, then the strongest of each other lens, then whatever is strongest."""
    first = list({row.lens: row for row in reversed(found)}.values())
    order = sorted(first, key=lambda row: row.number) + [row for row in found if row not in first]
    return tuple(order[:_HIGHLIGHTS])


def _sizes(found: Sequence[Row]) -> tuple[tuple[str, int], ...]:
    counts = Counter(_size(row.size.exact) for row in found)
    order = ("large", "medium", "small", "very small", "without a spread to judge them by")
    return tuple((name, counts[name]) for name in order if counts[name])


def _size(value: float | None) -> str:
    if value is None:
        return "without a spread to judge them by"
    bounds = ((_LARGE, "large"), (_MEDIUM, "medium"), (_SMALL, "small"))
    return next((name for bound, name in bounds if abs(value) >= bound), "very small")


def _clusters(documents: Documents, rows: Sequence[Row], measures: dict[str, Json]) -> tuple[ClusterView, ...]:
    if documents.cluster_table is None:
        return ()
    cluster_of = {visible(measure_id): measure["definition"].get("cluster") for measure_id, measure in measures.items()}
    tested = {int(cluster_of[row.id]): row for row in rows if row.lens == "clusters"}
    return build_clusters(documents.cluster_table, tested)


def _arm(arm: Json, entry: Json) -> Arm:
    return Arm(
        name=visible(str(arm["name"])),
        source=visible(str(arm["source"])),
        n_responses=fmt.count(arm["n_responses"]),
        sha256=visible(str(entry["sha256"])),
    )


def _draws(responses: Sequence[Json]) -> str:
    """``1``, or the range where prompts were answered several times."""
    counts = Counter((row["prompt_id"], row["arm"]) for row in responses).values()
    low, high = min(counts, default=0), max(counts, default=0)
    return str(high) if low == high else f"{low} to {high}"


def _versions(manifest: Json) -> list[tuple[str, Any]]:
    platform = manifest["platform"]
    return [
        ("diptych", manifest["diptych_version"]),
        *manifest["versions"].items(),
        ("platform", f"{platform['system']} {platform['machine']}"),
    ]


def _plain(value: Any) -> str:
    if value is None:
        return "default"
    if isinstance(value, dict):
        value = [f"{key}: {entry}" for key, entry in value.items()]
    return ", ".join(map(str, value)) or "none" if isinstance(value, list | tuple) else str(value)
