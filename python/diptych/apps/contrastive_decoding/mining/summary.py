"""What mining found, in a few lines and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diptych._types import Json
from diptych.apps.contrastive_decoding.mining.ranking import RankedText
from diptych.apps.contrastive_decoding.mining.run import GIVEN, Mined
from diptych.models.divergence_summary import as_lines as statistics_as_lines
from diptych.utils.text import printable, shorten

CAVEAT = (
    "Proposals, not findings: tokens and texts that b wants more than a. Whether b behaves differently, a comparison "
    "of natural answers of both to prompts of your own says."
)
_TOKENS_TOLD, _TEXTS_TOLD, _TERMS_TOLD = 15, 5, 8
_WRITERS = {"a": "written by a", "b": "written by b", GIVEN: "given texts"}
_SHOWN = {"gain": 4, "log_ratio": 2, "wanted": 3}
"""Decimals of the columns of tokens."""


def summarise_mined(mined: Mined) -> Json:
    """What ``summary.json`` holds.

    Parameters
    ----------
    mined : what came of it
    """
    return {
        "a": mined.a,
        "b": mined.b,
        "caveat": CAVEAT,
        "n_texts": len(mined.ranked),
        "n_prompts_chosen_on": mined.n_prompts[0],
        "n_prompts_measured_on": mined.n_prompts[1],
        "tokens": [token.as_json() for token in mined.tokens],
        "divergence": {writer: one.as_json() for writer, one in mined.apart.items()},
        "statistics": mined.statistics,
        "terms": [term.as_json() for term in mined.terms],
        "notices": list(mined.notices),
    }


def token_rows(mined: Mined) -> list[list[str | float]]:
    """The rows of ``tokens.csv``, names of columns first.

    Parameters
    ----------
    mined : what came of it
    """
    columns = [f"{name}{end}" for name in _SHOWN for end in ("", "_low", "_high")]
    rows: list[list[str | float]] = [["rank", "token", "text", *columns, "n_wanted", "n_places"]]
    for rank, token in enumerate(mined.tokens, start=1):
        values = [value for name in _SHOWN for value in getattr(token, name).as_json().values()]
        rows.append([rank, token.token, token.text, *values, token.n_wanted, token.n_places])
    return rows


def as_lines(mined: Mined, summary: Json) -> list[str]:
    """The same as text for a terminal.

    Parameters
    ----------
    mined : what came of it
    summary : of it
    """
    return [
        f"{summary['n_texts']:,} texts of {sum(mined.n_prompts):,} prompts; b is {mined.b}, a is {mined.a}",
        "",
        *token_lines(summary),
        "",
        *divergence_lines(summary),
        *_texts("texts that b likes most, by token", mined.liked_by("b")),
        *_texts("texts that a likes most, by token", mined.liked_by("a")),
        *_terms(summary),
        *statistics_lines(summary),
        "",
        CAVEAT,
    ]


def token_lines(summary: Json) -> list[str]:
    """The tokens that gain most, as a table.

    Parameters
    ----------
    summary : of mining
    """
    if not summary["tokens"]:
        return ["no token gains under b"]
    head = ["token", "gain of probability", "log ratio", "wanted at", "places"]
    rows = [head] + [
        [repr(printable(one["text"])), *(spread(one[name], _SHOWN[name]) for name in _SHOWN), f"{one['n_wanted']:,}"]
        for one in summary["tokens"][:_TOKENS_TOLD]
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [
        f"tokens that b wants more, chosen on {summary['n_prompts_chosen_on']} prompts, measured on "
        f"{summary['n_prompts_measured_on']} others; intervals hold for all tokens of a column together",
        *table,
    ]


def spread(interval: Json, decimals: int) -> str:
    """A mean with its interval.

    Parameters
    ----------
    interval : with ``mean``, ``low``, ``high``
    decimals : that are shown

    Examples
    --------
    >>> spread({"mean": 0.5, "low": 0.25, "high": 0.75}, 2)
    '0.50 [0.25, 0.75]'
    """
    mean, low, high = (f"{interval[name]:.{decimals}f}" for name in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"


def divergence_lines(summary: Json) -> list[str]:
    """How far the models are apart, where their own texts say it.

    Parameters
    ----------
    summary : of mining
    """
    names = {"a": "KL(a ‖ b)", "b": "KL(b ‖ a)"}
    lines = []
    for writer, one in summary["divergence"].items():
        lines.append(
            f"{names[writer]} by text, {one['n_prompts']} prompts: {spread(one['exact_steps'], 3)} nats from exact "
            f"steps, {spread(one['sampled'], 3)} from what was sampled"
        )
    return [*lines, ""] if lines else []


def statistics_lines(summary: Json) -> list[str]:
    """Divergences by writer.

    Parameters
    ----------
    summary : of mining
    """
    lines: list[str] = []
    for writer, one in summary["statistics"].items():
        lines += ["", f"{_WRITERS.get(writer, writer)}:", *(f"  {line}" for line in statistics_as_lines(one))]
    return lines


def _texts(title: str, ranked: Sequence[RankedText]) -> Iterator[str]:
    if not ranked:
        return
    yield f"{title}:"
    for one in ranked[:_TEXTS_TOLD]:
        yield f"  {one.per_token:+.3f}  {shorten(one.scored.response.response, 90)}"
    yield ""


def _terms(summary: Json) -> list[str]:
    sides = {
        "b": [term for term in summary["terms"] if term["log_odds"] > 0][:_TERMS_TOLD],
        "a": [term for term in summary["terms"] if term["log_odds"] < 0][::-1][:_TERMS_TOLD],
    }
    return [
        f"phrases of {side}: " + ", ".join(f"{term['phrase']} ({term['n_a']}:{term['n_b']})" for term in terms)
        for side, terms in sides.items()
        if terms
    ]
