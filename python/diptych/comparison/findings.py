"""Findings: measures that were tested, in words, with the responses behind them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from diptych._types import Json, Span
from diptych.comparison.equivalence import is_within, margin_of
from diptych.comparison.inference import Tested
from diptych.comparison.measures import Measure
from diptych.comparison.pairing import Table

DROP_OUT_ALPHA = 0.01


@dataclass(frozen=True, slots=True)
class Example:
    """Responses behind a finding. Unpaired, only one of ``a`` and ``b`` is there.

    Parameters
    ----------
    prompt_id, prompt : what was asked
    a, b : the responses
    value_a, value_b : the measure of each; its mean where there were several draws
    marks_a, marks_b : pieces of them that show the measure, (start, end) in characters
    """

    prompt_id: str
    prompt: str
    a: str | None
    b: str | None
    value_a: float | None = None
    value_b: float | None = None
    marks_a: tuple[Span, ...] = ()
    marks_b: tuple[Span, ...] = ()

    def as_json(self) -> Json:
        """As in ``findings.json``."""
        return {
            "prompt_id": self.prompt_id,
            "prompt": self.prompt,
            "a": self.a,
            "b": self.b,
            "value_a": self.value_a,
            "value_b": self.value_b,
            "marks_a": [list(span) for span in self.marks_a],
            "marks_b": [list(span) for span in self.marks_b],
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """One tested measure.

    Parameters
    ----------
    id, lens, statement, unit : what it says; the statement is about arm b
    mean_a, mean_b, effect : in ``unit``, over the prompts tested on; ``effect`` is b minus a
    ci_low, ci_high : 95 % interval of ``effect``; wider for a phrase or region, because the strongest was chosen
    simultaneous_low, simultaneous_high : interval that holds at 95 % together with those of all measures of the run;
        None where these were not asked for
    is_equivalent : whether that lies inside the margin of the measure; None where it has none
    effect_size : Cohen's h (shares), d_z (paired numbers), d (unpaired numbers); None where there is no spread
    statistic : of the test; what findings are ordered by
    p_value, q_value, p_fwer : raw, false discovery rate over the family, family-wise
    p_exact : whether ``p_value`` is free of Monte-Carlo error
    tested_on : all prompts, or the half that had no part in choosing the measure
    n_prompts, n_missing : of those, with and without a measurement
    n_up, n_down : of those, or of the groups, where b is above or below a; None when unpaired
    minimum_detectable_effect : the smallest change this run had 80 % power to find; None where there is
        none
    n_groups : groups of those prompts, where groups are the units; else None
    is_replicated : whether both halves proposed it, and each was confirmed on the other
    n_survived, n_repetitions : of a cluster that was found, in how many clusterings with other seeds it came out again;
        None where nothing random is in the measure
    warnings : what a reader should know
    examples : typical responses behind it
    """

    id: str
    lens: str
    statement: str
    unit: str
    mean_a: float
    mean_b: float
    effect: float
    ci_low: float
    ci_high: float
    simultaneous_low: float | None
    simultaneous_high: float | None
    is_equivalent: bool | None
    effect_size: float | None
    statistic: float
    p_value: float
    q_value: float
    p_fwer: float
    p_exact: bool
    tested_on: str
    n_prompts: int
    n_missing: int
    n_up: int | None
    n_down: int | None
    minimum_detectable_effect: float | None
    n_groups: int | None = None
    is_replicated: bool = False
    n_survived: int | None = None
    n_repetitions: int | None = None
    warnings: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()

    def as_json(self) -> Json:
        """As in ``findings.json``."""
        return {
            **{name: getattr(self, name) for name in columns(is_grouped=self.n_groups is not None)},
            "warnings": list(self.warnings),
            "examples": [example.as_json() for example in self.examples],
        }


def columns(*, is_grouped: bool) -> list[str]:
    """What is said of a finding in one line: everything but its warnings and examples.

    Parameters
    ----------
    is_grouped : whether groups are the units, so that they are counted
    """
    left_out = {"warnings", "examples", *(() if is_grouped else ("n_groups",))}
    return [name for name in Finding.__slots__ if name not in left_out]


def build_findings(
    measures: Sequence[Measure],
    tested: Tested,
    tested_on: Sequence[str],
    *,
    table: Table,
    swapped: bool,
    margins: Mapping[str, float],
) -> list[Finding]:
    """Tested measures as findings, in the order of ``measures``, without examples.

    Parameters
    ----------
    measures, tested, tested_on : one entry each
    table : the responses; the statements are about its second arm
    swapped : whether the analysis took b as its first arm, so that every sign must be turned
    margins : of equivalence, by unit or measure
    """
    pairs = zip(measures, tested_on, strict=True)
    return [_finding(j, m, tested, on, table, swapped, margins) for j, (m, on) in enumerate(pairs)]


def _finding(
    j: int,
    measure: Measure,
    tested: Tested,
    tested_on: str,
    table: Table,
    swapped: bool,
    margins: Mapping[str, float],
) -> Finding:
    means = (float(tested.mean_first[j]), float(tested.mean_second[j]))
    bounds = (float(tested.low[j]), float(tested.high[j]))
    joint = (float(tested.joint_low[j]), float(tested.joint_high[j]))
    margin = margin_of(measure.id, measure.unit, margins)
    counts = (int(tested.n_up[j]), int(tested.n_down[j]))
    sign = 1.0
    if swapped:
        means, counts, sign = means[::-1], counts[::-1], -1.0
        bounds, joint = (-bounds[1], -bounds[0]), (-joint[1], -joint[0])
    size, detectable = sign * float(tested.effect_size[j]), float(tested.detectable[j])
    effect = means[1] - means[0]
    return Finding(
        id=measure.id,
        lens=measure.lens,
        statement=measure.statement(table.arms[1].name, effect),
        unit=measure.unit,
        mean_a=means[0],
        mean_b=means[1],
        effect=effect,
        ci_low=bounds[0] + 0.0,
        ci_high=bounds[1] + 0.0,
        simultaneous_low=_or_none(joint[0]),
        simultaneous_high=_or_none(joint[1]),
        is_equivalent=None if margin is None else is_within(*joint, margin),
        effect_size=_or_none(size),
        statistic=sign * float(tested.test.statistic[j]) + 0.0,
        p_value=float(tested.test.p_value[j]),
        q_value=float(tested.q_value[j]),
        p_fwer=float(tested.test.p_fwer[j]),
        p_exact=bool(tested.test.exact[j]),
        tested_on=tested_on,
        n_prompts=int(tested.n_prompts[j]),
        n_missing=int(tested.n_missing[j]),
        n_up=counts[0] if table.pairing == "paired" else None,
        n_down=counts[1] if table.pairing == "paired" else None,
        minimum_detectable_effect=_or_none(detectable),
        n_groups=int(tested.n_units[j]) if table.is_grouped else None,
        warnings=_warnings(j, tested),
    )


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value + 0.0


def _warnings(j: int, tested: Tested) -> tuple[str, ...]:
    warnings = []
    if tested.n_missing[j]:
        total = int(tested.n_prompts[j] + tested.n_missing[j])
        warnings.append(f"no measurement for {int(tested.n_missing[j])} of {total} prompts")
    if tested.drop_out_p[j] < DROP_OUT_ALPHA:
        warnings.append(f"measurements are missing more often in one arm (p = {tested.drop_out_p[j]:.2g})")
    return tuple(warnings)


def mark_replicated(findings: Sequence[Finding], alpha: float) -> list[Finding]:
    """Say of findings that stand there twice, from either half, that they do.

    Parameters
    ----------
    findings : all that was tested
    alpha : what passes
    """
    said = Counter(said_by(finding) for finding in findings if finding.q_value <= alpha)
    return [
        replace(finding, is_replicated=said[said_by(finding)] > 1 and finding.q_value <= alpha) for finding in findings
    ]


def said_by(finding: Finding) -> str:
    """What makes two findings one: the statement where each half proposed it, which no measure of all prompts shares.

    Parameters
    ----------
    finding : the name of a cluster may be that of another, so its statement does not count
    """
    return finding.id if finding.tested_on == "all prompts" else f"{finding.lens}: {finding.statement}"


def strongest_first(findings: Sequence[Finding]) -> list[Finding]:
    """The findings by the size of the test statistic, the common scale of all measures; then by id."""
    return sorted(findings, key=lambda finding: (-abs(finding.statistic), finding.id))


def median_share_detectable(findings: Sequence[Finding]) -> float | None:
    """Median smallest detectable change among those findings whose measure is a share of responses.

    None where there is no such measure, or where for half of them no change at all would have been found.
    """
    effects = [f.minimum_detectable_effect for f in findings if f.unit == "share of responses"]
    median = float(np.median([math.inf if effect is None else effect for effect in effects])) if effects else math.inf
    return median if math.isfinite(median) else None
