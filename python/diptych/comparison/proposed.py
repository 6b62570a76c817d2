"""What texts proposed, and what became of it in the responses: the rates of both arms, each with an interval."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from diptych._types import FloatMatrix, Json
from diptych.stats.share_intervals import wilson_intervals

LENSES = ("contrast", "contrast_halves")
Verdict = Literal["confirmed", "the other way", "not confirmed"]


def proposed_and_confirmed(
    findings: Json, measures: Sequence[Json], responses: Sequence[Json], values: FloatMatrix
) -> list[Json]:
    """One entry for each measure that texts proposed, those first in whose texts the models differ most.

    Parameters
    ----------
    findings : ``findings.json``
    measures : those of ``measures.json``
    responses : rows of ``responses.jsonl``
    values : float64 (n_rows, n_measures)

    Returns
    -------
    list of dict
        ``id``, ``statement``, ``by`` (phrase, kind or label), ``proposed`` (shares of the texts of either side, texts),
        ``rate_a`` and ``rate_b`` (``rate``, ``low``, ``high``, ``n``: Wilson's 95 % interval over prompts), ``effect``,
        ``p_value``, ``q_value``, ``verdict``

    Notes
    -----
    A rate is over prompts, in which draws are averaged. ``the other way`` passed the test, and the arm that has more of
    it is not the one whose texts had.
    """
    alpha = float(findings["alpha"])
    entries = [
        _entry(measure, alpha, dict(_rates(findings, measure, responses, values[:, j])))
        for j, measure in enumerate(measures)
        if measure["lens"] in LENSES
    ]
    return sorted(entries, key=_order)


def _order(entry: Json) -> tuple[float, float, str]:
    ratio = entry["proposed"].get("log_ratio")
    gap = entry["proposed"]["share_b"] - entry["proposed"]["share_a"]
    return (0.0 if ratio is None else -abs(ratio), -abs(gap), entry["id"])


def _entry(measure: Json, alpha: float, rates: Json) -> Json:
    tested, proposed = measure["tested"], measure["definition"]["proposed"]
    effect = float(tested["effect"])
    return {
        "id": measure["id"],
        "statement": measure["more"],
        "by": proposed["by"],
        "proposed": {key: value for key, value in proposed.items() if key != "by"},
        **rates,
        **{key: tested[key] for key in ("effect", "ci_low", "ci_high", "p_value", "q_value", "tested_on")},
        "verdict": verdict(effect, proposed["share_b"] - proposed["share_a"], is_found=tested["q_value"] <= alpha),
    }


def verdict(effect: float, proposed: float, *, is_found: bool) -> Verdict:
    """What the responses say to what texts proposed.

    Parameters
    ----------
    effect : of the responses, second arm minus first
    proposed : the same of the texts
    is_found : whether the measure passed the test

    Examples
    --------
    >>> verdict(0.02, 0.6, is_found=True), verdict(-0.02, 0.6, is_found=True), verdict(0.02, 0.6, is_found=False)
    ('confirmed', 'the other way', 'not confirmed')
    """
    if not is_found:
        return "not confirmed"
    return "confirmed" if effect * proposed > 0 else "the other way"


def _rates(
    findings: Json, measure: Json, responses: Sequence[Json], values: np.ndarray
) -> Iterator[tuple[str, dict[str, float | int]]]:
    tested = measure["tested"]
    names = [arm["name"] for arm in findings["arms"]]
    for side, name in zip("ab", names, strict=True):
        mean = float(tested[f"mean_{side}"])
        if findings["pairing"] == "paired":
            n = int(tested.get("n_groups") or tested["n_prompts"])
        else:
            n = _count(findings, tested, [row["arm"] == name for row in responses], responses, values)
        interval = wilson_intervals(np.array([mean]), np.array([n]))
        low, high = float(interval.low[0]), float(interval.high[0])
        yield f"rate_{side}", {"rate": mean, "low": low, "high": high, "n": n}


def _count(findings: Json, tested: Json, is_here: Sequence[bool], responses: Sequence[Json], values: np.ndarray) -> int:
    """Units of an arm that were measured and tested on; arms that share no prompts have different ones."""
    field = findings.get("groups", {}).get("field")
    half = None if tested["tested_on"] == "all prompts" else tested["tested_on"].removesuffix(" half")
    return len(
        {
            row["prompt_id"] if field is None else row["meta"].get(field)
            for row, here, value in zip(responses, is_here, values, strict=True)
            if here and not np.isnan(value) and half in (None, row["half"])
        }
    )
