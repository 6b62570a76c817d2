"""The view model of tested measures: one row each, with the responses behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diptych._types import Json
from diptych.comparison.report import format as fmt
from diptych.comparison.report.drawing import Bar, interval_bar
from diptych.comparison.report.format import Figure, Scale, nice_ceiling, scale_for
from diptych.comparison.report.text import Piece, pieces, visible

_MEMBERSHIP = {
    "clusters": ("in this cluster", "not in it"),
    "regions": ("in this region", "not in it"),
    "judge": ("the judge says so", "the judge says not so"),
    "claims": ("the judge says so", "the judge says not so"),
}


@dataclass(frozen=True, slots=True)
class Side:
    """One response of an example."""

    arm: str
    value: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class ExampleView:
    """Responses to one prompt, side by side; one of them when unpaired."""

    prompt_id: str
    prompt: str
    sides: tuple[Side, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A tested measure. ``predicate`` goes on from the second arm's name; ``question`` is the same, always "more"."""

    number: int
    id: str
    lens: str
    predicate: str
    question: str
    unit: str
    mean_unit: str
    mean_a: Figure
    mean_b: Figure
    effect: Figure
    low: Figure
    high: Figure
    size: Figure
    p: Figure
    q: Figure
    fwer: Figure
    n_prompts: str
    counts: str
    detectable: Figure
    equivalent: str
    is_found: bool
    bar: Bar
    warnings: tuple[str, ...]
    examples: tuple[ExampleView, ...]


def build_rows(findings: Json, measures: dict[str, Json]) -> list[Row]:
    """Every tested measure: findings, strongest first; then the others, nearest to passing first."""
    found = findings["findings"]
    ids, alpha = {entry["id"] for entry in found}, float(findings["alpha"])
    tested = [measure["tested"] for measure in measures.values()]
    others = [entry for entry in tested if float(entry["q_value"]) > alpha]  # not the twin of a replicated finding
    others.sort(key=lambda entry: (entry["q_value"], -abs(entry["statistic"]), entry["id"]))
    ends = [axis_ends(part) for part in (found, others)]
    arms = (str(findings["arms"][0]["name"]), str(findings["arms"][1]["name"]))
    return [
        _row(number, entry, measures[entry["id"]], ends[entry["id"] not in ids], arms, is_found=entry["id"] in ids)
        for number, entry in enumerate([*found, *others], start=1)
    ]


def _row(
    number: int, entry: Json, measure: Json, ends: dict[str, float], arms: tuple[str, str], *, is_found: bool
) -> Row:
    shown, effect = fmt.interval_of(entry), float(entry["effect"])
    low, high = shown.low, shown.high
    scale = scale_for(str(entry["unit"]), low, high, (effect, entry["mean_a"], entry["mean_b"]))
    unit = str(entry["unit"])
    return Row(
        number=number,
        id=visible(str(entry["id"])),
        lens=visible(str(entry["lens"])),
        predicate=visible(str(measure["more"] if effect >= 0 else measure["fewer"])),
        question=visible(str(measure["more"])),
        unit=visible(scale.difference_unit),
        mean_unit="" if scale.is_share else visible(unit),
        mean_a=scale.mean(entry["mean_a"]),
        mean_b=scale.mean(entry["mean_b"]),
        effect=scale.difference(effect),
        low=scale.difference(low),
        high=scale.difference(high),
        size=fmt.effect_size(entry["effect_size"]),
        p=fmt.probability(entry["p_value"]),
        q=fmt.probability(entry["q_value"]),
        fwer=fmt.probability(entry["p_fwer"]),
        n_prompts=fmt.count(entry["n_prompts"]),
        counts=_counts(entry),
        detectable=detectable(unit, entry["minimum_detectable_effect"]),
        equivalent={None: "–", True: "yes", False: "not shown"}[entry["is_equivalent"]],
        is_found=is_found,
        bar=interval_bar(effect, low, high, ends[unit]),
        warnings=tuple(visible(str(warning)) for warning in entry["warnings"]),
        examples=tuple(_example(example, entry, measure) for example in entry.get("examples", ())),
    )


def axis_ends(entries: Sequence[Json]) -> dict[str, float]:
    """Where the axis of each unit ends, over the entries that are drawn together."""
    ends: dict[str, float] = {}
    for entry in entries:
        shown = fmt.interval_of(entry)
        reach = max(abs(shown.low), abs(shown.high), abs(float(entry["effect"])))
        ends[entry["unit"]] = max(ends.get(entry["unit"], 0.0), reach)
    return {unit: nice_ceiling(reach) for unit, reach in ends.items()}


def _counts(entry: Json) -> str:
    """How many prompts, or groups, go which way, where they are paired; and how often it came out again."""
    again = f"; the cluster comes out in {entry['n_survived']} of {entry['n_repetitions']} clusterings with other seeds"
    again = again if entry.get("n_repetitions") else ""
    total, units = fmt.count(entry["n_prompts"]), "prompts"
    if "n_groups" in entry:
        total, units = fmt.count(entry["n_groups"]), "groups of prompts"
    if entry["n_up"] is None or entry["n_down"] is None:
        return f"{total} {units}, unpaired{again}"
    this, other = int(entry["n_up"]), int(entry["n_down"])
    if float(entry["effect"]) < 0:
        this, other = other, this
    twice = "; found in either half" if entry["is_replicated"] else ""
    return f"{fmt.count(this)} of {total} {units} go this way, {fmt.count(other)} the other{twice}{again}"


def detectable(unit: str, value: float | None) -> Figure:
    """A smallest change; a dash where every prompt gave the same, so that nothing is known about the spread."""
    if value is None:
        return Figure("–", None)
    return Figure(fmt.significant(100.0 * value if unit in fmt.SHARES else value), value)


def _example(example: Json, entry: Json, measure: Json) -> ExampleView:
    sides = tuple(
        Side(
            arm=arm,
            value=_value(example[f"value_{arm}"], str(entry["unit"]), measure),
            pieces=pieces(str(example[arm]), example[f"marks_{arm}"]),
        )
        for arm in ("a", "b")
        if example[arm] is not None
    )
    return ExampleView(visible(str(example["prompt_id"])), visible(str(example["prompt"])), sides)


def _value(value: float | None, unit: str, measure: Json) -> str:
    if value is None:
        return "not measured"
    if measure["kind"] == "indicator" and value in (0.0, 1.0):
        yes, no = _MEMBERSHIP.get(measure["lens"], ("present", "absent"))
        return yes if value else no
    if unit in fmt.SHARES:
        return Scale(unit, 0).mean(value).text
    return f"{fmt.significant(value, 3)} {visible(unit)}"
