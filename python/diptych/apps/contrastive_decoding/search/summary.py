"""What a search found, as JSON and in lines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from diptych._types import Json
from diptych.apps.contrastive_decoding.search.config import MEASURES
from diptych.apps.contrastive_decoding.search.pair import Estimate
from diptych.apps.contrastive_decoding.search.run import Kept, Outcome
from diptych.apps.contrastive_decoding.search.search import Candidate
from diptych.data.responses import prompt_digests
from diptych.utils.text import shorten

CAVEAT = (
    "These prompts were chosen because the two models differ on them. Whatever is counted on them, by compare or by "
    "hand, is a rate among these prompts and says nothing about prompts in general."
)
_SHOWN = 10


def summarise(outcome: Outcome) -> Json:
    """The whole of ``summary.json``.

    Parameters
    ----------
    outcome : of a search
    """
    searched, manifest = outcome.searched, outcome.manifest
    seeds = over_prompts([one.divergence for one in searched.seeds])
    fresh = over_prompts([one.confirmed for one in outcome.kept if one.confirmed is not None])
    notices = list(outcome.notices)
    if seeds and fresh and fresh["mean"] <= seeds["mean"]:
        notices.append("on fresh draws the models differ no more on the kept prompts than on the seeds")
    return {
        "schema": 1,
        "a": manifest["a"],
        "b": manifest["b"],
        "assistant": manifest["assistant"],
        "measure": manifest["config"]["measure"],
        "unit": "nats a token",
        "n_rounds": len(searched.rounds),
        "n_found": len(searched.found),
        "n_requests": len(outcome.interactions),
        "seeds": seeds,
        "kept_in_the_search": over_prompts([one.candidate.divergence for one in outcome.kept]),
        "kept_on_fresh_draws": fresh,
        "counts": dict(searched.counts),
        "stopped": searched.stopped or None,
        "notices": notices,
        "caveat": CAVEAT,
        "prompts": [kept_as_json(one) for one in outcome.kept],
    }


def over_prompts(estimates: Sequence[Estimate]) -> Json | None:
    """Mean of the divergences of some prompts, with its error; prompts are the units.

    Parameters
    ----------
    estimates : one a prompt

    Examples
    --------
    >>> over_prompts([Estimate(1.0, 0.1, 4), Estimate(3.0, 0.1, 4)])
    {'n_prompts': 2, 'mean': 2.0, 'error': 1.0}
    """
    if not estimates:
        return None
    means = np.array([one.mean for one in estimates])
    error = float(means.std(ddof=1)) / math.sqrt(len(means)) if len(means) > 1 else None
    return {"n_prompts": len(means), "mean": float(means.mean()), "error": error}


def kept_as_json(kept: Kept) -> Json:
    """A prompt that is kept, as a line of ``prompts.jsonl``.

    Parameters
    ----------
    kept : with its fresh draws
    """
    fresh = kept.confirmed
    return {
        **candidate_as_json(kept.candidate),
        "confirmed": None if fresh is None else fresh.mean,
        "confirmed_error": None if fresh is None else fresh.error,
        "n_confirmed": 0 if fresh is None else fresh.n_draws,
    }


def candidate_as_json(candidate: Candidate) -> Json:
    """A prompt that was measured, as a line of ``candidates.jsonl``.

    Parameters
    ----------
    candidate : of a search
    """
    return {
        "prompt_id": prompt_digests([candidate.text])[0],
        "prompt": candidate.text,
        "divergence": candidate.divergence.mean,
        "divergence_error": candidate.divergence.error,
        "n_draws": candidate.divergence.n_draws,
        "origin": candidate.origin,
        "search": candidate.search,
        "round": candidate.round,
        "meets_criterion": candidate.meets,
    }


def as_lines(summary: Json) -> Iterator[str]:
    """The summary as text.

    Parameters
    ----------
    summary : of ``summarise``
    """
    yield (
        f"{summary['n_found']} prompts found in {summary['n_rounds']} rounds, with {summary['n_requests']} requests of "
        f"{summary['assistant']}; {len(summary['prompts'])} kept"
    )
    yield f"{MEASURES[summary['measure']]} of {summary['a']} and {summary['b']}, in nats a token:"
    for name, label in (
        ("seeds", "seeds"),
        ("kept_in_the_search", "kept, as the search saw them"),
        ("kept_on_fresh_draws", "kept, on fresh draws"),
    ):
        if summary[name] is not None:
            yield f"  {plus_minus(summary[name]['mean'], summary[name]['error'])}  {label}"
    yield ""
    for one in summary["prompts"][:_SHOWN]:
        yield f"  {plus_minus(one['confirmed'], one['confirmed_error'])}  {shorten(one['prompt'], 90)}"
    if len(summary["prompts"]) > _SHOWN:
        yield f"  … and {len(summary['prompts']) - _SHOWN} more"
    yield ""
    yield summary["caveat"]


def plus_minus(mean: float | None, error: float | None) -> str:
    """A mean with its standard error.

    Parameters
    ----------
    mean, error : None where not known

    Examples
    --------
    >>> plus_minus(0.12345, 0.01), plus_minus(0.5, None), plus_minus(None, None)
    ('0.123 ± 0.010', '0.500 ± ?', 'not measured')
    """
    if mean is None:
        return "not measured"
    return f"{mean:.3f} ± {'?' if error is None else f'{error:.3f}'}"
