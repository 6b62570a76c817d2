"""Divergences of many texts in a few lines: mean with its error, quantiles, extremes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from diptych._types import FloatVector, Json
from diptych.models.divergence import Divergences
from diptych.utils.amounts import percent

QUANTILES = {"median": 0.5, "90 %": 0.9, "95 %": 0.95, "99 %": 0.99, "99.9 %": 0.999}
_ROWS = {
    "kl_ab": "KL(a ‖ b)",
    "kl_ba": "KL(b ‖ a)",
    "js": "Jensen–Shannon",
    "log_ratio": "log p(b) - log p(a)",
    "top_changed": "top ten changed",
}


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over tokens.

    Parameters
    ----------
    mean : over all tokens
    error : its standard error; texts, not tokens, are the units, and None where there is but one
    """

    mean: float
    error: float | None


def mean_over_tokens(values: Sequence[FloatVector]) -> Mean:
    """The mean over the tokens of all texts.

    Parameters
    ----------
    values : one array a text, of one number a token

    Notes
    -----
    Tokens of one text are alike, so the error is that of a ratio of means over texts (Cochran 1977, Sampling
    Techniques, eq. 6.13): a summary over tokens as if they were drawn one by one would be too sure of itself.

    Examples
    --------
    >>> mean_over_tokens([np.array([1.0, 1.0]), np.array([4.0])])
    Mean(mean=2.0, error=1.3333333333333333)
    """
    sums, counts = (np.array([take(one) for one in values], dtype=float) for take in (np.sum, len))
    total = counts.sum()
    mean = float(sums.sum() / total)
    n = len(values)
    if n < 2:
        return Mean(mean, None)
    spread = float(((sums - mean * counts) ** 2).sum())
    return Mean(mean, math.sqrt(n / (n - 1) * spread) / float(total))


def summarise(texts: Sequence[Divergences]) -> Json:
    """Everything that is said about the whole, as JSON.

    Parameters
    ----------
    texts : of at least one text with a token

    Returns
    -------
    dict
        ``n_texts``, ``n_tokens``; ``same_top`` and ``perplexity_a``, ``perplexity_b`` with ``mean`` and ``error``;
        under ``by_token`` for each divergence ``mean``, ``error``, quantiles and ``max``
    """
    whole = Divergences.join(texts)
    return {
        "n_texts": len(texts),
        "n_tokens": len(whole),
        "same_top": asdict(mean_over_tokens([one.same_top.astype(float) for one in texts])),
        "perplexity_a": _perplexity([one.log_a for one in texts]),
        "perplexity_b": _perplexity([one.log_b for one in texts]),
        "by_token": {name: _distribution([getattr(one, name) for one in texts]) for name in _ROWS},
    }


def _perplexity(logs: Sequence[FloatVector]) -> Json:
    """Exp of the mean surprise; its error by the delta method."""
    surprise = mean_over_tokens([-one for one in logs])
    value = math.exp(surprise.mean)
    return {"mean": value, "error": None if surprise.error is None else value * surprise.error}


def _distribution(values: Sequence[FloatVector]) -> Json:
    whole = np.concatenate(values)
    return {
        **asdict(mean_over_tokens(values)),
        **{name: float(np.quantile(whole, q)) for name, q in QUANTILES.items()},
        "max": float(whole.max()),
    }


def as_lines(summary: Json) -> list[str]:
    """The summary as text.

    Parameters
    ----------
    summary : of ``summarise``
    """
    same, a, b = (summary[name] for name in ("same_top", "perplexity_a", "perplexity_b"))
    head = ["", "mean", "± error", *QUANTILES, "max"]
    rows = [
        [label, *(_number(summary["by_token"][name][key]) for key in ("mean", "error", *QUANTILES, "max"))]
        for name, label in _ROWS.items()
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    table = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (head, *rows)
    ]
    return [
        f"{summary['n_tokens']:,} tokens of {summary['n_texts']:,} texts",
        f"same likeliest token: {_share(same['mean'])} ± {_share(same['error'])}",
        f"perplexity: a {_number(a['mean'])} ± {_number(a['error'])}, b {_number(b['mean'])} ± {_number(b['error'])}",
        "",
        *table,
    ]


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value + 0.0:.4g}"  # no minus before nothing


def _share(share: float | None) -> str:
    return "?" if share is None else percent(share, 1)
