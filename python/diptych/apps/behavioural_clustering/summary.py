"""The answer of a run of approvals in lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from diptych._types import Json
from diptych.comparison.report.format import probability
from diptych.utils.amounts import percent

_SHOWN = 12


def lines_of(summary: Json) -> Iterator[str]:
    """What was asked, how often each persona approves, and the strongest differences.

    Parameters
    ----------
    summary : ``findings.json``
    """
    n_models, n_personas = len(summary["models"]), len(summary["personas"])
    draws = "" if summary["draws"] == 1 else f", {summary['draws']} draws"
    yield f"{summary['n_statements']} statements, {n_models} models, {n_personas} personas{draws}"
    yield ""
    yield "share of statements approved of, with 95 % intervals"
    width = max(len(persona["label"]) for persona in summary["personas"])
    for model, shares in zip(summary["models"], summary["overall"]["approves"], strict=True):
        yield f"  {model}"
        for persona, one in zip(summary["personas"], shares, strict=True):
            yield f"    {persona['label']:<{width}}  {share_with_interval(one)}   ({persona['section']})"
    found = summary["findings"]
    yield ""
    family, alpha = summary["family_size"], percent(summary["alpha"])
    yield f"{len(found)} of {family} shares differ between personas or models (false discovery rate {alpha})."
    for finding in found[:_SHOWN]:
        yield f"  {finding['statement']} than {finding['a']}"
        means = f"{100 * finding['mean_a']:.0f} % to {100 * finding['mean_b']:.0f} %"
        yield f"      {means}   {finding['n_prompts']} statements   q {probability(finding['q_value']).text}"
    if len(found) > _SHOWN:
        yield f"  … and {len(found) - _SHOWN} more in the report"
    yield ""


def share_with_interval(one: Json) -> str:
    """``62 % [58, 66]``; a dash where nothing was answered.

    Parameters
    ----------
    one : with ``share``, ``low``, ``high``

    Examples
    --------
    >>> share_with_interval({"share": 0.625, "low": 0.58, "high": 0.66})
    ' 62 % [58, 66]'
    """
    if one["share"] is None:
        return "–"
    return f"{100 * one['share']:3.0f} % [{100 * one['low']:.0f}, {100 * one['high']:.0f}]"
