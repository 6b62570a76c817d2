"""A model against itself, by the right design and by wrong ones."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from diptych._types import Json, Progress
from diptych.bench.corpora import generate_corpus, generate_prompts
from diptych.bench.stats.designs import Design
from diptych.comparison.aa import aa
from diptych.comparison.false_alarms import AAResult, LensCheck
from diptych.stats.calibration import Share, exact_share
from diptych.stats.multiplicity import q_values

LEAST_UNIFORM = 0.01
"""p of a check that p-values are uniform, or not too small, below which it has failed."""
_DRAWN_PROMPTS = 60
_FAMILY = "family"


def allowed(alpha: float, n: int) -> float:
    """Alpha and two standard errors of a share of ``n`` runs.

    Examples
    --------
    >>> round(allowed(0.05, 200), 4)
    0.0808
    """
    return alpha + 2.0 * math.sqrt(alpha * (1.0 - alpha) / n)


def share(n_hits: int, n: int) -> Json:
    """A share with its exact 95 % interval: ``n_hits``, ``n``, ``value``, ``low``, ``high``."""
    return as_json(exact_share(n_hits, n))


def as_json(found: Share) -> Json:
    """The same of one that was computed."""
    return {**asdict(found), "value": found.value}


def several_draws(n_draws: int, n_prompts: int = _DRAWN_PROMPTS, *, seed: int) -> list[Json]:
    """A generated corpus with several answers to each prompt, which are alike because the prompt is the same.

    Parameters
    ----------
    n_draws, n_prompts : its size
    seed : of its prompts; the k-th draw has the seed ``seed + k``
    """
    prompts = generate_prompts(n_prompts, seed)
    return [
        {**answer.as_row(), "draw": draw}
        for draw in range(n_draws)
        for answer in generate_corpus(prompts, seed=seed + draw)
    ]


def in_families(size: int, n_families: int = _DRAWN_PROMPTS, *, seed: int) -> list[Json]:
    """A generated corpus of prompts that come in families, whose answers are alike: they say ``family``.

    Parameters
    ----------
    size, n_families : how many prompts in each of how many
    seed : as of ``several_draws``
    """
    return [
        {**row, "prompt_id": f"{row['prompt_id']}-{row['draw']}", "draw": 0, _FAMILY: row["prompt_id"]}
        for row in several_draws(size, n_families, seed=seed)
    ]


def false_alarms(
    design: Design, source: Any, *, splits: int, seed: int, threads: int, progress: Progress, **settings: Any
) -> Json:
    """Compare a model with itself, many times.

    Parameters
    ----------
    design : how
    source : as for ``aa``; its prompts are dealt, with all their draws, or its families, with all their prompts
    splits, seed, threads, progress : as for ``aa``
    **settings : of the comparison

    Returns
    -------
    Json
        ``rate`` of comparisons with a finding, and ``lenses``: of each ``alone``, the rate had it been the only one.
        ``as_promised``: of a design that holds, whether the rate is at most alpha and two standard errors, and each
        lens not to be told from one that keeps alpha; of a wrong one, whether the rate's interval lies above alpha
    """
    settings |= {"pairing": "unpaired", "group_field": _FAMILY if design.family > 1 else None}
    with design.switch():
        result = aa(source, splits=splits, seed=seed, threads=threads, progress=progress, **settings)
    lenses = [_lens(check, result) for check in result.lenses]
    rate, alpha = result.false_alarms, result.config.alpha
    limit = allowed(alpha, splits)
    holds = rate.value <= limit and all(lens["as_promised"] for lens in lenses)
    return {
        "design": design.title,
        "holds": design.holds,
        "source": "generated" if isinstance(source, list) else Path(result.source).name,
        "pairing": result.pairing,
        "n_prompts": result.n_prompts,
        "n_groups": result.n_groups,
        "n_responses": result.n_responses,
        "alpha": alpha,
        "allowed": limit,
        "rate": as_json(rate),
        "lenses": lenses,
        "as_promised": holds if design.holds else rate.low > alpha,
    }


def _lens(check: LensCheck, result: AAResult) -> Json:
    """Of one lens: its false alarms had it been alone, and whether its p-values are small or not uniform."""
    from scipy.stats import kstest

    alpha, fdr = result.config.alpha, result.config.fdr
    families = [np.array(split.p_values[check.lens]) for split in result.splits]
    hits = sum(bool((q_values(family, fdr) <= alpha).any()) for family in families)
    small = check.smallness
    not_above = exact_share(hits, len(families), level=1.0 - 0.05 / len(result.lenses)).low <= alpha
    return {
        "lens": check.lens,
        "n_tested": check.n_tested / len(families),
        "alone": share(hits, len(families)),
        "too_small_p": small.p_value if small else None,
        "uniform_p": float(kstest(check.p_values, "uniform").pvalue) if check.p_values else None,
        "as_promised": not_above and not (small and small.p_value < LEAST_UNIFORM),
    }
